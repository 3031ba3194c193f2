"""Texts and scores of pyctcdecode, a beam search over CTC rows with KenLM, for the tests of asr/beam.

  pip install pyctcdecode==0.5.0 kenlm==0.3.0 numpy==1.26.4 sentencepiece==0.2.3
  python make_pyctcdecode.py

Writes words.arpa, a bigram model of the texts of ../speech, and pyctcdecode.jsonl.
"""
import collections
import importlib.metadata
import json
import math
import re

import kenlm  # noqa: F401 (pyctcdecode needs it)
import numpy as np
import sentencepiece
from pyctcdecode import build_ctcdecoder

M64 = (1 << 64) - 1


def numbers(seed, n):
    """The upper halves of n numbers of the splitmix64 generator."""
    out = []
    for i in range(n):
        z = (seed + (i + 1) * 0x9E3779B97F4A7C15) & M64
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M64
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M64
        out.append((z ^ z >> 31) >> 32)
    return out


def write_arpa(path, sentences, discount=0.7):
    """A bigram model with absolute discounting, interpolated."""
    uni, bi = collections.Counter(), collections.Counter()
    for s in sentences:
        words = ["<s>", *s.split(), "</s>"]
        uni.update(words[1:])
        bi.update(zip(words, words[1:]))
    total = sum(uni.values())
    kinds, left = collections.Counter(a for a, _ in bi), discount * len(uni) / total
    p1 = {w: (c - discount) / total + left / (len(uni) + 1) for w, c in uni.items()}
    p1["<unk>"] = left / (len(uni) + 1)
    seen = collections.Counter()
    for (a, _), c in bi.items():
        seen[a] += c
    back = {a: discount * kinds[a] / seen[a] for a in seen}
    with open(path, "w") as f:
        f.write(f"\\data\\\nngram 1={len(p1) + 1}\nngram 2={len(bi)}\n\n\\1-grams:\n")
        for w in ["<unk>", "<s>", "</s>", *sorted(set(p1) - {"<unk>", "</s>"})]:
            f.write(f"{math.log10(p1[w]) if w in p1 else -99:.4f}\t{w}\t{math.log10(back.get(w, 1)):.4f}\n")
        f.write("\n\\2-grams:\n")
        for (a, b), c in sorted(bi.items()):
            f.write(f"{math.log10((c - discount) / seen[a] + back[a] * p1[b]):.4f}\t{a} {b}\n")
        f.write("\n\\end\\\n")
    return sorted(set(p1) - {"<unk>", "</s>"})


def decode(labels, words, rows, width, alpha, beta, unknown):
    d = build_ctcdecoder(labels, "words.arpa", words, alpha=alpha, beta=beta, unk_score_offset=unknown)
    best = d.decode_beams(rows, beam_width=width, beam_prune_logp=-12, token_min_logp=-6)[0]
    return {"text": best[0], "score": best[-1]}


def main():
    index = [line.rstrip("\n").split("\t") for line in open("../speech/index.tsv")][1:]
    words = write_arpa("words.arpa", [" ".join(re.findall(r"[a-z']+", text.lower())) for kind, _, text in index if kind in ("librispeech", "ljspeech")])
    tokenizer = sentencepiece.SentencePieceProcessor("../align/tokenizer.model")
    pieces = [tokenizer.id_to_piece(i) for i in range(len(tokenizer))]
    with open("pyctcdecode.jsonl", "w") as f:
        json.dump({name: importlib.metadata.version(name) for name in ("pyctcdecode", "kenlm", "numpy")}, f)
        f.write("\n")
        for name in ("librispeech", "ljspeech"):
            rows = np.load(f"../align/{name}.npy")
            for width, alpha, beta, unknown in ((16, 0.5, 1.0, -8.0), (64, 0.5, 0.5, -8.0), (64, 0.8, 2.0, -3.0), (64, 0.2, 0.0, -10.0)):
                case = {"file": name, "width": width, "alpha": alpha, "beta": beta, "unknown": unknown}
                json.dump(case | decode(["\u2581\u2047\u2581", *pieces[1:], ""], words, rows, width, alpha, beta, unknown), f, ensure_ascii=False)
                f.write("\n")
        small = ["\u2581a", "\u2581the", "\u2581", "n", "t", "he", "in", "\u2581i", "i", "a", "\u2581he", "s"]
        for seed in range(1, 151):
            n, sharp = 4 + seed % 30, 0.5 + seed % 4
            values = np.array(numbers(seed, n * (len(small) + 1)), dtype=np.float64) / 2**32
            rows = sharp * np.log(values.reshape(n, -1) + 1e-3)
            rows -= np.log(np.exp(rows).sum(axis=1, keepdims=True))
            alpha, beta, unknown = 0.3 + seed % 3 * 0.3, seed % 5 / 2, -2.0 - seed % 4 * 3
            case = {"seed": seed, "rows": n, "sharp": sharp, "width": 32, "alpha": alpha, "beta": beta, "unknown": unknown}
            json.dump(case | decode([*small, ""], words, rows, 32, alpha, beta, unknown), f, ensure_ascii=False)
            f.write("\n")


main()
