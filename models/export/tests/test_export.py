"""Checkpoints of every form that NeMo can save, by their CTC heads -> folders with which the program recognizes the same."""
import json
import os
import subprocess

import numpy as np
import onnx
import pytest
import torch
from conftest import SPEECH

import card
import checkpoint
import contract
import export
import features
import graph
import nemo_models
import rows
import validate

CLIPS = [os.path.join(SPEECH, "ljspeech", "LJ001-0004.flac"), os.path.join(SPEECH, "librispeech", "1688-142285-0002.flac")]
LETTERS = list(" abcdefghijklmnopqrstuvwxyz'")


def build(speech, tokenizer, kind="hybrid", features=80, normalize="per_feature", langs=(), **encoder):
    """A tiny model of random weights that speaks."""
    cfg = nemo_models.config("tiny", tokenizer, kind, **encoder)
    cfg.preprocessor.features = cfg.encoder.feat_in = features
    cfg.preprocessor.normalize = normalize
    if langs:
        cfg.tokenizer = {"type": "agg", "langs": {lang: {"dir": tokenizer, "type": "bpe"} for lang in langs}}
    return nemo_models.enliven(nemo_models.new(cfg, kind), speech)


FORMS = {
    "a hybrid": {},
    "a CTC model": {"kind": "ctc"},
    "letters": {"kind": "ctc", "tokenizer": LETTERS},
    "128 bands": {"features": 128},
    "features as they are": {"normalize": "NA"},
    "a short table of positions": {"pos_emb_max_len": 1024},
    "local attention": {"self_attention_model": "rel_pos_local_attn", "att_context_size": [16, 16]},
    "two languages": {"langs": ("en", "de")},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory, speech, pieces128):
    """name of a form -> (.nemo file, folder, what was said), made once."""
    made = {}

    def get(form):
        if form not in made:
            work, said = tmp_path_factory.mktemp("form"), []
            form_of = {"tokenizer": pieces128} | FORMS[form]
            build(speech, form_of.pop("tokenizer"), **form_of).save_to(f"{work}/my_model.nemo")
            export.export(export.arguments([f"{work}/my_model.nemo", f"{work}/out/m", "--head", "ctc", "--language", "en", "--licence", "CC0-1.0",
                                            "--word-shift-ms", "40"]), said.append)
            made[form] = f"{work}/my_model.nemo", f"{work}/out/m", "\n".join(said)
        return made[form]

    return get


@pytest.mark.parametrize("form", FORMS)
def test_the_program_recognizes_what_nemo_recognizes(exported, program, form):
    saved, folder, said = exported(form)
    model = nemo_models.restore(saved)      # as saved, not as export.py changes it
    model.preprocessor.featurizer.dither = 0.0
    clips = validate.compare(model, folder, CLIPS, program)
    print(validate.table(clips))
    assert [f for c in clips for f in c.faults()] == []
    assert all(c.got for c in clips)
    if form == "local attention":
        assert "local attention became full attention behind a mask of 16 + 16 rows" in said


@pytest.mark.parametrize("form", FORMS)
def test_the_folder_can_be_verified(exported, program, form):
    _, folder, _ = exported(form)
    about = card.read(folder)
    assert sorted(os.listdir(folder)) == sorted(["model.json", *about["sha256"]])
    done = subprocess.run([program, "models", "verify", folder, "--json"], capture_output=True, text=True)
    found = {f["check"]: f for f in json.loads(done.stdout)["findings"]}
    assert found["selftest"]["status"] == "ok", found
    # The words are random; all else must be in order.
    assert {c for c, f in found.items() if f["status"] != "ok"} <= {"sample"}, found
    assert f"at most {about['max_rows']} rows" in found["contract"]["detail"]
    assert f"{about['mels']} mel bands" in found["features"]["detail"]


def test_the_card_says_what_it_is(exported):
    saved, folder, said = exported("a hybrid")
    about = card.read(folder)
    assert (about["name"], about["language"], about["licence"], about["mels"], about["pieces"]) == ("my-model", "en", "CC0-1.0", 80, 128)
    assert (about["max_rows"], about["word_shift_ms"], about["casing"]) == (5000, 40, "cased")
    assert about["sha256"] == {n: card.digest(f"{folder}/{n}") for n in ("model.onnx", "tokens.txt", "tokenizer.model")}
    assert card.digest(saved) in about["source"] and "NeMo 3.0.0" in about["source"]
    assert "a run may have 5000 rows (400 s)" in said
    facts = graph.facts(onnx.load(f"{folder}/model.onnx"))
    assert (facts["subsampling_factor"], facts["normalize_type"], facts["max_rows"], facts["vocab_size"]) == ("8", "per_feature", "5000", "128")


def test_the_tokenizer_is_the_checkpoints(exported, pieces128):
    _, folder, _ = exported("a hybrid")
    with open(f"{folder}/tokenizer.model", "rb") as got, open(f"{pieces128}/tokenizer.model", "rb") as want:
        assert got.read() == want.read()
    _, folder, _ = exported("two languages")
    assert {"tokenizer.en.model", "tokenizer.de.model"} < set(os.listdir(folder)) and len(rows.read_tokens(f"{folder}/tokens.txt")) == 256
    assert not [n for n in os.listdir(exported("letters")[1]) if n.startswith("tokenizer")]


