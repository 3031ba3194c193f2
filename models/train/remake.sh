#!/bin/sh
# Remake the default model from nothing: data, sentences, synthetic speech, training, export, table of word error rates.
#   remake.sh SPEECH WORK [--smoke]
# SPEECH: the human speech (README.md); WORK: a folder for everything made on the way (20 GB).
# --smoke: the whole chain in a few minutes on a handful of clips; the model it makes hears nothing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
speech=$1 work=$2
clips= hours="flite=15 festival=8 espeak=5 piper=5.46" train="--seed 1" words=$work/sentences.tsv
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
if [ "${3:-}" = --smoke ]; then
    clips="--clips 60" hours="flite=0.05 espeak=0.05" train="--minutes 2 --easy 99 --width 96 --layers 3 --phone-layer 2 --middle-layer 0"
fi
mkdir -p "$work"
step() { echo "== $1"; shift; nice -n 19 python3 "$@"; }
step "human speech"     "$here/data.py" --speech "$speech" --out "$work/human" $clips
step "sentences"        "$here/text.py" --out "$work/sentences.tsv" --avoid "$work/human/held.txt"
step "synthetic speech" "$here/tts.py" --sentences "$work/sentences.tsv" --out "$work/tts" --hours $hours
head -60000 "$work/sentences.tsv" >"$work/tokenizer.tsv"
step "tokenizer"        "$here/tokenizer.py" --out "$work/tokenizer" "$work/human/train/clips.tsv" "$work/tokenizer.tsv"
step "pronunciations"   "$here/lexicon.py" --out "$work/lexicon.tsv" "$work"/*/*/clips.tsv
step "training"         "$here/train.py" --work "$work" --run default $train
step "export"           "$here/export.py" "$work/runs/default/last.pt" --work "$work" --out "$work/export"
step "word error rates" "$here/evaluate.py" "$work/export" --work "$work"
