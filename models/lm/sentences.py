"""Text for the embedded model's language model, normalised, without anything of the texts that it is measured on.

  python sentences.py --books books.txt[.xz] --speech FOLDER --avoid FILE... --out FOLDER

Writes OUT/text.txt (the books and the transcripts of the training speech) and OUT/held.txt (the transcripts of the speakers that
training holds out). Left out is each sentence that shares six words in a row with held.txt or a file of --avoid; of a table
(.tsv), the column `text` counts. Needs Python alone.
"""
import argparse
import csv
import lzma
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "train"))
from split import SETS, held_speakers, read_index
from text import grams, normalise

SHARED = 6


def lines(path):
    if path.endswith(".tsv"):
        with open(path, newline="") as f:
            yield from (row["text"] for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
        return
    with lzma.open(path, "rt") if path.endswith(".xz") else open(path) as f:
        yield from f


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--books", required=True)
    ap.add_argument("--speech", required=True, help="the human speech that models/train/README.md describes")
    ap.add_argument("--avoid", nargs="*", default=[])
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    transcripts, held = set(), []
    for set_ in SETS:
        rows = [(speaker, normalise(text)) for _, _, _, speaker, text in read_index(f"{a.speech}/{set_}")]
        out = held_speakers(set_, {speaker for speaker, _ in rows})
        held += [text for speaker, text in rows if text and speaker in out]
        transcripts |= {text for speaker, text in rows if text and speaker not in out}
    avoid = set()
    for text in held + [normalise(line) for path in a.avoid for line in lines(path)]:
        avoid |= grams(text or "", SHARED)
    counts = {"kept": 0, "shared": 0, "unreadable": 0}
    with open(f"{a.out}/text.txt", "w") as out:
        for text in list(map(normalise, lines(a.books))) + sorted(transcripts):
            kind = "unreadable" if text is None else "shared" if not avoid.isdisjoint(grams(text, SHARED)) else "kept"
            counts[kind] += 1
            if kind == "kept":
                out.write(text + "\n")
    with open(f"{a.out}/held.txt", "w") as out:
        out.writelines(text + "\n" for text in held)
    print(", ".join(f"{n} sentences {kind}" for kind, n in counts.items()))


if __name__ == "__main__":
    main()
