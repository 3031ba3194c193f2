"""Transducers and hybrids that NeMo saves -> graphs that write what NeMo writes; graphs that do not are not handed out."""
import json
import os
import subprocess

import numpy as np
import onnx
import pytest
import torch
from conftest import SPEECH
from onnx import numpy_helper

import card
import checkpoint
import contract
import export
import features
import graph
import greedy
import heads
import nemo_models
import rows
import selftest_transducer
import transducer
import validate
import variants

CLIPS = [os.path.join(SPEECH, "ljspeech", "LJ001-0004.flac"), os.path.join(SPEECH, "librispeech", "1688-142285-0002.flac")]
LETTERS = list(" abcdefghijklmnopqrstuvwxyz'")
TINY = nemo_models.SHAPES["tiny"] | {"pred": 40, "joint": 56}      # all of another size, so that axes cannot be mistaken
TWO = TINY | {"lstm": 2, "xscaling": False, "use_bias": False}
DURATIONS = nemo_models.DURATIONS


def build(speech, tokenizer, shape=TINY, kind="rnnt", durations=(), features=80, most=10, blank_share=0.78, memory=1.0, langs=()):
    """A tiny model of random weights that speaks."""
    cfg = nemo_models.config(shape, tokenizer, kind, durations, features)
    cfg.decoding.greedy.max_symbols = most
    if langs:
        cfg.tokenizer = {"type": "agg", "langs": {lang: {"dir": tokenizer, "type": "bpe"} for lang in langs}}
    return nemo_models.enliven(nemo_models.new(cfg, kind), speech, blank_share, memory=memory)


