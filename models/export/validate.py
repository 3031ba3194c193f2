"""What NeMo computes of recordings against what the program computes, figure by figure.

  python validate.py FOLDER CHECKPOINT.nemo [--clips FILE|FOLDER ...] [--program bin/asr-backend]

FOLDER is what export.py made of the checkpoint. For every clip, as 16-bit samples at 16 kHz: raw log-mel values (NeMo's in
float64), log-probabilities, and greedy text, from NeMo and PyTorch on one side and from `asr-backend models dump` on the other.
Exit status 1 if one lies beyond its bound.

NeMo computes features in float32, and normalisation magnifies the rounding in bands that hardly move (telephone lines,
silence). The program computes in float64. So log-probabilities are compared twice: with those of the same network on NeMo's
features in float64, where the bound is 1e-3; and on its float32 ones, where it is 1e-3 or twice what that rounding alone does
to NeMo's own rows, if that is more. The text must be NeMo's on float64 features. Of transducers the text alone is compared,
which `asr-backend transcribe` writes.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import numpy as np
import soundfile

import card
import features
import readers
import selftest
import variants

SECONDS = 25.6      # a window of the program
REPOSITORY = variants.REPOSITORY
# Read aloud by several people, from a telephone, from the radio: what a window holds of each.
CLIPS = ("librispeech/1688-142285-0000.flac", "librispeech/1688-142285-0002.flac", "ljspeech/LJ001-0004.flac", "radio", "telephone",
         "digits")


@dataclass
class Clip:
    """One clip's figures: differences are the largest of any value."""
    name: str
    frames: tuple       # NeMo's, ours
    rows: tuple
    log_mel: float
    exact: float        # log-probabilities against NeMo's on float64 features
    single: float       # ... on its own float32 features
    rounding: float     # between the two, both NeMo's
    wanted: str         # NeMo's text on float64 features
    wanted_single: str  # ... on float32 features
    got: str

    @property
    def allowed(self):
        return max(selftest.LOG_PROBS, 2 * self.rounding)

    @property
    def verdict(self):
        if self.wanted != self.got:
            return "another"
        return "the same" if self.wanted_single == self.wanted else "the same; NeMo's rounding changes its own"

    def faults(self):
        """Sentences, none if all holds."""
        out = []
        if self.frames[0] != self.frames[1] or self.rows[0] != self.rows[1]:
            return [f"frames {self.frames}, rows {self.rows}"]
        for what, got, bound in (("log-mel values", self.log_mel, selftest.LOG_MEL), ("log-probabilities", self.exact, selftest.LOG_PROBS),
                                 ("log-probabilities on float32 features", self.single, self.allowed)):
            if not got <= bound:
                out.append(f"{what} differ by {got:.2g}, {bound:.2g} is allowed")
        if self.wanted != self.got:
            out.append(f"recognized {self.got!r}, NeMo {self.wanted!r}")
        return out


@dataclass
class Text:
    """What a transducer writes of one clip."""
    name: str
    labels: int         # NeMo's, on float64 features
    wanted: str
    wanted_single: str  # on float32 features
    got: str

    verdict = Clip.verdict

    def faults(self):
        return [] if self.wanted == self.got else [f"recognized {self.got!r}, NeMo {self.wanted!r}"]


def usual_clips():
    """A few seconds of every kind of recording in testdata/speech."""
    out = []
    for name in CLIPS:
        path = os.path.join(variants.SPEECH, name)
        out += [path] if os.path.isfile(path) else [os.path.join(path, n) for n in sorted(os.listdir(path))
                                                    if n.endswith((".wav", ".flac", ".mp3", ".opus", ".ogg"))][:2]
    return out


