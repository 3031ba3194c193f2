"""A set of clips on disk: mel.f16 (float16 log-mel frames of all clips, one after another, [frames, bands]) and clips.tsv
(clip, set, speaker, first frame, frames, text). Written once, memory-mapped for reading. words.tsv, where align.py wrote
it, holds word boundaries: clip name and frames."""
import os
from dataclasses import dataclass

import numpy as np

from features import MELS, log_mel


@dataclass
class Clip:
    name: str
    set: str
    speaker: str
    start: int
    frames: int
    text: str


class Writer:
    def __init__(self, folder, log_mel=log_mel):
        """log_mel: float32 samples [N] -> float32 [T, bands]."""
        os.makedirs(folder, exist_ok=True)
        self.folder, self.at, self.log_mel = folder, 0, log_mel
        self.mel = open(f"{folder}/mel.f16.part", "wb")
        self.tsv = open(f"{folder}/clips.tsv.part", "w")

    def add(self, name, set_, speaker, text, samples):
        """samples: float32 [N] at 16 kHz."""
        mel = self.log_mel(samples).astype(np.float16)
        self.mel.write(mel.tobytes())
        self.tsv.write(f"{name}\t{set_}\t{speaker}\t{self.at}\t{len(mel)}\t{text}\n")
        self.at += len(mel)

    def close(self):
        for f, name in ((self.mel, "mel.f16"), (self.tsv, "clips.tsv")):
            f.close()
            os.replace(f"{self.folder}/{name}.part", f"{self.folder}/{name}")


class Store:
    def __init__(self, folder, bands=MELS):
        self.clips = []
        with open(f"{folder}/clips.tsv") as f:
            for line in f:
                name, set_, speaker, start, frames, text = line.rstrip("\n").split("\t")
                self.clips.append(Clip(name, set_, speaker, int(start), int(frames), text))
        self.mel = np.memmap(f"{folder}/mel.f16", np.float16, "r")
        total = sum(c.frames for c in self.clips)
        if self.mel.size != total * bands:
            raise ValueError(f"{folder} holds {self.mel.size / max(total, 1):g} mel bands a frame, not {bands}")
        self.mel = self.mel.reshape(-1, bands)
        self.words = {}
        if os.path.exists(f"{folder}/words.tsv"):
            with open(f"{folder}/words.tsv") as f:
                for line in f:
                    name, cuts = line.split("\t")
                    self.words[name] = [int(c) for c in cuts.split()]

    def frames(self, clip):
        """float16 [T, 80] log-mel, a view of the map."""
        return self.mel[clip.start:clip.start + clip.frames]
