#!/bin/sh
# Get the ONNX Runtime library: library.sh FILE
#
# Takes the one file that is needed out of a pinned package: with pip from the wheel of
# onnxruntime, or with npm from onnxruntime-node. No program of the package is run. The
# file is checked against its SHA-256 before it gets its name.
set -eu

target=$1
wheel=1.31.1
node=1.30.0
case $(uname -m) in
x86_64)
	arch=x86_64 node_arch=x64
	wheel_sum=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3
	node_sum=ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23
	;;
aarch64)
	arch=aarch64 node_arch=arm64
	wheel_sum=8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467
	node_sum=1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76
	;;
*)
	echo "library.sh: no library is known for $(uname -m); set ASR_BACKEND_ONNXRUNTIME to your own" >&2
	exit 1
	;;
esac

# has FILE SUM: is the file there, and the right one?
has() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

if has "$target" "$wheel_sum" || has "$target" "$node_sum"; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

with_pip() {
	python3 -m pip --version >/dev/null 2>&1 || return 1
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
		--python-version 3.12 --implementation cp --platform "manylinux_2_28_$arch" \
		--dest "$work" "onnxruntime==$wheel" || return 1
	(cd "$work" && python3 -m zipfile -e ./*.whl .) || return 1
	found=$work/onnxruntime/capi/libonnxruntime.so.$wheel sum=$wheel_sum
}

with_npm() {
	npm --version >/dev/null 2>&1 || return 1
	(cd "$work" && npm pack --silent "onnxruntime-node@$node" >/dev/null && tar xzf onnxruntime-node-*.tgz) || return 1
	found=$work/package/bin/napi-v6/linux/$node_arch/libonnxruntime.so.1 sum=$node_sum
}

echo "getting ONNX Runtime" >&2
with_pip || with_npm || {
	echo "library.sh: neither pip nor npm could get ONNX Runtime; set ASR_BACKEND_ONNXRUNTIME to a library of version 1.29 or later" >&2
	exit 1
}
has "$found" "$sum" || {
	echo "library.sh: the file has not the SHA-256 that is expected ($sum); nothing was installed" >&2
	exit 1
}
mkdir -p "$(dirname "$target")"
for notice in LICENSE ThirdPartyNotices.txt; do # a copy of the library comes with these
	if [ -f "$work/onnxruntime/$notice" ]; then
		cp "$work/onnxruntime/$notice" "$(dirname "$target")/onnxruntime-$notice"
	fi
done
cp "$found" "$target.part"
mv "$target.part" "$target"
