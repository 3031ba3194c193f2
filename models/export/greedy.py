"""Greedy decoding of RNN-T and TDT with the exported graphs alone: what the program does with them, in numpy.

A transducer has two networks beside its encoder. The prediction network, an LSTM, reads the labels written so far. The joint
takes its output and one row of the encoder, and scores what comes next: a column for each piece, one for blank (no label in
this row, or no further one), and with TDT one for each duration (how many rows to go ahead). decoder_joint-model.onnx holds
both networks, and runs the LSTM over the last label in each call. So the state that goes in is the one before that label, and
the state that comes out is kept only when a label is written.

Decoding starts with blank as the last label and a state of zeros: blank's embedding is a vector of zeros.
"""
from dataclasses import dataclass

import numpy as np

import rows


@dataclass
class Label:
    """A piece, the row in which it was written, and the rows that it lasts (TDT; 0 for RNN-T)."""
    piece: int
    row: int
    duration: int
    # The least distance of the best score and the second best in all decisions since the label before. Where it is within
    # rounding, another computer may decide otherwise.
    margin: float = 0.0

    @property
    def what(self):
        return self.piece, self.row, self.duration


class Graphs:
    """The encoder and decoder_joint of a folder. kind is "int8" for encoder-model.int8.onnx and so on; durations are those of
    a TDT model."""

    def __init__(self, folder, durations=(), max_symbols=10, kind="", threads=1):
        end = f".{kind}.onnx" if kind else ".onnx"
        self.encoder = rows.session(f"{folder}/encoder-model{end}", threads)
        self.joint = rows.session(f"{folder}/decoder_joint-model{end}", threads)
        layers, _, width = self.joint.get_inputs()[3].shape
        self.start = np.zeros((2, layers, 1, width), np.float32)
        self.width = self.joint.get_outputs()[0].shape[3]
        self.durations, self.max_symbols = list(durations), max_symbols
        self.blank = self.width - len(durations) - 1    # the last piece

    def encode(self, features):
        """float32 [bands, T] -> what encode gives."""
        return encode(self.encoder, features)

    def step(self, some, labels, state):
        """some rows float32 [B, K, D], the last label of each item [B], states before it float32 [2, layers, B, H] -> logits
        [B, K, columns], states after it."""
        feed = {"encoder_outputs": np.ascontiguousarray(some.transpose(0, 2, 1)), "targets": np.array(labels, np.int32)[:, None],
                "target_length": np.ones(len(labels), np.int32), "input_states_1": state[0], "input_states_2": state[1]}
        logits, _, hidden, cell = self.joint.run(None, feed)
        return logits[:, :, 0], np.stack([hidden, cell])


def encode(session, features, length=None):
    """float32 [bands, T] -> (rows float32 [R, D], CTC log-probabilities [R, pieces + 1] or None) of its first length frames."""
    length = features.shape[1] if length is None else length
    out, lengths, *ctc = session.run(None, {"audio_signal": features[None], "length": np.array([length], np.int64)})
    n = int(lengths[0])
    return np.ascontiguousarray(out[0, :, :n].T), ctc[0][0, :n] if ctc else None


def lead(scores):
    """How far the best lies before the second best."""
    second, best = np.partition(scores, -2)[-2:]
    return float(best - second)


def decode(graphs, some):
    """rows float32 [R, D] -> (labels, the least margin of the decisions after the last one).

    A label of RNN-T, or of TDT with duration 0, stays in its row, until the row has max_symbols of them. Blank always moves
    on, by one row if its duration is 0. A duration may lead beyond the last row."""
    blank, durations = graphs.blank, graphs.durations
    state, last, at, here, margin, labels = graphs.start, blank, 0, 0, np.inf, []
    while at < len(some):
        logits, after = graphs.step(some[None, at:at + 1], [last], state)
        pieces, lasting = logits[0, 0, :blank + 1], logits[0, 0, blank + 1:]
        piece, skip = int(pieces.argmax()), int(durations[lasting.argmax()]) if durations else 0
        margin = min(margin, lead(pieces), lead(lasting) if len(lasting) > 1 else np.inf)
        if piece != blank:
            labels.append(Label(piece, at, skip, margin))
            state, last, here, margin = after, piece, here + 1, np.inf
            if here >= graphs.max_symbols:
                skip = max(skip, 1)
        else:
            skip = max(skip, 1)
        if skip:
            at, here = at + skip, 0
    return labels, margin


def path(labels, count):
    """[(first, last)]: the rows at which n + 1 states of the prediction network may be asked for, state i after i labels."""
    edges = [0] + [x.row for x in labels] + [count - 1]
    return [(a, b) for a, b in zip(edges, edges[1:])]


def along(graphs, some, labels):
    """Logits [steps, columns] on the path of given labels: every row with every state that meets it there, in one call for
    each state."""
    if not len(some):
        return np.zeros((0, graphs.width), np.float32)
    state, out = graphs.start, []
    for piece, (first, last) in zip([graphs.blank] + [x.piece for x in labels], path(labels, len(some))):
        logits, state = graphs.step(some[None, first:last + 1], [piece], state)
        out.append(logits[0])
    return np.concatenate(out)
