"""Human speech -> stores of log-mel features, split by speaker into train and held-out.

  python data.py --speech FOLDER --out WORK/human [--clips N]        bundles: FOLDER/<set>/index.tsv and *.opus
  python data.py --speech FOLDER --out WORK/human --fetch            first make FOLDER/<set>/ from the public homes
  python data.py --speech FOLDER --out WORK/human --slice            sets may be missing, and hold speakers of their own

Writes OUT/train, OUT/held and OUT/held.txt (the held-out text, which synthetic sentences must avoid).
A bundle is one Ogg Opus file of many clips; index.tsv gives bundle, start_sample, samples, speaker, text at 16 kHz.
"""
import argparse
import os
import shutil
import subprocess

import numpy as np

import fetch
from lines import telephone
from split import SETS, held_speakers, read_index
from store import Writer
from text import normalise


def ffmpeg():
    """The system's, or the one that a Python package provides."""
    found = shutil.which("ffmpeg")
    if not found:
        import imageio_ffmpeg
        found = imageio_ffmpeg.get_ffmpeg_exe()
    return found


def decode(path):
    """Any audio file -> float32 [N], 16 kHz mono."""
    raw = subprocess.run([ffmpeg(), "-v", "error", "-i", path, "-ar", "16000", "-ac", "1", "-f", "f32le", "-"],
                         capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.float32)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--speech", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--fetch", action="store_true")
    ap.add_argument("--clips", type=int, help="take only so many clips of every set (smoke runs)")
    ap.add_argument("--slice", action="store_true", help="take the sets that are there, and hold out the first speaker of "
                                                         "librispeech-mini (small runs)")
    a = ap.parse_args()
    if a.fetch:
        fetch.all_sets(a.speech)
    train, held = Writer(f"{a.out}/train"), Writer(f"{a.out}/held")
    texts = open(f"{a.out}/held.txt", "w")
    for set_ in SETS:
        if a.slice and not os.path.exists(f"{a.speech}/{set_}"):
            continue
        rows = list(read_index(f"{a.speech}/{set_}"))
        speakers = {r[3] for r in rows}
        if a.slice:
            out = {min(speakers)} if set_ == "librispeech-mini" else set()
        else:
            out = held_speakers(set_, speakers)
        if a.clips:
            rows = rows[:a.clips] + [r for r in rows[a.clips:] if r[3] in out][:a.clips]
        name, audio, seconds = None, None, {True: 0.0, False: 0.0}
        for bundle, start, samples, speaker, text in rows:
            if bundle != name:
                name, audio = bundle, decode(f"{a.speech}/{set_}/{bundle}")
            text = normalise(text)
            if text is None:
                continue
            is_held = speaker in out
            clip = audio[start:start + samples]
            (held if is_held else train).add(f"{set_}/{bundle}/{start}", set_, speaker, text, clip)
            seconds[is_held] += len(clip) / 16000
            if is_held:
                texts.write(text + "\n")
                if set_ == "librispeech-mini":
                    held.add(f"{set_}/{bundle}/{start}/telephone", f"{set_}, telephone", speaker, text, telephone(clip))
        print(f"{set_}: {seconds[False] / 3600:.2f} h to train on, {seconds[True] / 60:.1f} min of "
              f"{len(out)} speakers held out", flush=True)
    texts.close()
    train.close()
    held.close()


if __name__ == "__main__":
    main()
