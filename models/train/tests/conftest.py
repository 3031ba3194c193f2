"""Tests of fine-tuning. They need the environment of `make validate`, and the program in bin/. They run in a process of their
own: modules here and in ../export have names in common."""
import json
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TRAIN = os.path.dirname(HERE)
sys.path[:0] = [TRAIN, HERE]
sys.dont_write_bytecode = True
REPOSITORY = os.path.abspath(os.path.join(TRAIN, "..", ".."))
DEFAULT = os.path.join(REPOSITORY, "models", "default")
SPEECH = os.path.join(REPOSITORY, "testdata", "speech")


@pytest.fixture(scope="session")
def program():
    path = os.environ.get("ASR_BACKEND", os.path.join(REPOSITORY, "bin", "asr-backend"))
    assert os.path.exists(path), f"{path} is missing: run make build"
    return path


def spoken(set_, count):
    """Lines of a manifest: clips of testdata/speech with their transcripts."""
    out = []
    with open(f"{SPEECH}/index.tsv", encoding="utf-8") as f:
        for row in f:
            name, file, text = row.rstrip("\n").split("\t")
            if name == set_:
                out.append({"audio_filepath": f"{SPEECH}/{set_}/{file}", "text": text})
    return out[:count]


@pytest.fixture
def manifest(tmp_path):
    """Writes lines as a manifest and returns its path."""
    def write(name, lines):
        path = tmp_path / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return str(path)
    return write
