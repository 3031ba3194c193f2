"""Transducer heads, RNN-T and TDT, on the frozen encoder of an exported CTC model: hybrids without training an encoder.

  python encoder.py MODEL --work WORK                                   rows of all clips, once
  python heads.py MODEL --work WORK --kind rnnt --minutes 30            WORK/heads/rnnt.pt; call it again to go on
  python heads.py MODEL --work WORK --kind tdt --start rnnt --minutes 30
  python heads_export.py MODEL --work WORK --kind rnnt --out FOLDER     graphs in NeMo's layout

What the losses are, with shapes and references: transducer.py. The networks are NeMo's own classes (nemo_toolkit[asr]==3.0.0),
so that NeMo's export applies: a prediction network of one LSTM layer, and a joint with ReLU.

The joint need not start from nothing: relu(x) - relu(-x) = x, so hidden values in pairs can pass on the main directions of
the CTC head's matrix, and the head starts as nearly the CTC head, which is right about most rows. What is left to learn is that
a piece once written is not written again, and what usually follows what. Inputs of the prediction network are replaced at
random and its outputs dropped, or it soon knows the few transcripts by heart.
"""
import argparse
import glob
import os
import random
import time

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from nemo.collections.asr.modules import RNNTDecoder, RNNTJoint
from onnx import numpy_helper

from encoder import Rows
from evaluate import collapse, errors, load_piece_model
from transducer import Scores, greedy, loss

DURATIONS = 5           # of a TDT: 0 .. 4 rows
OMEGA = 0.1             # share of batches in which a TDT is trained by the loss of RNN-T
HIDDEN = 256            # of the LSTM and of the joint
POINTS = 50_000         # of the lattices of a batch: rows x (pieces + 1), summed over clips


def ctc_head(folder):
    """-> weight [V+1,D] and bias [V+1] of an exported model's head."""
    found = {t.name.removesuffix("_f16"): numpy_helper.to_array(t) for t in onnx.load(f"{folder}/model.onnx").graph.initializer}
    weight, bias = (torch.from_numpy(found[f"decoder.decoder_layers.0.{n}"].astype(np.float32)) for n in ("weight", "bias"))
    return weight[..., 0], bias


class Head(torch.nn.Module):
    def __init__(self, kind, weight, bias, vocabulary, ctc=True):
        """weight, bias: of the CTC head, from which the joint starts if ctc is true."""
        super().__init__()
        self.blank, width = weight.shape[0] - 1, weight.shape[1]
        self.decoder = RNNTDecoder({"pred_hidden": HIDDEN, "pred_rnn_layers": 1, "dropout": 0.3}, self.blank, blank_as_pad=True)
        self.joint = RNNTJoint({"encoder_hidden": width, "pred_hidden": HIDDEN, "joint_hidden": HIDDEN, "activation": "relu"},
                               self.blank, DURATIONS if kind == "tdt" else 0, vocabulary, log_softmax=False)
        if ctc:
            self.imitate(weight, bias)

    @torch.no_grad()
    def imitate(self, weight, bias):
        """Makes the joint without the prediction network nearly this matrix."""
        u, s, v = torch.linalg.svd(weight, full_matrices=False)
        k = HIDDEN // 2
        side = s[:k].sqrt()
        self.joint.enc.weight.copy_(torch.cat([side[:, None] * v[:k], -side[:, None] * v[:k]]))
        self.joint.enc.bias.zero_()
        out = self.joint.joint_net[-1]
        out.weight[:self.blank + 1] = torch.cat([u[:, :k] * side, -u[:, :k] * side], 1)
        out.bias[:self.blank + 1] = bias

    def forward(self, x, rows, targets, lengths, sigma, wrong=0.0):
        """x [B,T,D], targets int64 [B,U] -> loss [B]. sigma: of TDT, None for the loss of RNN-T; wrong: share of the prediction
        network's inputs replaced."""
        inputs = torch.where(torch.rand(targets.shape) < wrong, torch.randint_like(targets, 1, self.blank), targets)
        g, _ = self.decoder.predict(inputs, None, add_sos=True)
        out = self.joint.joint_net[-1]
        blank, piece, durations = Scores.apply(self.joint.enc(x), self.joint.pred(g), out.weight, out.bias,
                                               F.pad(targets, (0, 1)), self.blank)
        if sigma is None:
            return loss(blank, piece, rows, lengths)
        return loss(blank - sigma, piece - sigma, rows, lengths, durations)

    @torch.no_grad()
    def search(self, x, rows):
        """x [B,T,D] -> pieces and their rows, lists of lists."""
        def step(pieces, state):
            g, state = self.decoder.predict(None if pieces is None else pieces[:, None], state, add_sos=False, batch_size=len(x))
            return self.joint.pred(g[:, 0]), state
        return greedy(self.joint.enc(x), rows, step, lambda f, g: self.joint.joint_net(f + g), self.blank)


