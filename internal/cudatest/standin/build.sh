#!/bin/bash
# Build the stand-in for CUDA: build.sh PROVIDER FOLDER
#
# PROVIDER is libonnxruntime_providers_cuda.so, whose undefined symbols say what has to be there.
# FOLDER gets libcudart.so.13, libcublas.so.13, libcublasLt.so.13, libcurand.so.10,
# libcudnn.so.9 and libcuda.so.1. NVIDIA's headers of the runtime come out of two wheels (3 MB),
# which are checked against their SHA-256. Nothing is built if the folder has what these sources
# make.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
provider=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")

stamp=$(cat "$here/runtime.c" "$here/dnn.c" "$here/driver.c" "$here/build.sh" <(stat -c %s "$provider") | sha256sum)
if [ -f "$folder/stamp" ] && [ "$(cat "$folder/stamp")" = "$stamp" ]; then
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# include gets the headers.
include() {
	[ -f "$folder/include/cuda_runtime_api.h" ] && return
	echo "getting the headers of CUDA 13 (3 MB)" >&2
	cat >"$work/wheels" <<-'LIST'
	nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
	nvidia-cuda-crt==13.0.88 --hash=sha256:2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4
	LIST
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
		--python-version 3.12 --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 -d "$work" -r "$work/wheels"
	for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work/unpacked"; done
	mkdir -p "$folder/include"
	cp -r "$work"/unpacked/nvidia/cu13/include/. "$folder/include"
}

# wanted lists the functions that the provider takes from a library.
wanted() { nm -D --undefined-only "$provider" | sed -n "s/.* \([A-Za-z_0-9]*\)@$1$/\1/p"; }

# library links a source into a library; its symbols have its name as their version, as NVIDIA's.
library() {
	local name=$1 source=$2
	shift 2
	echo "$name { global: *; };" >"$work/version"
	gcc -O1 -w -shared -fPIC -I"$folder/include" -Wl,-soname,"$name" -Wl,--version-script="$work/version" -o "$folder/$name" "$source" "$@"
}

# blas writes the functions of cuBLAS: handles are made, products are counted as launches.
blas() {
	printf '#include <stdlib.h>\n#include <string.h>\nextern void cudatest_launch(void);\n'
	local f
	for f in $(wanted "$1"); do
		case $f in
		cublasCreate_v2 | cublasLt*Create) echo "int $f(void **h) { *h = calloc(1, 256); return 0; }" ;;
		cublasGetMathMode) echo "int $f(void *h, int *mode) { *mode = 0; return 0; }" ;;
		cublasGetStatus*) echo "const char *$f(int s) { return s ? \"CUBLAS_STATUS_OF_THE_STAND_IN\" : \"CUBLAS_STATUS_SUCCESS\"; }" ;;
		cublasLtMatmulAlgoGetHeuristic) echo "int $f(void *h, void *op, void *a, void *b, void *c, void *d, void *pref, int n, void *result, int *got) { memset(result, 0, 96); *got = 1; return 0; }" ;;
		cublasSet* | cublasDestroy_v2 | *Destroy | *SetAttribute | *AlgoInit) echo "int $f(void *h) { return 0; }" ;;
		*) echo "int $f(void *h) { cudatest_launch(); return 0; }" ;;
		esac
	done
}

# dnn writes the functions of cuDNN that dnn.c lacks. The provider looks them up by name.
dnn() {
	cat "$here/dnn.c"
	local f
	for f in $({ strings -n 6 "$provider" | sed -n 's/^\(Unable to find symbol \)\{0,1\}\(cudnn[A-Z][A-Za-z_0-9]*\)$/\2/p'; echo cudnnBackendSetAttribute cudnnBackendFinalize; } | tr ' ' '\n' | sort -u); do
		grep -q "[ *]$f(" "$here/dnn.c" && continue
		case $f in
		cudnnCreate*) echo "int $f(void **h) { return object(h); }" ;;
		cudnnGetReduction*Size) echo "int $f(void *h, void *r, void *a, void *b, size_t *n) { *n = 1024; return 0; }" ;;
		cudnnReduceTensor | *Forward*) echo "int $f(void *h) { cudatest_launch(); return 0; }" ;;
		*) echo "int $f(void *h) { return 0; }" ;;
		esac
	done
}

include
library libcudart.so.13 "$here/runtime.c"
for name in libcublas.so.13 libcublasLt.so.13; do
	blas $name >"$work/blas.c"
	library $name "$work/blas.c" -L"$folder" -l:libcudart.so.13
done
dnn >"$work/dnn.c"
gcc -O1 -w -shared -fPIC -Wl,-soname,libcudnn.so.9 -o "$folder/libcudnn.so.9" "$work/dnn.c" -L"$folder" -l:libcudart.so.13
echo 'int cudatest_curand;' >"$work/curand.c"
gcc -shared -fPIC -Wl,-soname,libcurand.so.10 -o "$folder/libcurand.so.10" "$work/curand.c"
gcc -O1 -Wall -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$folder/libcuda.so.1" "$here/driver.c"
echo "$stamp" >"$folder/stamp"
