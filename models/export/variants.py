"""Graphs of reduced precision beside the full ones, each kept only if it recognizes what the full one recognizes.

  python variants.py FOLDER [--variants int8,fp16] [--clips FILE|FOLDER ...]

int8: model.int8.onnx, for CPUs. Weights of matrix products as 7-bit integers with a scale for each column; activations as
  8-bit integers with a scale found for each run (dynamic quantisation). Convolutions and all else stay float32. Seven bits
  because CPUs without VNNI add pairs of products in 16 bits, which eight would overflow without a word. A transducer gets
  encoder-model.int8.onnx and decoder_joint-model.int8.onnx; the LSTM in the latter stays float32.
fp16: model.fp16.onnx, for GPUs, which `asr-backend models optimize` writes: build the program first (make build). A CPU
  runs it too, for comparison: it computes in float32 between conversions. Not for transducers.
"""
import argparse
import glob
import logging
import os
import re
import shutil
import subprocess
import tempfile

import onnx

import card
import features
import graph
import readers
import rows

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SPEECH = os.path.join(REPOSITORY, "testdata", "speech")
SAMPLE = os.path.join(REPOSITORY, "models", "verify", "sample.opus")

# A variant is kept if so many rows have the same best piece, and if the word error rate rises by at most so many points.
# Where nobody has written what is said, every word that differs from the full model's counts as an error.
ROWS = {"int8": 0.98, "fp16": 0.995}
POINTS = 1.0


def make(kind, folder, to):
    """Writes a variant of the model in a folder into the folder to. Returns the names of the files, or raises Refused."""
    names = readers.of(folder).NAMES
    if kind == "fp16":
        if len(names) > 1:
            raise Refused("only CTC models can have fp16 graphs")
        return half(os.path.join(folder, readers.file(names[0])), os.path.join(to, readers.file(names[0], kind)))
    return [made for name in names
            for made in quantized(os.path.join(folder, readers.file(name)), os.path.join(to, readers.file(name, kind)))]


def quantized(source, path):
    """Writes the int8 graph of the graph at source. Returns the names of the files."""
    model = onnx.load(source)
    graph.widen(model)
    from onnxruntime.quantization import QuantType, quantize_dynamic
    graph.turn(model)
    # It prints advice on static quantisation to the root logger.
    quiet, logging.root.disabled = logging.root.disabled, True
    try:
        with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as work:
            graph.save(model, f"{work}/wide.onnx")
            quantize_dynamic(f"{work}/wide.onnx", f"{work}/int8.onnx", per_channel=True, reduce_range=True,
                             op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8,
                             use_external_data_format=graph.weight_bytes(model) > graph.LIMIT,
                             extra_options={"MatMulConstBOnly": True})
            return graph.save(onnx.load(f"{work}/int8.onnx"), path)
    finally:
        logging.root.disabled = quiet


class Refused(Exception):
    """A sentence that says why a variant could not be made."""


def half(source, path):
    """Has the program write the fp16 graph."""
    program = shutil.which("asr-backend", path=os.path.join(REPOSITORY, "bin") + os.pathsep + os.environ.get("PATH", ""))
    if program is None:
        raise Refused("asr-backend is not built; run make build")
    source, folder = os.path.abspath(source), os.path.dirname(path)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        for name in (source, source + ".data"):
            if os.path.exists(name):
                os.symlink(name, os.path.join(work, os.path.basename(name)))
        os.symlink(os.path.join(os.path.dirname(source), "tokens.txt"), f"{work}/tokens.txt")
        got = subprocess.run([program, "models", "optimize", work], capture_output=True, text=True)
        if got.returncode:
            raise Refused(got.stderr.strip())
        made = [name for name in os.listdir(work) if name.startswith("model.fp16.onnx")]
        for name in made:
            os.replace(os.path.join(work, name), os.path.join(folder, name))
    return made


def words(text):
    """Words as they are counted: small letters, no marks."""
    return re.sub(r"[^\w' ]+", " ", text.lower().replace("\u2019", "'")).split()


