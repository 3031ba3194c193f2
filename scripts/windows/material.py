"""Recordings to compare geometries of windows with, joined from clips of readers, in the layout of testdata/speech.

  python material.py --clips FOLDER --out OUT     FOLDER: index.tsv with bundle, first sample, samples, speaker, text

Writes OUT/speech/index.tsv (set, file, text) and OUT/speech/SET/*.flac:

  held            readers that the embedded model was not trained on, ten minutes or less at a time, each six times, from
                  another clip on, so that windows begin elsewhere
  readers         two minutes of each of the others
  quiet           as held, at -40 dB                 noise      with pink noise 10 dB below the speech
  telephone       at 8 kHz and in mu-law             music      with chords and a beat 10 dB below it
  short-held      26 to 48 s of held, as often       short      26 to 48 s of the others
  tail            18 to 25 s of everybody, and the noise of a room at -50 to -62 dB up to second 26 to 31

Needs numpy, scipy and soundfile.
"""
import argparse
import os
import random
import sys

import numpy as np
import soundfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../models/train"))
from lines import telephone
from split import HELD, read_index
from text import normalise

RATE = 16000


def read(folder):
    """{speaker: [(samples, text)]}."""
    name, by = None, {}
    for bundle, start, samples, speaker, text in read_index(folder):
        if bundle != name:
            name = bundle
            audio, rate = soundfile.read(f"{folder}/{bundle}", dtype="float32")
            assert rate == RATE, rate
        if text := normalise(text):
            by.setdefault(speaker, []).append((audio[start:start + samples], text))
    return by


def length(clips):
    return sum(len(x) for x, _ in clips) / RATE


def groups(clips, seconds):
    """Consecutive clips that are together longer than seconds() at a time; the rest comes last."""
    out, goal = [[]], seconds()
    for clip in clips:
        out[-1].append(clip)
        if length(out[-1]) > goal:
            out.append([])
            goal = seconds()
    return out


def pink(n, rng):
    f = np.fft.rfft(rng.standard_normal(n))
    x = np.fft.irfft(f / np.sqrt(np.maximum(np.arange(len(f)), 1)), n)
    return (x / x.std()).astype(np.float32)


def music(n, rng):
    """A minute of chords of four voices of eight harmonics, one each half second, with a beat, again and again."""
    y, t = np.zeros(62 * RATE, np.float32), np.arange(RATE) / RATE
    for at in range(0, 60 * RATE, RATE // 2):
        root = 110 * 2 ** (rng.choice([0, 4, 5, 7, 9]) / 12)
        for k in rng.choice([0, 4, 7, 11, 12, 16, 19, 24], 4, replace=False):
            f = root * 2 ** (k / 12)
            voice = sum(np.sin(2 * np.pi * (f * h * t + rng.random())) / h for h in range(1, 9) if f * h < 7800)
            y[at:at + RATE] += voice * np.exp(-3 * t) * np.minimum(100 * t, 1)
        y[at:at + 2000] += 1.5 * rng.standard_normal(2000) * np.exp(-np.arange(2000) / 400)
    y = y[:60 * RATE] / y[:60 * RATE].std()
    return np.resize(y, n)


def below(x, other, db):
    return x + other * x.std() * 10 ** (-db / 20)


class Sets:
    def __init__(self, folder):
        self.folder, self.rows = folder, []

    def put(self, name, file, samples, clips):
        os.makedirs(f"{self.folder}/speech/{name}", exist_ok=True)
        soundfile.write(f"{self.folder}/speech/{name}/{file}.flac", np.clip(samples, -1, 1 - 2**-15), RATE, subtype="PCM_16")
        self.rows.append((name, f"{file}.flac", " ".join(text for _, text in clips)))

    def close(self):
        with open(f"{self.folder}/speech/index.tsv", "w") as f:
            f.write("set\tfile\ttext\n")
            f.writelines("\t".join(row) + "\n" for row in sorted(self.rows, key=lambda row: row[0]))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--clips", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    by, held = read(a.clips), sorted(HELD["librispeech-mini"])
    others = sorted(set(by) - set(held))
    sets, rng, chance = Sets(a.out), np.random.default_rng(1), random.Random(1)
    join = lambda clips: np.concatenate([x for x, _ in clips])
    changes = {"held": lambda x: x, "quiet": lambda x: x * 0.01, "telephone": telephone,
               "noise": lambda x: below(x, pink(len(x), rng), 10), "music": lambda x: below(x, music(len(x), rng), 10)}
    for speaker in held:
        for i, clips in enumerate(groups(by[speaker], lambda: 600)):
            for first in range(6 if length(clips) > 60 else 0):
                for name, change in changes.items():
                    sets.put(name, f"{speaker}-{i}-{first}", change(join(clips[first:])), clips[first:])
    for speaker in others:
        clips = groups(by[speaker], lambda: 120)[0]
        sets.put("readers", speaker, join(clips), clips)
    for name, speakers, times, most in ("short-held", held, 6, 1000), ("short", others, 1, 9):
        for speaker in speakers:
            for first in range(times):
                for i, clips in enumerate(groups(by[speaker][first:], lambda: chance.uniform(26, 48))[:-1][:most]):
                    sets.put(name, f"{speaker}-{first}-{i:02d}", join(clips), clips)
    for speaker in sorted(by):
        kept, clips = 0, []
        for clip in by[speaker]:
            if length(clips + [clip]) > 25.4:
                if length(clips) > 18 and kept < 6:
                    speech, n = join(clips), int(RATE * chance.uniform(26, 31))
                    x = pink(n, rng) * 10 ** (-(50 + 3 * (kept % 5)) / 20)
                    x[:len(speech)] += speech
                    sets.put("tail", f"{speaker}-{kept}", x, clips)
                    kept += 1
                clips = []
            clips.append(clip)
    sets.close()


if __name__ == "__main__":
    main()
