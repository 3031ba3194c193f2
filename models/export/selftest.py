"""What an exported graph must do before it is published: load, count, mask, and compute what the checkpoint computes."""
import numpy as np
import onnx

import contract
import features
import graph
import rows

LENGTHS = (1, 8, 9, 64, 257, 1000)      # frames
PADDING = 1e-3      # what padding may change, as in asr/contract.go
LOG_PROBS = 1e-3    # what may lie between the checkpoint's log-probabilities and the graph's, both float32
LOG_MEL = 3e-4      # ... between NeMo's features in float64 and ours


def require(holds, sentence):
    if not holds:
        raise contract.Unusable("the self-test fails: " + sentence)


def noise(bands, frames, seed=1):
    return np.random.default_rng(seed).standard_normal((bands, frames), dtype=np.float32)


def interface(path, bands, width, outputs=None):
    """Names and types, and the table of positions; width is the encoder's, outputs the names of its outputs and their types,
    any single float32 if None. Returns the longest run in rows."""
    s = rows.session(path)
    inputs = {i.name: (i.type, len(i.shape)) for i in s.get_inputs()}
    require(inputs == {"audio_signal": ("tensor(float)", 3), "length": ("tensor(int64)", 1)}, f"its inputs are {inputs}")
    got = [(o.name, o.type) for o in s.get_outputs()]
    require([kind for _, kind in got] == ["tensor(float)"] if outputs is None else got == list(outputs.items()), f"its outputs are {got}")
    require(s.get_inputs()[0].shape[1] == bands, f"it takes {s.get_inputs()[0].shape[1]} bands, not {bands}")
    longest = graph.position_rows(onnx.load(path, load_external_data=False), width)
    require(longest, "no table of positions was found in it, so nobody knows how long a run may be")
    return longest


def counts(s, bands, width):
    """ceil(L / 8) rows for every length, each a distribution."""
    for frames in LENGTHS:
        distributions(frames, rows.run(s, noise(bands, frames)), width)


def distributions(frames, got, width):
    """So many frames must give so many rows of log-probabilities."""
    require(got.shape == (rows.count(frames), width), f"{frames} frames give {got.shape[0]} rows of {got.shape[1]}, "
            f"want {rows.count(frames)} of {width}")
    total = np.exp(got.astype(np.float64)).sum(1)
    require(np.abs(total - 1).max() < 1e-3, "its rows are not distributions of probability")


def padding(s, clips):
    """Every clip alone against the same clip in one batch with the longest, padded with noise. Returns the difference."""
    longest = max(clips, key=lambda c: c.shape[1])
    worst = 0.0
    for c in clips:
        batch = np.stack([noise(*longest.shape, seed=2), longest])
        batch[0, :, :c.shape[1]] = c
        got = s.run(None, {"audio_signal": batch, "length": np.array([c.shape[1], longest.shape[1]], np.int64)})[0]
        worst = max(worst, float(np.abs(got[0, :rows.count(c.shape[1])] - rows.run(s, c)).max()))
    require(worst <= PADDING, f"padding changes rows by up to {worst:.2g}")
    return worst


def same_features(theirs, samples, raw):
    """The checkpoint's features of a clip against ours. Returns the difference, as one of log-mel values.

    Normalisation divides by each band's deviation, and so magnifies rounding in bands that hardly move: undone here.
    """
    mel = features.log_mel(samples, len(theirs))
    ours = mel if raw else features.normalise(mel)
    require(theirs.shape == ours.shape, f"its features of a clip are {theirs.shape}, ours {ours.shape}")
    scale = 1 if raw or mel.shape[1] < 2 else mel.astype(np.float64).std(1, ddof=1, keepdims=True) + 1e-5
    worst = float((np.abs(theirs - ours) * scale).max()) if mel.size else 0.0
    require(worst <= LOG_MEL, f"its own features differ by up to {worst:.2g} from those that this program makes")
    return worst


def likeness(s, clips, expected):
    """Largest difference of log-probabilities from the checkpoint's own."""
    worst = 0.0
    for c, want in zip(clips, expected):
        got = rows.run(s, c)
        require(got.shape == want.shape, f"it gives {got.shape} values where the checkpoint gives {want.shape}")
        worst = max(worst, float(np.abs(got - want).max()))
    require(worst <= LOG_PROBS, f"its log-probabilities differ by up to {worst:.2g} from the checkpoint's; {LOG_PROBS:g} is allowed")
    return worst
