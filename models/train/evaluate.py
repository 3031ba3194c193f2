"""Word error rates, greedy, by set: held-out speakers and sentences, and the recordings of testsets.py.

  python evaluate.py MODEL --work WORK [--speech FOLDER] [--show N]     MODEL: checkpoint (.pt) or folder of model.onnx

Recordings longer than a window of 25.6 s are read as the program reads them: windows with 1.6 s of context, each
normalised by itself, of which the core rows are kept; the last one has 6.4 s or more.
"""
import argparse
import os
import random

import numpy as np
import onnxruntime
import sentencepiece
import torch

import testsets
from features import normalise
from model import Dropout, Shape, build, rows_of
from store import Store

WINDOW, CONTEXT, LAST = 2560, 160, 640     # mel frames


def load_piece_model(folder):
    return sentencepiece.SentencePieceProcessor(model_file=f"{folder}/tokenizer.model")


def errors(truth, guess):
    """Word substitutions + deletions + insertions."""
    a, b = truth.split(), guess.split()
    row = np.arange(len(b) + 1)
    for i, word in enumerate(a, 1):
        new = np.minimum(row[1:] + 1, row[:-1] + np.array([word != w for w in b], int))
        new = np.concatenate([[i], new])
        # Insertions run along the row: new[j] = min over k <= j of new[k] + (j - k).
        row = np.minimum.accumulate(new - np.arange(len(new))) + np.arange(len(new))
    return int(row[-1])


def collapse(ids, blank):
    """Row-wise best ids [R] -> pieces: runs merged, blanks dropped."""
    keep = np.concatenate([[True], ids[1:] != ids[:-1]]) & (ids != blank)
    return ids[keep].tolist()


class TorchModel:
    """A checkpoint's averaged weights in float32."""

    def __init__(self, shape, weights):
        self.net = build(shape)
        missing = [k for k in self.net.load_state_dict(weights, strict=False).missing_keys
                   if "_head" not in k and "num_batches" not in k]
        assert not missing, missing
        self.net.eval()
        self.blank = shape.vocab

    @torch.no_grad()
    def ids(self, features):
        """list of float32 [T,80] -> list of best ids per row."""
        frames = torch.tensor([len(f) for f in features])
        x = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(f) for f in features], batch_first=True)
        best = self.net(x, Dropout(0), frames)[0].argmax(-1)
        return [best[i, :rows_of(int(n))].numpy() for i, n in enumerate(frames)]


class OnnxModel:
    def __init__(self, folder):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options, providers=["CPUExecutionProvider"])
        with open(f"{folder}/tokens.txt", encoding="utf-8") as f:
            self.blank = sum(1 for _ in f) - 1

    def ids(self, features):
        frames = np.array([len(f) for f in features])
        x = np.zeros((len(features), features[0].shape[1], frames.max()), np.float32)
        for i, f in enumerate(features):
            x[i, :, :len(f)] = f.T
        best = self.session.run(None, {"audio_signal": x, "length": frames})[0].argmax(-1)
        return [best[i, :rows_of(n)] for i, n in enumerate(frames)]


