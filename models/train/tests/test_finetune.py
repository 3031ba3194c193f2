"""A run from manifest to model folder, on seconds of real speech."""
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import DEFAULT, REPOSITORY, TRAIN, spoken
from onnx import numpy_helper

import corrections
import finetune
import networks
import publish
import tune


@pytest.fixture(scope="module")
def ours():
    return networks.open_network(DEFAULT, "cpu", "float32", 0.0, 1)


@pytest.fixture
def command(manifest, tmp_path, program):
    """Options of a run: three clips to learn from, four of other speakers to judge on."""
    read = spoken("librispeech", 35)
    learn, judge = manifest("learn.jsonl", read[:3]), manifest("judge.jsonl", read[-4:])
    return ["--model", DEFAULT, "--manifest", learn, "--judge", judge, "--out", str(tmp_path / "new"), "--asr-backend", program,
            "--device", "cpu", "--batch", "10", "--runs", "1", "--json"]


def rows(folder):
    x = np.random.default_rng(5).normal(size=(1, 80, 500)).astype(np.float32)
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, {"audio_signal": x, "length": np.array([500])})[0]


def test_weights_go_through_pytorch_and_back_unchanged(ours, tmp_path):
    ours.export({}, str(tmp_path), "again")
    stored = [{t.name: numpy_helper.to_array(t) for t in onnx.load(f"{f}/model.onnx").graph.initializer if "coder." in t.name}
              for f in (DEFAULT, tmp_path)]
    assert stored[0].keys() == stored[1].keys() and len(stored[0]) > 400
    for name in stored[0]:
        np.testing.assert_array_equal(stored[0][name], stored[1][name], name)
    np.testing.assert_allclose(rows(tmp_path), rows(DEFAULT), atol=1e-4)


def test_a_model_of_another_exporter_is_refused(tmp_path):
    """Its weights have no names that say where they belong."""
    model = onnx.load(f"{DEFAULT}/model.onnx")
    del model.graph.initializer[40:]
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(networks.Unusable, match=r"\.nemo file"):
        networks.open_network(str(tmp_path), "cpu", "float32", 0.0, 1)


@pytest.mark.parametrize("wanted, moves", [("encoder", {"decoder"}), ("11", {"decoder", "encoder.layers.11"}),
                                           ("none", {"decoder", "encoder.pre_encode", *(f"encoder.layers.{i}" for i in range(12))})])
def test_frozen_layers_stay_and_the_others_learn(wanted, moves, manifest, tmp_path):
    network = networks.open_network(DEFAULT, "cpu", "float32", 0.0, 1)
    data = finetune.Data(finetune.options(["--manifest", "-", "--out", str(tmp_path / "x")]), network, str(tmp_path), lambda _: None)
    store = data.one("learn", "clips", corrections.read_manifest(manifest("m.jsonl", spoken("librispeech", 3))))
    before = {n: p.detach().clone() for n, p in network.net.named_parameters()}
    tune.freeze(network, wanted)
    losses = []
    loss = network.loss
    network.loss = lambda *a: losses.append(loss(*a)) or losses[-1]
    plan = tune.Plan(share=0, hours=0.05, minutes=10, rate=1e-3, warm=0.1, budget=10, strength=0, decay=0, ema=0, clip=1, seed=1, save=10)
    run = tune.Run(network, [store], plan, str(tmp_path / "checkpoint.pt"), lambda _: None, lambda: False)
    after = run.train()
    changed = {n for n in after if not torch.equal(after[n], before[n])}
    assert {".".join(n.split(".")[:3]).removesuffix(".decoder_layers.0").removesuffix(".conv").removesuffix(".out") for n in changed} == moves
    still = {n for n, p in network.net.named_parameters() if torch.equal(p.float(), before[n])}
    assert still >= before.keys() - after.keys()
    assert np.mean([x.item() for x in losses[-3:]]) < 0.9 * np.mean([x.item() for x in losses[:3]])


def test_a_model_that_is_not_better_is_not_written(command, capsys, tmp_path):
    """At a learning rate of zero it is as good as the old one."""
    assert finetune.main([*command, "--rate", "0", "--passes", "1"]) == finetune.NOT_BETTER
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert result["model"] is None and not result["better"] and "nothing was written" in said.err
    assert result["before"]["judge"]["errors"] == result["after"]["judge"]["errors"] > 0
    assert sorted(os.listdir(tmp_path)) == ["judge.jsonl", "learn.jsonl"]