def collate(clips):
    """[(rows, ids)] -> x float32 [B,T,D], rows [B], targets [B,U], lengths [B]."""
    pad = torch.nn.utils.rnn.pad_sequence
    x = pad([torch.from_numpy(c[0].astype(np.float32)) for c in clips], batch_first=True)
    y = pad([torch.tensor(c[1], dtype=torch.long) for c in clips], batch_first=True)
    return x, torch.tensor([len(c[0]) for c in clips]), y, torch.tensor([len(c[1]) for c in clips])


def passes(work, encode, longest, rng):
    """Batches forever. A clip comes once a pass, as one of the copies that encoder.py has written by then."""
    while True:
        copies = [Rows(os.path.dirname(p)).clips for p in sorted(glob.glob(f"{work}/heads/train*/rows.f16"))]
        clips = [copies[rng.randrange(len(copies))][i] for i in range(len(copies[0]))]
        clips = [(rows, encode(text)) for _, _, rows, text in clips if 15 <= len(rows) <= longest]
        clips.sort(key=lambda c: len(c[0]) + rng.uniform(0, 10))
        groups, group = [], []
        for c in clips:
            group.append(c)
            if max(len(c[0]) for c in group) * (1 + max(len(c[1]) for c in group)) * len(group) >= POINTS:
                groups.append(group)
                group = []
        groups.append(group)
        rng.shuffle(groups)
        yield from filter(None, groups)


def rates(head, weight, bias, pieces, clips, batch=16):
    """Word error rates in percent: of the CTC head, of this one."""
    head.eval()
    words, wrong = 0, [0, 0]
    clips = sorted(clips, key=lambda c: len(c[2]))
    for at in range(0, len(clips), batch):
        group = clips[at:at + batch]
        x, rows, _, _ = collate([(c[2], []) for c in group])
        best = F.linear(x, weight, bias).argmax(-1).numpy()
        for i, ids in enumerate(head.search(x, rows)[0]):
            truth, ctc = group[i][3], collapse(best[i, :rows[i]], head.blank)
            words += len(truth.split())
            for k, guess in enumerate((ctc, ids)):
                wrong[k] += errors(truth, pieces.decode(guess))
    return [100 * w / words for w in wrong]