def windows(mel):
    """log-mel [T,80] -> list of (first frame, frames, first core row, core rows), rows counted in the window."""
    if len(mel) <= WINDOW:
        return [(0, len(mel), 0, rows_of(len(mel)))]
    out, at = [], 0
    while at < len(mel):
        start = min(max(0, at - CONTEXT), (len(mel) - LAST + 7) // 8 * 8)
        size = min(WINDOW, len(mel) - start)
        end = len(mel) if start + size == len(mel) else start + size - CONTEXT
        out.append((start, size, (at - start) // 8, rows_of(end - at)))
        at = end
    return out


def transcribe(model, pieces, mels, budget=6000, prepare=normalise):
    """list of log-mel [T,80] -> texts; windows of similar length go together."""
    todo = [(i, w) for i, mel in enumerate(mels) for w in windows(mel)]
    order = sorted(range(len(todo)), key=lambda k: todo[k][1][1])
    ids, at = [None] * len(todo), 0
    while at < len(order):
        group = order[at:at + max(1, budget // todo[order[at]][1][1])]
        features = [prepare(np.asarray(mels[i][start:start + size], np.float32))
                    for i, (start, size, _, _) in (todo[k] for k in group)]
        for k, rows in zip(group, model.ids(features)):
            ids[k] = rows[todo[k][1][2]:][:todo[k][1][3]]
        at += len(group)
    rows = [[] for _ in mels]
    for (i, _), part in zip(todo, ids):
        rows[i].append(part)
    return [pieces.decode(collapse(np.concatenate(r), model.blank)) for r in rows]


def rate(model, pieces, clips, show=0):
    """clips: list of (log-mel [T,80], text) -> word error rate in percent."""
    guesses = transcribe(model, pieces, [m for m, _ in clips])
    for (_, truth), guess in list(zip(clips, guesses))[:show]:
        print(f"    {truth}\n  > {guess}")
    return 100 * sum(errors(t, g) for (_, t), g in zip(clips, guesses)) / sum(len(t.split()) for _, t in clips)


def held_out(work):
    """{set: [(log-mel, text)]} of the held-out speakers and synthetic sentences."""
    sets = {}
    folders = [f"{work}/human/held"] + sorted(f"{work}/tts/{d}" for d in os.listdir(f"{work}/tts")
                                              if d.endswith("-held") and os.path.exists(f"{work}/tts/{d}/clips.tsv"))
    for folder in folders:
        store = Store(folder)
        for clip in store.clips:
            sets.setdefault(clip.set, []).append((store.frames(clip), clip.text))
    return sets


def quick(work, shape, weights, clips=40):
    """Word error rates on a few clips of every held-out set, on one line."""
    model, pieces = TorchModel(shape, weights), load_piece_model(f"{work}/tokenizer")
    out = []
    for name, some in held_out(work).items():
        some = random.Random(1).sample(some, min(clips, len(some)))
        out.append(f"{name} {rate(model, pieces, some):.1f}")
    return " ".join(out)


def joined(clips, frames):
    """Clips joined one after another to stretches of about so many frames, 0.2 s of quiet between them."""
    out, mels, texts = [], [], []
    for mel, text in clips:
        mels += [mel, np.tile(np.min(np.asarray(mel, np.float32), 0), (20, 1))]
        texts.append(text)
        if sum(map(len, mels)) >= frames:
            out.append((np.concatenate(mels), " ".join(texts)))
            mels, texts = [], []
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model")
    ap.add_argument("--work", required=True)
    ap.add_argument("--speech", help="folder of test recordings, see testsets.py")
    ap.add_argument("--show", type=int, default=0, help="print so many texts of every set")
    a = ap.parse_args()
    torch.set_num_threads(1)
    if a.model.endswith(".pt"):
        state = torch.load(a.model, weights_only=False)
        print(f"{a.model}: {state['hours']:.0f} hours of audio passed")
        model = TorchModel(Shape(**state["shape"]), state["mean"] | state["buffers"])
        pieces = load_piece_model(f"{a.work}/tokenizer")
    else:
        model, pieces = OnnxModel(a.model), load_piece_model(a.model)
    sets = held_out(a.work)
    read = sets["librispeech-mini"]
    sets["librispeech-mini, joined to 25 s"] = joined(read, 2400)
    sets["librispeech-mini, joined to 2 min"] = joined(read, 12000)
    if a.speech:
        sets |= testsets.load(a.speech)
    print(f"{'set':<36}{'clips':>6}{'words':>7}{'error %':>9}")
    for name, clips in sets.items():
        if not clips:
            continue        # too little to join
        words = sum(len(t.split()) for _, t in clips)
        print(f"{name:<36}{len(clips):>6}{words:>7}{rate(model, pieces, clips, a.show):>9.1f}", flush=True)


if __name__ == "__main__":
    main()
