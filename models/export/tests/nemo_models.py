"""Checkpoints that NeMo builds with random weights, or with those of a model exported here, and saves as .nemo files.

  python nemo_models.py hybrid|tdt OUT.nemo     at the size of published models: FULL

A random encoder's rows hardly differ over time and blank never wins. So that they resemble a trained model's, statistics of
batch norms and biases of positions are drawn away from their neutral values, and the CTC head is centred and scaled on real
speech until blank wins 78 % of rows. So is the joint of a transducer. The text such a model writes means nothing.
"""
import glob
import os
import re
import sys
import tempfile

import numpy as np
import onnx
import sentencepiece
import torch
from nemo.collections.asr.models import ASRModel
from omegaconf import OmegaConf
from onnx import numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import graph    # noqa: E402

SHAPES = {"tiny": {"n_layers": 2, "d_model": 64, "n_heads": 4, "subsampling_conv_channels": 32, "pred": 32},
          # stt_en_fastconformer_hybrid_large_pc and its siblings in other languages
          "large": {"n_layers": 17, "d_model": 512, "n_heads": 8, "subsampling_conv_channels": 256, "pred": 640},
          # parakeet-tdt-0.6b-v2
          "0.6b": {"n_layers": 24, "d_model": 1024, "n_heads": 8, "subsampling_conv_channels": 256, "pred": 640, "lstm": 2,
                   "use_bias": False, "xscaling": False}}
DURATIONS = [0, 1, 2, 3, 4]     # of every published TDT model
FULL = {"hybrid": {"shape": "large", "kind": "hybrid"},
        "tdt": {"shape": "0.6b", "kind": "rnnt", "durations": DURATIONS, "features": 128}}


def config(shape, tokenizer, kind="hybrid", durations=(), features=80, **encoder):
    """Configuration of a model: kind is hybrid, ctc or rnnt, with durations TDT. tokenizer is a folder with tokenizer.model
    and vocab.txt, or a list of letters."""
    shape = dict(SHAPES[shape]) if isinstance(shape, str) else dict(shape)
    pred, lstm, letters = shape.pop("pred", 32), shape.pop("lstm", 1), isinstance(tokenizer, list)
    joint, lasting = shape.pop("joint", pred), list(durations)
    conv = {"_target_": "nemo.collections.asr.modules.ConvASRDecoder", "feat_in": None, "num_classes": len(tokenizer) if letters else -1,
            "vocabulary": tokenizer if letters else []}
    ctc = {"decoder": conv, "decoding": {"strategy": "greedy"}}
    out = {
        "sample_rate": 16000, "log_prediction": False, "compute_eval_loss": False, "skip_nan_grad": False,
        "train_ds": None, "validation_ds": None, "test_ds": None,
        "preprocessor": {
            "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor", "sample_rate": 16000,
            "normalize": "per_feature", "window_size": 0.025, "window_stride": 0.01, "window": "hann", "features": features,
            "n_fft": 512, "log": True, "frame_splicing": 1, "dither": 1e-5, "pad_to": 0, "pad_value": 0.0},
        "encoder": {
            "_target_": "nemo.collections.asr.modules.ConformerEncoder", "feat_in": features, "feat_out": -1, "use_bias": True,
            "subsampling": "dw_striding", "subsampling_factor": 8, "causal_downsampling": False, "ff_expansion_factor": 4,
            "self_attention_model": "rel_pos", "att_context_size": [-1, -1], "att_context_style": "regular", "xscaling": True,
            "untie_biases": True, "pos_emb_max_len": 5000, "conv_kernel_size": 9, "conv_norm_type": "batch_norm",
            "conv_context_size": None, "dropout": 0.1, "dropout_pre_encoder": 0.1, "dropout_emb": 0.0, "dropout_att": 0.1,
            **shape, **encoder},
        "optim": {"name": "adamw", "lr": 1e-3},
    }
    if letters:
        out["labels"] = tokenizer
    else:
        out["tokenizer"] = {"dir": tokenizer, "type": "bpe"}
    if kind == "ctc":
        return OmegaConf.create(out | ctc | {"ctc_reduction": "mean_batch"})
    out |= {
        "rnnt_reduction": "mean_volume", "model_defaults": {"enc_hidden": out["encoder"]["d_model"], "pred_hidden": pred, "joint_hidden": joint},
        "decoder": {"_target_": "nemo.collections.asr.modules.RNNTDecoder", "normalization_mode": None, "random_state_sampling": False,
                    "blank_as_pad": True, "prednet": {"pred_hidden": pred, "pred_rnn_layers": lstm, "t_max": None, "dropout": 0.2}},
        "joint": {"_target_": "nemo.collections.asr.modules.RNNTJoint", "log_softmax": None, "preserve_memory": False,
                  "fuse_loss_wer": False, "fused_batch_size": 4, "num_extra_outputs": len(lasting),
                  "jointnet": {"joint_hidden": joint, "activation": "relu", "dropout": 0.2}},
        "decoding": {"strategy": "greedy_batch", "greedy": {"max_symbols": 10}},
        "loss": {"loss_name": "default", "warprnnt_numba_kwargs": {"fastemit_lambda": 0.0, "clamp": -1.0}},
    }
    if lasting:
        out["model_defaults"] |= {"tdt_durations": lasting, "num_tdt_durations": len(lasting)}
        out["decoding"] |= {"model_type": "tdt", "durations": lasting}
        out["loss"] = {"loss_name": "tdt_pytorch", "tdt_pytorch_kwargs": {"durations": lasting, "sigma": 0.02, "omega": 0.1}}
    if kind == "hybrid":
        out["aux_ctc"] = ctc | {"ctc_loss_weight": 0.3, "use_cer": False, "ctc_reduction": "mean_batch"}
        out["interctc"] = {"loss_weights": [], "apply_at_layers": []}
    return OmegaConf.create(out)


