"""NeMo checkpoints: finding them, reading their configuration, loading them, and what has to change before export.

A .nemo file is a tar archive of model_config.yaml, the weights and the tokenizer. Loading one runs code that its
configuration names: open only those whose origin you trust.
"""
import os
import tarfile

import yaml

import contract


def locate(checkpoint):
    """A path, or a name under which a checkpoint is published (Hugging Face or NGC) -> path of the .nemo file."""
    if os.path.isfile(checkpoint):
        return checkpoint
    if checkpoint.endswith((".nemo", ".ckpt")) or os.path.isdir(checkpoint):
        raise contract.Unusable(f"{checkpoint} is not a .nemo file")
    from nemo.collections.asr.models import ASRModel
    try:
        path = ASRModel.from_pretrained(checkpoint, return_model_file=True)
    except Exception as e:      # whatever the network, the hub and NeMo raise
        raise contract.Unusable(f"there is no such file, and it could not be downloaded by that name: {first_line(e)}") from e
    if not os.path.isfile(str(path)):
        raise contract.Unusable(f"{checkpoint} is not published as a .nemo file")
    return path


def first_line(e):
    return (str(e).strip() or type(e).__name__).splitlines()[0]


def read_config(path):
    """model_config.yaml of a .nemo file as a dict."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if os.path.basename(member.name) == "model_config.yaml":
                    return yaml.safe_load(archive.extractfile(member).read())
    except (tarfile.TarError, EOFError, OSError) as e:
        raise contract.Unusable(f"{path} is damaged or not a .nemo file: {first_line(e)}") from e
    raise contract.Unusable(f"{path} holds no model_config.yaml: it is not a .nemo file")


def load(path):
    """The model, ready to compute, on the CPU."""
    import torch
    from nemo.collections.asr.models import ASRModel
    from nemo.utils import logging
    logging.setLevel(logging.ERROR)
    try:
        model = ASRModel.restore_from(path, map_location=torch.device("cpu")).float().eval()
    except Exception as e:      # a file that is cut, weights that do not fit, a class that NeMo no longer has
        raise contract.Unusable(f"NeMo cannot load it: {first_line(e)}") from e
    featurizer = model.preprocessor.featurizer
    featurizer.dither, featurizer.pad_to = 0.0, 0   # padding to 16 frames would only hide what the model does with its own
    return model


def hybrid(model):
    return hasattr(model, "ctc_decoder")


def head(model):
    return model.ctc_decoder if hybrid(model) else model.decoder


def pieces(model, heads=("ctc",)):
    """All pieces without blank. A model of letters writes spaces, which stand here as SentencePiece's U+2581."""
    listed = list(model.joint.vocabulary if "transducer" in heads else head(model).vocabulary)
    columns = {"CTC head": head(model).num_classes_with_blank} if "ctc" in heads else {}
    if "transducer" in heads:
        columns["joint"] = model.joint.num_classes_with_blank - model.joint.num_extra_outputs
    for part, width in columns.items():
        if len(listed) + 1 != width:
            raise contract.Unusable(f"the {part} has {width} columns for {len(listed)} pieces and blank")
    if len(heads) > 1 and list(head(model).vocabulary) != listed:
        raise contract.Unusable("the transducer and the CTC head have different pieces; --head ctc exports the CTC head alone")
    return ["\u2581" if p == " " else p for p in listed]


def tokenizers(model):
    """{file name: SentencePiece model as bytes}: tokenizer.model, or one for each language of an aggregate."""
    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None:
        return {}
    parts = getattr(tokenizer, "tokenizers_dict", None) or {"": tokenizer}
    return {f"tokenizer.{lang}.model".replace("..", "."): t.tokenizer.serialized_model_proto() for lang, t in parts.items()}


def features(model, samples, exact=False, raw=False):
    """NeMo's own: float32 [N] at 16 kHz -> float32 [bands, T], valid frames only. exact computes them in float64; raw leaves
    log-mel values as they are."""
    import torch
    featurizer, kind = model.preprocessor.featurizer, torch.float64 if exact else torch.float32
    usual, featurizer.normalize = featurizer.normalize, None if raw else featurizer.normalize
    try:
        with torch.no_grad():
            out, frames = featurizer.to(kind)(torch.from_numpy(samples)[None].to(kind), torch.tensor([len(samples)]))
    finally:
        featurizer.normalize = usual
        featurizer.float()
    return out[0, :, :int(frames[0])].float().contiguous().numpy()


def rows(model, feats):
    """Log-probabilities of the checkpoint itself: float32 [bands, T] -> float32 [rows, pieces + 1]."""
    import torch
    with torch.no_grad():
        encoded, n = model.encoder(audio_signal=torch.from_numpy(feats)[None], length=torch.tensor([feats.shape[1]]))
        return head(model)(encoder_output=encoded)[0, :int(n[0])].numpy()


def text(model, logprobs):
    """NeMo's greedy text of rows."""
    import torch
    decoding = model.ctc_decoding if hybrid(model) else model.decoding
    parts = getattr(getattr(model, "tokenizer", None), "tokenizers_dict", None)
    if parts:       # NeMo asks for a language there and is given none; pieces are joined alike in all of them
        decoding.decode_tokens_to_str = next(iter(parts.values())).tokenizer.decode_pieces
    found = decoding.ctc_decoder_predictions_tensor(torch.from_numpy(logprobs)[None], torch.tensor([len(logprobs)]))
    return found[0].text


def prepare(model):
    """Changes the encoder into a form that can be exported and computes the same. Returns what was done, as sentences."""
    encoder, done = model.encoder, []
    context = list(encoder.att_context_size)
    if encoder.self_attention_model != "rel_pos" or encoder.max_audio_length != encoder.pos_emb_max_len:
        if encoder.self_attention_model != "rel_pos":
            done.append(f"local attention became full attention behind a mask of {context[0]} + {context[1]} rows: the same values")
        # Also makes the table of positions again, which grows with longer audio.
        encoder.change_attention_model("rel_pos", att_context_size=context)
        encoder.eval()
    for module in encoder.modules():
        if getattr(module, "use_pytorch_sdpa", False):
            module.use_pytorch_sdpa = False     # a fused kernel that the exporter spells out with more nodes
    if encoder.subsampling_conv_chunking_factor == -1:
        encoder.change_subsampling_conv_chunking_factor(1)      # NeMo's code for -1 does not run
    return done


def to_onnx(model, path):
    """NeMo's export of encoder and CTC head: audio_signal, length -> logprobs; opset 17. Returns the graph."""
    import onnx
    if hybrid(model):
        model.set_export_config({"decoder_type": "ctc"})
    model.export(path)
    return onnx.load(path)      # with its weights, which lie in many files if they are large