def test_the_new_folder_has_a_name_a_note_and_passes_verification(command, capsys, tmp_path, program, monkeypatch):
    monkeypatch.setenv("ASR_BACKEND_PROJECT", "7")
    assert finetune.main([*command, "--rate", "0", "--passes", "1", "--keep"]) == finetune.NOT_BETTER
    out = str(tmp_path / "new")
    assert json.loads(capsys.readouterr().out)["model"] == out
    with open(f"{out}/model.json") as f:
        card = json.load(f)
    with open(f"{DEFAULT}/model.json") as f:
        old = json.load(f)
    assert card["name"].startswith("small-en-project7-") and card["finetuned"]["clips"] == 3
    assert card["finetuned"]["base_sha256"] == old["sha256"]["model.onnx"]
    assert {k: card[k] for k in ("lm_weight", "word_shift_ms", "casing", "max_rows")} == {k: old[k] for k in
                                                                                          ("lm_weight", "word_shift_ms", "casing", "max_rows")}
    assert sorted(card["sha256"]) == ["lm.bin.zst", "model.onnx", "tokenizer.model", "tokens.txt"]
    run = subprocess.run([program, "models", "verify", out], capture_output=True, text=True)
    assert run.returncode == 0 and card["name"] in run.stdout
    assert sorted(os.listdir(tmp_path)) == ["judge.jsonl", "learn.jsonl", "new"]
    with pytest.raises(SystemExit) as e:        # the folder is there now
        finetune.main(command)
    assert e.value.code == 2


def test_a_folder_that_the_program_refuses_is_never_seen(command, tmp_path):
    refuses = tmp_path / "refuses"
    refuses.write_text("#!/bin/sh\necho 'FAILURE contract'; exit 1\n")
    refuses.chmod(0o755)
    command[command.index("--asr-backend") + 1] = str(refuses)
    assert finetune.main([*command, "--rate", "0", "--passes", "1", "--keep"]) == 1
    assert not [n for n in os.listdir(tmp_path) if n.startswith((".new", "new")) and n != "new.training"]


def test_several_runs_are_averaged(manifest, tmp_path, monkeypatch):
    """Of runs that end with weights 1 and 2 the mean is 1.5."""
    class network:
        dtype = torch.float32

    class run:
        hours, minutes, user = 1.0, 2.0, 60.0
        opt = type("opt", (), {"steps": 5})

        def __init__(self, network, folders, plan, *_):
            self.plan = plan

        def train(self):
            return {"w": torch.full((2,), float(self.plan.seed))}
    monkeypatch.setattr(networks, "open_network", lambda *_: network)
    monkeypatch.setattr(tune, "freeze", lambda *_: "")
    monkeypatch.setattr(tune, "Run", run)
    data = type("data", (), {"learn": "", "replay": [], "counts": {"learn": {"hours": 1}}})
    a = finetune.options(["--manifest", "-", "--out", str(tmp_path / "x"), "--runs", "2"])
    facts, mean = finetune.train(a, type("stop", (), {"asked": 0}), data, "")
    assert mean["w"].tolist() == [1.5, 1.5]
    assert facts == {"hours_passed": 2, "steps": 10, "minutes": 4, "user_minutes": 2}


def test_without_the_program_nothing_begins(command, tmp_path, capsys):
    command[command.index("--asr-backend") + 1] = str(tmp_path / "nowhere")
    assert finetune.main(command) == 1
    assert "make build" in capsys.readouterr().err
    assert not os.path.exists(tmp_path / "new.training")


def test_environment_variables_stand_for_flags(monkeypatch, tmp_path):
    for name in ("MODEL", "MANIFEST", "JUDGE", "OUT", "PROJECT"):
        monkeypatch.setenv(f"ASR_BACKEND_{name}", str(tmp_path / name))
    a = finetune.options([])
    assert [os.path.basename(v) for v in (a.model, a.manifest, a.judge, a.out, a.project)] == ["MODEL", "MANIFEST", "JUDGE", "OUT", "PROJECT"]
    assert finetune.options(["--judge", "other"]).judge == "other"


def test_a_recording_on_both_sides_is_refused(command, capsys, tmp_path):
    command[command.index("--judge") + 1] = command[command.index("--manifest") + 1]
    assert finetune.main(command) == 1
    assert "in both manifests" in capsys.readouterr().err


