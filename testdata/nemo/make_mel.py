#!/usr/bin/env python3
"""Make the log-mel fixtures of asr/mel with NeMo itself: make_mel.py OUTDIR

Needs nemo_toolkit[asr]==3.0.0 and librosa (which NeMo installs). Writes, float32:
  signals.npy         [signals, samples]        test signals at 16 kHz
  logmel{80,128}.npy  [signals, bands, frames]  raw log-mel, valid frames, as NeMo computes it (float32)
  exact{80,128}.npy   [signals, bands, frames]  the same by NeMo in float64
  feats{80,128}.npy   [signals, bands, frames]  normalised per feature (float32)
  filters{80,128}.npy [bands, 257]              librosa's mel filter bank
and counts.npy [n, 2]: sample counts and the frame counts NeMo gives them (float64).
The order of the signals is that of `signals` below.
"""
import sys

import librosa
import numpy as np
import torch
from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor

SAMPLES = 9637  # 60 frames and 37 samples more


def signals():
    rng = np.random.default_rng(7)
    t = np.arange(SAMPLES) / 16000
    noise = rng.standard_normal(SAMPLES) * 0.1
    voiced = sum(np.sin(2 * np.pi * 120 * h * t + h) / h for h in range(1, 40)) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))
    speechlike = 0.15 * voiced / np.abs(voiced).max() + 0.003 * rng.standard_normal(SAMPLES)
    silence = np.zeros(SAMPLES)
    click, first, last = silence.copy(), silence.copy(), silence.copy()
    click[5000], first[0], last[-1] = 0.5, 1.0, 1.0
    return [
        noise,                                              # noise
        0.5 * np.sin(2 * np.pi * (100 + 6000 * t) * t),     # chirp
        speechlike,                                         # speech-like
        np.clip(speechlike * 20, -1, 1),                    # clipped
        silence + 0.25,                                     # direct current
        speechlike * 10 ** (-30 / 20),                      # -30 dB
        speechlike * 10 ** (-60 / 20),                      # -60 dB
        speechlike * 10 ** (-90 / 20),                      # -90 dB
        0.9 * np.sin(2 * np.pi * 440 * t),                  # tone
        click,                                              # silence with a click
        first,                                              # impulse at the first sample
        last,                                               # impulse at the last sample
        silence,                                            # digital silence
    ]


def run(bands, normalize, x, dtype=torch.float32):
    p = AudioToMelSpectrogramPreprocessor(sample_rate=16000, normalize=normalize, window_size=0.025, window_stride=0.01,
        window="hann", features=bands, n_fft=512, log=True, frame_splicing=1, dither=1e-5, pad_to=0, pad_value=0.0).eval().to(dtype)
    with torch.no_grad():  # the module itself would turn its input to float32
        y, n = p.featurizer(torch.from_numpy(x).to(dtype)[None], torch.tensor([len(x)]))
    return y[0, :, : int(n[0])].numpy(), int(n[0])


def main(out):
    xs = np.stack(signals()).astype(np.float32)
    np.save(f"{out}/signals.npy", xs)
    for bands in (80, 128):
        np.save(f"{out}/logmel{bands}.npy", np.stack([run(bands, None, x)[0] for x in xs]))
        np.save(f"{out}/exact{bands}.npy", np.stack([run(bands, None, x, torch.float64)[0] for x in xs]).astype(np.float32))
        np.save(f"{out}/feats{bands}.npy", np.stack([run(bands, "per_feature", x)[0] for x in xs]))
        np.save(f"{out}/filters{bands}.npy", librosa.filters.mel(sr=16000, n_fft=512, n_mels=bands, fmin=0, fmax=8000, htk=False, norm="slaney"))
    lengths = [*range(160, 2001), *(s * 16000 + r for s in (1, 20, 33) for r in (0, 1, 159))]
    x = np.zeros(max(lengths), np.float32)
    np.save(f"{out}/counts.npy", np.array([[n, run(80, None, x[:n])[1]] for n in lengths], np.float64))


main(sys.argv[1])
