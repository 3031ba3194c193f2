"""The same human speech from its public homes, as bundles in the layout data.py reads (here one clip per file).

Mini LibriSpeech (openslr.org/31), speechocean762 (openslr.org/101), LJ Speech (keithito.com) and Mozilla Common Voice.
Common Voice asks for an agreement and an address before a download, so its archives are expected beside the others:
FOLDER/archives/cv-corpus-*-delta-*-en.tar.gz.
"""
import csv
import glob
import os
import re
import subprocess
import tarfile
import urllib.request

HOMES = {
    "librispeech-mini": "https://www.openslr.org/resources/31/train-clean-5.tar.gz",
    "speechocean762": "https://www.openslr.org/resources/101/speechocean762.tar.gz",
    "ljspeech": "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
}


def archive(folder, set_):
    """Download once, unpack once -> folder of the unpacked files."""
    kept = f"{folder}/archives/{os.path.basename(HOMES[set_])}"
    to = f"{folder}/archives/{set_}"
    os.makedirs(to, exist_ok=True)
    if not os.path.exists(kept):
        urllib.request.urlretrieve(HOMES[set_], kept + ".part")
        os.replace(kept + ".part", kept)
    if not os.listdir(to):
        with tarfile.open(kept) as t:
            t.extractall(to, filter="data")
    return to


def librispeech_mini(folder):
    for path in sorted(glob.glob(f"{archive(folder, 'librispeech-mini')}/LibriSpeech/*/*/*/*.trans.txt")):
        with open(path) as f:
            for line in f:
                name, text = line.strip().split(" ", 1)
                yield f"{os.path.dirname(path)}/{name}.flac", name.split("-")[0], text


def speechocean762(folder):
    top = f"{archive(folder, 'speechocean762')}/speechocean762"
    for part in ("train", "test"):
        with open(f"{top}/{part}/text") as f:
            texts = dict(line.strip().split(None, 1) for line in f)
        with open(f"{top}/{part}/utt2spk") as f:
            speakers = dict(line.split() for line in f)
        with open(f"{top}/{part}/wav.scp") as f:
            for line in f:
                name, wav = line.split()
                yield f"{top}/{wav}", speakers[name], texts[name]


def ljspeech(folder):
    top = f"{archive(folder, 'ljspeech')}/LJSpeech-1.1"
    with open(f"{top}/metadata.csv", encoding="utf-8") as f:
        for line in f:
            name, _, text = line.rstrip("\n").split("|")
            if re.match(r"LJ001|LJ002-0(0|1|200)", name):
                yield f"{top}/wavs/{name}.wav", "LJ", text


def common_voice(folder):
    for kept in sorted(glob.glob(f"{folder}/archives/cv-corpus-*-delta-*-en.tar.gz")):
        to = kept[:-len(".tar.gz")]
        if not os.path.exists(to):
            with tarfile.open(kept) as t:
                t.extractall(to, filter="data")
        for path in glob.glob(f"{to}/**/validated.tsv", recursive=True):
            with open(path, newline="", encoding="utf-8") as f:
                for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
                    yield f"{os.path.dirname(path)}/clips/{row['path']}", row["client_id"][:16], row["sentence"]


def all_sets(folder):
    """Writes FOLDER/<set>/index.tsv with one row per clip; the 'bundle' is the clip's own file."""
    readers = {"librispeech-mini": librispeech_mini, "common-voice": common_voice, "ljspeech": ljspeech,
               "speechocean762": speechocean762}
    for set_, read in readers.items():
        if os.path.exists(f"{folder}/{set_}/index.tsv"):
            continue
        os.makedirs(f"{folder}/{set_}", exist_ok=True)
        with open(f"{folder}/{set_}/index.tsv.part", "w") as f:
            f.write("bundle\tstart_sample\tsamples\tspeaker\ttext\n")
            for path, speaker, text in read(folder):
                seconds = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of",
                                          "csv=p=0", path], capture_output=True, check=True, text=True).stdout
                samples = int(float(seconds) * 16000)
                f.write(f"{os.path.relpath(path, f'{folder}/{set_}')}\t0\t{samples}\t{speaker}\t{text}\n")
        os.replace(f"{folder}/{set_}/index.tsv.part", f"{folder}/{set_}/index.tsv")
