"""A NeMo FastConformer or Parakeet checkpoint -> a folder that asr-backend can use.

  python export.py CHECKPOINT OUTDIR [--name NAME] [--language en] [--licence CC-BY-4.0] [--variants int8,fp16] ...

CHECKPOINT is a .nemo file, or the name under which one is published (nvidia/parakeet-tdt_ctc-110m), which is downloaded.
OUTDIR gets the graphs, tokens.txt, tokenizer.model, model.json, and the variants that hold. The graphs are model.onnx of a CTC
model; encoder-model.onnx and decoder_joint-model.onnx of a transducer (RNN-T or TDT), and of a hybrid the same, whose encoder
also computes the CTC head. --head ctc exports a hybrid as a CTC model. Weights over 2 GB lie beside their graph in GRAPH.data.
Nothing is written unless the graphs pass their self-test, which compares them with the checkpoint; exit status 1 and a sentence
say why not. The text that the checkpoint recognizes in one recording goes into model.json, for `asr-backend models verify
OUTDIR` to compare with.
"""
import argparse
import os
import shutil
import sys
import tempfile

import card
import checkpoint
import contract
import features
import heads
import selftest
import variants

SECONDS = 25.6      # of each clip that is compared with the checkpoint
CLIPS = 3           # of the clips given, how many are compared


def about(a, path, config, model, pieces):
    """The card: what the arguments say, else what the catalogue knows of a published name, else what the model shows."""
    import nemo
    import torch
    known = {} if os.path.exists(a.checkpoint) else card.published(a.checkpoint)
    languages = a.language.split(",") if a.language else known.get("languages", [])
    origin = a.checkpoint if known else f"{os.path.basename(path)} (SHA-256 {card.digest(path)})"
    out = {"name": a.name or known.get("name") or card.plain_name(a.checkpoint),
           "language": languages[0] if len(languages) == 1 else "", "casing": card.casing(pieces),
           "licence": a.licence or known.get("licence", ""),
           "source": a.source or f"{origin}, exported with NeMo {nemo.__version__} and PyTorch {torch.__version__}",
           "mels": config["preprocessor"].get("features", 64), "pieces": len(pieces), "word_shift_ms": a.word_shift_ms}
    return out | ({"languages": languages} if len(languages) > 1 else {})


def inputs(model, a, raw):
    """What graph and checkpoint are compared on: ([features], how many of them are of clips); the rest are noise. The first
    clip is the recording that `asr-backend models verify` plays."""
    bands = model.cfg.preprocessor.get("features", 64)
    paths = [variants.SAMPLE] + [p for p, _ in variants.clips(a.clips)][:CLIPS] * bool(a.clips)
    clips = [features.read(p)[:int(SECONDS * features.RATE)] for p in paths]
    clips = [c for c in clips if len(c) >= features.HOP]
    for c in clips:
        selftest.same_features(checkpoint.features(model, c, exact=True), c, raw)
    feats = [checkpoint.features(model, c) for c in clips]
    return feats + [selftest.noise(bands, n, seed=3) for n in selftest.LENGTHS], len(clips)


def export(a, say):
    path = checkpoint.locate(a.checkpoint)
    config = checkpoint.read_config(path)
    contract.check(config, a.head)
    parts = contract.heads(config, a.head)
    model = checkpoint.load(path)
    pieces = checkpoint.pieces(model, parts)
    facts = about(a, path, config, model, pieces)
    way = (heads.Transducer if "transducer" in parts else heads.CTC)(model, config, parts, *inputs(model, a, contract.raw_features(config)))
    for sentence in checkpoint.prepare(model):
        say(sentence)
    parent = os.path.dirname(os.path.abspath(a.outdir))
    os.makedirs(parent, exist_ok=True)
    work = tempfile.mkdtemp(prefix=".export-", dir=parent)
    try:
        build(a, say, work, model, config, facts | way.facts, pieces, way)
        os.chmod(work, 0o755)
        os.rename(work, a.outdir)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"{a.outdir}: {', '.join(sorted(os.listdir(a.outdir)))}")
    if not facts["licence"]:
        say("the licence is not stated; --licence writes it into the card")


def build(a, say, work, model, config, facts, pieces, way):
    """Writes all files of the model into the folder work, or raises Unusable."""
    raw, kind = contract.raw_features(config), contract.class_name(config["target"])
    heads.save(way, work, model, facts, lambda known: card.facts(known, kind, raw))
    facts["selftest"] = way.test(work, model, facts, pieces, a.threads, say)
    card.write_tokens(work, pieces)
    for name, raw_bytes in checkpoint.tokenizers(model).items():
        with open(f"{work}/{name}", "wb") as f:
            f.write(raw_bytes)
    del model, way
    if a.variants:
        card.write(work, facts)     # readers look into it
        reference = variants.Reference(work, a.clips, facts["mels"], raw, facts["language"])
        for kind in a.variants.split(","):
            say(variants.offer(kind, work, reference)[1])
    card.write(work, facts)


def arguments(argv=None):
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("checkpoint")
    ap.add_argument("outdir")
    ap.add_argument("--name", help="what the model is called; the file's name if missing")
    ap.add_argument("--language", default="", help="BCP 47 tag, or several with commas between them")
    ap.add_argument("--licence", default="", help="SPDX identifier")
    ap.add_argument("--source", default="", help="where it comes from and what it was trained on")
    ap.add_argument("--word-shift-ms", type=float, default=0, help="added to word times: what the model's spikes are early")
    ap.add_argument("--head", choices=["all", "ctc"], default="all", help="of a hybrid: ctc exports its CTC head alone, as a CTC model")
    ap.add_argument("--variants", default="", help="int8, fp16 or both; see variants.py")
    ap.add_argument("--clips", nargs="+", default=[], help="recordings or folders of them to compare on, in the model's language")
    ap.add_argument("--threads", type=int, default=1)
    a = ap.parse_args(argv)
    if os.path.exists(a.outdir) and os.listdir(a.outdir):
        sys.exit(f"{a.outdir} is there already and not empty")
    if set(filter(None, a.variants.split(","))) - set(variants.ROWS):
        sys.exit(f"variants are {', '.join(variants.ROWS)}, not {a.variants}")
    return a


def main(argv=None):
    a = arguments(argv)
    try:
        export(a, lambda sentence: print(sentence, flush=True))
    except contract.Unusable as e:
        sys.exit(f"{a.checkpoint} cannot be exported: {e}")


if __name__ == "__main__":
    main()
