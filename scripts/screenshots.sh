#!/bin/sh
# Take the pictures of the documentation from the real pages: screenshots.sh FOLDER
#
# Runs the demonstration (demo.py) with its Label Studio, drives Chromium on it, and stops
# both. Needs node, npm and chromium. Everything else is kept in .cache.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=$(cd "$1" && pwd)
studio=${STUDIO_PORT:-8080}
backend=${PORT:-9090}

browser=$root/.cache/browser
"$root/scripts/browser.sh" "$browser"
CHROMIUM=$(command -v "${CHROMIUM:-chromium}")
export CHROMIUM

mkdir -p "$browser/scripts" "$browser/samples"
# Node looks for packages beside the script that asks for them.
cp "$root/scripts/screenshots.mjs" "$browser/scripts/"
cp "$root/samples/reading.opus" "$browser/samples/"
cp -r "$root/testdata/learning" "$browser/"

log=$browser/demo.log
: >"$log"
STUDIO_PORT=$studio PORT=$backend "$root/scripts/demo.py" >"$log" 2>&1 &
demo=$!
trap 'kill $demo 2>/dev/null; wait $demo || true' EXIT
until grep -q "Ctrl-C stops everything" "$log"; do
	kill -0 $demo 2>/dev/null || { cat "$log" >&2; exit 1; }
	sleep 1
done
field() { sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p" "$root/.cache/demo/account.json"; }
node "$browser/scripts/screenshots.mjs" "http://localhost:$studio" "http://localhost:$backend" \
	"$(field email)" "$(field password)" "$(field token)" "$out"
