"""Graphs at work: sessions, rows, greedy pieces and text, and how far two graphs agree."""
from dataclasses import dataclass

import numpy as np
import onnxruntime

FRAMES_PER_ROW = 8


def session(path, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # As the program runs them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def count(frames):
    """Rows of so many frames."""
    return -(-frames // FRAMES_PER_ROW)


def run(s, features, length=None):
    """float32 [bands, T] -> float32 [rows, pieces + 1] of its first length frames, all if None."""
    length = features.shape[1] if length is None else length
    feed = {"audio_signal": features[None], "length": np.array([length], np.int64)}
    return s.run(None, feed)[0][0, :count(length)]


def read_tokens(path):
    """tokens.txt -> list of pieces without blank."""
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n").rsplit(" ", 1)[0] for line in f][:-1]


def greedy(rows):
    """[rows, pieces + 1] -> best pieces: runs merged, blank (the last column) dropped."""
    best = rows.argmax(1)
    first = np.concatenate([[True], best[1:] != best[:-1]])
    return best[first & (best != rows.shape[1] - 1)].tolist()


def text(pieces, ids):
    """Plain joining, for comparing texts of one vocabulary with each other."""
    return "".join(pieces[i] for i in ids).replace("\u2581", " ").strip()


def word_errors(truth, guess):
    """Substitutions + deletions + insertions between lists of words."""
    row = np.arange(len(guess) + 1)
    for i, word in enumerate(truth, 1):
        new = np.minimum(row[1:] + 1, row[:-1] + np.array([word != g for g in guess], int))
        new = np.concatenate([[i], new])
        # Insertions run along the row: new[j] = min over k <= j of new[k] + (j - k).
        row = np.minimum.accumulate(new - np.arange(len(new))) + np.arange(len(new))
    return int(row[-1])


@dataclass
class Reading:
    """What graphs make of a window: values, which are compared number by number; of each row, what it says, a best piece or
    what else can be compared; and the pieces of the text."""
    values: np.ndarray
    cells: list
    ids: list


def reading(rows):
    """Of log-probabilities [rows, pieces + 1]."""
    return Reading(rows, rows.argmax(1).tolist(), greedy(rows))


class Agreement:
    """Counts how far readings by one model agree with those by another."""

    def __init__(self, pieces):
        self.pieces = pieces
        self.rows = self.same = self.words = self.wrong = 0
        self.worst = 0.0

    def add(self, want, got):
        self.rows += len(want.cells)
        self.same += sum(a == b for a, b in zip(want.cells, got.cells))
        difference = np.abs(want.values.astype(np.float64) - got.values).max()
        self.worst = max(self.worst, difference) if np.isfinite(difference) else np.inf
        truth, guess = (text(self.pieces, r.ids).split() for r in (want, got))
        self.words += len(truth)
        self.wrong += word_errors(truth, guess)

    @property
    def row_share(self):
        """Share of rows that say the same."""
        return self.same / max(self.rows, 1)

    @property
    def word_share(self):
        """Words written otherwise, as a share of all words."""
        return self.wrong / max(self.words, 1)
