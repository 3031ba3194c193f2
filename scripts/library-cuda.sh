#!/bin/sh
# Get ONNX Runtime with its CUDA provider: library-cuda.sh FOLDER [ARCHIVE SHA256]
#
# Takes three libraries and their licences out of the pinned wheel of onnxruntime-gpu,
# which is built for CUDA 13, with pip. No program of the package is run. The wheel is
# checked against its SHA-256 before anything is taken out of it.
#
# The CUDA provider needs NVIDIA's cuBLAS, cudart, cuRAND, NVRTC and cuDNN 9 for CUDA 13,
# which are not in the wheel, and a driver of version 580 or later.
#
# ARCHIVE is the address of another build, a .tgz with the libraries in lib/ as on ONNX
# Runtime's page of releases.
set -eu

folder=$1
version=1.31.1
sum=05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7
if [ "$(uname -m)" != x86_64 ]; then
	echo "library-cuda.sh: there is no wheel for $(uname -m)" >&2
	exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
if [ $# -gt 1 ]; then
	python3 -c 'import sys, urllib.request; urllib.request.urlretrieve(sys.argv[1], sys.argv[2])' "$2" "$work/archive.tgz"
	echo "$3  $work/archive.tgz" | sha256sum --check --quiet
	tar -xzf "$work/archive.tgz" -C "$work" --strip-components=1
	libraries=$work/lib licences=$work
else
	echo "getting ONNX Runtime for CUDA (256 MB)" >&2
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --no-cache-dir \
		--python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 \
		--dest "$work" "onnxruntime-gpu==$version"
	wheel=$(echo "$work"/onnxruntime_gpu-*.whl)
	if [ "$(sha256sum "$wheel" | cut -d' ' -f1)" != "$sum" ]; then
		echo "library-cuda.sh: the wheel has not the SHA-256 that is expected ($sum); nothing was installed" >&2
		exit 1
	fi
	python3 -m zipfile -e "$wheel" "$work"
	libraries=$work/onnxruntime/capi licences=$work/onnxruntime
fi

mkdir -p "$folder"
install -m 644 "$(find "$libraries" -name 'libonnxruntime.so.*' -type f | head -1)" "$folder/libonnxruntime.so"
install -m 644 "$libraries/libonnxruntime_providers_shared.so" "$libraries/libonnxruntime_providers_cuda.so" "$folder"
install -m 644 "$licences/LICENSE" "$folder/onnxruntime-LICENSE"
install -m 644 "$licences/ThirdPartyNotices.txt" "$folder/onnxruntime-ThirdPartyNotices.txt"
