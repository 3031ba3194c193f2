"""What the graphs of a transducer must do before they are published: the rows, scores and labels of the checkpoint.

The encoder's rows have no unit: the last layer scales them. So they are compared as a share of their own spread (the root of
their mean square). What they come to is seen in the scores: log-probabilities of pieces and of durations on the path of the
checkpoint's labels. And the labels themselves must be the checkpoint's, except where it decides between two scores that lie
closer together than rounding may move them.
"""
from dataclasses import dataclass

import numpy as np
import onnx

import graph
import greedy
import rows
import selftest
from selftest import require

ROWS = 1e-3         # of the rows' spread: what may lie between the checkpoint's rows and the graph's, and what padding may change
TIE = 2 * selftest.LOG_PROBS    # either of two scores may move so far


@dataclass
class Want:
    """What the checkpoint computes of an input."""
    feats: np.ndarray       # float32 [bands, T]
    rows: np.ndarray        # float32 [R, D]
    labels: list
    text: str
    scores: np.ndarray      # float32 [steps, columns]: on the path of labels
    ctc: np.ndarray = None  # float32 [R, pieces + 1] of a hybrid
    ctc_text: str = ""


def interface(folder, bands, width, pieces, durations, ctc):
    """Names, types and sizes, and the table of positions. Returns the longest run in rows."""
    path = f"{folder}/encoder-model.onnx"
    outputs = {"outputs": "tensor(float)", "encoded_lengths": "tensor(int64)"} | ({"logprobs": "tensor(float)"} if ctc else {})
    longest = selftest.interface(path, bands, width, outputs)
    s = rows.session(f"{folder}/decoder_joint-model.onnx")
    inputs = {i.name: (i.type, len(i.shape)) for i in s.get_inputs()}
    require(inputs == {"encoder_outputs": ("tensor(float)", 3), "targets": ("tensor(int32)", 2), "target_length": ("tensor(int32)", 1),
                       "input_states_1": ("tensor(float)", 3), "input_states_2": ("tensor(float)", 3)}, f"decoder_joint's inputs are {inputs}")
    names = [o.name for o in s.get_outputs()]
    require(names == ["outputs", "prednet_lengths", "output_states_1", "output_states_2"], f"decoder_joint's outputs are {names}")
    columns, wanted = s.get_outputs()[0].shape[3], len(pieces) + 1 + len(durations)
    require(columns == wanted, f"decoder_joint scores {columns} columns; the vocabulary, blank and {len(durations)} durations are {wanted}")
    require(s.get_inputs()[0].shape[1] == width, f"decoder_joint takes rows of {s.get_inputs()[0].shape[1]} values, not {width}")
    return longest


def counts(graphs, bands, width, pieces, ctc):
    """ceil(L / 8) rows for every length, and of a hybrid as many distributions."""
    for frames in selftest.LENGTHS:
        got, logprobs = graphs.encode(selftest.noise(bands, frames))
        require(got.shape == (rows.count(frames), width), f"{frames} frames give {got.shape[0]} rows of {got.shape[1]}, "
                f"want {rows.count(frames)} of {width}")
        if ctc:
            selftest.distributions(frames, logprobs, len(pieces) + 1)


def spread(some):
    return float(np.sqrt(np.mean(np.square(some, dtype=np.float64)))) or 1.0


def log_probs(scores, columns):
    """Logarithms of the probabilities of pieces and blank (the first columns), and of durations."""
    parts = [scores[:, :columns], scores[:, columns:]]
    out = [p - np.logaddexp.reduce(p, axis=1, keepdims=True) for p in (p.astype(np.float64) for p in parts) if p.shape[1]]
    return np.concatenate(out, 1)


