"""Checkpoint -> folder with model.onnx, tokens.txt, tokenizer.model and model.json, in the layout of NeMo's CTC exports.

  python export.py CHECKPOINT.pt [...] --work WORK --out FOLDER

Of several checkpoints of one run, each cooled by itself, the mean is taken: it makes fewer errors than the best of them.

Batch norm statistics are measured again for the averaged weights, weights are stored as float16 and cast in the graph.
The result is compared with the PyTorch network before it is kept.
"""
import argparse
import hashlib
import json
import os
import shutil
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn
from onnx import TensorProto, helper, numpy_helper

from batches import Mix, Source
from evaluate import load_piece_model
from model import Dropout, Shape, build, rows_of


class Exported(nn.Module):
    """audio_signal float32 [B,80,T], length int64 [B] -> logprobs float32 [B,ceil(T/8),V+1]."""

    def __init__(self, net):
        super().__init__()
        self.encoder, self.decoder, self.drop = net.encoder, net.decoder, Dropout(0)

    def forward(self, audio_signal, length):
        outs = self.encoder(audio_signal.transpose(1, 2), length, self.drop)
        return self.decoder(outs[-1]).log_softmax(-1)


def calibrate(net, source, batches=60):
    """Batch norm statistics over training audio for these very weights."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm1d)]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None               # a plain average over all batches
    net.train()
    done = 0
    with torch.no_grad():
        while done < batches:
            for x, _, _ in source.batches(Mix(strength=0.3, longest=2000), 6000):
                net(x, Dropout(0))
                done += 1
    return net.eval()


def halve(graph):
    """Store large float32 initializers as float16 with a Cast in front of their users."""
    casts, kept = [], []
    for t in graph.initializer:
        if t.data_type == TensorProto.FLOAT and np.prod(t.dims) >= 64:
            small = numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float16), t.name + "_f16")
            kept.append(small)
            casts.append(helper.make_node("Cast", [small.name], [t.name], to=TensorProto.FLOAT, name=t.name + "_cast"))
        else:
            kept.append(t)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def read_weights(path):
    """model.onnx written here -> {parameter name: float32 tensor}."""
    out = {}
    for t in onnx.load(path).graph.initializer:
        name = t.name.removesuffix("_f16")
        if name.startswith(("encoder.", "decoder.")):
            out[name] = torch.from_numpy(numpy_helper.to_array(t).astype(np.float32))
    return out


def shape_of(weights, mels=80):
    """{parameter name: tensor} of an exported model -> its Shape."""
    first, head = "encoder.layers.0.", weights["decoder.decoder_layers.0.weight"]
    return Shape(vocab=head.shape[0] - 1, width=head.shape[1], mels=mels,
                 layers=1 + max(int(n.split(".")[2]) for n in weights if n.startswith("encoder.layers.")),
                 heads=weights[first + "self_attn.pos_bias_u"].shape[0],
                 channels=weights["encoder.pre_encode.conv.0.weight"].shape[0],
                 kernel=weights[first + "conv.depthwise_conv.weight"].shape[2],
                 expansion=weights[first + "feed_forward1.linear1.weight"].shape[0] // head.shape[1])


def compare(path, net):
    """Largest log-probability difference between ONNX Runtime and PyTorch, over lengths and in a padded batch."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wrapped, worst = Exported(net).eval(), 0.0
    gen = torch.Generator().manual_seed(3)
    x = torch.randn(2, net.shape.mels, 777, generator=gen)
    for frames in (1, 8, 9, 64, 257, 777):
        length = torch.tensor([frames])
        part = x[:1, :, :frames].contiguous()
        with torch.no_grad():
            want = wrapped(part, length).numpy()
        got = session.run(None, {"audio_signal": part.numpy(), "length": length.numpy()})[0]
        assert got.shape == want.shape == (1, rows_of(frames), want.shape[2]), (frames, got.shape, want.shape)
        worst = max(worst, float(np.abs(got - want).max()))
        both = session.run(None, {"audio_signal": x.numpy(), "length": np.array([frames, 777])})[0]
        worst = max(worst, float(np.abs(both[0, :got.shape[1]] - got[0]).max()))
    return worst


def write(net, path):
    """The network as path, with float16 weights, which the network then has too. Returns the largest difference of a
    log-probability between the file and the network; AssertionError where it is more than 1e-3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")     # about slices that stay as they are
        torch.onnx.export(Exported(net).eval(), (torch.randn(1, net.shape.mels, 256), torch.tensor([256])), path,
                          dynamo=False, opset_version=17, do_constant_folding=False, input_names=["audio_signal", "length"],
                          output_names=["logprobs"], dynamic_axes={"audio_signal": {0: "B", 2: "T"}, "length": {0: "B"},
                                                                   "logprobs": {0: "B", 1: "R"}})
    model = onnx.load(path)
    halve(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    for p in list(net.parameters()) + list(net.buffers()):
        if p.numel() >= 64:
            p.data = p.data.half().float()
    worst = compare(path, net)
    assert worst < 1e-3, worst
    return worst


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("checkpoint", nargs="+", help="the last one names the hours")
    ap.add_argument("--work", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--name", default="small-en")
    ap.add_argument("--language", default="en", help="empty for a model that knows none yet")
    a = ap.parse_args()
    torch.set_num_threads(1)
    states = [torch.load(path, weights_only=False) for path in a.checkpoint]
    state = states[-1]
    net = build(Shape(**state["shape"]))
    mean = {name: torch.stack([s["mean"][name] for s in states]).mean(0) for name in state["mean"]}
    net.load_state_dict(mean | state["buffers"], strict=False)
    calibrate(net, Source([f"{a.work}/human/train"], [1], load_piece_model(f"{a.work}/tokenizer").encode, {}, 7))
    os.makedirs(a.out, exist_ok=True)
    path = f"{a.out}/model.onnx"
    worst = write(net, path)
    for name in ("tokenizer.model", "tokens.txt"):
        shutil.copyfile(f"{a.work}/tokenizer/{name}", f"{a.out}/{name}")
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    with open(f"{a.out}/model.json", "w") as f:
        json.dump({"name": a.name, "language": a.language, "casing": "lower", "licence": "CC-BY-4.0",
                   "source": f"models/train, {state['hours']:.0f} hours of audio passed", "mels": 80, "max_rows": 5000,
                   "sha256": {"model.onnx": digest}}, f, indent=1)
        f.write("\n")
    print(f"{path}: {os.path.getsize(path) / 1e6:.1f} MB, at most {worst:.1e} from PyTorch")


if __name__ == "__main__":
    main()
