#!/bin/sh
# Make the language model of the embedded model:
#   make.sh PROGRAM BOOKS SPEECH WORK [THRESHOLD]
# PROGRAM: asr-backend; BOOKS: books.txt or books.txt.xz (fetch.py makes it); SPEECH: the training speech, see ../train/README.md;
# WORK: a folder for everything made on the way. The model is WORK/lm.bin.zst.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$1 books=$2 speech=$3 work=$4 threshold=${5:-1.4e-7}
python3 "$here/sentences.py" --books "$books" --speech "$speech" --avoid "$here/../../testdata/speech/index.tsv" --out "$work"
"$program" lm build "$work/text.txt" -o "$work/lm.bin.zst" --fold english --prune "$threshold" \
    --notes "Word 3-gram of 272 books of Project Gutenberg (public domain in the United States) and the transcripts of the training speech of small-en; see models/lm/README.md"
ls -l "$work/lm.bin.zst"
"$program" lm score "$work/lm.bin.zst" "$work/held.txt"