def likeness(graphs, wants):
    """The largest differences from the checkpoint: (of rows, as a share of their spread; of scores; of CTC log-probabilities),
    all on the rows that the encoder gives here."""
    far, scores, ctc = 0.0, 0.0, 0.0
    for w in wants:
        got, logprobs = graphs.encode(w.feats)
        require(got.shape == w.rows.shape, f"the encoder gives {got.shape} values where the checkpoint gives {w.rows.shape}")
        far = max(far, float(np.abs(got - w.rows).max()) / spread(w.rows))
        ours, theirs = (log_probs(x, graphs.blank + 1) for x in (greedy.along(graphs, got, w.labels), w.scores))
        scores = max(scores, float(np.abs(ours - theirs).max()))
        if w.ctc is not None:
            ctc = max(ctc, float(np.abs(logprobs - w.ctc).max()))
    require(far <= ROWS, f"the encoder's rows differ by up to {far:.2g} of their spread from the checkpoint's; {ROWS:g} is allowed")
    for what, worst in (("the joint's log-probabilities", scores), ("the CTC head's log-probabilities", ctc)):
        require(worst <= selftest.LOG_PROBS, f"{what} differ by up to {worst:.2g} from the checkpoint's; {selftest.LOG_PROBS:g} is allowed")
    return far, scores, ctc


def padding(graphs, wants):
    """Every input alone against the same in one batch with the longest, padded with noise. Returns the largest difference of
    rows, as a share of their spread."""
    longest = max((w.feats for w in wants), key=lambda f: f.shape[1])
    worst = 0.0
    for w in wants:
        batch = np.stack([selftest.noise(*longest.shape, seed=2), longest])
        batch[0, :, :w.feats.shape[1]] = w.feats
        out, lengths, *ctc = graphs.encoder.run(None, {"audio_signal": batch, "length": np.array([w.feats.shape[1], longest.shape[1]], np.int64)})
        n, (alone, logprobs) = int(lengths[0]), graphs.encode(w.feats)
        require(n == len(alone), f"{len(alone)} rows are {n} in a batch")
        worst = max(worst, float(np.abs(out[0, :, :n].T - alone).max()) / spread(alone))
        if ctc:
            change = float(np.abs(ctc[0][0, :n] - logprobs).max())
            require(change <= selftest.PADDING, f"padding changes CTC log-probabilities by up to {change:.2g}")
    require(worst <= ROWS, f"padding changes rows by up to {worst:.2g} of their spread")
    return worst


def batches(graphs, some):
    """The decoder in batches against one item and one row at a time: two items with states and labels of their own, eight rows
    each. The program asks for several rows, and may ask for several recordings, at once. Returns the largest difference."""
    count = min(8, len(some) // 2)
    both = np.stack([some[:count], some[count:2 * count]])
    labels = [graphs.blank, 0]
    _, after = graphs.step(both[:1, :1], [min(1, graphs.blank - 1)], graphs.start)
    states = np.concatenate([graphs.start, after], 2)
    together, left = graphs.step(both, labels, states)
    worst = 0.0
    for i in range(2):
        for k in range(count):
            alone, state = graphs.step(both[i:i + 1, k:k + 1], labels[i:i + 1], states[:, :, i:i + 1])
            worst = max(worst, float(np.abs(alone[0, 0] - together[i, k]).max()), float(np.abs(state - left[:, :, i:i + 1]).max()))
    require(worst <= selftest.PADDING, f"the decoder's scores differ by up to {worst:.2g} in batches")
    return worst


def parting(want, got, margin):
    """Where two lists of labels part: (index, the least margin of the decisions that led there), or None if they are equal.
    margin is that after the last label of got."""
    for i, (a, b) in enumerate(zip(want, got)):
        if a.what != b.what:
            return i, b.margin
    if len(want) == len(got):
        return None
    return (len(want), got[len(want)].margin) if len(got) > len(want) else (len(got), margin)


def same_labels(graphs, wants):
    """Pieces, rows and durations of every input, decoded with the graphs, against the checkpoint's. Returns (how many labels
    are equal, sentences about ties)."""
    equal, ties = 0, []
    for w in wants:
        got, margin = greedy.decode(graphs, graphs.encode(w.feats)[0])
        part = parting(w.labels, got, margin)
        if part is None:
            equal += len(got)
            continue
        at, margin = part
        theirs, ours = ([x.what for x in labels[at:at + 1]] or "the end" for labels in (w.labels, got))
        require(margin <= TIE, f"label {at + 1} of {len(w.labels)} (piece, row, duration) is {ours}, the checkpoint's is {theirs}")
        equal += at
        ties.append(f"label {at + 1} of an input is a tie: two scores are {margin:.1e} apart, which rounding decides")
    return equal, ties