def new(cfg, kind="hybrid"):
    from nemo.collections.asr import models
    letters = "tokenizer" not in cfg
    names = {"hybrid": "EncDecHybridRNNTCTC{}Model", "ctc": "EncDecCTCModel{}", "rnnt": "EncDecRNNT{}Model"}
    torch.manual_seed(1234)
    return getattr(models, names[kind].format("" if letters else "BPE"))(cfg=cfg).eval()


def enliven(model, speech, blank_share=0.78, spread=2.5, memory=1.0):
    """Makes a random model's rows vary; speech is a list of float32 clips at 16 kHz. memory says how much the labels written so
    far count in a transducer, against the row. With 1 a single label that falls otherwise changes all that follow, so two
    programs write the same only if they are given the same samples. With 0.1 the text is that of the rows, as with CTC."""
    gen = torch.Generator().manual_seed(99)
    with torch.no_grad():
        for m in model.encoder.modules():
            if isinstance(m, torch.nn.BatchNorm1d):
                m.running_mean.copy_(0.1 * torch.randn(m.running_mean.shape, generator=gen))
                m.running_var.copy_(0.02 + 0.5 * torch.rand(m.running_var.shape, generator=gen))
        for name, p in model.encoder.named_parameters():
            if "pos_bias" in name:
                p.copy_(0.1 * torch.randn(p.shape, generator=gen))
        rows = []
        for x in speech:
            feats, n = model.preprocessor(input_signal=torch.from_numpy(x)[None], length=torch.tensor([len(x)]))
            encoded, n = model.encoder(audio_signal=feats, length=n)
            rows.append(encoded[0, :, :int(n[0])].T.double())
        rows = torch.cat(rows)
        if hasattr(model, "ctc_decoder") or not hasattr(model, "joint"):
            enliven_ctc(model, rows, gen, blank_share, spread)
        if hasattr(model, "joint"):
            enliven_joint(model, rows, gen, blank_share, memory)
    return model


def enliven_ctc(model, rows, gen, blank_share, spread):
    conv = (model.ctc_decoder if hasattr(model, "ctc_decoder") else model.decoder).decoder_layers[0]
    weights, bias = centred(rows, torch.randn(conv.weight.shape[:2], generator=gen), spread)
    logits = rows @ weights.T + bias
    bias[-1] += torch.quantile(logits[:, :-1].amax(1) - logits[:, -1], blank_share)
    conv.weight.copy_(weights[:, :, None])
    conv.bias.copy_(bias)


def centred(values, weights, spread):
    """Weights and bias with which a linear layer gives numbers of mean 0 and so much deviation on values."""
    mean = values.mean(0)
    weights = weights.double() / values.std(0).clamp(min=1e-9)
    weights *= (spread / ((values - mean) @ weights.T).std(0))[:, None]
    return weights, -(weights @ mean)


def enliven_joint(model, rows, gen, blank_share, memory):
    """Blank wins so many pairs of rows and states. Labels of TDT last any duration."""
    joint, labels = model.joint, torch.randint(model.decoder.vocab_size, (1, len(rows) - 1), generator=gen)
    states = model.decoder.predict(labels, None, add_sos=True)[0][0].double()
    hidden = 0
    for layer, values, spread in ((joint.enc, rows, 1.0), (joint.pred, states, memory)):
        weights, bias = centred(values, torch.randn(layer.weight.shape, generator=gen), spread)
        layer.weight.copy_(weights)
        layer.bias.copy_(bias)
        hidden = hidden + values @ weights.T + bias
    last, blank = joint.joint_net[-1], model.decoder.blank_idx
    hidden = hidden.relu()
    weights, bias = centred(hidden, torch.randn(last.weight.shape, generator=gen), 2.5)
    logits = hidden @ weights.T + bias
    bias[blank] += torch.quantile(logits[:, :blank].amax(1) - logits[:, blank], blank_share)
    last.weight.copy_(weights)
    last.bias.copy_(bias)


def tokenizer_folder(folder, to):
    """NeMo wants tokenizer.model with vocab.txt beside it; makes both from a model's folder."""
    os.makedirs(to, exist_ok=True)
    with open(f"{folder}/tokenizer.model", "rb") as f, open(f"{to}/tokenizer.model", "wb") as out:
        out.write(f.read())
    with open(f"{folder}/tokens.txt", encoding="utf-8") as f, open(f"{to}/vocab.txt", "w", encoding="utf-8") as out:
        out.writelines(line.rsplit(" ", 1)[0] + "\n" for line in list(f)[1:-1])
    return to