def clips(paths=(), language="en"):
    """[(path, text or None)] of files and folders. A folder's index.tsv (set, file, text) gives texts, or FILE.txt does.
    Without paths: the repository's English recordings for English models, else one of them, to see that all agree."""
    if not paths and (language not in ("", "en") or not os.path.isdir(SPEECH)):
        return [(SAMPLE, None)]
    out = []
    for path in paths or [SPEECH]:
        index = os.path.join(path, "index.tsv")
        if os.path.isfile(index):
            with open(index, encoding="utf-8") as f:
                lines = [line.rstrip("\n").split("\t") for line in list(f)[1:]]
            out += [(os.path.join(path, set_, name), text) for set_, name, text in lines]
            continue
        known = (".wav", ".flac", ".ogg", ".opus", ".mp3")
        for name in [path] if os.path.isfile(path) else sorted(p for p in glob.glob(f"{path}/**/*", recursive=True) if p.endswith(known)):
            script = os.path.splitext(name)[0] + ".txt"
            text = open(script, encoding="utf-8").read() if os.path.isfile(script) else None
            out.append((name, text))
    return out


class Reference:
    """What the full graphs recognize in clips, to compare variants with."""

    def __init__(self, folder, some, bands, raw, language="en", limit=15 * 6000):
        self.folder, self.reader = folder, readers.of(folder)
        self.pieces = rows.read_tokens(os.path.join(folder, "tokens.txt"))
        full, frames = self.reader(folder), 0
        self.clips = []     # (text or None, [(features, rows.Reading)])
        self.minutes = 0.0
        for path, text in clips(some, language):
            cuts = features.windows(features.log_mel(features.read(path), bands))
            cuts = [c if raw else features.normalise(c) for c in cuts if c.shape[1] > 0]
            self.clips.append((text, [(x, full.read(x)) for x in cuts]))
            frames += sum(c.shape[1] for c in cuts)
            self.minutes = frames / 6000
            if frames > limit:
                break

    def _errors(self, text, parts):
        got = " ".join(rows.text(self.pieces, r.ids) for r in parts)
        return rows.word_errors(words(text), words(got))

    def judge(self, kind):
        """(agreement of the rows, points by which the word error rate rises) of a variant in the folder."""
        s, agreement = self.reader(self.folder, kind), rows.Agreement(self.pieces)
        total = rise = 0
        for text, windows in self.clips:
            parts = [s.read(x) for x, _ in windows]
            want = [r for _, r in windows]
            before = agreement.wrong, agreement.words
            for w, p in zip(want, parts):
                agreement.add(w, p)
            if text is None:
                rise, total = rise + agreement.wrong - before[0], total + agreement.words - before[1]
            else:
                rise, total = rise + self._errors(text, parts) - self._errors(text, want), total + len(words(text))
        return agreement, 100 * rise / max(total, 1)


def offer(kind, folder, reference):
    """Makes a variant in a model's folder and keeps it if it holds. Returns (kept, a sentence)."""
    try:
        made = make(kind, folder, folder)
    except Refused as e:
        return False, f"{kind}: {e}: not kept"
    agreement, rise = reference.judge(kind)
    kept = agreement.row_share >= ROWS[kind] and rise <= POINTS and agreement.worst < float("inf")
    said = (f"{kind}: {100 * agreement.row_share:.2f} % of rows as in full (at least {100 * ROWS[kind]:g} wanted), "
            f"{100 * agreement.word_share:.2f} % of words other, word error rate {rise:+.2f} points (at most {POINTS:+g} wanted), "
            f"on {reference.minutes:.1f} minutes")
    if not kept:
        for name in made:
            os.remove(os.path.join(folder, name))
        said += ": not kept"
    return kept, said


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder")
    ap.add_argument("--variants", default="int8,fp16")
    ap.add_argument("--clips", nargs="+", default=[], help="recordings or folders of them, with texts if you have them")
    a = ap.parse_args()
    facts, about = readers.facts(a.folder), card.read(a.folder)
    reference = Reference(a.folder, a.clips, about.get("mels", 80), facts.get("normalize_type") == "NA", about.get("language", ""))
    for kind in a.variants.split(","):
        print(offer(kind, a.folder, reference)[1])
    card.write(a.folder, about)


if __name__ == "__main__":
    main()
