"""Proof against NeMo: load an exported model's weights strictly into NeMo's EncDecCTCModelBPE and compare.

  python nemo_check.py FOLDER CLIP.wav... [--save model.nemo]      (in an environment with nemo_toolkit[asr]==3.0.0)

Compares NeMo's own features and log-probabilities with ours and with ONNX Runtime on real clips (16 kHz mono), alone and
in a padded batch, and the greedy text. FOLDER must come from export.py.
"""
import argparse
import os
import tempfile

import numpy as np
import onnxruntime
import soundfile
import torch
from nemo.collections.asr.models import EncDecCTCModelBPE
from omegaconf import OmegaConf

from export import read_weights, shape_of
from features import log_mel, normalise
from model import rows_of


def config(s, tokenizer):
    return OmegaConf.create({
        "sample_rate": 16000, "log_prediction": False, "ctc_reduction": "mean_batch", "skip_nan_grad": False,
        "train_ds": None, "validation_ds": None, "test_ds": None,
        "tokenizer": {"dir": tokenizer, "type": "bpe"},
        "preprocessor": {
            "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor", "sample_rate": 16000,
            "normalize": "per_feature", "window_size": 0.025, "window_stride": 0.01, "window": "hann", "features": 80,
            "n_fft": 512, "log": True, "frame_splicing": 1, "dither": 1e-5, "pad_to": 0, "pad_value": 0.0},
        "encoder": {
            "_target_": "nemo.collections.asr.modules.ConformerEncoder", "feat_in": 80, "feat_out": -1,
            "n_layers": s.layers, "d_model": s.width, "use_bias": True, "subsampling": "dw_striding",
            "subsampling_factor": 8, "subsampling_conv_channels": s.channels, "causal_downsampling": False,
            "ff_expansion_factor": s.expansion, "self_attention_model": "rel_pos", "n_heads": s.heads,
            "att_context_size": [-1, -1], "att_context_style": "regular", "xscaling": True, "untie_biases": True,
            "pos_emb_max_len": 5000, "conv_kernel_size": s.kernel, "conv_norm_type": "batch_norm",
            "conv_context_size": None, "dropout": 0.1, "dropout_pre_encoder": 0.1, "dropout_emb": 0.0,
            "dropout_att": 0.1},
        "decoder": {"_target_": "nemo.collections.asr.modules.ConvASRDecoder", "feat_in": None, "num_classes": -1,
                    "vocabulary": []},
        "decoding": {"strategy": "greedy"},
        "optim": {"name": "adamw", "lr": 1e-3},
    })


def tokenizer_folder(folder, to):
    """NeMo wants tokenizer.model with vocab.txt beside it."""
    os.symlink(os.path.abspath(f"{folder}/tokenizer.model"), f"{to}/tokenizer.model")
    with open(f"{folder}/tokens.txt", encoding="utf-8") as f, open(f"{to}/vocab.txt", "w", encoding="utf-8") as out:
        out.writelines(line.rsplit(" ", 1)[0] + "\n" for line in list(f)[1:-1])
    return to


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder")
    ap.add_argument("clips", nargs="+")
    ap.add_argument("--save", help="also write a .nemo file")
    a = ap.parse_args()
    weights = read_weights(f"{a.folder}/model.onnx")
    with tempfile.TemporaryDirectory() as to:
        model = EncDecCTCModelBPE(config(shape_of(weights), tokenizer_folder(a.folder, to)))
        own = {k: v for k, v in model.state_dict().items() if k.startswith(("encoder.", "decoder."))}
        extra = set(weights) - set(own)
        missing = {k for k in set(own) - set(weights) if "num_batches_tracked" not in k}
        assert not extra and not missing, (extra, missing)
        for k, v in weights.items():
            assert own[k].shape == v.shape, (k, own[k].shape, v.shape)
        rest = {k: v for k, v in model.state_dict().items() if k not in weights}
        model.load_state_dict(weights | rest, strict=True)
        model.eval()
        if a.save:
            model.save_to(a.save)
    session = onnxruntime.InferenceSession(f"{a.folder}/model.onnx", providers=["CPUExecutionProvider"])
    worst = 0.0
    longest = max(soundfile.info(c).frames for c in a.clips) // 160
    for clip in a.clips:
        x, rate = soundfile.read(clip, dtype="float32")
        assert rate == 16000 and x.ndim == 1, clip
        mine = normalise(log_mel(x)).T[None]
        with torch.no_grad():
            feats, n = model.preprocessor(input_signal=torch.from_numpy(x)[None], length=torch.tensor([len(x)]))
            n, rows = int(n[0]), rows_of(int(n[0]))
            lp = model(processed_signal=feats[:, :, :n], processed_signal_length=torch.tensor([n]))[0][0].numpy()
        out = session.run(None, {"audio_signal": np.ascontiguousarray(mine), "length": np.array([n])})[0][0]
        padded = np.zeros((2, 80, longest), np.float32)
        padded[0, :, :n] = mine[0]
        padded[1] = np.random.default_rng(0).normal(size=padded[1].shape)
        both = session.run(None, {"audio_signal": padded, "length": np.array([n, longest])})[0][0, :rows]
        assert lp.shape == out.shape == both.shape, (lp.shape, out.shape, both.shape)
        worst = max(worst, np.abs(lp - out).max(), np.abs(both - out).max())
        print(f"{os.path.basename(clip)}: features {np.abs(feats[0, :, :n].numpy() - mine[0]).max():.1e}, log-probs "
              f"{np.abs(lp - out).max():.1e}, padded batch {np.abs(both - out).max():.1e}, "
              f"same best pieces: {bool((lp.argmax(1) == out.argmax(1)).all())}")
    assert worst <= 1e-3, f"log-probabilities differ by up to {worst:.2g}; 1e-3 is allowed"


if __name__ == "__main__":
    main()