def test_the_longest_run_is_right_and_never_exceeded(exported, program, tmp_path):
    saved, folder, _ = exported("a short table of positions")
    assert card.read(folder)["max_rows"] == 1024
    x = np.random.default_rng(1).normal(0, 0.1, 1024 * 8 * features.HOP).astype(np.float32)
    _, got, _ = validate.dump(program, folder, {"long": x}, str(tmp_path), "--window", "1024")["long"]
    model = nemo_models.restore(saved)
    model.preprocessor.featurizer.dither = 0.0
    # validate.dump writes 16 bits.
    x = features.read(f"{tmp_path}/long.wav")
    want = checkpoint.rows(model, checkpoint.features(model, x, exact=True))
    assert got.shape == want.shape == (1024, 129) and np.abs(got - want).max() <= 1e-3
    # A longer window is cut to what the model can do; a longer recording takes several.
    _, wide, _ = validate.dump(program, folder, {"long": x}, str(tmp_path), "--window", "5000")["long"]
    assert np.array_equal(wide, got)
    _, longer, _ = validate.dump(program, folder, {"longer": np.concatenate([x, x])}, str(tmp_path), "--window", "5000")["longer"]
    assert longer.shape == (2048, 129) and np.isfinite(longer).all()


@pytest.fixture
def saved(tmp_path, speech, pieces128):
    build(speech, pieces128).save_to(f"{tmp_path}/m.nemo")
    return f"{tmp_path}/m.nemo"


def test_a_published_name_brings_its_facts(saved, tmp_path, monkeypatch):
    from nemo.collections.asr.models import ASRModel
    asked = []

    def download(name, return_model_file):
        asked.append((name, return_model_file))
        return saved

    monkeypatch.setattr(ASRModel, "from_pretrained", download)
    export.main(["nvidia/parakeet-tdt_ctc-110m", f"{tmp_path}/out", "--head", "ctc"])
    about = card.read(f"{tmp_path}/out")
    assert asked == [("nvidia/parakeet-tdt_ctc-110m", True)]
    assert (about["name"], about["language"], about["licence"]) == ("parakeet-110m", "en", "CC-BY-4.0")
    assert about["source"].startswith("nvidia/parakeet-tdt_ctc-110m, exported with NeMo 3.0.0")


def test_a_name_that_cannot_be_downloaded_ends_with_a_sentence(tmp_path, monkeypatch):
    from nemo.collections.asr.models import ASRModel

    def fail(name, return_model_file):
        raise ConnectionError("no way to the hub\nand much more")

    monkeypatch.setattr(ASRModel, "from_pretrained", fail)
    with pytest.raises(SystemExit, match="could not be downloaded by that name: no way to the hub$"):
        export.main(["nvidia/nothing", f"{tmp_path}/out"])


def refused(saved, tmp_path, sentence):
    with pytest.raises(contract.Unusable, match=sentence):
        export.export(export.arguments([saved, f"{tmp_path}/out", "--head", "ctc"]), lambda _: None)
    assert os.listdir(tmp_path) == ["m.nemo"]


def test_a_graph_that_computes_something_else_is_not_handed_out(saved, tmp_path, monkeypatch):
    usual = checkpoint.to_onnx

    def spoilt(model, path):
        with torch.no_grad():
            model.encoder.layers[1].norm_out.weight *= 1.001
        return usual(model, path)

    monkeypatch.setattr(checkpoint, "to_onnx", spoilt)
    refused(saved, tmp_path, "self-test fails: its log-probabilities differ by up to")


def test_features_that_the_configuration_does_not_show_are_found(saved, tmp_path, monkeypatch):
    usual = checkpoint.load

    def periodic(path):
        model = usual(path)
        model.preprocessor.featurizer.window.copy_(torch.hann_window(400, periodic=True))
        return model

    monkeypatch.setattr(checkpoint, "load", periodic)
    refused(saved, tmp_path, "its own features differ by up to")


def test_a_vocabulary_of_another_size_is_found(saved, tmp_path, monkeypatch):
    usual = checkpoint.pieces
    monkeypatch.setattr(checkpoint, "pieces", lambda model, heads: usual(model, heads)[:-1])
    refused(saved, tmp_path, "self-test fails: 1 frames give 1 rows of 129, want 1 of 128")


def test_weights_that_are_cut_end_with_a_sentence(saved, tmp_path):
    with open(saved, "r+b") as f:
        f.truncate(os.path.getsize(saved) // 2)
    with pytest.raises(SystemExit, match="cannot be exported: (NeMo cannot load it|.* is damaged)"):
        export.main([saved, f"{tmp_path}/out"])
    assert os.listdir(tmp_path) == ["m.nemo"]


def test_int8_of_touchy_random_weights_is_not_kept(saved, tmp_path):
    said = []
    export.export(export.arguments([saved, f"{tmp_path}/out", "--head", "ctc", "--variants", "int8", "--clips", CLIPS[0]]), said.append)
    assert any(s.startswith("int8: ") and s.endswith(": not kept") for s in said), said
    assert "model.int8.onnx" not in os.listdir(f"{tmp_path}/out") and "model.int8.onnx" not in card.read(f"{tmp_path}/out")["sha256"]
