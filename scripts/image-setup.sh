#!/bin/sh
# Set up the system inside an image: ffmpeg, certificates, the user and its folder. Run by
# Dockerfile.cuda on Debian and Ubuntu.
set -eu

# ffmpeg depends on what draws on screens, which is half of its size and never used here.
# dpkg leaves those files out and still counts their packages as installed.
cat >/etc/dpkg/dpkg.cfg.d/asr-backend <<'END'
path-exclude=/usr/lib/*/libLLVM*
path-exclude=/usr/lib/llvm-*
path-exclude=/usr/lib/*/libz3.so*
path-exclude=/usr/lib/*/libgallium*
path-exclude=/usr/lib/*/dri/*
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-include=/usr/share/doc/*/copyright
END
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates ffmpeg
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
ffmpeg -version >/dev/null # it starts without what was left out

groupadd --gid 10001 asr
useradd --uid 10001 --gid asr --no-create-home --home-dir /data --shell /usr/sbin/nologin asr
install -d -o asr -g asr -m 750 /data
