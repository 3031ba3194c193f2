#!/bin/sh
# Make the Python environment that the tests compare with: test-env.sh FOLDER [REQUIREMENTS]
#
# It is made again when the requirements, which are those of the tests by default, have changed.
set -eu

env=$1
root=$(cd "$(dirname "$0")/.." && pwd)
requirements=${2:-$root/testdata/requirements.txt}
wanted=$(sha256sum "$requirements" | cut -d' ' -f1)
if [ "$(cat "$env/requirements.sum" 2>/dev/null)" = "$wanted" ]; then exit 0; fi

make_venv() { rm -rf "$env" && python3 -m venv "$env"; }
if ! make_venv; then
	# Debian keeps the module that makes environments in a package of its own.
	echo "python3 -m venv does not work here; installing python3-venv" >&2
	apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && make_venv || {
		echo "test-env.sh: install python3-venv, then run this again" >&2
		exit 1
	}
fi
echo "installing $requirements into $env" >&2
"$env/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements"
echo "$wanted" >"$env/requirements.sum"
