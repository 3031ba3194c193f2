#!/bin/sh
# Install the Label Studio that the demonstration and the tests use: label-studio.sh FOLDER [VERSION]
#
# Makes a Python environment in FOLDER and puts one pinned version into it, from PyPI:
# about 1 GB on disk and some minutes. It does nothing if that version is there already,
# and begins anew if it was interrupted.
set -eu

env=${1:?usage: label-studio.sh FOLDER [VERSION]}
version=${2:-1.23.2}
python=$env/bin/python

# installed: is that version there, whole? pip leaves what it had when it is interrupted,
# so the mark is made last.
installed() {
	[ "$(cat "$env/label-studio.version" 2>/dev/null)" = "$version" ] &&
		"$python" -c "import importlib.metadata as m, sys; sys.exit(m.version('label-studio') != '$version')" 2>/dev/null
}
if installed; then exit 0; fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
	echo "label-studio.sh: Label Studio $version needs Python 3.10 or later, and python3 is $(python3 --version 2>&1)" >&2
	exit 1
}
make_venv() { rm -rf "$env" && python3 -m venv "$env"; }
if ! make_venv; then
	# Debian keeps the module that makes environments in a package of its own.
	echo "python3 -m venv does not work here; installing python3-venv" >&2
	apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && make_venv || {
		echo "label-studio.sh: install python3-venv, then run this again" >&2
		exit 1
	}
fi
echo "installing Label Studio $version into $env: about 1 GB, some minutes" >&2
"$python" -m pip install --quiet --disable-pip-version-check --no-input "label-studio==$version"
echo "$version" >"$env/label-studio.version"
installed || {
	echo "label-studio.sh: Label Studio $version does not start from $env; remove the folder and run this again" >&2
	exit 1
}
