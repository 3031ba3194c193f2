"""Configurations that cannot work are refused with a sentence; those of published models pass."""
import copy
import io
import tarfile

import pytest
import yaml

import checkpoint
import contract
import export

GOOD = {
    "target": "nemo.collections.asr.models.hybrid_rnnt_ctc_bpe_models.EncDecHybridRNNTCTCBPEModel",
    "tokenizer": {"type": "bpe"},
    "preprocessor": {"_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor", "sample_rate": 16000,
                     "normalize": "per_feature", "window_size": 0.025, "window_stride": 0.01, "window": "hann", "features": 80,
                     "n_fft": 512, "frame_splicing": 1, "dither": 1e-5, "pad_to": 0},
    "encoder": {"_target_": "nemo.collections.asr.modules.ConformerEncoder", "subsampling": "dw_striding", "subsampling_factor": 8,
                "self_attention_model": "rel_pos", "att_context_size": [-1, -1], "causal_downsampling": False,
                "conv_context_size": None, "reduction": None},
    "decoder": {"_target_": "nemo.collections.asr.modules.RNNTDecoder"},
    "joint": {"_target_": "nemo.collections.asr.modules.RNNTJoint"},
    "aux_ctc": {"decoder": {"_target_": "nemo.collections.asr.modules.ConvASRDecoder"}},
}
BPE = "nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE"


def changed(**paths):
    """GOOD with values set at paths such as encoder__subsampling_factor; None removes."""
    out = copy.deepcopy(GOOD)
    for path, value in paths.items():
        at = out
        *parents, last = path.split("__")
        for p in parents:
            at = at.setdefault(p, {})
        at[last] = value
        if value is None:
            del at[last]
    return out


TDT = changed(joint__num_extra_outputs=5, decoding={"durations": [0, 1, 2, 3, 4], "greedy": {"max_symbols": 7}})


@pytest.mark.parametrize("config", [
    pytest.param(GOOD, id="a hybrid as published"),
    pytest.param(changed(target=BPE, decoder={"_target_": "x.ConvASRDecoder"}), id="a CTC model"),
    pytest.param(changed(preprocessor__features=128), id="128 bands"),
    pytest.param(changed(preprocessor__normalize="NA"), id="features as they are"),
    pytest.param(changed(preprocessor__n_window_size=400, preprocessor__window_size=None), id="a window in samples"),
    pytest.param(changed(encoder__self_attention_model="rel_pos_local_attn", encoder__att_context_size=[128, 128]), id="local attention"),
    pytest.param(changed(tokenizer={"type": "agg", "langs": {"en": {"type": "bpe"}, "de": {"type": "bpe"}}}), id="a tokenizer for each language"),
    pytest.param(changed(target="x.EncDecHybridRNNTCTCModel", tokenizer=None), id="letters"),
    pytest.param(changed(target="x.EncDecRNNTBPEModel", aux_ctc=None), id="a transducer"),
    pytest.param(changed(target="x.EncDecRNNTModel", aux_ctc=None, tokenizer=None), id="a transducer of letters"),
    pytest.param(TDT, id="TDT"),
    pytest.param(changed(joint__num_extra_outputs=2, loss={"loss_name": "tdt", "tdt_kwargs": {"durations": [1, 2]}}), id="durations beside the loss"),
])
def test_what_can_work_passes(config):
    contract.check(config)


