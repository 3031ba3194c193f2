#!/bin/sh
# Remake the default model from nothing: data, sentences, synthetic speech, training, export, table of word error rates.
#   remake.sh SPEECH WORK [--smoke|--small]
# SPEECH: the human speech (README.md); WORK: a folder for everything made on the way (20 GB).
# --smoke: the whole chain in a few minutes on a handful of clips; the model it makes recognizes nothing.
# --small: the same without synthetic speech and pronunciations, which need Debian packages; sets may be missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
speech=$1 work=$2
clips= hours="flite=15 festival=8 espeak=5 piper=5.46"
short="flite=0.35 festival=0.3 espeak=0.35 piper=0.4" smoke= language=en patience="nice -n 19"
two_minutes="--minutes 2 --easy 99 --width 96 --layers 3 --middle-layer 0"
case ${3:-} in
--smoke) clips="--clips 60" hours="flite=0.05 espeak=0.05" short="flite=0.03" smoke="$two_minutes --phone-layer 2" ;;
--small) clips="--clips 60 --slice" hours= smoke="$two_minutes --phone-layer 0" language= patience= ;;
esac
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
mkdir -p "$work/tts"
step() { echo "== $1"; shift; $patience python3 "$@"; }
step "human speech"     "$here/data.py" --speech "$speech" --out "$work/human" $clips
: >"$work/tokenizer.tsv"
if [ -n "$hours" ]; then
    step "sentences"        "$here/text.py" --out "$work/sentences.tsv" --avoid "$work/human/held.txt"
    step "synthetic speech" "$here/tts.py" --sentences "$work/sentences.tsv" --out "$work/tts" --hours $hours
    step "phrases"          "$here/phrases.py" --out "$work/phrases.tsv" --avoid "$work/human/held.txt"
    step "spoken phrases"   "$here/tts.py" --sentences "$work/phrases.tsv" --out "$work/tts" --kind phrases --hours $short
    head -60000 "$work/sentences.tsv" >"$work/tokenizer.tsv"
fi
step "tokenizer"        "$here/tokenizer.py" --out "$work/tokenizer" "$work/human/train/clips.tsv" "$work/tokenizer.tsv"
if [ -n "$hours" ]; then
    step "pronunciations"   "$here/lexicon.py" --out "$work/lexicon.tsv" "$work"/*/*/clips.tsv
fi
run=$work/runs/default
train() { step "$1" "$here/train.py" --work "$work" --run default --seed 1 $2; }
if [ -n "$smoke" ]; then
    train "training" "$smoke"
    made=$run/last.pt
else # twice cooled, and the mean of both
    train "training" "--until 407"
    cp "$run/last.pt" "$run/warm.pt"
    train "cooling" "--cool-from 407 --cool-for 102"
    mv "$run/last.pt" "$run/early.pt"
    mv "$run/warm.pt" "$run/last.pt"
    train "training on, and cooling" "--cool-from 530 --cool-for 100"
    made="$run/early.pt $run/last.pt"
fi
step "export"           "$here/export.py" $made --work "$work" --out "$work/export" --language "$language"
step "word error rates" "$here/evaluate.py" "$work/export" --work "$work"
