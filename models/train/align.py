"""Word boundaries of training clips by forced alignment on the phone head, for spliced clips.

  python align.py CHECKPOINT.pt --work WORK      writes WORK/human/train/words.tsv

words.tsv: clip name, then one cut a word boundary in mel frames: cuts[i] .. cuts[i+1] holds word i. A cut lies half way
between the last phone of a word and the first of the next. Clips that align badly are left out.
"""
import argparse

import numpy as np
import torch

import lexicon
from evaluate import TorchModel
from features import normalise
from model import Dropout, Shape
from store import Store

HALF_ROW = 4      # mel frames


def viterbi(logp, labels, blank):
    """Best CTC path: logp [T,C], labels -> (first and last step of every label [N,2], mean log-prob a step) or None."""
    steps, states = len(logp), 2 * len(labels) + 1
    path_labels = np.full(states, blank)
    path_labels[1::2] = labels
    # A step may skip the blank between two different labels.
    skip = np.zeros(states, bool)
    skip[3::2] = path_labels[3::2] != path_labels[1:-2:2]
    score = np.full(states, -np.inf)
    score[:2] = logp[0, path_labels[:2]]
    back = np.zeros((steps, states), np.int8)
    for t in range(1, steps):
        options = np.full((3, states), -np.inf)
        options[0] = score
        options[1, 1:] = score[:-1]
        options[2, 2:] = np.where(skip[2:], score[:-2], -np.inf)
        back[t] = options.argmax(0)
        score = options.max(0) + logp[t, path_labels]
    state = states - 1 if score[-1] > score[-2] else states - 2
    total = score[state]
    if not np.isfinite(total):
        return None
    spans = np.full((len(labels), 2), -1)
    for t in range(steps - 1, -1, -1):
        if state % 2:
            n = state // 2
            spans[n, 0] = t
            spans[n, 1] = max(spans[n, 1], t)
        state -= int(back[t, state])
    return spans, total / steps


def cuts(spans, lengths, frames):
    """Phone spans in half rows and phones per word -> word boundaries in mel frames."""
    out, at = [0], 0
    for n in lengths[:-1]:
        at += n
        out.append(int((spans[at - 1, 1] + 1 + spans[at, 0]) * HALF_ROW / 2))
    return out + [frames]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("checkpoint")
    ap.add_argument("--work", required=True)
    ap.add_argument("--worst", type=float, default=-1.0, help="mean log-probability a step under which a clip is left out")
    a = ap.parse_args()
    torch.set_num_threads(1)
    state = torch.load(a.checkpoint, weights_only=False)
    shape = Shape(**state["shape"])
    net = TorchModel(shape, state["mean"] | state["buffers"]).net
    words, store = lexicon.read(f"{a.work}/lexicon.tsv"), Store(f"{a.work}/human/train")
    kept = []
    for clip in store.clips:
        phones = [words[w] for w in clip.text.split()]
        x = torch.from_numpy(normalise(store.frames(clip).astype(np.float32)))[None]
        with torch.no_grad():
            logp = net(x, Dropout(0))[1][0].log_softmax(-1).numpy()
        labels = [p for word in phones for p in word]
        found = viterbi(logp, labels, shape.phones) if all(phones) and len(logp) > len(labels) else None
        if found and found[1] > a.worst:
            kept.append((clip.name, cuts(found[0], [len(p) for p in phones], clip.frames)))
    with open(f"{a.work}/human/train/words.tsv", "w") as f:
        f.writelines(f"{name}\t{' '.join(map(str, c))}\n" for name, c in kept)
    print(f"{len(kept)} of {len(store.clips)} clips aligned")


if __name__ == "__main__":
    main()
