"""A head of heads.py and its encoder -> folder in the layout of NeMo's transducers, the CTC head an output of the encoder.

  python heads_export.py MODEL --work WORK --kind rnnt --out FOLDER      MODEL: folder of the CTC model

Writes encoder-model.onnx (see encoder.py), decoder_joint-model.onnx, tokens.txt, tokenizer.model and model.json. The graph of
the two networks is NeMo's export of them:

  encoder_outputs float32 [B,D,T], targets int32 [B,U], target_length int32 [B], input_states_1 and _2 float32 [L,B,H]
  -> outputs float32 [B,T,U,V+1+N] logits, prednet_lengths int32 [B], output_states_1 and _2 float32 [L,B,H]

The averaged weights of the checkpoint are exported. Greedy search with the graphs must find the pieces that PyTorch finds.
"""
import argparse
import hashlib
import json
import os
import shutil

import numpy as np
import onnx
import onnxruntime
import torch
from nemo.collections.asr.modules.rnnt import RNNTDecoderJoint

from encoder import Rows
from evaluate import load_piece_model
from heads import DURATIONS, Head, collate, ctc_head

CLIPS = 10      # that are searched with both


def find(session, rows, blank, most=10):
    """Greedy search of one clip with the graph, a row at a time. rows: float32 [R,D] -> pieces."""
    shapes = {i.name: i.shape for i in session.get_inputs()}
    layers, _, hidden = shapes["input_states_1"]
    state = [np.zeros((layers, 1, hidden), np.float32)] * 2
    found, last, t, here = [], blank, 0, 0
    while t < len(rows):
        z, _, *after = session.run(None, {
            "encoder_outputs": rows[t][None, :, None], "targets": np.array([[last]], np.int32),
            "target_length": np.array([1], np.int32), "input_states_1": state[0], "input_states_2": state[1]})
        z = z[0, 0, 0]
        best = int(z[:blank + 1].argmax())
        skip = int(z[blank + 1:].argmax()) if len(z) > blank + 1 else int(best == blank)
        if best == blank:
            skip = max(skip, 1)
        else:
            found.append(best)
            last, state, here = best, after, here + 1
        if skip or here == most:
            t, here = t + max(skip, 1), 0
    return found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model")
    ap.add_argument("--work", required=True)
    ap.add_argument("--kind", choices=("rnnt", "tdt"), required=True)
    ap.add_argument("--name", help="of the checkpoint; the kind if missing")
    ap.add_argument("--out", required=True)
    ap.add_argument("--plain", action="store_true", help="leave the CTC head out of the encoder")
    a = ap.parse_args()
    torch.set_num_threads(1)
    name = a.name or a.kind
    pieces, state = load_piece_model(a.model), torch.load(f"{a.work}/heads/{name}.pt", weights_only=False)
    head = Head(a.kind, *ctc_head(a.model), [pieces.id_to_piece(i) for i in range(pieces.vocab_size())])
    head.load_state_dict(state["mean"])
    head.eval()
    some = sorted(Rows(f"{a.work}/heads/held").clips, key=lambda c: len(c[2]))[::40][:CLIPS]
    x, rows, _, _ = collate([(c[2], []) for c in some])
    want, _ = head.search(x, rows)
    os.makedirs(a.out, exist_ok=True)
    path = f"{a.out}/decoder_joint-model.onnx"
    both = RNNTDecoderJoint(head.decoder, head.joint)
    both.export(path)
    onnx.checker.check_model(onnx.load(path))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for clip, pieces_of in zip(some, want):
        got = find(session, clip[2].astype(np.float32), head.blank)
        assert got == pieces_of, (pieces.decode(got), pieces.decode(pieces_of))
    encoder = onnx.load(f"{a.work}/heads/encoder-model.onnx")
    if a.plain:
        del encoder.graph.output[2]         # logprobs
    onnx.save(encoder, f"{a.out}/encoder-model.onnx")
    for file in ("tokens.txt", "tokenizer.model"):
        shutil.copyfile(f"{a.model}/{file}", f"{a.out}/{file}")
    with open(f"{a.model}/model.json") as f:
        card = json.load(f)
    card = {key: card[key] for key in ("name", "language", "casing", "licence", "mels", "max_rows")} | {
        "name": f"{card['name']}-{name}" + "-plain" * a.plain, "word_shift_ms": 0,
        "source": f"{a.kind} head on the frozen encoder of {card['name']}, by models/train/heads.py, {state['hours']:.0f} hours of "
                  "audio passed; for measuring word times, not for work"}
    if a.kind == "tdt":
        card["durations"] = list(range(DURATIONS))
    card["sha256"] = {}
    for file in ("encoder-model.onnx", "decoder_joint-model.onnx"):
        with open(f"{a.out}/{file}", "rb") as f:
            card["sha256"][file] = hashlib.sha256(f.read()).hexdigest()
    with open(f"{a.out}/model.json", "w") as f:
        json.dump(card, f, indent=1)
        f.write("\n")
    size = sum(os.path.getsize(f"{a.out}/{n}") for n in card["sha256"])
    print(f"{a.out}: {size / 1e6:.1f} MB, {state['steps']} steps; {len(some)} clips give the pieces that PyTorch finds")


if __name__ == "__main__":
    main()
