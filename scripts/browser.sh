#!/bin/sh
# Install what drives Chromium: browser.sh FOLDER
#
# Puts a pinned playwright-core into FOLDER/node_modules, if it is not there. The browser itself
# and node have to be installed.
set -eu

driver=1.65.1 # of playwright-core
folder=${1:?usage: browser.sh FOLDER}

for tool in node npm "${CHROMIUM:-chromium}"; do
	command -v "$tool" >/dev/null || { echo "browser.sh: $tool is needed; on Debian: apt-get install nodejs npm chromium" >&2; exit 1; }
done
mkdir -p "$folder"
[ -d "$folder/node_modules/playwright-core" ] ||
	npm install --silent --no-audit --no-fund --no-save --prefix "$folder" "playwright-core@$driver"
