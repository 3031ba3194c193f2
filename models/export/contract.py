"""Which checkpoints can work, judged by their configuration alone: one sentence for each that cannot.

The program computes log-mel features in one way (features.py), runs whole windows, and counts a row for every eight frames
(asr/contract.go). What a checkpoint's configuration says against that is found here before its weights are loaded; what a
configuration does not show is found by selftest.py.
"""
CTC = ("EncDecCTCModel", "EncDecCTCModelBPE")
HYBRID = ("EncDecHybridRNNTCTCModel", "EncDecHybridRNNTCTCBPEModel")
TRANSDUCER = ("EncDecRNNTModel", "EncDecRNNTBPEModel")
MAX_SYMBOLS = 10    # labels that a row may have: NeMo's default, and that of every published model

# What features.py and asr/mel do. The keys are those of NeMo's preprocessor, with its defaults where a key is missing.
FEATURES = {"sample_rate": (16000, 16000), "window_size": (0.025, 0.02), "window_stride": (0.01, 0.01), "window": ("hann", "hann"),
            "n_fft": (512, 512), "preemph": (0.97, 0.97), "lowfreq": (0, 0), "highfreq": (None, None), "log": (True, True),
            "log_zero_guard_type": ("add", "add"), "log_zero_guard_value": (2 ** -24, 2 ** -24), "frame_splicing": (1, 1),
            "exact_pad": (False, False), "mag_power": (2.0, 2.0), "mel_norm": ("slaney", "slaney")}


class Unusable(Exception):
    """Says in a sentence why a checkpoint cannot be exported."""


def class_name(target):
    return str(target or "").rsplit(".", 1)[-1]


def heads(config, wanted="all"):
    """What is exported of a checkpoint: ("ctc",), ("transducer",) or both. wanted is "all", or "ctc" for that head alone."""
    kind = class_name(config.get("target"))
    has = ("ctc",) if kind in CTC else ("transducer",) if kind in TRANSDUCER else ("transducer", "ctc")
    if wanted == "all":
        return has
    if wanted not in has:
        raise Unusable(f"the checkpoint is a {kind}, which has no {wanted.upper()} head; leave out --head {wanted}, or take a CTC "
                       "or a hybrid (RNNT + CTC) model")
    return (wanted,)


def check(config, wanted="all"):
    """Raises Unusable if the configuration (a dict, model_config.yaml of a .nemo file) rules the checkpoint out. wanted says
    which heads are needed, as in heads."""
    kind, known = class_name(config.get("target")), CTC + HYBRID + TRANSDUCER
    if kind not in known:
        raise Unusable(f"the checkpoint is a {kind or 'model without a class'}; only CTC models, transducers, and hybrids of both "
                       f"can be exported ({', '.join(known)})")
    needed = heads(config, wanted)
    _check_encoder(config.get("encoder") or {})
    if "ctc" in needed:
        head = (config.get("aux_ctc") or {}).get("decoder") if kind in HYBRID else config.get("decoder")
        if class_name((head or {}).get("_target_")) != "ConvASRDecoder":
            raise Unusable(f"the CTC head is a {class_name((head or {}).get('_target_')) or 'missing'}, not a ConvASRDecoder")
    if "transducer" in needed:
        try:
            _check_transducer(config)
        except Unusable as e:
            raise Unusable(f"{e}; --head ctc exports its CTC head alone" if kind in HYBRID else str(e)) from None
    _check_features(config.get("preprocessor") or {})
    _check_vocabulary(config.get("tokenizer"))


def _check_transducer(config):
    decoder, joint, decoding = (config.get(part) or {} for part in ("decoder", "joint", "decoding"))
    kind = class_name(decoder.get("_target_"))
    if kind == "StatelessTransducerDecoder":
        raise Unusable("the prediction network has no state (StatelessTransducerDecoder); only LSTMs (RNNTDecoder) can be used")
    if kind != "RNNTDecoder":
        raise Unusable(f"the prediction network is a {kind or 'missing'}, not an RNNTDecoder")
    if decoder.get("normalization_mode"):
        raise Unusable(f"the prediction network's LSTM is normalised ({decoder['normalization_mode']}); only plain LSTMs can be used")
    if not decoder.get("blank_as_pad", True):
        raise Unusable("the prediction network has no embedding for blank (blank_as_pad is false), with which decoding starts")
    kind = class_name(joint.get("_target_"))
    if kind not in ("RNNTJoint", "SampledRNNTJoint"):
        raise Unusable(f"the joint is a {kind or 'missing'}, not an RNNTJoint: its scores have another meaning")
    loss = str((config.get("loss") or {}).get("loss_name", "default"))
    if decoding.get("big_blank_durations") or "multiblank" in loss or decoding.get("model_type") == "multiblank":
        raise Unusable("the transducer has blanks of several lengths (multi-blank); only RNN-T with one blank and TDT can be used")
    lasting, extra = durations(config), joint.get("num_extra_outputs", 0) or 0
    if len(lasting) != extra:
        raise Unusable(f"the joint has {extra} outputs beside pieces and blank, but the configuration lists {len(lasting)} durations")
    if lasting and (any(type(d) is not int or d < 0 for d in lasting) or not any(lasting)):
        raise Unusable(f"the durations are {lasting}; they must be numbers of rows, 0 or more, and not all 0")


