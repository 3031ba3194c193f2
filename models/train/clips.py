"""The clips of held-out speakers as recordings, in the layout of testdata/speech.

  python clips.py --speech FOLDER --out OUT     FOLDER: as for data.py

Writes OUT/speech/index.tsv (set, file, text) and OUT/speech/SET/*.wav, for `go run ./scripts/accuracy -words -data OUT`.
Needs numpy, scipy and ffmpeg.
"""
import argparse
import os
import wave

import numpy as np

from data import decode
from lines import telephone
from split import SETS, held_speakers, read_index
from text import normalise


def write(path, samples):
    with wave.open(path, "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(16000)
        f.writeframes((np.clip(samples, -1, 1 - 2**-15) * 32768).astype("<i2").tobytes())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--speech", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    sets = {}
    for set_ in SETS:
        rows = list(read_index(f"{a.speech}/{set_}"))
        out = held_speakers(set_, {r[3] for r in rows})
        name, audio = None, None
        for bundle, start, samples, speaker, text in rows:
            text = normalise(text)
            if speaker not in out or text is None:
                continue
            if bundle != name:
                name, audio = bundle, decode(f"{a.speech}/{set_}/{bundle}")
            clip = audio[start:start + samples]
            file = f"{bundle.partition('.')[0]}-{start}.wav"
            sets.setdefault(set_, []).append((file, text, clip))
            if set_ == "librispeech-mini":
                sets.setdefault(f"{set_}-telephone", []).append((file, text, telephone(clip)))
    os.makedirs(f"{a.out}/speech", exist_ok=True)
    with open(f"{a.out}/speech/index.tsv", "w") as index:
        index.write("set\tfile\ttext\n")
        for set_, clips in sets.items():
            os.makedirs(f"{a.out}/speech/{set_}", exist_ok=True)
            for file, text, clip in clips:
                write(f"{a.out}/speech/{set_}/{file}", clip)
                index.write(f"{set_}\t{file}\t{text}\n")


if __name__ == "__main__":
    main()
