"""The program against NeMo on real recordings: the model inside the program, the full size of published ones, a tiny one."""
import json
import os
import subprocess

import numpy as np
import pytest
from conftest import REPOSITORY, SPEECH

import card
import checkpoint
import export
import features
import nemo_models
import rows
import selftest
import validate

DEFAULT = os.path.join(REPOSITORY, "models", "default")
TINY = os.path.join(REPOSITORY, "testdata", "models", "tiny-random")


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    """The embedded model's weights in NeMo's own network."""
    model = nemo_models.rebuild(DEFAULT, str(tmp_path_factory.mktemp("default")))
    model.preprocessor.featurizer.dither = 0.0
    return model


def holds(clips):
    print(validate.table(clips))
    assert [f"{c.name}: {fault}" for c in clips for fault in c.faults()] == []


def test_the_embedded_model_recognizes_what_nemo_recognizes(default, program):
    clips = validate.compare(default, DEFAULT, validate.usual_clips(), program)
    holds(clips)
    assert sum(len(c.got.split()) for c in clips) > 50


def test_the_embedded_model_goes_through_nemo_and_back(default, program, tmp_path):
    default.save_to(f"{tmp_path}/default.nemo")
    export.main([f"{tmp_path}/default.nemo", f"{tmp_path}/m", "--language", "en"])
    holds(validate.compare(nemo_models.restore(f"{tmp_path}/default.nemo"), f"{tmp_path}/m", validate.usual_clips()[:3], program))
    done = subprocess.run([program, "models", "verify", f"{tmp_path}/m", "--json"], capture_output=True, text=True)
    found = {f["check"]: f for f in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0 and found["selftest"]["detail"].startswith("same text as the exported checkpoint"), done.stdout


def test_whole_recordings_in_one_run(default, program):
    """Longer than a window: the radio address, as one run of both sides."""
    radio = [p for p in validate.usual_clips() if "/radio/" in p]
    clips = validate.compare(default, DEFAULT, radio, program, seconds=110, options=["--window", "1500"])
    holds(clips)
    assert clips[0].rows[1] == 1375


def test_the_embedded_graph_in_padded_batches(default):
    s = rows.session(f"{DEFAULT}/model.onnx")
    clips = [features.normalise(features.log_mel(features.read(p)[:10 * features.RATE])) for p in validate.usual_clips()[:4]]
    assert selftest.padding(s, clips) <= 1e-3
    selftest.counts(s, 80, len(rows.read_tokens(f"{DEFAULT}/tokens.txt")) + 1)


def test_the_tiny_model_against_what_nemo_wrote_down(program, tmp_path):
    with open(f"{TINY}/fixtures/expected.json", encoding="utf-8") as f:
        expected = json.load(f)["clips"]
    clips = {name: features.read(f"{TINY}/fixtures/{name}.wav") for name in expected}
    for name, (_, got, text) in validate.dump(program, TINY, clips, str(tmp_path)).items():
        want = np.load(f"{TINY}/fixtures/{name}.exact.npy")
        assert got.shape == want.shape and np.abs(got - want).max() <= 1e-3, name
        assert text == expected[name]["text"], name


@pytest.fixture(scope="module")
def large(tmp_path_factory, speech, program):
    """A random hybrid of 17 layers x 512 with 1,024 pieces, 114 M parameters -> (as NeMo restores it, folder, what was said)."""
    work, said = tmp_path_factory.mktemp("large"), []
    tokenizer = nemo_models.new_tokenizer(f"{work}/pieces", 1024, [f"{REPOSITORY}/LICENSE", f"{SPEECH}/index.tsv"])
    model = nemo_models.enliven(nemo_models.new(nemo_models.config("large", tokenizer)), speech)
    assert sum(p.numel() for p in model.parameters()) > 110e6
    model.save_to(f"{work}/large.nemo")
    del model
    export.export(export.arguments([f"{work}/large.nemo", f"{work}/m", "--head", "ctc"]), said.append)
    return checkpoint.load(f"{work}/large.nemo"), f"{work}/m", "\n".join(said)


def test_a_model_of_the_full_size_recognizes_what_nemo_recognizes(large, program):
    model, folder, said = large
    print(said)
    holds(validate.compare(model, folder, validate.usual_clips(), program))
    assert card.read(folder)["max_rows"] == 5000 and "5000 rows (400 s)" in said


def test_a_model_of_the_full_size_refuses_more_rows_than_it_has_positions_for(large, program, tmp_path):
    _, folder, _ = large
    clip = os.path.join(SPEECH, "ljspeech", "LJ001-0002.flac")
    done = subprocess.run([program, "models", "dump", folder, clip, "-o", str(tmp_path), "--window", "5001"], capture_output=True, text=True)
    assert done.returncode != 0 and "it takes 0 to 5000" in done.stderr
