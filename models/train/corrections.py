"""Corrected clips of a NeMo manifest: reading them, what of them a model can learn from, and which are kept to judge it.

A manifest has a JSON object a line: audio_filepath (relative to the manifest, or absolute), text, and where the clip is a
part of the file, offset and duration in seconds and channel, counted from 0. `asr-backend export-manifest` writes it.
"""
import hashlib
import json
import os
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

import text
from batches import repeats
from data import decode
from features import HOP, RATE
from store import Writer

SHORTEST = 0.2      # seconds
# How asr-backend names a clip: task, start and end of the region in milliseconds.
CLIP = re.compile(r"(\d+)-\d{9,}-\d{9,}(-\d+)?$")


class Unusable(Exception):
    """Says in a sentence what a person has to change."""


@dataclass
class Line:
    audio: str          # absolute path
    text: str           # as people wrote it
    offset: float       # seconds
    duration: float     # seconds; 0 = to the end of the file
    channel: int        # -1 = all, mixed
    recording: str      # what recording it is from: clips of one never lie on both sides of a split


def recording(line, path):
    """The line's field "recording" if it has one, else the task in the name of a clip, else the path."""
    named = CLIP.match(os.path.splitext(os.path.basename(path))[0])
    return str(line.get("recording") or (f"task {named[1]}" if named else os.path.abspath(path)))


def read_manifest(path):
    """-> [Line], or raises Unusable."""
    lines, folder = [], os.path.dirname(os.path.abspath(path))
    try:
        with open(path, encoding="utf-8") as f:
            for number, raw in enumerate(f, 1):
                if not raw.strip():
                    continue
                try:
                    line = json.loads(raw)
                    audio = os.path.join(folder, line["audio_filepath"])
                    lines.append(Line(audio, str(line["text"] or ""), float(line.get("offset") or 0),
                                      float(line.get("duration") or 0), int(line.get("channel", -1)), recording(line, audio)))
                except (ValueError, TypeError, KeyError) as e:
                    raise Unusable(f"{path}, line {number}: this is no line of a NeMo manifest: {type(e).__name__} {e}") from e
    except (OSError, UnicodeDecodeError) as e:
        raise Unusable(f"the manifest cannot be read: {e}") from e
    if not lines:
        raise Unusable(f"{path} is empty")
    return lines


def split(lines, fraction, seconds):
    """-> (lines to learn from, lines to judge on). Whole recordings are taken to judge, in the order of a digest of their
    names, until they hold the fraction of all seconds. seconds: Line -> its length."""
    sizes = Counter()
    for line in lines:
        sizes[line.recording] += seconds(line)
    if len(sizes) < 2:
        raise Unusable("all corrections are from one recording, so none can be kept to judge the new model; "
                       "give a manifest of other recordings with --judge")
    judge, goal = set(), fraction * sum(sizes.values())
    for name in sorted(sizes, key=lambda n: hashlib.sha256(n.encode()).hexdigest())[:-1]:
        if judge and sum(sizes[n] for n in judge) >= goal:
            break
        judge.add(name)
    return [x for x in lines if x.recording not in judge], [x for x in lines if x.recording in judge]


class Spelling:
    """How a model writes: pieces is its SentencePiece model."""

    def __init__(self, pieces):
        self.pieces = pieces
        letters = set("".join(pieces.id_to_piece(i) for i in range(pieces.get_piece_size())
                              if not pieces.is_unknown(i) and not pieces.is_control(i))) - {"\u2581"}
        self.plain = letters <= set("abcdefghijklmnopqrstuvwxyz'")
        self.lower = not any(c.isupper() for c in letters)

    def spell(self, written):
        """What people wrote -> what the model would write, or None where it cannot."""
        if self.plain:
            return text.normalise(written)
        out = " ".join(unicodedata.normalize("NFC", written.lower() if self.lower else written).split())
        return None if not out or self.pieces.unk_id() in self.pieces.encode(out) else out

    def words(self, spelled):
        """What errors are counted on: letters, digits and apostrophes, in lower case."""
        if self.plain:
            return spelled
        kept = "".join(c if unicodedata.category(c)[0] in "LMN" or c == "'" else " " for c in spelled.casefold())
        return " ".join(kept.split())


class Audio:
    """Reads lines; keeps the last file, of which several lines in a row may be parts."""

    def __init__(self):
        self.path, self.samples, self.rate = None, None, 0

    def clip(self, line):
        """-> float32 [N], 16 kHz mono."""
        if line.audio != self.path:
            try:
                self.samples, self.rate = soundfile.read(line.audio, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                self.samples, self.rate = decode(line.audio)[:, None], RATE     # all channels mixed
            self.path = line.audio
        end = line.offset + line.duration if line.duration else len(self.samples) / self.rate
        part = self.samples[round(line.offset * self.rate):round(end * self.rate)]
        mono = part[:, line.channel] if 0 <= line.channel < part.shape[1] else part.mean(1)
        return mono if self.rate == RATE else soxr.resample(mono, self.rate, RATE)


def fault(line, samples, spelled, ids, longest):
    """Why a clip cannot be learned from, or None."""
    seconds = len(samples) / RATE
    rows = -(-(len(samples) // HOP) // 8)
    for wrong, why in ((not line.text.strip(), "no text"), (spelled is None, "the model cannot spell it"),
                       (seconds < SHORTEST, f"shorter than {SHORTEST} s"), (seconds > longest, f"longer than {longest:g} s"),
                       (ids is not None and rows < repeats(ids), "more text than the audio has rows for")):
        if wrong:
            return why
    return None


def store(lines, folder, set_, spelling, log_mel, longest):
    """Writes the usable lines to a store. -> (clips, seconds, {why left out: how many})."""
    audio, writer, left, clips, seconds = Audio(), Writer(folder, log_mel), Counter(), 0, 0.0
    for line in lines:
        spelled = spelling.spell(line.text)
        if not os.path.exists(line.audio):
            left["the audio file is missing"] += 1
            continue
        try:
            samples = np.ascontiguousarray(audio.clip(line), np.float32)
        except Exception:   # whatever a decoder raises on a damaged file
            left["the audio cannot be decoded"] += 1
            continue
        why = fault(line, samples, spelled, spelling.pieces.encode(spelled) if spelled else None, longest)
        if why:
            left[why] += 1
            continue
        writer.add(f"{os.path.basename(line.audio)}@{line.offset:g}", set_, line.recording.replace("\t", " "), spelled, samples)
        clips, seconds = clips + 1, seconds + len(samples) / RATE
    writer.close()
    return clips, seconds, dict(left)
