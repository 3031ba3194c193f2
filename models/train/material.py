"""What a run of finetune.py learns from and is judged on: stores of corrections, replay and general speech, and error rates."""
import json
import os

import corrections
import evaluate
from corrections import Unusable
from features import RATE
from store import Store


def percent(rate):
    return f"{rate:.1f} %"


class Data:
    """a: the options of finetune.py; folder: where stores that are made lie; say: prints a sentence."""

    def __init__(self, a, network, folder, say):
        self.a, self.network, self.folder, self.say = a, network, folder, say
        self.spelling, self.counts = corrections.Spelling(network.pieces), {}

    def make(self):
        """Writes what is not there yet. Sets learn, judge, replay: stores; general: {set: store}; counts: {part: facts}."""
        lines, audio = corrections.read_manifest(self.a.manifest), corrections.Audio()
        if self.a.judge:
            parts = lines, corrections.read_manifest(self.a.judge)
            both = {x.recording for x in parts[0]} & {x.recording for x in parts[1]}
            if both:
                raise Unusable(f"{len(both)} recordings are in both manifests, such as {min(both)}; a model cannot be judged on what "
                               "it has learned")
        else:
            parts = corrections.split(lines, self.a.held_out, lambda x: x.duration or len(audio.clip(x)) / RATE)
        self.learn = self.one("learn", "corrections", parts[0])
        self.judge = self.one("judge", "corrections kept back", parts[1])
        self.replay = [self.any(f"replay{i}", path) for i, path in enumerate(self.a.replay)]
        self.general = [self.any(f"general{i}", path) for i, path in enumerate(self.a.general)]

    def any(self, name, path):
        if os.path.exists(f"{path}/clips.tsv"):
            if not self.spelling.plain:
                raise Unusable(f"{path} has texts in plain lower case, which this model does not write; give a manifest instead")
            try:
                Store(path, self.network.mels)
            except ValueError as e:
                raise Unusable(str(e)) from e
            return path
        return self.one(name, path, corrections.read_manifest(path))

    def one(self, name, what, lines):
        """A store of lines, and a sentence about it."""
        folder, facts = f"{self.folder}/{name}", f"{self.folder}/{name}.json"
        if not os.path.exists(facts):
            clips, seconds, left = corrections.store(lines, folder, os.path.basename(what), self.spelling, self.network.log_mel,
                                                     self.a.longest)
            with open(facts, "w") as f:
                json.dump({"clips": clips, "hours": round(seconds / 3600, 4), "left_out": left}, f)
        with open(facts) as f:
            c = self.counts[name] = json.load(f)
        left = ", ".join(f"{n} {why}" for why, n in sorted(c["left_out"].items()))
        self.say(f"{what}: {c['clips']} clips, {c['hours'] * 60:.1f} minutes" + (f"; left out: {left}" if left else ""))
        if not c["clips"]:
            raise Unusable(f"nothing is left of {what}")
        return folder

    def sets(self, judge):
        """{set: [(log-mel, text)]} of general speech, and with judge, first, of the corrections kept back."""
        out = {}
        for folder in [self.judge] * judge + self.general:
            store = Store(folder, self.network.mels)
            for clip in store.clips:
                out.setdefault("judge" if folder == self.judge else clip.set, []).append((store.frames(clip), clip.text))
        return out

    def rates(self, model, judge=True):
        """model: with ids and blank. -> {set: {"words", "errors", "rate": percent}}"""
        out = {}
        for name, clips in self.sets(judge).items():
            guesses = evaluate.transcribe(model, self.network.pieces, [m for m, _ in clips], prepare=self.network.prepare)
            pairs = [(self.spelling.words(t), self.spelling.words(g)) for (_, t), g in zip(clips, guesses)]
            words, wrong = sum(len(t.split()) for t, _ in pairs), sum(evaluate.errors(t, g) for t, g in pairs)
            out[name] = {"words": words, "errors": wrong, "rate": round(100 * wrong / max(1, words), 2)}
        return out