def test_a_run_that_was_ended_continues(command, tmp_path):
    """SIGTERM while it trains: status 143, a sentence, a checkpoint, from which the same command goes on."""
    command += ["--passes", "100000"]
    run = subprocess.Popen([sys.executable, f"{TRAIN}/finetune.py", *command], stderr=subprocess.PIPE, text=True)
    for line in run.stderr:
        if "training passes" in line:
            break
    time.sleep(2)
    run.send_signal(signal.SIGTERM)
    said = run.communicate(timeout=120)[1]
    assert run.returncode == 143 and "the same command continues" in said
    state = torch.load(tmp_path / "new.training" / "checkpoint0.pt", weights_only=False)
    assert state["hours"] > 0
    run = subprocess.Popen([sys.executable, f"{TRAIN}/finetune.py", *command], stderr=subprocess.PIPE, text=True)
    for line in run.stderr:
        if "continues after" in line:
            break
    else:
        pytest.fail("it began again")
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=120)
    assert torch.load(tmp_path / "new.training" / "checkpoint0.pt", weights_only=False)["hours"] >= state["hours"]
    changed = subprocess.run([sys.executable, f"{TRAIN}/finetune.py", *command, "--rate", "1e-4"], stderr=subprocess.PIPE, text=True)
    assert changed.returncode == 1 and "other settings" in changed.stderr


def test_general_speech_may_not_become_worse():
    class options:
        max_rise = 1.0
    def rates(judge, a, b):
        return {n: {"words": 1000, "errors": r * 10, "rate": r} for n, r in (("judge", judge), ("a", a), ("b", b))}
    assert publish.verdict(options, rates(50, 20, 30), rates(30, 21, 20)) is None
    assert "worse on general speech" in publish.verdict(options, rates(50, 20, 30), rates(30, 22, 20))
    assert "not better" in publish.verdict(options, rates(50, 20, 30), rates(50, 20, 20))


@pytest.mark.parametrize("allowed, part", [(10, 1), (7.2, 0.7), (3.6, 0.35), (0.2, 0.05)])
def test_as_much_of_the_new_weights_is_taken_as_general_speech_allows(allowed, part):
    """A model whose error on general speech rises by a point with every tenth."""
    class options:
        blend, general, max_rise = "auto", ["x"], allowed

    class both:
        def with_weights(self, weights):
            return weights["w"]

        def rates(self, w, judge):
            assert not judge
            return {"x": {"rate": 20 + 10 * float(w)}}
    got = finetune.largest_blend(options, both(), both(), {"w": torch.ones(1)}, {"w": torch.zeros(1)}, {"x": {"rate": 20}})
    assert got == part
    options.blend = 0.25
    assert finetune.largest_blend(options, both(), both(), {}, {}, {}) == 0.25


MAKE_NEMO = """
import sys
sys.path.insert(0, sys.argv[1])
import nemo_models, soundfile
pieces = nemo_models.tokenizer_folder(sys.argv[2], sys.argv[3] + "/pieces")
speech = [soundfile.read(p, dtype="float32")[0] for p in sys.argv[4:]]
nemo_models.enliven(nemo_models.new(nemo_models.config("tiny", pieces, "hybrid")), speech).save_to(sys.argv[3] + "/tiny.nemo")
"""


def test_a_nemo_checkpoint_is_trained_by_its_ctc_head(command, tmp_path, capsys):
    """A tiny hybrid of random weights, which NeMo builds, loads, exports and saves."""
    with open(command[command.index("--manifest") + 1]) as f:
        clips = [json.loads(line)["audio_filepath"] for line in f]
    subprocess.run([sys.executable, "-c", MAKE_NEMO, f"{REPOSITORY}/models/export/tests", DEFAULT, str(tmp_path), *clips], check=True)
    command[command.index("--model") + 1] = str(tmp_path / "tiny.nemo")
    status = finetune.main([*command, "--passes", "20", "--rate", "1e-3", "--freeze", "0", "--keep", "--name", "tiny-tuned"])
    result = json.loads(capsys.readouterr().out)
    assert status == (0 if result["better"] else finetune.NOT_BETTER)
    out = tmp_path / "new"
    assert {"checkpoint.nemo", "model.onnx", "model.json", "tokens.txt", "tokenizer.model"} <= set(os.listdir(out))
    assert result["name"] == json.loads((out / "model.json").read_text())["name"] == "tiny-tuned"
    assert result["after"]["judge"] != result["before"]["judge"]
    again = networks.open_network(str(out), "cpu", "float32", 0.0, 1)
    assert isinstance(again, networks.Nemo) and again.card["name"] == "tiny-tuned"
