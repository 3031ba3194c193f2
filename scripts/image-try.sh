#!/bin/bash
# Run an image from inside its root file system: image-try.sh TARGET ROOT ENVIRONMENT
#
# Part of image-check.sh, which starts it in namespaces of its own for mounts, processes
# and the network, so that nothing of it stays.
set -euo pipefail

target=$1 root=$2 environment=$3
user=10001
program=/opt/asr-backend/bin/asr-backend
samples=$PWD

die() { echo "image-try: $target: $*" >&2; exit 1; }

# The root is read-only, as with docker run --read-only; /data is a volume.
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o size=512m,mode=750,uid=$user,gid=$user tmpfs "$root/data"
mount -o remount,bind,ro "$root"
! touch "$root/written" 2>/dev/null || die "the root file system can be written"
ip link set lo up

mapfile -t variables <"$environment"
# inside COMMAND...: run in the image as its user with its environment.
inside() { env -i "${variables[@]}" chroot --userspec=$user:$user --groups=$user "$root" "$@"; }

# serve [NAME=VALUE...]: start the entrypoint with its default command, and wait until the
# image's health check is content.
log=$(mktemp)
serve() {
	inside /usr/bin/env "$@" $program serve 2>"$log" &
	service=$!
	for _ in $(seq 100); do
		if inside $program health >/dev/null 2>&1; then break; fi
		kill -0 $service 2>/dev/null || { cat "$log" >&2; die "the service ended"; }
		sleep 0.1
	done
	inside $program health || { cat "$log" >&2; die "no health"; }
	local uid
	uid=$(ps -o uid= -p "$(pgrep -f "$program serve" | tail -1)" | tr -d ' ')
	[ "$uid" = $user ] || die "it runs as user $uid"
}

# until_ready: wait until it can transcribe.
until_ready() {
	for _ in $(seq 300); do
		if inside $program health --ready 2>/dev/null; then return; fi
		sleep 0.1
	done
	cat "$log" >&2
	die "not ready within half a minute"
}

stop() {
	kill "$(pgrep -f "$program serve" | tail -1)"
	wait $service || { cat "$log" >&2; die "it did not stop well"; }
}

# transcribe FILE WORD: transcribe a recording; the transcript must contain the word.
transcribe() {
	inside $program transcribe - <"$samples/$1" 2>"$log" | grep -q "$2" || { cat "$log" >&2; die "the transcript of $1 lacks \"$2\""; }
}

mount -t proc proc /proc # of this namespace
serve
case $target in
cpu)
	until_ready
	stop
	transcribe samples/reading.opus comparatively
	transcribe testdata/audio/formats-jfk/jfk.m4a what # which takes ffmpeg
	;;
cuda)
	# Without the CUDA libraries the provider must say which one it misses: then it was
	# found and loaded.
	for _ in $(seq 100); do
		why=$(inside $program health --ready 2>&1 || true)
		case $why in *libcublasLt.so.13*) break ;; esac
		sleep 0.1
	done
	echo "$why" | grep libcublasLt.so.13 || die "not ready for another reason: $why"
	stop
	serve ASR_BACKEND_PROVIDER=cpu
	until_ready
	stop
	;;
esac
inside $program doctor --provider cpu
