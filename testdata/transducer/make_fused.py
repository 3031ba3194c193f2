"""Decode with a language model of pieces, as NeMo does: make_fused.py MODEL.nemo, the checkpoint of tdt/. Writes tdt/pieces.arpa and
tdt/fused.json.

Needs nemo_toolkit 3.0.0. The language model is random, of three pieces, and knows all pieces but <unk>; what matters is that it
changes what is written. NeMo's files have a character for each piece, ours the piece itself. fused.json has, for some weights,
the pieces and rows of each clip: decoded from tdt/NAME.rows.npy by the greedy_batch decoder on the CPU.
"""
import json
import math
import os
import random
import sys
import tempfile

import numpy as np
import torch
from nemo.collections.asr.models import ASRModel
from nemo.collections.asr.parts.submodules.ngram_lm import NGramGPULanguageModel
from nemo.collections.asr.parts.submodules.transducer_decoding.tdt_label_looping import GreedyBatchedTDTLabelLoopingComputer

HERE = os.path.dirname(os.path.abspath(__file__))
WEIGHTS = (0.2, 0.5, 1.0, 2.0, 4.0)
OFFSET = 100        # NeMo's: piece n is the character n + OFFSET


def ngrams(pieces):
    """Random n-grams: {length: {tuple: (log10, backoff or None)}}. Probabilities need not sum to one."""
    r = random.Random(17)
    words = [p for p in pieces if p != "<unk>"]
    out = {1: {("<unk>",): (-9.0, None), ("<s>",): (-99.0, round(-r.random(), 4)), ("</s>",): (-2.0, None)}, 2: {}, 3: {}}
    for w in words:
        out[1][(w,)] = (round(-1 - 2.5 * r.random(), 4), round(-r.random(), 4))
    for a in ["<s>", *words]:
        for b in r.sample(words, 12):
            out[2][(a, b)] = (round(-2.5 * r.random(), 4), round(-0.7 * r.random(), 4))
    for a, b in r.sample(sorted(out[2]), 300):
        for c in r.sample(sorted(y for x, y in out[2] if x == b), 3):       # NeMo wants the shorter ones too
            out[3][(a, b, c)] = (round(-2 * r.random(), 4), None)
    return out


def arpa(grams, name):
    lines = ["\\data\\"] + [f"ngram {n}={len(g)}" for n, g in grams.items()] + [""]
    for n, g in grams.items():
        lines.append(f"\\{n}-grams:")
        for words, (log10, back) in g.items():
            lines.append(f"{log10}\t{' '.join(map(name, words))}" + ("" if n == len(grams) else f"\t{back or 0}"))
        lines.append("")
    return "\n".join(lines + ["\\end\\", ""])


def main():
    model = ASRModel.restore_from(sys.argv[1], map_location="cpu").eval()
    with open(f"{HERE}/tdt/sherpa/tokens.txt", encoding="utf-8") as f:
        pieces = [line.rstrip("\n").rsplit(" ", 1)[0] for line in f][:-1]
    number = {p: i for i, p in enumerate(pieces)}
    grams = ngrams(pieces)
    with open(f"{HERE}/tdt/pieces.arpa", "w", encoding="utf-8") as f:
        f.write(arpa(grams, str))
    with tempfile.NamedTemporaryFile("w", suffix=".arpa", encoding="utf-8") as f:
        f.write(arpa(grams, lambda w: w if w in ("<unk>", "<s>", "</s>") else chr(number[w] + OFFSET)))
        f.flush()
        lm = NGramGPULanguageModel.from_arpa(f.name, vocab_size=len(pieces), normalize_unk=False, use_triton=False)
    with open(f"{HERE}/tdt/expected.json", encoding="utf-8") as f:
        clips = sorted(json.load(f)["clips"])
    out = {}
    for weight in WEIGHTS:
        computer = GreedyBatchedTDTLabelLoopingComputer(
            decoder=model.decoder, joint=model.joint, blank_index=len(pieces), durations=[0, 1, 2, 3, 4], max_symbols_per_step=10,
            fusion_models=[lm], fusion_models_alpha=[weight])
        out[weight] = {}
        for clip in clips:
            rows = torch.from_numpy(np.load(f"{HERE}/tdt/{clip}.rows.npy"))[None]
            with torch.no_grad():
                hyps, _ = computer(rows, torch.tensor([rows.shape[1]]))
            n = int(hyps.current_lengths[0])
            out[weight][clip] = {"ids": hyps.transcript[0, :n].tolist(), "frames": hyps.timestamps[0, :n].tolist()}
            assert math.isfinite(float(hyps.scores[0]))
    with open(f"{HERE}/tdt/fused.json", "w") as f:
        json.dump(out, f)


main()
