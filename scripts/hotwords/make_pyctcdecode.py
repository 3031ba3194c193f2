"""Decodes the rows that `hotwords -rows` wrote with pyctcdecode and its hotwords.

  pip install pyctcdecode==0.5.0 kenlm==0.3.0 numpy==1.26.4
  asr-backend lm mix models/default/lm.bin.zst=1 --arpa -o lm.arpa
  python make_pyctcdecode.py ROWS lm.arpa OUT

Writes a file of JSON for each language model (none, with), size of lists and weight.

pyctcdecode looks for hotwords in the whole text of each beam with one regular expression. Texts
are found here with a set of words and a cache, which gives the same scores. Processor times are
measured without that, on as many recordings as --seconds allows, and the texts are compared.
"""
import argparse
import json
import multiprocessing
import pathlib
import time

import numpy as np
from pyctcdecode import build_ctcdecoder, language_model

PRUNING = {"beam_prune_logp": -12, "token_min_logp": -6}


class Quick(language_model.HotwordScorer):
    """The same scores. All hotwords are single words."""

    def __init__(self, words, weight):
        slow = language_model.HotwordScorer.build_scorer(words, weight=weight)
        super().__init__(slow._match_ptn, slow._char_trie, weight)
        self.words, self.texts, self.parts = set(words), {}, {}

    def score(self, text):
        if text not in self.texts:
            self.texts[text] = self._weight * sum(w in self.words for w in text.split())
        return self.texts[text]

    def score_partial_token(self, token):
        if token not in self.parts:
            self.parts[token] = super().score_partial_token(token)
        return self.parts[token]


def penalised(rows, penalty):
    """Rows with the penalty of blank of `asr-backend`, where pieces are tried."""
    rows = rows.copy()
    tried = rows[:, :-1].max(axis=1) >= PRUNING["token_min_logp"]
    rows[tried, -1] -= penalty
    return rows


def decode(name, size, weight, quick=True):
    words = (IN / "lists" / str(size) / f"{name}.txt").read_text().split()
    if quick:
        scorer = Quick(words, weight)
        beams = DECODER._decode_logits(clipped(ROWS[name]), A.beam, prune_history=False, hotword_scorer=scorer, **PRUNING)
    else:
        beams = DECODER.decode_beams(ROWS[name], beam_width=A.beam, hotwords=words, hotword_weight=weight, **PRUNING)
    return beams[0][0]


def clipped(rows):
    """What decode_beams makes of rows before it decodes them."""
    rows = rows - rows.max(axis=1, keepdims=True)
    rows = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return np.clip(rows, np.log(1e-15), 0)


def measure(size, weight, texts):
    names = sorted(ROWS, key=lambda name: hash_of(name))
    start, rows = time.process_time(), 0
    for name in names:
        text = decode(name, size, weight, quick=False)
        if text != texts[name]:
            raise SystemExit(f"{name}: {text!r} is not {texts[name]!r}")
        rows += len(ROWS[name])
        used = time.process_time() - start
        if used > A.seconds:
            break
    return used / rows * 1e6, rows


def hash_of(name):
    h = 0
    for b in name.encode():
        h = (h * 31 + b) % 65521
    return h


def job(args):
    return decode(*args)


parser = argparse.ArgumentParser()
parser.add_argument("rows", type=pathlib.Path)
parser.add_argument("arpa")
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--lm", nargs="+", default=["none", "with"])
parser.add_argument("--sizes", nargs="+", type=int, default=[100, 500, 2000])
parser.add_argument("--weights", nargs="+", type=float, default=[10, 6, 15, 3])
parser.add_argument("--beam", type=int, default=100)
parser.add_argument("--jobs", type=int, default=2)
parser.add_argument("--seconds", type=float, default=0, help="processor time to measure the first weight with; 0 is none")
parser.add_argument("--no-penalty", action="store_true", help="leave out the penalty of blank")
A = parser.parse_args()
IN = A.rows
A.out.mkdir(parents=True, exist_ok=True)
PIECES = (IN / "pieces.txt").read_text().splitlines()
LABELS = ["\u2581\u2047\u2581", *PIECES[1:], ""]
for lm in A.lm:
    options = json.loads((IN / f"options.{lm}.json").read_text())
    ROWS = {p.name.removesuffix(".npy"): np.load(p) for p in sorted((IN / "rows").glob("*.npy"))}
    if lm == "none":
        DECODER = build_ctcdecoder(LABELS)
    else:
        if not A.no_penalty:
            ROWS = {name: penalised(rows, options["blank_penalty"]) for name, rows in ROWS.items()}
        words = []
        with open(A.arpa) as f:
            for line in f:
                fields = line.rstrip("\n").split("\t")
                if line.startswith("\\2-grams"):
                    break
                if len(fields) > 1 and not fields[1].startswith("<"):
                    words.append(fields[1])
        DECODER = build_ctcdecoder(LABELS, A.arpa, words, alpha=options["weight"], beta=options["bonus"], unk_score_offset=options["unknown"])
    with multiprocessing.get_context("fork").Pool(A.jobs) as pool:
        for weight in A.weights:
            for size in A.sizes:
                names = sorted(ROWS, key=lambda name: -len(ROWS[name]))
                texts = dict(zip(names, pool.map(job, [(name, size, weight) for name in names], chunksize=1)))
                micros, rows = 0, 0
                if A.seconds and weight == A.weights[0]:
                    micros, rows = measure(size, weight, texts)
                result = {"lm": lm, "size": size, "weight": weight, "micros": micros, "timed_rows": rows, "texts": texts}
                (A.out / f"{lm}-{size}-{weight:g}.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
                print(lm, size, weight, f"{micros:.0f} us a row of {rows}", flush=True)