class Run:
    """A checkpoint WORK/heads/NAME.pt: the head, running averages of its weights, the optimizer, and how far it got."""

    def __init__(self, head, path, rate, start=None):
        """start: path of a checkpoint of which the averages are taken if there is none at path."""
        self.head, self.path, self.done = head, path, {"minutes": 0.0, "hours": 0.0, "steps": 0}
        self.optimizer = torch.optim.AdamW(head.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
        if os.path.exists(path):
            state = torch.load(path, weights_only=False)
            self.done = {k: state[k] for k in self.done}
            head.load_state_dict(state["weights"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.mean = state["mean"]
            return
        if start:
            weights = head.state_dict()
            for key, w in torch.load(start, weights_only=False)["mean"].items():
                n = head.blank + 1 if key.startswith("joint.joint_net.") else len(w)    # durations start anew
                weights[key][:n] = w[:n]
            head.load_state_dict(weights)
        self.mean = {k: v.clone() for k, v in head.state_dict().items()}

    def step(self, group, rate, sigma):
        """One batch. Returns its loss a piece."""
        x, rows, y, lengths = collate(group)
        value = self.head(x, rows, y, lengths, sigma, wrong=0.1).sum() / lengths.sum()
        for p in self.optimizer.param_groups:
            p["lr"] = rate
        self.optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.head.parameters(), 1.0, error_if_nonfinite=True)
        self.optimizer.step()
        self.done["steps"] += 1
        self.done["hours"] += float(rows.sum()) * 0.08 / 3600
        keep = min(0.998, 1 - 1 / (1 + self.done["steps"] / 4))
        for key, w in self.head.state_dict().items():
            self.mean[key].lerp_(w, 1 - keep)
        return value.item()

    def save(self, minutes):
        self.done["minutes"] += minutes
        torch.save(self.done | {"weights": self.head.state_dict(), "mean": self.mean, "optimizer": self.optimizer.state_dict()},
                   f"{self.path}.part")
        os.replace(f"{self.path}.part", self.path)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model", help="folder of the CTC model")
    ap.add_argument("--work", required=True)
    ap.add_argument("--kind", choices=("rnnt", "tdt"), required=True)
    ap.add_argument("--name", help="of the checkpoint; the kind if missing")
    ap.add_argument("--start", help="name of the checkpoint of which the weights are taken at the beginning")
    ap.add_argument("--random", action="store_true", help="start from random weights, not from those of the CTC head")
    ap.add_argument("--minutes", type=float, default=30, help="of this call; the learning rate falls over the last 60 %%")
    ap.add_argument("--rate", type=float, default=2e-3)
    ap.add_argument("--sigma", type=float, default=0.05, help="what every step of a TDT costs; more makes durations longer")
    ap.add_argument("--longest", type=float, default=16, help="seconds")
    ap.add_argument("--every", type=float, default=3, help="minutes between checkpoints")
    a = ap.parse_args()
    torch.set_num_threads(1)
    name, folder = a.name or a.kind, f"{a.work}/heads"
    pieces, (weight, bias) = load_piece_model(a.model), ctc_head(a.model)
    vocabulary = [pieces.id_to_piece(i) for i in range(pieces.vocab_size())]
    judge, head = (Head(a.kind, weight, bias, vocabulary, not a.random) for _ in range(2))
    run = Run(head.train(), f"{folder}/{name}.pt", a.rate, a.start and f"{folder}/{a.start}.pt")
    first = run.done["steps"]
    rng = random.Random(first)
    torch.manual_seed(first)
    held = Rows(f"{folder}/held").clips
    some = random.Random(1).sample([c for c in held if c[1] == "librispeech-mini"], 50)
    began = saved = time.time()
    seen, share = [], 0.0
    batches = passes(a.work, pieces.encode, a.longest / 0.08, rng)
    while share < 1:
        rate = a.rate * min(1, (run.done["steps"] - first + 1) / 100) * min(1, max(0.02, (1 - share) / 0.6))
        sigma = None if a.kind == "rnnt" or rng.random() < OMEGA else a.sigma
        seen.append(run.step(next(batches), rate, sigma))
        share = (time.time() - began) / 60 / a.minutes
        if share < 1 and time.time() - saved < a.every * 60:
            continue
        run.save((time.time() - saved) / 60)
        saved = time.time()
        judge.load_state_dict(run.mean)
        ctc, own = rates(judge, weight, bias, pieces, some)
        print("{}: {minutes:.1f} min, {hours:.2f} h, {steps} steps, loss a piece {:.3f}, words wrong {:.1f} % (CTC {:.1f})".format(
            name, np.mean(seen), own, ctc, **run.done), flush=True)
        seen = []
    for set_ in sorted({c[1] for c in held}):
        ctc, own = rates(judge, weight, bias, pieces, [c for c in held if c[1] == set_])
        print(f"{name}: {set_}: words wrong {own:.1f} %, CTC {ctc:.1f} %", flush=True)


if __name__ == "__main__":
    main()
