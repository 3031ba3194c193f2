"""The encoder of an exported CTC model by itself, and its rows of all clips, for training other heads on it (heads.py).

  python encoder.py MODEL --work WORK [--copies N] [--sets SET ...]     MODEL: folder of model.onnx

Writes WORK/heads/encoder-model.onnx, in the layout of NeMo's transducers with the CTC head's output added:

  audio_signal float32 [B,80,T], length int64 [B]
  -> outputs float32 [B,D,R], encoded_lengths int64 [B] = ceil(length / 8), logprobs float32 [B,R,V+1]

and WORK/heads/train0, train1, ... and held: rows.f16 (float16 [rows, D], clips one after another) and clips.tsv (clip, set,
first row, rows, text). train0 has the training clips as they are, train1 and later ones an augmented copy each. The
network knows its training clips: on them its rows are surer than on those of other speakers. A head trained on
augmented copies meets rows that are less sure.
"""
import argparse
import os

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import augment
from features import normalise
from store import Store

SETS = ("librispeech-mini", "common-voice", "ljspeech")


def cut(path):
    """model.onnx of a CTC model -> the graph with the rows before its head as the first output."""
    model = onnx.load(path)
    graph = model.graph
    made = {o: n for n in graph.node for o in n.output}
    node = made["logprobs"]
    while node.op_type != "MatMul":     # LogSoftmax, Add, MatMul; weights are the second input of a MatMul
        node = next(made[i] for i in node.input if i in made and made[i].op_type in ("Add", "MatMul"))
    rows = node.input[0]
    head = next(t for t in graph.initializer if t.name.startswith("decoder.") and "weight" in t.name)
    pieces, width = head.dims[:2]
    graph.initializer.extend([numpy_helper.from_array(np.array(v, np.int64), n) for n, v in (("seven", 7), ("eight", 8))])
    graph.node.extend([
        helper.make_node("Transpose", [rows], ["outputs"], perm=[0, 2, 1]),
        helper.make_node("Add", ["length", "seven"], ["length_up"]),
        helper.make_node("Div", ["length_up", "eight"], ["encoded_lengths"])])
    del graph.output[:]
    graph.output.extend([
        helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["B", width, "R"]),
        helper.make_tensor_value_info("encoded_lengths", TensorProto.INT64, ["B"]),
        helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, ["B", "R", pieces])])
    onnx.checker.check_model(model)
    return model


class Encoder:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, features):
        """float32 [T,80], normalised -> rows float32 [R,D] and log-probabilities float32 [R,V+1]."""
        feed = {"audio_signal": features.T[None], "length": np.array([len(features)])}
        rows, count, logp = self.session.run(None, feed)
        assert rows.shape[2] == count[0] == -(-len(features) // 8)
        return rows[0].T, logp[0]


class Rows:
    """A folder of rows.f16 and clips.tsv, for reading."""

    def __init__(self, folder):
        self.clips = []         # (name, set, rows float16 [R,D], text)
        with open(f"{folder}/clips.tsv") as f:
            lines = [line.rstrip("\n").split("\t") for line in f]
        total = int(lines[-1][2]) + int(lines[-1][3])
        data = np.memmap(f"{folder}/rows.f16", np.float16, "r").reshape(total, -1)
        for name, set_, at, count, text in lines:
            self.clips.append((name, set_, data[int(at):int(at) + int(count)], text))


def write(folder, encoder, store, sets, strength, seed):
    """Rows of the store's clips of some sets; strength of augmentation as in batches.py, 0 = none."""
    os.makedirs(folder, exist_ok=True)
    rng, at = np.random.default_rng(seed), 0
    with open(f"{folder}/rows.f16.part", "wb") as rows, open(f"{folder}/clips.tsv", "w") as tsv:
        for clip in store.clips:
            if clip.set not in sets:
                continue
            mel = store.frames(clip).astype(np.float32)
            if strength:
                frames = int(len(mel) * np.exp(rng.uniform(-0.18, 0.18) * strength))
                mel = augment.distort(augment.tempo(mel, frames, rng, 0.12 * strength), rng, strength)
            features = normalise(mel.astype(np.float32))
            if strength:
                features = augment.mask(features, rng, strength)
            got = encoder(np.ascontiguousarray(features))[0].astype(np.float16)
            rows.write(got.tobytes())
            tsv.write(f"{clip.name}\t{clip.set}\t{at}\t{len(got)}\t{clip.text}\n")
            at += len(got)
    os.replace(f"{folder}/rows.f16.part", f"{folder}/rows.f16")
    print(f"{folder}: {at * 0.08 / 3600:.2f} h", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model")
    ap.add_argument("--work", required=True)
    ap.add_argument("--copies", type=int, default=2, help="augmented copies")
    ap.add_argument("--strength", type=float, default=0.8, help="of augmentation, 0..1")
    ap.add_argument("--sets", nargs="+", default=SETS)
    a = ap.parse_args()
    os.makedirs(f"{a.work}/heads", exist_ok=True)
    path = f"{a.work}/heads/encoder-model.onnx"
    onnx.save(cut(f"{a.model}/model.onnx"), path)
    encoder, train = Encoder(path), Store(f"{a.work}/human/train")
    write(f"{a.work}/heads/held", encoder, Store(f"{a.work}/human/held"), a.sets, 0, 0)
    for copy in range(1 + a.copies):
        write(f"{a.work}/heads/train{copy}", encoder, train, a.sets, a.strength if copy else 0, copy)


if __name__ == "__main__":
    main()
