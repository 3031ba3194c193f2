"""The transducer of a NeMo checkpoint: its rows, its labels, and its graphs. greedy.py has the same from the graphs.

Three traps of NeMo 3.0.0: transcribe() leaves networks in training mode; rows longer than the table of positions make it
grow; and batched TDT on the CPU gives a recording the durations of others in its batch (issue 16097). So everything here
runs in evaluation mode, one recording at a time.
"""
import os

import onnx

import graph
import greedy


def rows(model, feats):
    """What the encoder gives: float32 [bands, T] -> float32 [R, D]."""
    import torch
    model.eval()
    with torch.no_grad():
        encoded, n = model.encoder(audio_signal=torch.from_numpy(feats)[None], length=torch.tensor([feats.shape[1]]))
    return encoded[0, :, :int(n[0])].T.contiguous().numpy()


def prepare(model, durations, max_symbols):
    """Sets NeMo's decoding to the greedy one that the program does. Checkpoints may ask for a beam search or a language model."""
    from omegaconf import OmegaConf, open_dict
    cfg = OmegaConf.create(OmegaConf.to_container(model.cfg.decoding))
    with open_dict(cfg):
        cfg.strategy, cfg.greedy = "greedy_batch", {"max_symbols": max_symbols}
        if durations:
            cfg.durations, cfg.tdt_include_token_duration = list(durations), True
    model.change_decoding_strategy(cfg, verbose=False)


def decode(model, some):
    """float32 [R, D] -> ([greedy.Label], text), as NeMo decodes them after prepare."""
    import torch
    if not len(some):
        return [], ""
    model.eval()
    found = model.decoding.rnnt_decoder_predictions_tensor(torch.from_numpy(some).T[None].contiguous(), torch.tensor([len(some)]),
                                                           return_hypotheses=True)[0]
    ids, at = [int(v) for v in found.y_sequence], [int(v) for v in found.timestamp]
    lasting = [int(v) for v in found.token_duration] if model.decoding.durations else [0] * len(ids)
    return [greedy.Label(*x) for x in zip(ids, at, lasting, strict=True)], found.text


def along(model, some, labels):
    """Scores of the checkpoint on the path of given labels, as greedy.along: [steps, columns]."""
    import numpy as np
    import torch
    model.eval()
    with torch.no_grad():
        ids = torch.tensor([[x.piece for x in labels]]) if labels else None
        states, _ = model.decoder.predict(ids, None, add_sos=bool(labels), batch_size=1)    # without labels: one blank
        f, g = model.joint.project_encoder(torch.from_numpy(some)[None])[0], model.joint.project_prednet(states)[0]
        parts = [model.joint.joint_after_projection(f[a:b + 1][None], g[i][None, None])[0, :, 0].numpy()
                 for i, (a, b) in enumerate(greedy.path(labels, len(some)))]
    return np.concatenate(parts)


def to_onnx(model, folder, ctc):
    """NeMo's export of the two graphs, opset 17: {file name: graph}. With ctc the encoder also computes the head's
    log-probabilities of the same rows: outputs, encoded_lengths, logprobs."""
    if ctc:
        model.ctc_decoder.export(f"{folder}/head.onnx")
    if hasattr(model, "ctc_decoder"):
        model.set_export_config({"decoder_type": "rnnt"})
    model.export(f"{folder}/model.onnx")
    out = {name: onnx.load(os.path.join(folder, name)) for name in ("encoder-model.onnx", "decoder_joint-model.onnx")}
    if ctc:
        graph.attach(out["encoder-model.onnx"], onnx.load(f"{folder}/head.onnx"), "outputs", "logprobs")
    return out
