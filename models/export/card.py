"""What is written about a model: model.json, which asr.OpenBundle reads, and the same facts in the graph."""
import hashlib
import json
import os
import re
import unicodedata

import contract

CATALOGUE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "catalogue.json")


def published(name):
    """The catalogue's entry of a published checkpoint, or an empty dict."""
    with open(CATALOGUE, encoding="utf-8") as f:
        for entry in json.load(f)["models"]:
            if name in (entry["upstream"], entry["upstream"].rsplit("/", 1)[-1]):
                return entry
    return {}


def plain_name(checkpoint):
    """A name in the form of the catalogue's from a path or a published name."""
    stem = os.path.basename(checkpoint).removesuffix(".nemo").lower()
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-") or "model"


def casing(pieces):
    """cased, lower, or none for a script without capitals."""
    letters = {unicodedata.category(c) for p in pieces if not re.fullmatch("<.*>", p) for c in p
               if not "\u10d0" <= c <= "\u10ff"}    # Georgian has capitals that nobody writes
    return "cased" if letters & {"Lu", "Lt"} else "lower" if "Ll" in letters else "none"


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def facts(card, kind, raw):
    """What goes into the graph's metadata: the card's facts, and those that sherpa-onnx looks for."""
    out = {k: str(card[k]) for k in ("name", "language", "casing", "licence", "source", "max_rows", "word_shift_ms") if card.get(k) not in (None, "")}
    if card.get("languages"):
        out["languages"] = " ".join(card["languages"])
    return out | {"model_type": kind, "normalize_type": "NA" if raw else "per_feature", "subsampling_factor": "8",
                  "vocab_size": str(card["pieces"]), "features": str(card["mels"])}


def write_tokens(folder, pieces):
    """tokens.txt: a line for each piece, "piece index", blank last."""
    for p in pieces:
        if not p or any(c in "\n\r" for c in p):
            raise contract.Unusable(f"piece {p!r} of the vocabulary cannot be a line of tokens.txt")
    with open(os.path.join(folder, "tokens.txt"), "w", encoding="utf-8") as f:
        f.writelines(f"{p} {i}\n" for i, p in enumerate(pieces + ["<blk>"]))


def write(folder, card):
    """model.json with the digests of all other files of the folder."""
    names = sorted(n for n in os.listdir(folder) if n != "model.json")
    card = card | {"sha256": {n: digest(os.path.join(folder, n)) for n in names}}
    with open(os.path.join(folder, "model.json"), "w", encoding="utf-8") as f:
        json.dump(card, f, indent=1, ensure_ascii=False)
        f.write("\n")


def read(folder):
    with open(os.path.join(folder, "model.json"), encoding="utf-8") as f:
        return json.load(f)
