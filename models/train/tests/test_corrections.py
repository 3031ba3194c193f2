"""What is taken from a manifest, and how recordings are kept back."""
import numpy as np
import pytest
import sentencepiece
import soundfile
from conftest import DEFAULT, spoken

import corrections
import features
from store import Store


@pytest.fixture(scope="module")
def spelling():
    return corrections.Spelling(sentencepiece.SentencePieceProcessor(model_file=f"{DEFAULT}/tokenizer.model"))


def clips(*names):
    return [{"audio_filepath": f"clips/{n}.wav", "duration": 2, "text": "yes"} for n in names]


def test_a_clip_belongs_to_its_task_and_another_file_to_itself(manifest, tmp_path):
    path = manifest("m.jsonl", clips("12-000004900-000005900", "12-000005900-000009000-2", "talk-3") +
                    [{"audio_filepath": "/a/12-000004900-000005900.wav", "text": "no", "recording": "monday"}])
    got = [x.recording for x in corrections.read_manifest(path)]
    assert got == ["task 12", "task 12", f"{tmp_path}/clips/talk-3.wav", "monday"]


def test_recordings_stay_whole_and_the_split_is_the_same_in_any_order(manifest):
    names = [f"{task}-{at:09d}-{at + 2000:09d}" for task in range(40) for at in (0, 2000, 9000)]
    lines = corrections.read_manifest(manifest("m.jsonl", clips(*names)))
    learn, judge = corrections.split(lines, 0.25, lambda x: x.duration)
    assert {x.recording for x in learn}.isdisjoint(x.recording for x in judge)
    assert len(learn) + len(judge) == 120 and len(judge) == 30
    again = corrections.split(lines[::-1], 0.25, lambda x: x.duration)[1]
    assert {x.recording for x in again} == {x.recording for x in judge}


def test_one_recording_alone_cannot_judge(manifest):
    lines = corrections.read_manifest(manifest("m.jsonl", clips("7-000000000-000002000", "7-000002000-000004000")))
    with pytest.raises(corrections.Unusable, match="--judge"):
        corrections.split(lines, 0.2, lambda x: x.duration)


def test_a_line_that_is_no_manifest_is_named(manifest):
    with pytest.raises(corrections.Unusable, match="line 2: .*no line of a NeMo manifest"):
        corrections.read_manifest(manifest("m.jsonl", clips("a") + [{"path": "b.wav"}]))


def test_what_cannot_be_learned_is_left_out_and_counted(manifest, tmp_path, spelling):
    """The transcripts are those that testdata/speech publishes; the faults are put in."""
    good = spoken("ljspeech", 3)
    silence = str(tmp_path / "silence.wav")
    soundfile.write(silence, np.zeros(16000, np.float32), 16000)
    (tmp_path / "damaged.wav").write_bytes(b"RIFF no sound")
    lines = good + [good[0] | {"text": " "}, good[0] | {"text": "costs 5 $"}, good[0] | {"duration": 0.1},
                    {"audio_filepath": str(tmp_path / "gone.wav"), "text": "gone"},
                    {"audio_filepath": str(tmp_path / "damaged.wav"), "text": "damaged"},
                    {"audio_filepath": silence, "text": "far more words than fit into a second of any recording whatever it is"},
                    spoken("radio", 1)[0]]
    made = corrections.store(corrections.read_manifest(manifest("m.jsonl", lines)), str(tmp_path / "store"), "test", spelling,
                             features.log_mel, 30)
    assert made[0] == 3 and made[2] == {
        "no text": 1, "the model cannot spell it": 1, "shorter than 0.2 s": 1, "the audio file is missing": 1,
        "the audio cannot be decoded": 1, "more text than the audio has rows for": 1, "longer than 30 s": 1}
    store = Store(str(tmp_path / "store"))
    assert [c.text for c in store.clips] == [spelling.spell(g["text"]) for g in good]
    assert sum(c.frames for c in store.clips) == pytest.approx(made[1] * 100, abs=3)


def test_a_part_of_one_channel_is_read(manifest, tmp_path):
    left, right = np.full(32000, 0.25, np.float32), np.linspace(-0.5, 0.5, 32000, dtype=np.float32)
    path = str(tmp_path / "two.wav")
    soundfile.write(path, np.stack([left, right], 1), 16000, subtype="FLOAT")
    line = {"audio_filepath": path, "offset": 0.5, "duration": 1, "channel": 1, "text": "x"}
    got = corrections.Audio().clip(corrections.read_manifest(manifest("m.jsonl", [line]))[0])
    np.testing.assert_array_equal(got, right[8000:24000])


def test_a_cased_model_keeps_capitals_and_is_judged_without_them(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("Grüß Gott, Herr Müller. Was machen Sie?\nIch höre, dass es regnet.\n" * 50, encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(input=str(corpus), model_prefix=str(tmp_path / "t"), vocab_size=60, model_type="bpe",
                                             character_coverage=1.0, bos_id=-1, eos_id=-1, unk_id=0, minloglevel=2)
    s = corrections.Spelling(sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "t.model")))
    assert s.spell("  Herr  Müller, ") == "Herr Müller,"
    assert s.spell("Zürich 7") is None
    assert s.words("Herr Müller,") == "herr müller"
