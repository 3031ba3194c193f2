"""The small parts, each against something that was not written here."""
import os

import numpy as np
import onnx
import pytest
import torch
from conftest import SPEECH
from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor
from onnx import TensorProto, helper, numpy_helper

import card
import features
import graph
import rows
import variants


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("clip", ["ljspeech/LJ001-0004.flac", "librispeech/1688-142285-0002.flac"])
def test_features_are_those_of_nemo_in_float64(bands, clip):
    x = features.read(os.path.join(SPEECH, clip))
    theirs = AudioToMelSpectrogramPreprocessor(normalize="per_feature", features=bands, dither=0.0, pad_to=0, window_size=0.025).double().eval()
    out, n = theirs.featurizer(torch.from_numpy(x).double()[None], torch.tensor([len(x)]))
    assert int(n) == len(x) // 160
    theirs = out[0, :, :int(n)].numpy()
    mel = features.log_mel(x, bands)
    scale = mel.astype(np.float64).std(1, ddof=1, keepdims=True) + 1e-5
    assert np.abs((features.normalise(mel) - theirs) * scale).max() < 5e-5      # NeMo's window and filters are float32


@pytest.mark.parametrize("samples, frames", [(0, 0), (159, 0), (160, 1), (319, 1), (16000, 100)])
def test_a_recording_has_a_frame_for_every_160_samples(samples, frames):
    mel = features.log_mel(np.ones(samples, np.float32))
    assert mel.shape == (80, frames) and features.normalise(mel).shape == (80, frames)


def test_windows_cover_what_is_long_enough():
    mel = np.arange(5200, dtype=np.float32)[None]
    assert [c.shape[1] for c in features.windows(mel)] == [2560, 2560]
    assert [c.shape[1] for c in features.windows(mel[:, :100])] == [100]
    assert np.array_equal(np.concatenate(features.windows(mel), 1), mel[:, :5120])


def edits(a, b):
    """Levenshtein distance by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(edits(a[1:], b[1:]) + (a[0] != b[0]), edits(a[1:], b) + 1, edits(a, b[1:]) + 1)


def test_word_errors_are_the_edit_distance():
    rng = np.random.default_rng(1)
    for _ in range(200):
        a, b = (rng.integers(0, 3, rng.integers(0, 6)).tolist() for _ in "ab")
        assert rows.word_errors(a, b) == edits(a, b), (a, b)


def test_greedy_merges_runs_and_drops_blank():
    best = [3, 0, 0, 3, 0, 1, 1, 2, 3]
    assert rows.greedy(np.eye(4)[best]) == [0, 0, 1, 2]
    assert rows.greedy(np.eye(4)[[3, 3]]) == []


def test_agreement_counts_rows_and_words():
    a = rows.Agreement(["\u2581yes", "\u2581no"])
    a.add(rows.reading(np.eye(3)[[0, 2, 1, 2]]), rows.reading(np.eye(3)[[0, 2, 0, 2]]))
    assert (a.row_share, a.word_share, a.worst) == (0.75, 0.5, 1.0)
    a.add(rows.reading(np.eye(3)[[0]]), rows.reading(np.full((1, 3), np.nan)))
    assert a.worst == np.inf


def toy(weight):
    """y = x * cast(weight) with weight stored as float16."""
    return helper.make_model(helper.make_graph(
        [helper.make_node("Cast", ["w16"], ["w"], to=TensorProto.FLOAT), helper.make_node("Mul", ["x", "w"], ["y"])], "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(weight.shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(weight.shape))],
        [numpy_helper.from_array(weight.astype(np.float16), "w16")]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(path, x):
    return rows.session(path).run(None, {"x": x})[0]


@pytest.mark.parametrize("limit, files", [(1 << 20, ["m.onnx"]), (1 << 10, ["m.onnx", "m.onnx.data"])])
def test_graphs_are_saved_with_large_weights_beside_them(tmp_path, limit, files):
    w = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)
    path = str(tmp_path / "m.onnx")
    for _ in range(2):      # a second time must not add to the first
        assert graph.save(toy(w), path, limit) == files
    assert sorted(os.listdir(tmp_path)) == files
    assert sum(os.path.getsize(tmp_path / f) for f in files) < 10_000
    assert len({os.stat(tmp_path / f).st_mode for f in files}) == 1     # whoever may read one may read the other
    assert np.array_equal(run(path, np.ones_like(w)), w.astype(np.float16).astype(np.float32))


def test_widening_undoes_float16_storage(tmp_path):
    w = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    model = toy(w)
    graph.widen(model)
    assert [n.op_type for n in model.graph.node] == ["Mul"]
    graph.save(model, str(tmp_path / "wide.onnx"))
    graph.save(toy(w), str(tmp_path / "half.onnx"))
    assert np.array_equal(run(str(tmp_path / "wide.onnx"), np.ones_like(w)), run(str(tmp_path / "half.onnx"), np.ones_like(w)))


def test_weights_that_the_graph_transposes_are_turned(tmp_path):
    w = np.arange(6, dtype=np.float32).reshape(2, 3)
    model = helper.make_model(helper.make_graph(
        [helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]), helper.make_node("MatMul", ["x", "wt"], ["y"])], "turned",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(w, "w")]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    graph.turn(model)
    assert [n.op_type for n in model.graph.node] == ["MatMul"]
    assert [t.name for t in model.graph.initializer] == ["wt"]
    graph.save(model, str(tmp_path / "m.onnx"))
    x = np.array([[1, 10, 100]], np.float32)
    assert np.array_equal(run(str(tmp_path / "m.onnx"), x), x @ w.T)


def test_facts_are_added_to_those_that_are_there():
    model = toy(np.ones((1, 1), np.float32))
    graph.set_facts(model, {"a": "1", "b": "2"})
    graph.set_facts(model, {"b": "3"})
    assert graph.facts(onnx.load_from_string(model.SerializeToString())) == {"a": "1", "b": "3"}


@pytest.mark.parametrize("checkpoint, name", [("/a/My Calls_v2.nemo", "my-calls-v2"), ("nvidia/parakeet-tdt_ctc-110m", "parakeet-tdt-ctc-110m"), ("...", "model")])
def test_a_model_without_a_name_gets_its_files(checkpoint, name):
    assert card.plain_name(checkpoint) == name


@pytest.mark.parametrize("pieces, casing", [(["\u2581a", "B", "<unk>"], "cased"), (["\u2581a", "'", "<UNK>"], "lower"), (["გ", "ა"], "none")])
def test_casing_is_read_from_the_pieces(pieces, casing):
    assert card.casing(pieces) == casing


def test_the_catalogue_knows_published_names():
    for name in ("nvidia/parakeet-tdt_ctc-110m", "parakeet-tdt_ctc-110m"):
        assert card.published(name)["name"] == "parakeet-110m"
    assert card.published("nobody/nothing") == {}


def test_words_are_counted_without_case_and_marks():
    assert variants.words("Well, Don\u2019t - you?") == ["well", "don't", "you"]


def test_clips_come_with_texts(tmp_path):
    assert all(os.path.isfile(p) and t for p, t in variants.clips())
    assert variants.clips(language="de") == [(variants.SAMPLE, None)]
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "b.flac").write_bytes(b"")
    (tmp_path / "a.txt").write_text("yes")
    assert variants.clips([str(tmp_path)]) == [(f"{tmp_path}/a.wav", "yes"), (f"{tmp_path}/b.flac", None)]