def durations(config):
    """The numbers of rows that a TDT model chooses from, in the order of the joint's last columns; [] for RNN-T. A
    checkpoint lists them with the decoding, or only with the loss."""
    listed = (config.get("decoding") or {}).get("durations")
    loss = config.get("loss") or {}
    if not listed and str(loss.get("loss_name", "")).startswith("tdt"):
        listed = (loss.get(f"{loss['loss_name']}_kwargs") or {}).get("durations")
    return list(listed or [])


def max_symbols(config):
    """How many labels a row may have before decoding moves on to the next."""
    greedy = (config.get("decoding") or {}).get("greedy") or {}
    return greedy.get("max_symbols") or greedy.get("max_symbols_per_step") or MAX_SYMBOLS


def _check_encoder(e):
    kind = class_name(e.get("_target_"))
    if kind != "ConformerEncoder":
        raise Unusable(f"the encoder is a {kind or 'missing'}, not a FastConformer (ConformerEncoder)")
    way, factor = e.get("subsampling", "striding"), e.get("subsampling_factor", 4)
    if factor != 8 or way not in ("dw_striding", "striding"):
        raise Unusable(f"the encoder subsamples by {factor} ({way}); only 8 by strided convolutions can be used, as in "
                       "FastConformer: a row must be 80 ms")
    if (e.get("reduction") and e.get("reduction_factor", 1) > 1):
        raise Unusable("the encoder reduces its rows once more between layers; a row must be 80 ms")
    if (e.get("causal_downsampling") or e.get("conv_context_size") not in (None, "regular")
            or e.get("att_context_style", "regular") != "regular" or e.get("conv_context_style", "regular") != "regular"):
        raise Unusable("the encoder is made for streaming (causal convolutions or chunked attention with caches); only models "
                       "that read whole utterances can be used")
    attention = e.get("self_attention_model", "rel_pos")
    if attention not in ("rel_pos", "rel_pos_local_attn"):
        raise Unusable(f"the encoder's attention is {attention}; only rel_pos and rel_pos_local_attn can be exported")
    if e.get("global_tokens"):
        raise Unusable("the encoder attends to global tokens, which has no equal in the attention that can be exported")


def _check_features(p):
    kind = class_name(p.get("_target_"))
    if kind != "AudioToMelSpectrogramPreprocessor":
        raise Unusable(f"the features are made by {kind or 'nothing'}, not by AudioToMelSpectrogramPreprocessor")
    rate = p.get("sample_rate", 16000)
    if rate != 16000:
        raise Unusable(f"the model takes audio at {rate} Hz; only 16,000 Hz can be used")
    if p.get("features", 64) not in (80, 128):
        raise Unusable(f"the model takes {p.get('features', 64)} mel bands; only 80 and 128 can be made")
    if p.get("normalize", "per_feature") not in ("per_feature", None, "NA", "None", ""):
        raise Unusable(f"the features are normalised by {p['normalize']}; only per_feature and not at all can be made")
    p = dict(p)
    for samples, seconds in (("n_window_size", "window_size"), ("n_window_stride", "window_stride")):
        if p.get(samples):
            p[seconds] = p[samples] / rate
    for key, (want, default) in FEATURES.items():
        got = p.get(key, default)
        got = want if got is None and key == "n_fft" else got
        if key == "highfreq" and got == rate / 2:
            continue
        if got != want and not (isinstance(want, float) and isinstance(got, (int, float)) and abs(got - want) < 1e-9):
            raise Unusable(f"the features are made with {key} = {got}; only {want} can be made")


def _check_vocabulary(t):
    if not t:
        return      # letters, which the configuration lists
    kinds = [str((part or {}).get("type", "bpe")) for part in (t.get("langs") or {"": t}).values()]
    for kind in kinds:
        if kind.lower() != "bpe":
            raise Unusable(f"the tokenizer is of type {kind}; only SentencePiece (bpe) can be used")


def raw_features(config):
    """Whether the model takes log-mel values as they are."""
    return config["preprocessor"].get("normalize", "per_feature") != "per_feature"
