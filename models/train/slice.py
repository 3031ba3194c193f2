"""A few minutes of the repository's own test recordings in the layout that data.py reads, for small runs of the chain.

  python slice.py --out FOLDER [--recordings testdata/speech]

LibriSpeech stands in for librispeech-mini, LJ Speech for itself. What is trained on this must not be tested on it.
"""
import argparse
import os
import subprocess

import numpy as np

from data import decode, ffmpeg

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
NAMES = {"librispeech": "librispeech-mini", "ljspeech": "ljspeech"}


def bundle(paths, to):
    """Clips one after another as a FLAC file -> their lengths in samples."""
    clips = [decode(p) for p in paths]
    raw = np.concatenate(clips).astype("<f4").tobytes()
    subprocess.run([ffmpeg(), "-v", "error", "-y", "-f", "f32le", "-ar", "16000", "-ac", "1", "-i", "-", "-sample_fmt", "s16", to],
                   input=raw, check=True)
    return [len(c) for c in clips]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", required=True)
    ap.add_argument("--recordings", default=os.path.join(REPOSITORY, "testdata", "speech"))
    a = ap.parse_args()
    with open(f"{a.recordings}/index.tsv", encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in list(f)[1:]]
    for name, set_ in NAMES.items():
        clips = [(file, text) for n, file, text in rows if n == name]
        os.makedirs(f"{a.out}/{set_}", exist_ok=True)
        lengths = bundle([f"{a.recordings}/{name}/{file}" for file, _ in clips], f"{a.out}/{set_}/000.flac")
        with open(f"{a.out}/{set_}/index.tsv", "w", encoding="utf-8") as f:
            f.write("bundle\tstart_sample\tsamples\tspeaker\ttext\n")
            at = 0
            for (file, text), n in zip(clips, lengths):
                f.write(f"000.flac\t{at}\t{n}\t{file.split('-')[0]}\t{text}\n")
                at += n
        print(f"{set_}: {len(clips)} clips, {at / 16000 / 60:.1f} min")


if __name__ == "__main__":
    main()
