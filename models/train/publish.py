"""A new model folder: whether it is worth writing, its card, verified by the program, renamed into place in one step."""
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from corrections import Unusable
from material import percent

SUFFIX = ".exe" if os.name == "nt" else ""


def program(given):
    """The asr-backend program, or raises Unusable."""
    found = shutil.which(given or "asr-backend" + SUFFIX)
    if not found and not given:
        found = shutil.which(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bin", "asr-backend" + SUFFIX))
    if not found:
        raise Unusable(f"{given or 'asr-backend'} is not there or cannot be run; the new model is verified with it: build it "
                       "(make build) and name it with --asr-backend PATH")
    return os.path.abspath(found)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def rise(before, after):
    """By how many points the error rate of general speech rose in the set where it rose most; 0 without such sets."""
    return max((r["rate"] - before[name]["rate"] for name, r in after.items() if name != "judge"), default=0.0)


def verdict(a, before, after):
    """None if the new model is better, else a sentence."""
    old, new = before["judge"], after["judge"]
    if new["errors"] >= old["errors"]:
        return f"the new model is not better: {percent(new['rate'])} word errors on the corrections kept back, before {percent(old['rate'])}"
    if rise(before, after) > a.max_rise:
        return f"the new model is worse on general speech: by {rise(before, after):.1f} points, more than --max-rise {a.max_rise:g} allows"
    return None


def card(a, network, made, counts, rates, passed, onnx):
    """The new model's card: made, what its export says, with a name and a note of what it was made of. counts: clips and hours
    of each part; rates: those before and after; passed: what else goes into the note."""
    old = network.card.get("name") or os.path.splitext(os.path.basename(network.base))[0]
    root = network.card.get("finetuned", {}).get("root", old)
    name = a.name or "-".join(filter(None, (root, f"project{a.project}" if a.project else "", digest(onnx)[:6])))
    learn, judge = counts["learn"], (rates[0]["judge"], rates[1]["judge"])
    note = {"root": root, "from": old, "base_sha256": digest(network.base), "project": a.project or "",
            "clips": learn["clips"], "hours": learn["hours"], "before": rates[0], "after": rates[1]} | passed
    source = (f"{old} (SHA-256 {digest(network.base)}), fine-tuned by models/train/finetune.py on {learn['clips']} corrected clips "
              f"({learn['hours'] * 60:.1f} minutes); word errors on other recordings {percent(judge[0]['rate'])} before, "
              f"{percent(judge[1]['rate'])} after")
    return made | {"name": name, "source": source, "finetuned": note}


@contextlib.contextmanager
def folder(out):
    """A temporary folder beside out, on the same file system; removed if it was not renamed."""
    parent = os.path.dirname(os.path.abspath(out))
    os.makedirs(parent, exist_ok=True)
    work = tempfile.mkdtemp(prefix=f".{os.path.basename(os.path.abspath(out))}-", dir=parent)
    try:
        os.chmod(work, 0o755)
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def write_card(work, facts):
    """model.json with the digests of all other files."""
    names = sorted(n for n in os.listdir(work) if n != "model.json")
    with open(f"{work}/model.json", "w", encoding="utf-8") as f:
        json.dump(facts | {"sha256": {n: digest(f"{work}/{n}") for n in names}}, f, indent=1, ensure_ascii=False)
        f.write("\n")


def verify(asr_backend, work):
    """Runs `asr-backend models verify`, or raises Unusable with what it says."""
    run = subprocess.run([asr_backend, "models", "verify", work], capture_output=True, text=True)
    if run.returncode:
        raise Unusable(f"the new model does not pass asr-backend models verify:\n{(run.stdout + run.stderr).strip()}")
    sys.stderr.write(run.stdout)


def place(work, out):
    """Renames work to out, which must not exist: rename would put it in place of an empty folder."""
    if os.path.lexists(out):
        raise Unusable(f"{out} exists by now; the new model was not written")
    os.rename(work, out)
