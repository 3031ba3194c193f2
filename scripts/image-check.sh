#!/bin/bash
# Build the images of Dockerfile.cuda without a container engine, and try them:
# image-check.sh [cpu|cuda ...]
#
# What it shows. Every step of the Dockerfile runs, for both targets, from the sources as
# .dockerignore lets them in. The images have the user, entrypoint, health check, volume
# and labels that they should. Inside an image's own root file system, read-only, as the
# image's user, with the image's environment and without a network, its entrypoint answers
# its own health check; the CPU image gets ready and transcribes, through ffmpeg too; the
# CUDA image finds its provider and says that NVIDIA's libraries are missing.
#
# What it does not show. The bases are stand-ins: Debian's minimal root file systems, the
# Go that is installed here, and no CUDA. So neither the real bases nor a GPU are tried,
# nor Docker's own build.
#
# Needs root, buildah and debootstrap (Debian packages, installed if missing), 6 GB in
# IMAGE_CHECK_DIR (a folder of /var/tmp), which is outside the sources because images hold
# Go files too, and the registries of Debian, Python and Go. The first run takes about ten
# minutes, later ones reuse the bases.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "image-check: $*" >&2; }
die() { say "$*"; exit 1; }

targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(cpu cuda)
[ "$(id -u)" = 0 ] || die "root file systems can only be made by root; run it with sudo"
if ! command -v buildah debootstrap jq ip >/dev/null; then
	say "installing buildah, debootstrap, jq and iproute2"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah debootstrap jq iproute2 >/dev/null
fi
go=$(go env GOROOT) || die "the stand-in of the Go image is made from the Go that is installed; there is none"

work=${IMAGE_CHECK_DIR:-/var/tmp/asr-backend-image-check}
mkdir -p "$work"
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
bd() { buildah --root "$work/storage" --runroot "$work/run" "$@"; }

containers=()
cleanup() {
	for c in "${containers[@]}"; do
		bd umount "$c" >/dev/null 2>&1 || true
		bd rm "$c" >/dev/null 2>&1 || true
	done
}
trap cleanup EXIT

# stand_in NAME SUITE [PACKAGE...]: make an image of Debian's minimal system, unless there
# is one. Certificates of this machine go along, since its network may need them.
stand_in() {
	local name=$1 suite=$2
	shift 2
	if bd images --quiet "localhost/$name" >/dev/null 2>&1; then return; fi
	say "making the stand-in $name from Debian $suite"
	rm -rf "${work:?}/${name:?}"
	debootstrap --variant=minbase --include="$(IFS=,; echo "ca-certificates $*" | tr ' ' ,)" "$suite" "$work/$name" \
		"${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$work/$name.log" 2>&1 || die "debootstrap failed; see $work/$name.log"
	cp -r /usr/local/share/ca-certificates/. "$work/$name/usr/local/share/ca-certificates/"
	chroot "$work/$name" update-ca-certificates >/dev/null 2>&1
	rm -rf "$work/$name"/var/cache/apt/archives/*.deb "$work/$name"/var/lib/apt/lists/*
	if [ "$name" = go ]; then
		cp -r "$go" "$work/$name/usr/local/go"
		rm -rf "$work/$name/usr/local/go/test"
	fi
	local c
	c=$(bd from scratch)
	containers+=("$c")
	bd add -q "$c" "$work/$name" / >/dev/null
	bd config --env PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env GOTOOLCHAIN=local "$c"
	bd commit -q --rm "$c" "localhost/$name" >/dev/null
	rm -rf "${work:?}/$name"
}

# build TARGET: run the Dockerfile up to a target. Go's caches are those of this machine.
build() {
	say "building the target $1"
	mkdir -p "$(go env GOMODCACHE)" "$(go env GOCACHE)"
	bd bud --isolation chroot --format docker --pull-never --layers --target "$1" --tag "localhost/asr-backend:$1" \
		--build-arg GO_IMAGE=localhost/go --build-arg CPU_IMAGE=localhost/debian --build-arg CUDA_IMAGE=localhost/debian --build-arg CUDA_PACKAGES= \
		--build-arg VERSION=image-check \
		--volume "$(go env GOMODCACHE):/root/go/pkg/mod" --volume "$(go env GOCACHE):/root/.cache/go-build" \
		-f Dockerfile.cuda . >"$work/$1.log" 2>&1 || { tail -20 "$work/$1.log" >&2; die "the build failed; see $work/$1.log"; }
}

# expect WHAT GOT WANT
expect() {
	[ "$2" = "$3" ] || die "$1: got $2, want $3"
}

# describe TARGET: check what the image says of itself.
describe() {
	local config
	config=$(bd inspect --type image "localhost/asr-backend:$1" | jq .Docker.config)
	expect "user" "$(jq -r .User <<<"$config")" 10001:10001
	expect "entrypoint" "$(jq -c .Entrypoint <<<"$config")" '["/opt/asr-backend/bin/asr-backend"]'
	expect "command" "$(jq -c .Cmd <<<"$config")" '["serve"]'
	expect "health check" "$(jq -c .Healthcheck.Test <<<"$config")" '["CMD","/opt/asr-backend/bin/asr-backend","health"]'
	expect "volumes" "$(jq -c '.Volumes | keys' <<<"$config")" '["/data"]'
	expect "version" "$(jq -r '.Labels["org.opencontainers.image.version"]' <<<"$config")" image-check
}

# try TARGET: run the image from inside its root file system.
try() {
	local c root
	c=$(bd from --pull-never "localhost/asr-backend:$1")
	containers+=("$c")
	root=$(bd mount "$c")
	bd inspect --type image "localhost/asr-backend:$1" | jq -r '.Docker.config.Env[]' >"$work/$1.env"
	unshare --mount --net --pid --fork --kill-child scripts/image-try.sh "$1" "$root" "$work/$1.env" ||
		die "the image for $1 does not work"
	local base
	c=$(bd from --pull-never localhost/debian)
	containers+=("$c")
	base=$(du -sm "$(bd mount "$c")" | cut -f1)
	say "$1: $(($(du -sm "$root" | cut -f1) - base)) MB unpacked on top of the base, of which $(du -sm "$root/opt/asr-backend" | cut -f1) MB are asr-backend and its library"
}

stand_in go bookworm gcc libc6-dev
stand_in debian trixie
for target in "${targets[@]}"; do
	build "$target"
	describe "$target"
	try "$target"
done
say "all well: ${targets[*]}"
