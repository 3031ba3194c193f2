#!/bin/sh
# Store this part of the check of a GPU host, and unpack it once all parts are there: take.sh [FOLDER]
#
# FOLDER is where they are stored, /tmp/gpu-check without it. The check is then
# FOLDER/program/gpu-check. Parts may come in any order.
set -eu
part=@PART@ parts=@PARTS@ sum=@SHA256@ all=@ALL@
work=${1:-/tmp/gpu-check}
store=$work/parts-$(echo $all | cut -c1-12)
here=$(dirname "$0")
matches() { [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

if ! matches "$here/part.$part" $sum; then
	echo "take.sh: part $part is damaged: transfer it again" >&2
	exit 1
fi
mkdir -p "$store"
cp "$here/part.$part" "$store/part.$part.new"
mv "$store/part.$part.new" "$store/part.$part"

missing=
set --
n=1
while [ $n -le $parts ]; do
	if [ -f "$store/part.$n" ]; then
		set -- "$@" "$store/part.$n"
	else
		missing="$missing $n"
	fi
	n=$((n + 1))
done
if [ -n "$missing" ]; then
	echo "part $part of $parts is stored; missing:$missing"
	exit 0
fi

cat "$@" >"$store/all.tar.xz"
if ! matches "$store/all.tar.xz" $all; then
	echo "take.sh: the parts together are damaged: transfer all again" >&2
	rm -rf "$store"
	exit 1
fi
rm -rf "$work/program.new" "$work/program"
mkdir "$work/program.new"
if command -v xz >/dev/null; then
	tar -C "$work/program.new" -xJf "$store/all.tar.xz"
else
	python3 -m tarfile -e "$store/all.tar.xz" "$work/program.new"
fi
mv "$work/program.new" "$work/program"
rm "$store/all.tar.xz"
echo "all $parts parts are stored and unpacked; run $work/program/gpu-check"
