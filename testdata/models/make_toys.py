#!/usr/bin/env python3
"""Build the toy models of the tests: make_toys.py OUTDIR   (needs numpy and onnx)

Each is a folder OUTDIR/NAME with model.onnx and tokens.txt, some kilobytes in all, with
the inputs and outputs of a FastConformer CTC export. They take raw log-mel (metadata
normalize_type "NA"), so that what they answer depends on the sound alone.

  tones     row r looks at frame 8r only and says in which quarter of the 80 bands one is loud:
            "▁one", "▁two", "▁three" or "▁four"; blank if none is
  local     random convolution over frames 8r-7 to 8r+7: the reach of the subsampling
  logits    tones without the log-softmax at the end
  leaky     tones whose rows depend on how much padding there is

and, each wrong in one way: two-rows (subsamples by 4), seventynine (bands), audio (takes
samples), cached (a third input), narrow (fewer columns than pieces), nan, halves (float16).
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PIECES = ["<unk>", "▁one", "▁two", "▁three", "▁four"]
LOUD = -2.0  # log-mel above which a band is loud


def const(name, value, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def tones(step=8, bands=80):
    """x[:, :, ::step] -> 4 * (largest of each quarter - LOUD); blank at 0, <unk> far below."""
    nodes = [
        helper.make_node("Slice", ["audio_signal", "zero", "end", "axis", "step"], ["picked"]),
        helper.make_node("Transpose", ["picked"], ["rows"], perm=[0, 2, 1]),
        helper.make_node("MaxPool", ["rows"], ["largest"], kernel_shape=[bands // 4], strides=[bands // 4]),
        helper.make_node("Sub", ["largest", "loud"], ["above"]),
        helper.make_node("Mul", ["above", "four"], ["words"]),
        helper.make_node("Slice", ["words", "zero", "one", "axis", "one"], ["first"]),
        helper.make_node("Mul", ["first", "nought"], ["blank"]),
        helper.make_node("Sub", ["blank", "far"], ["unknown"]),
        helper.make_node("Concat", ["unknown", "words", "blank"], ["logits"], axis=2),
    ]
    inits = [const("zero", [0], np.int64), const("one", [1], np.int64), const("end", [2**31 - 1], np.int64),
             const("axis", [2], np.int64), const("step", [step], np.int64),
             const("loud", [LOUD]), const("four", [4.0]), const("nought", [0.0]), const("far", [200.0])]
    return nodes, inits


def softmax(nodes, source="logits"):
    return nodes + [helper.make_node("LogSoftmax", [source], ["logprobs"], axis=-1)]


def save(out, name, nodes, inits, inputs=None, bands=80, width=None, pieces=PIECES, kind=TensorProto.FLOAT, meta=None):
    width = width or len(PIECES) + 1
    inputs = inputs or [("audio_signal", kind, ["batch", bands, "frames"]), ("length", TensorProto.INT64, ["batch"])]
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info(*i) for i in inputs],
                              [helper.make_tensor_value_info("logprobs", kind, ["batch", "rows", width])], inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="make_toys")
    helper.set_model_props(model, {"normalize_type": "NA", **(meta or {})})
    onnx.checker.check_model(model)
    os.makedirs(f"{out}/{name}", exist_ok=True)
    onnx.save(model, f"{out}/{name}/model.onnx")
    with open(f"{out}/{name}/tokens.txt", "w", encoding="utf-8") as f:
        f.writelines(f"{p} {i}\n" for i, p in enumerate(pieces + ["<blk>"]))


def main(out):
    nodes, inits = tones()
    save(out, "tones", softmax(nodes), inits)
    save(out, "logits", nodes + [helper.make_node("Identity", ["logits"], ["logprobs"])], inits)

    rng = np.random.default_rng(5)
    pieces = [f"▁{a}{b}" for a in "bd" for b in "aeio"]
    w = rng.standard_normal((len(pieces) + 1, 80, 15)).astype(np.float32) / 256
    bias = -w.sum((1, 2)) * -10  # log-mel lies around -10
    local = [helper.make_node("Conv", ["audio_signal", "weights", "bias"], ["scores"], strides=[8], pads=[7, 7]),
             helper.make_node("Transpose", ["scores"], ["logits"], perm=[0, 2, 1])]
    save(out, "local", softmax(local), [const("weights", w), const("bias", bias)], width=len(pieces) + 1, pieces=pieces)

    leaky = nodes + [helper.make_node("ReduceMean", ["audio_signal"], ["all"], axes=[1, 2], keepdims=1),
                     helper.make_node("Add", ["logits", "all"], ["sum"]),
                     helper.make_node("Mul", ["sum", "all"], ["moved"])]
    save(out, "leaky", softmax(leaky, "moved"), inits)

    fast, fast_inits = tones(step=4)
    save(out, "two-rows", softmax(fast), fast_inits)
    odd, odd_inits = tones(bands=79)
    save(out, "seventynine", softmax(odd), odd_inits, bands=79)
    save(out, "narrow", softmax(nodes), inits, pieces=PIECES + ["▁five"])
    nan = nodes + [helper.make_node("Div", ["nothing", "nothing"], ["not"]), helper.make_node("Add", ["logits", "not"], ["logprobs"])]
    save(out, "nan", nan, inits + [const("nothing", [0.0])])
    save(out, "cached", softmax(nodes), inits, inputs=[("audio_signal", TensorProto.FLOAT, ["batch", 80, "frames"]),
         ("length", TensorProto.INT64, ["batch"]), ("cache_last_channel", TensorProto.FLOAT, ["batch", 4, 8])])
    wave = [helper.make_node("Unsqueeze", ["audio", "axis"], ["one"]),
            helper.make_node("Conv", ["one", "kernel"], ["scores"], strides=[1280]),
            helper.make_node("Transpose", ["scores"], ["logits"], perm=[0, 2, 1])]
    save(out, "audio", softmax(wave), [const("axis", [1], np.int64), const("kernel", np.zeros((6, 1, 1)))],
         inputs=[("audio", TensorProto.FLOAT, ["batch", "samples"])])
    half = [helper.make_node("Cast", ["audio_signal"], ["x"], to=TensorProto.FLOAT)]
    half += [helper.make_node("Slice", ["x", "zero", "end", "axis", "step"], ["picked"])] + nodes[1:]
    half += [helper.make_node("LogSoftmax", ["logits"], ["lp"], axis=-1), helper.make_node("Cast", ["lp"], ["logprobs"], to=TensorProto.FLOAT16)]
    save(out, "halves", half, inits, kind=TensorProto.FLOAT16)


main(sys.argv[1])