def new_tokenizer(to, size, texts):
    """Trains SentencePiece (BPE) on files of English."""
    os.makedirs(to, exist_ok=True)
    lines = [" ".join(re.findall(r"[A-Za-z.,?']+", line)) for path in texts for line in open(path, encoding="utf-8")]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=f"{to}/tokenizer", vocab_size=size, model_type="bpe",
        character_coverage=1.0, bos_id=-1, eos_id=-1, unk_id=0, pad_id=-1, minloglevel=2, num_threads=1)
    pieces = sentencepiece.SentencePieceProcessor(model_file=f"{to}/tokenizer.model")
    with open(f"{to}/vocab.txt", "w", encoding="utf-8") as f:
        f.writelines(pieces.id_to_piece(i) + "\n" for i in range(1, size))
    return to


def weights_of(path):
    """Parameters of encoder and CTC head from a graph that NeMo or models/train exported: {NeMo's name: tensor}.

    The exporter may have turned the matrices of linear layers round and folded batch norms into the convolutions before
    them; their nodes still bear the modules' names.
    """
    model = onnx.load(path)
    graph.widen(model)
    values = {t.name: numpy_helper.to_array(t).astype(np.float32) for t in model.graph.initializer}
    out = {n.removeprefix("ctc_"): v for n, v in values.items() if n.startswith(("encoder.", "decoder.", "ctc_decoder."))}
    for node in model.graph.node:
        if node.op_type not in ("MatMul", "Conv") or node.input[1] not in values or node.input[1].removeprefix("ctc_") in out:
            continue
        module = ".".join(node.name.strip("/").split("/")[:-1])
        module = module if module.startswith("encoder.") else f"encoder.{module}"
        out[f"{module}.weight"] = values[node.input[1]].T if node.op_type == "MatMul" else values[node.input[1]]
        if module.endswith("depthwise_conv"):
            width = values[node.input[1]].shape[0]
            norm = module.replace("depthwise_conv", "batch_norm")
            out[f"{module}.bias"] = values[node.input[2]]
            out |= {f"{norm}.weight": np.ones(width), f"{norm}.bias": np.zeros(width), f"{norm}.running_mean": np.zeros(width),
                    f"{norm}.running_var": np.full(width, 1 - 1e-5)}    # batch norm adds 1e-5
    return {n: torch.tensor(np.ascontiguousarray(v), dtype=torch.float32) for n, v in out.items()}


def scales(path, width):
    """Whether the network multiplies what enters its layers by the root of its width: no weight shows it."""
    model = onnx.load(path)
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    values |= {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in model.graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"}
    factors = [values[i] for n in model.graph.node if n.op_type == "Mul" for i in n.input if i in values]
    return any(f.size == 1 and abs(f.item() - width ** 0.5) < 1e-3 for f in factors)


def rebuild(folder, work):
    """A NeMo CTC model with the weights of a folder that NeMo or models/train exported; every weight must find its place."""
    weights = weights_of(f"{folder}/model.onnx")
    hidden, width = weights["encoder.layers.0.feed_forward1.linear1.weight"].shape
    shape = {"n_layers": 1 + max(int(n.split(".")[2]) for n in weights if n.startswith("encoder.layers.")), "d_model": width,
             "n_heads": weights["encoder.layers.0.self_attn.pos_bias_u"].shape[0], "ff_expansion_factor": hidden // width,
             "conv_kernel_size": weights["encoder.layers.0.conv.depthwise_conv.weight"].shape[2],
             "subsampling_conv_channels": weights["encoder.pre_encode.conv.0.weight"].shape[0],
             "xscaling": scales(f"{folder}/model.onnx", width)}
    model = new(config(shape, tokenizer_folder(folder, work), "ctc"), "ctc")
    own = model.state_dict()
    missing = {n for n in own if n.startswith(("encoder.", "decoder.")) and n not in weights and "num_batches_tracked" not in n}
    assert not missing and not set(weights) - set(own), (missing, set(weights) - set(own))
    model.load_state_dict(own | weights, strict=True)
    return model


def restore(path):
    return ASRModel.restore_from(path, map_location=torch.device("cpu")).eval()


def full(name, path, work):
    """Saves the checkpoint of FULL with this name, with 1,024 pieces. work is an empty folder."""
    import features
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
    clips = sorted(glob.glob(f"{here}/testdata/speech/ljspeech/*.flac"))[:5]
    tokenizer = new_tokenizer(f"{work}/pieces", 1024, [f"{here}/LICENSE", f"{here}/testdata/speech/index.tsv"])
    options = dict(FULL[name])
    shape, kind = options.pop("shape"), options["kind"]
    model = enliven(new(config(shape, tokenizer, **options), kind), [features.read(c) for c in clips])
    model.save_to(path)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in FULL:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        full(sys.argv[1], sys.argv[2], folder)
