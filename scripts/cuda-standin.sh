#!/bin/sh
# Get what tests need to run CUDA without a GPU: cuda-standin.sh FOLDER
#
# FOLDER gets onnxruntime/, the build of ONNX Runtime for CUDA (256 MB to download, see
# library-cuda.sh), and lib/, libraries of our own in place of NVIDIA's, see internal/cudatest.
set -eu
folder=$1
here=$(dirname "$0")
[ -f "$folder/onnxruntime/libonnxruntime_providers_cuda.so" ] || "$here/library-cuda.sh" "$folder/onnxruntime"
"$here/../internal/cudatest/standin/build.sh" "$folder/onnxruntime/libonnxruntime_providers_cuda.so" "$folder/lib"
