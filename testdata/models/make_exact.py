#!/usr/bin/env python3
"""Log-probabilities of tiny-random on features that NeMo computes in float64.

make_exact.py tiny-random     needs nemo_toolkit[asr]==3.0.0, onnxruntime, soundfile

Writes fixtures/NAME.exact.npy [rows, width] beside the NAME.logprobs.npy that NeMo made
from its float32 features, and prints how far the two are apart: what NeMo's own rounding
does to the rows.
"""
import glob, os, sys

import numpy as np
import onnxruntime as ort
import soundfile as sf
import torch
from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor

root = sys.argv[1]
session = ort.InferenceSession(f"{root}/model.onnx", providers=["CPUExecutionProvider"])
pre = AudioToMelSpectrogramPreprocessor(sample_rate=16000, normalize="per_feature", window_size=0.025, window_stride=0.01,
    window="hann", features=80, n_fft=512, log=True, frame_splicing=1, dither=1e-5, pad_to=0, pad_value=0.0).eval().double()
for path in sorted(glob.glob(f"{root}/fixtures/*.wav")):
    name = os.path.basename(path)[:-4]
    x, _ = sf.read(path, dtype="float64")
    with torch.no_grad():
        feats, n = pre.featurizer(torch.from_numpy(x)[None], torch.tensor([len(x)]))
    feats = feats[:, :, : int(n[0])].float().numpy()
    rows = session.run(None, {"audio_signal": feats, "length": np.array([feats.shape[2]], np.int64)})[0][0]
    np.save(f"{root}/fixtures/{name}.exact.npy", rows)
    print(name, "NeMo float32 against float64:", np.abs(rows - np.load(f"{root}/fixtures/{name}.logprobs.npy")).max())