def dump(program, folder, samples, out, *options):
    """{name: samples} through the program -> {name: (log-mel, log-probabilities, text)}."""
    for name, x in samples.items():
        soundfile.write(f"{out}/{name}.wav", x, features.RATE, subtype="PCM_16")
    paths = [f"{out}/{name}.wav" for name in samples]
    done = subprocess.run([program, "models", "dump", folder, *paths, "-o", f"{out}/dump", *options], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{program} models dump: {done.stderr.strip()}")
    found = {}
    for name in samples:
        with open(f"{out}/dump/{name}.txt", encoding="utf-8") as f:
            found[name] = np.load(f"{out}/dump/{name}.logmel.npy"), np.load(f"{out}/dump/{name}.logprobs.npy"), f.read().rstrip("\n")
    return found


def transcribe(program, folder, samples, out):
    """{name: samples} through the program -> {name: text}."""
    paths = [f"{out}/{name}.wav" for name in samples]
    for path, x in zip(paths, samples.values()):
        soundfile.write(path, x, features.RATE, subtype="PCM_16")
    os.mkdir(f"{out}/texts")
    done = subprocess.run([program, "transcribe", "--model", folder, "--format", "text", "--quiet", "-o", f"{out}/texts", *paths],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{program} transcribe: {done.stderr.strip()}")
    found = {}
    for name in samples:
        with open(f"{out}/texts/{name}.txt", encoding="utf-8") as f:
            found[name] = spaced(f.read())
    return found


def spaced(text):
    """With single spaces: the program writes a line for each region."""
    return " ".join(text.split())


def far(a, b):
    return float(np.abs(a.astype(np.float64) - b).max()) if a.shape == b.shape and a.size else float("nan")


def read(paths, seconds=SECONDS):
    """{name: samples}, of at most so many seconds, as 16 bits hold them."""
    samples = {}
    for path in paths:
        name = os.path.splitext(os.path.basename(path))[0]
        cut = features.read(path)[:int(seconds * features.RATE)]
        samples[f"{len(samples)}-{name}"] = (np.clip(np.round(cut * 32768), -32768, 32767) / 32768).astype(np.float32)
    return samples


def compare_texts(model, folder, paths, program):
    """As compare, for transducers -> a Text for each path."""
    import checkpoint
    import transducer
    about, samples = card.read(folder), read(paths)
    transducer.prepare(model, about.get("durations", []), about["max_symbols"])
    with tempfile.TemporaryDirectory() as out:
        ours = transcribe(program, folder, samples, out)
    texts = []
    for name, x in samples.items():
        (labels, exact), (_, single) = (transducer.decode(model, transducer.rows(model, checkpoint.features(model, x, exact=e))) for e in (True, False))
        texts.append(Text(name, len(labels), spaced(exact), spaced(single), ours[name]))
    return texts


def compare(model, folder, paths, program, seconds=SECONDS, options=()):
    """model as checkpoint.load gives it -> a Clip for each path, of at most so many seconds."""
    import checkpoint
    samples = read(paths, seconds)
    with tempfile.TemporaryDirectory() as out:
        ours = dump(program, folder, samples, out, *options)
    clips = []
    for name, x in samples.items():
        mel, logprobs, text = ours[name]
        theirs = checkpoint.features(model, x, exact=True, raw=True)
        exact = checkpoint.rows(model, checkpoint.features(model, x, exact=True))
        single = checkpoint.rows(model, checkpoint.features(model, x))
        clips.append(Clip(name, (theirs.shape[1], mel.shape[1]), (len(single), len(logprobs)), far(theirs, mel), far(exact, logprobs),
                          far(single, logprobs), far(exact, single), checkpoint.text(model, exact), checkpoint.text(model, single), text))
    return clips


def table(clips):
    """Markdown."""
    lines = ["| clip | rows | log-mel | log-probabilities | on float32 features | of that NeMo's rounding | text |", "|---|---|---|---|---|---|---|"]
    for c in clips:
        lines.append(f"| {c.name} | {c.rows[1]} | {c.log_mel:.1e} | {c.exact:.1e} | {c.single:.1e} | {c.rounding:.1e} | "
                     f"{c.verdict} |")
    return "\n".join(lines)


def table_of_texts(texts):
    """Markdown."""
    lines = ["| clip | pieces | text |", "|---|---|---|"]
    return "\n".join(lines + [f"| {t.name} | {t.labels} | {t.verdict} |" for t in texts])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder")
    ap.add_argument("checkpoint")
    ap.add_argument("--clips", nargs="+", default=[])
    ap.add_argument("--program", default=os.path.join(REPOSITORY, "bin", "asr-backend"))
    a = ap.parse_args()
    import checkpoint
    model = checkpoint.load(checkpoint.locate(a.checkpoint))
    paths = [p for p, _ in variants.clips(a.clips)] if a.clips else usual_clips()
    if readers.of(a.folder) is readers.CTC:
        clips = compare(model, a.folder, paths, a.program)
        print(table(clips))
    else:
        clips = compare_texts(model, a.folder, paths, a.program)
        print(table_of_texts(clips))
    faults = [f"{c.name}: {fault}" for c in clips for fault in c.faults()]
    if faults:
        sys.exit("\n".join(faults))
    print("all within bounds: the program recognizes what NeMo recognizes")


if __name__ == "__main__":
    main()
