#!/bin/sh
# Transcribe a bundled recording, then serve Label Studio until Ctrl-C: run.sh RECORDING
#
# Everything that `asr-backend serve --help` lists with a variable can be set before it.
# Nothing is asked and nothing is read from standard input.
set -eu
cd "$(dirname "$0")/.."
program=bin/asr-backend
port=${ASR_BACKEND_PORT:-${PORT:-9090}}
host=${ASR_BACKEND_HOST:-}
case $host in '' | 0.0.0.0 | ::) host=localhost ;; *:*) host="[$host]" ;; esac
at=http://$host:$port

echo "1. What it makes of a recording, $1:"
echo
$program transcribe --format timed "$1"

cat <<END

2. The same for Label Studio, until Ctrl-C, on $at
   $at/status shows in a browser what it does.

   To connect a project: its Settings, Model, Connect Model, Backend URL $at
   (from a container: http://host.docker.internal:$port). Label Studio 1.23.1 and later
   refuse such addresses until they are started with ML_BLOCK_LOCAL_IP=false and
   SSRF_PROTECTION_ENABLED=false. doc/connect.md goes through it step by step;
   "make demo" does all of it, with a Label Studio of its own.
END
if [ -z "${LABEL_STUDIO_URL:-${LABEL_STUDIO_HOST:-}}" ] || [ -z "${LABEL_STUDIO_API_KEY:-${LABEL_STUDIO_ACCESS_TOKEN:-}}" ]; then
	cat <<END
   Recordings that were uploaded to Label Studio can be fetched once it has a token:
     LABEL_STUDIO_URL=http://localhost:8080 LABEL_STUDIO_API_KEY=... make run
END
fi
echo
# The service takes this process's place, so that a signal to it is a signal to the service.
exec $program serve
