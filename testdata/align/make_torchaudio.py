"""Align random token sequences with torchaudio: make_torchaudio.py > torchaudio.jsonl

A case is made from integers alone, so that a test can make the same: log-probabilities are
-(h % levels) / 64 where h are the upper 32 bits of splitmix64 (a row after the other), and
tokens come from the same generator. Few levels make many ties.
"""
import json

import numpy as np
import torch

torch.version.cuda = "13.0"  # torchaudio refuses a torch built for another CUDA, on the CPU too
import torchaudio  # noqa: E402
from torchaudio.functional import forced_align  # noqa: E402

MASK = (1 << 64) - 1


def splitmix(seed, n):
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (z ^ (z >> np.uint64(31))) >> np.uint64(32)


def case(seed, rows, width, count, kinds, levels):
    """kinds is how many different tokens occur: few make many equal neighbours."""
    h = splitmix(seed, rows * width + count)
    logp = -(h[: rows * width] % np.uint64(levels)).astype(np.float64).reshape(1, rows, width) / 64
    tokens = (h[rows * width :] % np.uint64(kinds)).astype(np.int64)
    blank = width - 1
    path, scores = forced_align(torch.from_numpy(logp), torch.from_numpy(tokens)[None], blank=blank)
    spans, at, before = [], -1, blank
    for t, piece in enumerate(path[0].tolist()):
        if piece != blank and piece != before:
            spans.append([t, t])
        elif piece != blank:
            spans[-1][1] = t
        before = piece
    return dict(seed=seed, rows=rows, width=width, count=count, kinds=kinds, levels=levels, spans=spans, score=scores.sum().item())


def repeats(tokens):
    return int((tokens[1:] == tokens[:-1]).sum())


rng = np.random.default_rng(1)
print(json.dumps(dict(torch=torch.__version__, torchaudio=torchaudio.__version__)))
done = 0
while done < 400:
    width = int(rng.integers(2, 51))
    rows = int(rng.integers(1, 301)) if done % 2 else int(rng.integers(1, 30))
    kinds = int(rng.integers(1, width))
    count = int(rng.integers(1, rows + 1)) if done % 3 else int(rng.integers(1, rows // 3 + 2))
    seed = int(rng.integers(1, 1 << 40))
    levels = int(rng.choice([2, 64, 1 << 20, 1 << 20]))
    h = splitmix(seed, rows * width + count)
    tokens = (h[rows * width :] % np.uint64(kinds)).astype(np.int64)
    need = count + repeats(tokens)
    if need > rows:
        if done % 5 or need > 300:
            continue
        rows = need  # a single path fits
        h = splitmix(seed, rows * width + count)
        tokens = (h[rows * width :] % np.uint64(kinds)).astype(np.int64)
        if count + repeats(tokens) > rows:
            continue
    print(json.dumps(case(seed, rows, width, count, kinds, levels)))
    done += 1
