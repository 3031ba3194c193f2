"""Pronunciations for the auxiliary phone loss: festival's CMU dictionary (festlex-cmu), flite's letter-to-sound rules for
the rest.

  python lexicon.py --out lexicon.tsv TSV...      every word of the last column of the given files
"""
import argparse
import re
import subprocess

CMU = "/usr/share/festival/dicts/cmu/cmudict-0.4.out"
PHONES = "aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh".split()
CODE = {p: i for i, p in enumerate(PHONES)}


def dictionary():
    """{word: phones}, the first of several pronunciations; stress is dropped."""
    found = {}
    with open(CMU, errors="replace") as f:
        for line in f:
            m = re.match(r'\("([a-z\']+)" \w+ (.*)\)$', line)
            if m and m[1] not in found:
                phones = re.findall(r"[a-z]+", m[2])
                if all(p in CODE for p in phones):
                    found[m[1]] = phones
    return found


def guess(word):
    out = subprocess.run(["flite", "-t", word, "-ps", "-o", "none"], capture_output=True, check=True, text=True).stdout
    return [p for p in out.split() if p in CODE]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", required=True)
    ap.add_argument("tsv", nargs="+")
    a = ap.parse_args()
    known, words = dictionary(), set()
    for path in a.tsv:
        with open(path) as f:
            for line in f:
                words.update(line.rstrip("\n").split("\t")[-1].split())
    with open(a.out, "w") as f:
        for word in sorted(words):
            f.write(f"{word}\t{' '.join(known.get(word) or guess(word))}\n")
    print(f"{len(words)} words, {len(words & known.keys())} from the dictionary")


def read(path):
    """{word: list of phone codes}."""
    with open(path) as f:
        return {w: [CODE[p] for p in phones.split()] for w, phones in (line.rstrip("\n").split("\t") for line in f)}


if __name__ == "__main__":
    main()
