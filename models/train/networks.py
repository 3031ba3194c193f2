"""Networks that finetune.py can train: one of our own from its model folder, and a NeMo checkpoint.

Both have: mels; pieces, a SentencePiece model; blank; net, the module with all weights; layers and head, for freezing;
prepare(log-mel [T,B]) -> features; log_mel(samples [N]) -> float32 [T,B]; loss(features [B,T,M], labels) to minimise; ids, for
evaluate.transcribe, with the weights it came with; with_weights(weights), the same with others; export(weights, folder, name),
which writes a model folder.
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys

import torch
import torch.nn as nn

import evaluate
import export
import features
from corrections import Unusable
from model import Dropout, build
from train import ctc

EXPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "export")


def open_network(path, device, precision, dropout, seed):
    """A model folder, a folder with a .nemo file in it, or a .nemo file -> Ours or Nemo, or raises Unusable."""
    if os.path.isdir(path):
        inside = sorted(n for n in os.listdir(path) if n.endswith(".nemo"))
        if inside:
            return Nemo(os.path.join(path, inside[0]), device, path)
        if os.path.exists(f"{path}/model.onnx"):
            return Ours(path, device, precision, dropout, seed)
        raise Unusable(f"{path} has neither a model.onnx nor a .nemo file; transducers are trained from their .nemo file")
    if path.endswith(".nemo") and os.path.exists(path):
        return Nemo(path, device, None)
    raise Unusable(f"{path} is neither a model folder nor a .nemo file")


def read_card(folder):
    if folder is None or not os.path.exists(f"{folder}/model.json"):
        return {}
    with open(f"{folder}/model.json", encoding="utf-8") as f:
        return json.load(f)


def default_precision(device):
    """bfloat16 where the processor multiplies it, else float32."""
    if device == "cuda":
        return "bfloat16"
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as f:
        flags = f.read()
        return "bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"
    return "float32"


class Ours:
    """A model that export.py wrote, such as the embedded one."""

    def __init__(self, folder, device, precision, dropout, seed):
        self.folder, self.device, self.base, self.card = folder, device, f"{folder}/model.onnx", read_card(folder)
        self.mels, self.prepare, self.log_mel = self.card.get("mels", 80), features.normalise, features.log_mel
        weights = export.read_weights(self.base)
        try:
            self.shape = export.shape_of(weights, self.mels)
            self.net = build(self.shape)
            self.net.load_state_dict(weights, strict=False)
            missing = [k for k in self.net.state_dict() if k not in weights and "num_batches" not in k]
            if missing or self.mels != features.MELS:
                raise KeyError(missing[:1])
        except (KeyError, RuntimeError) as e:
            raise Unusable(f"{self.base} was not written by models/train/export.py, so its weights have no names here; "
                           "give the .nemo file that it was exported from") from e
        self.pieces, self.blank = evaluate.load_piece_model(folder), self.shape.vocab
        self.start = {n: w.clone() for n, w in weights.items()}
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self.drop = Dropout(dropout, seed)
        self.net.to(device)
        self.layers, self.head = [self.net.encoder.pre_encode, *self.net.encoder.layers], self.net.decoder
        self.ids = evaluate.OnnxModel(folder).ids

    def loss(self, x, labels):
        return ctc(self.net(x.to(self.device, self.dtype), self.drop)[0], labels, self.blank)

    def with_weights(self, weights):
        """A model for evaluate.transcribe with these weights in place of the trained ones."""
        return evaluate.TorchModel(self.shape, self.start | weights)

    def export(self, weights, folder, name):
        """weights: {name: tensor} of what was trained. Writes model.onnx and all the model's other files but its card, and
        returns the card."""
        net = build(self.shape)
        net.load_state_dict(self.start | {n: w.float().cpu() for n, w in weights.items()}, strict=False)
        export.write(net, f"{folder}/model.onnx")
        for file in os.listdir(self.folder):
            if file in ("tokens.txt", "tokenizer.model") or file.startswith("lm."):
                shutil.copyfile(f"{self.folder}/{file}", f"{folder}/{file}")
        return dict(self.card)


class Nemo:
    """A .nemo checkpoint: its CTC head, with NeMo's own loss. folder: what it lies in with a card, or None."""

    def __init__(self, path, device, folder):
        sys.path.append(EXPORT)     # behind this folder, whose modules have names in common with it
        import checkpoint
        import contract
        try:
            config = checkpoint.read_config(path)
            contract.check(config, "ctc")
            self.model = checkpoint.load(path)
        except contract.Unusable as e:
            raise Unusable(f"{path}: {e}") from e
        if len(checkpoint.tokenizers(self.model)) != 1:
            raise Unusable(f"{path}: only checkpoints with one SentencePiece tokenizer can be fine-tuned")
        self.base, self.folder, self.device, self.card = path, folder, device, read_card(folder)
        self.mels, raw = config["preprocessor"].get("features", 64), contract.raw_features(config)
        self.prepare = (lambda mel: mel) if raw else features.normalise
        self.log_mel = lambda samples: checkpoint.features(self.model, samples, raw=True).T
        self.pieces, self.blank = self.model.tokenizer.tokenizer, len(checkpoint.pieces(self.model))
        self.net, self.head = self.model, checkpoint.head(self.model)
        self.layers = [self.model.encoder.pre_encode, *self.model.encoder.layers]
        self.criterion = self.model.ctc_loss if checkpoint.hybrid(self.model) else self.model.loss
        kept = {id(p) for part in (self.model.encoder, self.head) for p in part.parameters()}
        for p in self.model.parameters():
            p.requires_grad_(id(p) in kept)
        self.dtype = torch.float32
        self.model.to(device)
        self.model.preprocessor.cpu()       # computes features of clips while they are stored

    def ids(self, feats):
        """As evaluate.OnnxModel.ids."""
        frames = torch.tensor([len(f) for f in feats])
        x = nn.utils.rnn.pad_sequence([torch.from_numpy(f) for f in feats], batch_first=True)
        with torch.no_grad():
            best, rows = self.log_probs(x, frames)
        return [b[:int(n)].cpu().numpy() for b, n in zip(best.argmax(-1), rows)]

    def log_probs(self, x, frames):
        """features [B,T,M] -> log-probabilities [B,R,V+1] and rows [B]."""
        encoded, rows = self.model.encoder(audio_signal=x.transpose(1, 2).to(self.device), length=frames.to(self.device))
        return self.head(encoder_output=encoded), rows

    def loss(self, x, labels):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            logp, rows = self.log_probs(x, torch.full((x.shape[0],), x.shape[1]))
        targets = nn.utils.rnn.pad_sequence([torch.tensor(t) for t in labels], batch_first=True).to(self.device)
        lengths = torch.tensor([len(t) for t in labels], device=self.device)
        return self.criterion(log_probs=logp.float(), targets=targets, input_lengths=rows, target_lengths=lengths)

    def with_weights(self, weights):
        """As Ours.with_weights; the network itself."""
        self.model.load_state_dict(weights, strict=False)
        self.model.eval()
        return self

    def export(self, weights, folder, name):
        """As Ours.export. The folder also gets checkpoint.nemo, so that it can be fine-tuned again."""
        self.with_weights(weights).model.cpu()
        self.model.save_to(f"{folder}/checkpoint.nemo")
        run = subprocess.run([sys.executable, f"{EXPORT}/export.py", f"{folder}/checkpoint.nemo", f"{folder}/export", "--head", "ctc",
                              "--name", name, "--language", self.card.get("language", ""), "--licence", self.card.get("licence", "")],
                             stdout=2)      # what it says is progress, not the result
        if run.returncode:
            raise Unusable("the new checkpoint cannot be exported; models/export/export.py says why above")
        for file in os.listdir(f"{folder}/export"):
            os.rename(f"{folder}/export/{file}", f"{folder}/{file}")
        os.rmdir(f"{folder}/export")
        made = read_card(folder)
        for file in os.listdir(self.folder) if self.folder else ():
            if file.startswith("lm."):
                shutil.copyfile(f"{self.folder}/{file}", f"{folder}/{file}")
        kept = ("word_shift_ms", "lm_weight", "word_bonus", "blank_penalty", "languages", "finetuned")
        return made | {k: self.card[k] for k in kept if k in self.card}