@pytest.mark.parametrize("config, sentence", [
    pytest.param(changed(target="x.EncDecMultiTaskModel"), "only CTC models, transducers, and hybrids", id="a Canary"),
    pytest.param(changed(decoder___target_="x.StatelessTransducerDecoder"), "has no state .*; --head ctc exports its CTC head", id="a stateless prediction network"),
    pytest.param(changed(target="x.EncDecRNNTBPEModel", decoder___target_="x.Transformer"), "prediction network is a Transformer, not an RNNTDecoder$", id="another prediction network"),
    pytest.param(changed(decoder__normalization_mode="layer"), "normalised .layer.", id="a normalised LSTM"),
    pytest.param(changed(decoder__blank_as_pad=False), "no embedding for blank", id="no embedding for blank"),
    pytest.param(changed(joint___target_="x.HATJoint"), "joint is a HATJoint", id="another joint"),
    pytest.param(changed(joint=None), "joint is a missing", id="no joint"),
    pytest.param(changed(loss={"loss_name": "multiblank_rnnt"}), "multi-blank", id="multi-blank by its loss"),
    pytest.param(changed(decoding={"big_blank_durations": [2, 4]}), "multi-blank", id="multi-blank by its decoding"),
    pytest.param(changed(decoding={"durations": [0, 1]}), "0 outputs beside pieces and blank, but the configuration lists 2", id="durations without columns"),
    pytest.param(changed(joint__num_extra_outputs=5), "5 outputs beside pieces and blank, but the configuration lists 0", id="columns without durations"),
    pytest.param(changed(joint__num_extra_outputs=2, decoding={"durations": [0, 0]}), "not all 0", id="durations that never move on"),
    pytest.param(changed(joint__num_extra_outputs=2, decoding={"durations": [-1, 1]}), "0 or more", id="durations that go back"),
    pytest.param(changed(target=None), "model without a class", id="no class"),
    pytest.param(changed(aux_ctc=None), "CTC head is a missing", id="a hybrid without its head"),
    pytest.param(changed(target=BPE, decoder={"_target_": "x.LSTMDecoder"}), "not a ConvASRDecoder", id="a head of another kind"),
    pytest.param(changed(encoder___target_="x.SqueezeformerEncoder"), "not a FastConformer", id="a Squeezeformer"),
    pytest.param(changed(encoder__subsampling_factor=4), "must be 80 ms", id="a Conformer"),
    pytest.param(changed(encoder__subsampling="stacking"), "stacking", id="stacked frames"),
    pytest.param(changed(encoder__reduction="pooling", encoder__reduction_factor=2), "reduces its rows", id="160 ms rows"),
    pytest.param(changed(encoder__causal_downsampling=True), "made for streaming", id="causal subsampling"),
    pytest.param(changed(encoder__att_context_style="chunked_limited"), "made for streaming", id="chunked attention"),
    pytest.param(changed(encoder__self_attention_model="abs_pos"), "attention is abs_pos", id="absolute positions"),
    pytest.param(changed(encoder__global_tokens=1), "global tokens", id="global tokens"),
    pytest.param(changed(preprocessor___target_="x.AudioToMFCCPreprocessor"), "AudioToMFCCPreprocessor", id="cepstra"),
    pytest.param(changed(preprocessor__sample_rate=8000), "8000 Hz", id="telephone rate"),
    pytest.param(changed(preprocessor__features=64), "64 mel bands", id="64 bands"),
    pytest.param(changed(preprocessor__normalize="all_features"), "all_features", id="another normalisation"),
    pytest.param(changed(preprocessor__normalize={"fixed_mean": [0]}), "fixed_mean", id="fixed statistics"),
    pytest.param(changed(preprocessor__window_stride=0.0125), "window_stride = 0.0125", id="another stride"),
    pytest.param(changed(preprocessor__n_window_size=320), "window_size = 0.02", id="another window in samples"),
    pytest.param(changed(preprocessor__window="hamming"), "window = hamming", id="another window"),
    pytest.param(changed(preprocessor__n_fft=1024), "n_fft = 1024", id="another transform"),
    pytest.param(changed(preprocessor__preemph=None, preprocessor__highfreq=7600), "highfreq = 7600", id="another range"),
    pytest.param(changed(preprocessor__log=False), "log = False", id="no logarithm"),
    pytest.param(changed(preprocessor__frame_splicing=3), "frame_splicing = 3", id="spliced frames"),
    pytest.param(changed(tokenizer={"type": "wpe"}), "type wpe", id="word pieces"),
    pytest.param(changed(tokenizer={"type": "agg", "langs": {"en": {"type": "bpe"}, "de": {"type": "wpe"}}}), "type wpe", id="word pieces of one language"),
])
def test_what_cannot_work_is_refused_with_a_sentence(config, sentence):
    with pytest.raises(contract.Unusable, match=sentence.replace("(", r"\(")) as refused:
        contract.check(config)
    assert "\n" not in str(refused.value)


def test_a_hybrid_whose_transducer_cannot_work_is_exported_by_its_ctc_head():
    contract.check(changed(decoder___target_="x.StatelessTransducerDecoder", joint=None), "ctc")


@pytest.mark.parametrize("config, wanted, heads", [
    (GOOD, "all", ("transducer", "ctc")), (GOOD, "ctc", ("ctc",)), (changed(target=BPE), "ctc", ("ctc",)),
    (changed(target="x.EncDecRNNTModel"), "all", ("transducer",))])
def test_the_heads_of_a_checkpoint(config, wanted, heads):
    assert contract.heads(config, wanted) == heads


def test_a_transducer_has_no_ctc_head():
    with pytest.raises(contract.Unusable, match="EncDecRNNTModel, which has no CTC head"):
        contract.check(changed(target="x.EncDecRNNTModel"), "ctc")


def test_decoding_is_read_from_the_configuration():
    assert (contract.durations(TDT), contract.max_symbols(TDT)) == ([0, 1, 2, 3, 4], 7)
    assert (contract.durations(GOOD), contract.max_symbols(GOOD)) == ([], 10)
    assert contract.max_symbols(changed(decoding={"greedy": {"max_symbols": None}})) == 10


def archive(path, *files):
    with tarfile.open(path, "w") as t:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            t.addfile(info, io.BytesIO(content))
    return str(path)


@pytest.mark.parametrize("make, sentence", [
    pytest.param(lambda p: archive(p, ("./model_config.yaml", yaml.dump(changed(encoder__subsampling_factor=4)).encode())), "80 ms", id="one that is refused"),
    pytest.param(lambda p: archive(p, ("weights.ckpt", b"x")), "no model_config.yaml", id="an archive of something else"),
    pytest.param(lambda p: p.write_bytes(b"PK\3\4 not a tar"), "not a .nemo file", id="another file"),
    pytest.param(lambda p: p.write_bytes(b""), "not a .nemo file", id="an empty file"),
    pytest.param(lambda p: None, "is not a .nemo file", id="no file"),
])
def test_a_bad_file_ends_with_a_sentence_and_writes_nothing(tmp_path, make, sentence):
    make(tmp_path / "m.nemo")
    with pytest.raises(SystemExit, match=sentence) as end:
        export.main([str(tmp_path / "m.nemo"), str(tmp_path / "out")])
    assert str(end.value).startswith(f"{tmp_path}/m.nemo cannot be exported: ")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "kept").write_text("x")
    with pytest.raises(SystemExit, match="not empty"):
        export.main(["m.nemo", str(tmp_path)])
    assert (tmp_path / "kept").read_text() == "x"


def test_the_configuration_is_read_from_the_archive(tmp_path):
    assert checkpoint.read_config(archive(tmp_path / "m.nemo", ("a/b", b""), ("model_config.yaml", yaml.dump(GOOD).encode()))) == GOOD
