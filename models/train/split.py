"""Which speakers of the human sets are held out, and the lists of their clips. Needs Python alone."""
import random

SETS = ("librispeech-mini", "common-voice", "ljspeech", "speechocean762")
# Whole speakers never trained on: named ones of LibriSpeech (two women, two men), and so many of the others.
HELD = {"librispeech-mini": ("32", "1737", "3242", "3664"), "common-voice": 20, "speechocean762": 10, "ljspeech": 0}


def held_speakers(set_, speakers, seed=1):
    held = HELD[set_]
    if isinstance(held, int):
        held = random.Random(seed).sample(sorted(speakers), held)
    return set(held)


def read_index(folder):
    with open(f"{folder}/index.tsv") as f:
        next(f)
        for line in f:
            bundle, start, samples, speaker, text = line.rstrip("\n").split("\t")
            yield bundle, int(start), int(samples), speaker, text
