#!/bin/sh
# Make the Python environment in which models are trained, exported and validated: env.sh FOLDER
#
# It takes 7 GB, most of it the CUDA libraries that come with torch. A build of torch without them saves 5 GB: name
# its index in PIP_EXTRA_INDEX_URL and the build in ASR_BACKEND_TORCH, such as torch==2.15.0+cpu.
# The environment is made again when a list of requirements has changed.
set -eu

env=$1
here=$(cd "$(dirname "$0")" && pwd)
lists="$here/train/requirements.txt $here/export/requirements.txt $here/constraints.txt"
torch=${ASR_BACKEND_TORCH:-}
wanted=$(cat $lists | sha256sum | cut -d' ' -f1)$torch

# Python runs the lines of a .pth file at its start: nothing in this environment reports to
# its maker. ONNX Runtime does unless this variable is set before it is imported.
quiet() {
	for packages in "$env"/lib/python3*/site-packages; do
		echo 'import os; os.environ.update(ORT_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1")' >"$packages/no-telemetry.pth"
	done
}
if [ "$(cat "$env/requirements.sum" 2>/dev/null)" = "$wanted" ]; then
	quiet
	exit 0
fi

make_venv() { rm -rf "$env" && mkdir -p "$(dirname "$env")" && python3 -m venv "$env"; }
if ! make_venv; then
	# Debian keeps the module that makes environments in a package of its own.
	echo "python3 -m venv does not work here; installing python3-venv" >&2
	apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && make_venv || {
		echo "env.sh: install python3-venv, then run this again" >&2
		exit 1
	}
fi
echo "installing torch, NeMo and what belongs to them into $env: gigabytes, ten minutes or so" >&2
pip="$env/bin/python -m pip --quiet --disable-pip-version-check --no-input"
if [ -n "$torch" ]; then $pip install "$torch"; fi
$pip install -r "$here/train/requirements.txt" -r "$here/export/requirements.txt" -c "$here/constraints.txt"
quiet
echo "$wanted" >"$env/requirements.sum"