FORMS = {
    "RNN-T": {},
    "TDT": {"shape": TWO, "durations": DURATIONS, "features": 128},
    "a hybrid": {"kind": "hybrid"},
    "RNN-T by rows": {"memory": 0.1},
    "a hybrid with TDT by rows": {"shape": TWO, "kind": "hybrid", "durations": DURATIONS, "memory": 0.1},
    "a hybrid with TDT": {"kind": "hybrid", "durations": DURATIONS},
    "RNN-T of letters": {"tokenizer": LETTERS},
    "three labels in a row at most": {"most": 3, "blank_share": 0.2},
    "TDT with other durations": {"durations": [0, 1, 2, 4, 8], "most": 2, "blank_share": 0.2},
    "two languages": {"kind": "hybrid", "langs": ("en", "de")},
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
            export.export(export.arguments([f"{work}/my_model.nemo", f"{work}/out/m", "--language", "en", "--licence", "CC0-1.0",
                                            "--clips", *CLIPS]), said.append)
            made[form] = f"{work}/my_model.nemo", f"{work}/out/m", "\n".join(said)
        return made[form]

    return get


def restored(saved):
    """As saved, not as export.py changes it."""
    model = nemo_models.restore(saved)
    model.preprocessor.featurizer.dither, model.preprocessor.featurizer.pad_to = 0.0, 0
    return model


def graphs(folder):
    about = card.read(folder)
    return greedy.Graphs(folder, about.get("durations", ()), about["max_symbols"])


# transcribe() refuses several vocabularies without a language for each clip.
@pytest.mark.parametrize("form", [f for f in FORMS if f != "two languages"])
def test_the_graphs_write_what_nemo_writes(exported, form):
    """By NeMo's own transcribe and the checkpoint's own configuration, which export.py replaces."""
    saved, folder, _ = exported(form)
    model, about, g = restored(saved), card.read(folder), graphs(folder)
    written = []
    for clip in CLIPS:
        samples = features.read(clip)
        labels, _ = greedy.decode(g, g.encode(checkpoint.features(model, samples))[0])
        model.cfg.validation_ds = {}    # transcribe() looks into it
        found = model.transcribe([samples], verbose=False)[0]
        assert [x.piece for x in labels] == [int(v) for v in found.y_sequence] and labels
        written.append([sum(x.row == row for x in labels) for row in {x.row for x in labels}])
    if "most" in FORMS[form]:
        assert max(max(w) for w in written) == about["max_symbols"] == FORMS[form]["most"]


# The program takes durations to be 0 to 4, and ten labels in a row.
@pytest.mark.parametrize("form", [f for f in FORMS if "most" not in FORMS[f]])
def test_the_program_recognizes_what_nemo_recognizes(exported, program, form):
    saved, folder, _ = exported(form)
    texts = validate.compare_texts(restored(saved), folder, CLIPS, program)
    print(validate.table_of_texts(texts))
    assert [f for t in texts for f in t.faults()] == []
    assert all(t.got for t in texts)


# Not the others: the program decodes the sample from Opus, which moves samples enough to turn a decision.
@pytest.mark.parametrize("form", [f for f in FORMS if "by rows" in f])
def test_the_folder_can_be_verified(exported, program, form):
    _, folder, _ = exported(form)
    about = card.read(folder)
    assert sorted(os.listdir(folder)) == sorted(["model.json", *about["sha256"]])
    done = subprocess.run([program, "models", "verify", folder, "--json"], capture_output=True, text=True)
    found = {f["check"]: f for f in json.loads(done.stdout)["findings"]}
    assert found["selftest"]["status"] == "ok", found
    assert {c for c, f in found.items() if f["status"] != "ok"} <= {"sample"}, found


def test_the_card_says_how_to_decode(exported):
    about = card.read(exported("a hybrid with TDT")[1])
    assert (about["decoder"], about["durations"], about["max_symbols"], about["max_rows"]) == ("tdt", DURATIONS, 10, 5000)
    assert set(about["sha256"]) == {"encoder-model.onnx", "decoder_joint-model.onnx", "tokens.txt", "tokenizer.model"}
    test = about["selftest"]
    assert test["text"] and test["ctc_text"] and test["text"] != test["ctc_text"]
    assert max(test["rows_within"], test["scores_within"], test["log_probs_within"], test["padding_within"]) < 1e-3
    about = card.read(exported("RNN-T")[1])
    assert about["decoder"] == "rnnt" and "durations" not in about and "ctc_text" not in about["selftest"]


def test_the_signatures_of_the_graphs(exported):
    _, folder, _ = exported("a hybrid")
    encoder = rows.session(f"{folder}/encoder-model.onnx")
    assert [(o.name, o.type) for o in encoder.get_outputs()] == [("outputs", "tensor(float)"), ("encoded_lengths", "tensor(int64)"),
                                                                ("logprobs", "tensor(float)")]
    x = np.random.default_rng(1).standard_normal((2, 80, 100), dtype=np.float32)
    outputs, lengths, logprobs = encoder.run(None, {"audio_signal": x, "length": np.array([100, 50], np.int64)})
    assert (outputs.shape, logprobs.shape, lengths.tolist()) == ((2, 64, 13), (2, 13, 129), [13, 7])
    onnx.checker.check_model(f"{folder}/encoder-model.onnx")
    assert [o.name for o in rows.session(f"{exported('RNN-T')[1]}/encoder-model.onnx").get_outputs()] == ["outputs", "encoded_lengths"]
    facts = graph.facts(onnx.load(f"{folder}/encoder-model.onnx"))
    assert (facts["subsampling_factor"], facts["vocab_size"], facts["max_rows"]) == ("8", "128", "5000")


def test_the_ctc_head_of_a_hybrid_is_that_of_its_own_export(exported, tmp_path):
    saved, folder, _ = exported("a hybrid")
    export.export(export.arguments([saved, f"{tmp_path}/ctc", "--head", "ctc"]), lambda _: None)
    x = np.random.default_rng(1).standard_normal((80, 400), dtype=np.float32)
    alone = rows.run(rows.session(f"{tmp_path}/ctc/model.onnx"), x)
    assert np.abs(graphs(folder).encode(x)[1] - alone).max() < 1e-4


@pytest.fixture
def saved(tmp_path, speech, pieces128):
    build(speech, pieces128, TWO, "hybrid", DURATIONS).save_to(f"{tmp_path}/m.nemo")
    return f"{tmp_path}/m.nemo"


def refused(saved, tmp_path, sentence):
    with pytest.raises(contract.Unusable, match=sentence):
        export.export(export.arguments([saved, f"{tmp_path}/out"]), lambda _: None)
    assert os.listdir(tmp_path) == ["m.nemo"]


def spoil(weight, factor=1.01):
    def change(model):
        with torch.no_grad():
            weight(model)[...] *= factor
    return change


@pytest.mark.parametrize("change, sentence", [
    pytest.param(spoil(lambda m: m.encoder.layers[1].norm_out.weight, 1.002), "the encoder's rows differ by up to", id="encoder"),
    pytest.param(spoil(lambda m: m.joint.joint_net[-1].weight), "the joint's log-probabilities differ by up to", id="joint"),
    pytest.param(spoil(lambda m: m.joint.joint_net[-1].weight[-1:], 2), "the joint's log-probabilities differ by up to", id="a duration"),
    pytest.param(spoil(lambda m: m.decoder.prediction["dec_rnn"].lstm.weight_hh_l1, 1.1), "the joint's log-probabilities differ by up to", id="LSTM"),
    pytest.param(spoil(lambda m: m.decoder.prediction["embed"].weight), "the joint's log-probabilities differ by up to", id="embedding"),
    pytest.param(spoil(lambda m: m.ctc_decoder.decoder_layers[0].weight), "the CTC head's log-probabilities differ by up to", id="CTC head"),
])
def test_graphs_that_compute_something_else_are_not_handed_out(saved, tmp_path, monkeypatch, change, sentence):
    usual = transducer.to_onnx

    def spoilt(model, folder, ctc):
        change(model)
        return usual(model, folder, ctc)

    monkeypatch.setattr(transducer, "to_onnx", spoilt)
    refused(saved, tmp_path, "self-test fails: " + sentence)


def test_a_weight_that_changes_in_the_file_is_found(saved, tmp_path, monkeypatch):
    usual = transducer.to_onnx

    def spoilt(model, folder, ctc):
        made = usual(model, folder, ctc)
        for weight in made["decoder_joint-model.onnx"].graph.initializer:
            if len(weight.dims) == 2:
                value = numpy_helper.to_array(weight).copy()
                value[:, 0] = 0
                weight.CopyFrom(numpy_helper.from_array(value, weight.name))
        return made

    monkeypatch.setattr(transducer, "to_onnx", spoilt)
    refused(saved, tmp_path, "self-test fails: the joint's log-probabilities differ by up to")


@pytest.mark.parametrize("change, sentence", [
    pytest.param({"durations": [0, 1, 2, 4, 3]}, "label .* of .* .piece, row, duration. is .*, the checkpoint's is", id="other durations"),
    pytest.param({"durations": [0, 1]}, "decoder_joint scores 134 columns; the vocabulary, blank and 2 durations are 131", id="fewer durations"),
])
def test_decoding_that_differs_is_found(saved, tmp_path, monkeypatch, change, sentence):
    usual = heads.Transducer.graphs

    def changed(self, model, folder):
        self.__dict__.update(change)
        return usual(self, model, folder)

    monkeypatch.setattr(heads.Transducer, "graphs", changed)
    refused(saved, tmp_path, "self-test fails: " + sentence)


def test_a_decoder_that_mixes_its_batch_up_is_found(saved, tmp_path, monkeypatch):
    usual = greedy.Graphs.step

    def mixed(self, some, labels, state):
        logits, after = usual(self, some, labels, state)
        return (logits, after) if len(labels) == 1 else (logits[::-1], after)

    monkeypatch.setattr(greedy.Graphs, "step", mixed)
    refused(saved, tmp_path, "self-test fails: the decoder's scores differ by up to .* in batches")


def test_padding_that_counts_is_found(saved, tmp_path, monkeypatch):
    """A graph that takes every row of a batch for one of sound."""
    usual = transducer.to_onnx

    def deaf(model, folder, ctc):
        made = usual(model, folder, ctc)
        encoder = made["encoder-model.onnx"].graph
        frames = [onnx.helper.make_node("Shape", ["audio_signal"], ["all/shape"], start=2, end=3),
                  onnx.helper.make_node("Shape", ["audio_signal"], ["all/batch"], start=0, end=1),
                  onnx.helper.make_node("Expand", ["all/shape", "all/batch"], ["all/length"])]
        for node in encoder.node:
            node.input[:] = ["all/length" if i == "length" else i for i in node.input]
        rest = list(encoder.node)
        del encoder.node[:]
        encoder.node.extend(frames + rest)
        return made

    monkeypatch.setattr(transducer, "to_onnx", deaf)
    refused(saved, tmp_path, "self-test fails: .* rows are .* in a batch")


def test_a_vocabulary_of_another_size_is_found(saved, tmp_path, monkeypatch):
    usual = checkpoint.pieces
    monkeypatch.setattr(checkpoint, "pieces", lambda model, parts: usual(model, parts)[:-1])
    refused(saved, tmp_path, "self-test fails: decoder_joint scores 134 columns; the vocabulary, blank and 5 durations are 133")


def test_heads_with_different_pieces_are_found(saved, tmp_path, monkeypatch):
    usual = checkpoint.load

    def turned(path):
        model = usual(path)
        model.ctc_decoder._ConvASRDecoder__vocabulary = list(model.ctc_decoder.vocabulary)[::-1]
        return model

    monkeypatch.setattr(checkpoint, "load", turned)
    refused(saved, tmp_path, "the transducer and the CTC head have different pieces; --head ctc")


def test_only_ties_may_fall_otherwise():
    def label(*what, margin=1.0):
        return greedy.Label(*what, margin)

    a, b, other = label(1, 2, 0), label(3, 4, 0), label(5, 4, 0, margin=1e-4)
    assert selftest_transducer.parting([a, b], [a, b], 1.0) is None
    assert selftest_transducer.parting([a, b], [a, other], 1.0) == (1, 1e-4)
    assert selftest_transducer.parting([a], [a, other], 1.0) == (1, 1e-4)
    assert selftest_transducer.parting([a, b], [a], 0.5) == (1, 0.5)


def test_margins_are_those_of_the_decisions(exported):
    """A label's margin is the least of the decisions since the label before; checked by the scores on the path."""
    g = graphs(exported("RNN-T")[1])
    some = g.encode(np.random.default_rng(1).standard_normal((80, 400), dtype=np.float32))[0]
    labels, last = greedy.decode(g, some)
    scores = greedy.along(g, some, labels)
    leads, at = [greedy.lead(s) for s in scores], 0
    for x, (first, end) in zip(labels + [greedy.Label(0, 0, 0, last)], greedy.path(labels, len(some))):
        steps = leads[at:at + end - first + 1]
        if x is not labels[0] and (first, at) != (0, 0) and len(labels) > 1:
            assert min(steps) <= x.margin + 1e-5    # a row that max_symbols ended is on the path too
        at += len(steps)
    assert at == len(scores) and len(labels) > 3


def test_int8_is_kept_or_not_with_both_graphs(exported, tmp_path):
    _, folder, _ = exported("a hybrid with TDT")
    reference = variants.Reference(folder, CLIPS, 80, False)
    kept, said = variants.offer("int8", folder, reference)
    names = {n for n in os.listdir(folder) if "int8" in n}
    assert names == ({"encoder-model.int8.onnx", "decoder_joint-model.int8.onnx"} if kept else set()), said
    made = variants.make("int8", folder, str(tmp_path))
    assert sorted(made) == sorted(os.listdir(tmp_path)) == ["decoder_joint-model.int8.onnx", "encoder-model.int8.onnx"]
    for name in made:
        assert os.path.getsize(tmp_path / name) < os.path.getsize(f"{folder}/{name.replace('.int8', '')}")
    for name in names:
        os.remove(f"{folder}/{name}")


def test_variants_are_made_with_the_export(saved, tmp_path):
    said = []
    export.export(export.arguments([saved, f"{tmp_path}/out", "--variants", "int8", "--clips", CLIPS[0]]), said.append)
    kept = not said[[s.startswith("int8: ") for s in said].index(True)].endswith(": not kept")
    assert ("encoder-model.int8.onnx" in card.read(f"{tmp_path}/out")["sha256"]) == kept
    assert set(os.listdir(f"{tmp_path}/out")) == {"model.json", *card.read(f"{tmp_path}/out")["sha256"]}


def test_the_full_graphs_agree_with_themselves(exported):
    _, folder, _ = exported("a hybrid")
    agreement, rise = variants.Reference(folder, CLIPS, 80, False).judge("")
    assert (agreement.row_share, agreement.word_share, agreement.worst, rise) == (1, 0, 0, 0) and agreement.rows > 100


def test_there_is_no_fp16_of_transducers(exported):
    _, folder, _ = exported("RNN-T")
    assert variants.offer("fp16", folder, None) == (False, "fp16: only CTC models can have fp16 graphs: not kept")
