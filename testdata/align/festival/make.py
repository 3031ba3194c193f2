#!/usr/bin/env python3
"""Speak sentences with Festival and write down when each word is spoken: make.py OUTDIR

Needs festival, festvox-kallpc16k, festvox-kdlpc16k, festvox-us-slt-hts (Debian), numpy,
soundfile, soxr and imageio-ffmpeg. For each voice OUTDIR/VOICE.opus (16 kHz) and
OUTDIR/VOICE.tsv: start and end in seconds and the word. The times are those of the
utterance's segments, from which Festival made the sound.
"""
import os
import subprocess
import sys
import tempfile

import imageio_ffmpeg
import numpy as np
import soundfile
import soxr

VOICES = {"kal": "voice_kal_diphone", "ked": "voice_ked_diphone", "slt": "voice_cmu_us_slt_arctic_hts"}
SENTENCES = """
The harbour was quiet when the first boats came home.
Nobody in the village remembered who had planted the old chestnut tree.
She folded the letter twice and put it under the lamp.
Put the kettle on and open a window.
Seven ducks crossed the frozen pond without a sound.
He asked for bread, and they gave him a map of the river.
My grandmother kept her buttons in a yellow tin box.
Please bring three clean cups and a spoon.
The train to the mountains leaves before sunrise.
A good answer often begins with a better question.
Children were throwing pebbles at an empty bottle.
We waited an hour, then walked back through the wet fields.
His brother mends clocks in a narrow shop behind the church.
The doctor said that rest would help more than medicine.
Snow fell all night, and by morning the road was gone.
They sold the farm but kept the orchard and the well.
""".strip().splitlines()

SCHEME = """
({voice})
(define (when w) (begin
  (set! first (item.daughter1 (item.daughter1 (item.relation w 'SylStructure))))
  (set! last (item.daughtern (item.daughtern (item.relation w 'SylStructure))))
  (format t "%f %f %s\\n" (item.feat first "segment_start") (item.feat last "segment_end") (item.name w))))
(set! u (SynthText "{text}"))
(mapcar when (utt.relation.items u 'Word))
(utt.save.wave u "{wav}" 'riff)
"""


def speak(voice, text, folder):
    wav = os.path.join(folder, "a.wav")
    script = os.path.join(folder, "a.scm")
    with open(script, "w") as f:
        f.write(SCHEME.format(voice=voice, text=text, wav=wav))
    out = subprocess.run(["festival", "-b", script], check=True, capture_output=True, text=True).stdout
    words = [(float(a), float(b), w) for a, b, w in (line.split() for line in out.splitlines())]
    samples, rate = soundfile.read(wav, dtype="float32")
    return (soxr.resample(samples, rate, 16000) if rate != 16000 else samples), words


def main(out):
    for number, (name, voice) in enumerate(VOICES.items()):
        sound, lines = [np.zeros(8000, np.float32)], []
        for i, text in enumerate(SENTENCES[number % 2 :: 2] + SENTENCES[:3]):
            with tempfile.TemporaryDirectory() as folder:
                samples, words = speak(voice, text, folder)
            at = sum(map(len, sound)) / 16000
            lines += [f"{at + a:.4f}\t{at + b:.4f}\t{w.lower()}\n" for a, b, w in words]
            peak = np.abs(samples).max()
            sound += [samples * (0.5 / peak), np.zeros(16 * (150 + 170 * (i % 5)), np.float32)]
        with tempfile.TemporaryDirectory() as folder:
            wav = os.path.join(folder, "a.wav")
            soundfile.write(wav, np.concatenate(sound), 16000)
            subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", wav, "-c:a", "libopus", "-b:a", "32k",
                            "-map_metadata", "-1", "-fflags", "+bitexact", os.path.join(out, name + ".opus")], check=True)
        with open(os.path.join(out, name + ".tsv"), "w") as f:
            f.writelines(lines)


main(sys.argv[1])
