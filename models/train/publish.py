"""A new model folder: verified by the program, then renamed into place in one step."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from corrections import Unusable

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


def write_card(work, card, digest):
    """model.json with the digests of all other files."""
    names = sorted(n for n in os.listdir(work) if n != "model.json")
    with open(f"{work}/model.json", "w", encoding="utf-8") as f:
        json.dump(card | {"sha256": {n: digest(f"{work}/{n}") for n in names}}, f, indent=1, ensure_ascii=False)
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
