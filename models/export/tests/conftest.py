"""Tests of export and validation. They need the environment of `make validate`, and the program in bin/."""
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
sys.dont_write_bytecode = True
REPOSITORY = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
SPEECH = os.path.join(REPOSITORY, "testdata", "speech")


@pytest.fixture(scope="session")
def program():
    path = os.environ.get("ASR_BACKEND", os.path.join(REPOSITORY, "bin", "asr-backend"))
    assert os.path.exists(path), f"{path} is missing: run make build"
    return path


@pytest.fixture(scope="session")
def speech():
    """Five clips of one reader, float32 at 16 kHz."""
    import features
    return [features.read(os.path.join(SPEECH, "ljspeech", n)) for n in sorted(os.listdir(f"{SPEECH}/ljspeech"))[:5] if n.endswith(".flac")]


@pytest.fixture(scope="session")
def pieces128(tmp_path_factory):
    """A tokenizer of 128 pieces as NeMo wants it."""
    import nemo_models
    return nemo_models.tokenizer_folder(os.path.join(REPOSITORY, "testdata", "models", "tiny-random"), str(tmp_path_factory.mktemp("pieces128")))


@pytest.fixture
def say():
    """Collects what an export says."""
    said = []
    collect = said.append
    return type("Said", (), {"__call__": staticmethod(collect), "text": property(lambda _: "\n".join(said))})()
