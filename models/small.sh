#!/bin/sh
# The way of the default model in small, from recordings to a transcript: small.sh WORK [SPEECH]
#
# A slice of speech, two minutes of training, export, the proof against NeMo, once more through NeMo's own export,
# verification, a transcript. What is made is a model of two minutes, which recognizes nothing; that all steps work together
# is what this shows. SPEECH: a folder as models/train/README.md describes it; the repository's own recordings if missing.
# Run it by make model, which provides the Python environment and the program.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1 speech=${2:-}
program=${ASR_BACKEND:-$here/../bin/asr-backend}
clips="$here/../testdata/speech/librispeech/1688-142285-0000.flac $here/../testdata/speech/librispeech/1688-142285-0002.flac"
export OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=1

rm -rf "$work" && mkdir -p "$work"
if [ -z "$speech" ]; then
	speech=$work/speech
	echo "== speech"
	python3 "$here/train/slice.py" --out "$speech"
fi
"$here/train/remake.sh" "$speech" "$work" --small
echo "== the same weights in NeMo"
python3 "$here/train/nemo_check.py" "$work/export" $clips --save "$work/small.nemo"
echo "== exported by NeMo"
python3 "$here/export/export.py" "$work/small.nemo" "$work/again" --licence CC-BY-4.0
python3 "$here/export/validate.py" "$work/again" "$work/small.nemo" --clips $clips
echo "== verified"
"$program" models verify "$work/export"
"$program" models verify "$work/again"
echo "== recognized after two minutes of training"
"$program" transcribe -q --model "$work/again" -f text $clips
echo "== recognized by the model inside the program"
"$program" transcribe -q --model default -f text $clips
echo "== $work/export and $work/again are the same model, of two minutes"
