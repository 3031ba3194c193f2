"""Align what the transducer of the hybrid writes with the rows of its CTC head: make_aligned.py > hybrid/aligned.json

Needs torch and torchaudio 2.11, onnxruntime and numpy. For each clip: the first and the last row of each of the pieces in
hybrid/expected.json, on the best path through the log-probabilities that hybrid/both writes for the clip's features.
"""
import json
import os

import numpy as np
import onnxruntime
import torch

torch.version.cuda = "13.0"  # torchaudio refuses a torch built for another CUDA, on the CPU too
import torchaudio  # noqa: E402
from torchaudio.functional import forced_align  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BLANK = 144


def spans(logprobs, ids):
    labels = forced_align(torch.from_numpy(logprobs)[None], torch.tensor([ids], dtype=torch.int32), blank=BLANK)[0][0].tolist()
    out, before = [], BLANK
    for row, label in enumerate(labels):
        if label == BLANK:
            pass
        elif label == before:
            out[-1][1] = row
        else:
            out.append([row, row])
        before = label
    return out


def main():
    session = onnxruntime.InferenceSession(f"{HERE}/hybrid/both/encoder-model.onnx", providers=["CPUExecutionProvider"])
    with open(f"{HERE}/hybrid/expected.json") as f:
        expected = json.load(f)
    clips = {}
    for name, clip in expected["clips"].items():
        features = np.load(f"{HERE}/clips/{name}.feats.npy")
        feed = {"audio_signal": features[None].astype(np.float32), "length": np.array([features.shape[1]])}
        clips[name] = spans(session.run(["logprobs"], feed)[0][0], clip["ids"])
        assert len(clips[name]) == len(clip["ids"])
    print(json.dumps({"torchaudio": torchaudio.__version__, "clips": clips}))


main()
