#!/usr/bin/env python3
"""Align texts with PocketSphinx, a hidden Markov model of phones with 10 ms frames:
make_pocketsphinx.py NAME.tsv ...

Needs pocketsphinx and pocketsphinx-en-us (Debian), soundfile and imageio-ffmpeg. The words
of NAME.tsv become a grammar with one sentence, in which silence may stand between words; what
PocketSphinx finds for it in NAME.opus or NAME.flac goes to NAME.pocketsphinx.tsv: start
and end in seconds, word.
"""
import os
import re
import subprocess
import sys
import tempfile

import imageio_ffmpeg

MODEL = "/usr/share/pocketsphinx/model/en-us/"
EXTRA = {"yknow": "Y AH N OW", "mends": "M EH N D Z"}


def align(path):
    stem = path[: -len(".tsv")]
    audio = next(stem + e for e in (".opus", ".flac") if os.path.exists(stem + e))
    words = [line.split("\t")[2].strip() for line in open(path)]
    with tempfile.TemporaryDirectory() as folder:
        wav, grammar, lexicon = (os.path.join(folder, n) for n in ("a.wav", "a.gram", "a.dict"))
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", audio, "-ar", "16000", "-ac", "1", wav], check=True)
        with open(grammar, "w") as f:
            f.write("#JSGF V1.0;\ngrammar a;\npublic <a> = " + " ".join(words) + ";\n")
        wanted = set(words)
        with open(lexicon, "w") as f:
            for line in open(MODEL + "cmudict-en-us.dict", encoding="utf-8", errors="replace"):
                word = re.sub(r"\(\d+\)$", "", line.split()[0])
                if word in wanted:
                    f.write(line)
            f.writelines(f"{w} {p}\n" for w, p in EXTRA.items() if w in wanted)
        out = subprocess.run(["pocketsphinx_continuous", "-infile", wav, "-jsgf", grammar, "-dict", lexicon, "-hmm", MODEL + "en-us",
                              "-time", "yes", "-beam", "1e-120", "-wbeam", "1e-100", "-pbeam", "1e-120", "-remove_silence", "no",
                              "-vad_threshold", "-100", "-cmn", "batch", "-logfn", "/dev/null"], check=True, capture_output=True, text=True).stdout
    found = []
    for line in out.splitlines():
        m = re.match(r"^(\S+) (\d+\.\d+) (\d+\.\d+) \d", line)
        if m and not m[1].startswith(("<", "[", "+")):
            found.append((re.sub(r"\(\d+\)$", "", m[1]), float(m[2]), float(m[3])))
    if [w for w, _, _ in found] != words:
        print(f"{path}: found {len(found)} of {len(words)} words", file=sys.stderr)
        return
    with open(stem + ".pocketsphinx.tsv", "w") as f:
        f.writelines(f"{a:.4f}\t{b:.4f}\t{w}\n" for w, a, b in found)


for p in sys.argv[1:]:
    align(p)
