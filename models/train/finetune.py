"""Fine-tune an acoustic model on corrected transcripts.

  python finetune.py --model FOLDER|FILE.nemo --manifest corrections.jsonl --out NEW_FOLDER [--replay MANIFEST|STORE ...]
                     [--judge MANIFEST | --held-out FRACTION] [--general MANIFEST|STORE ...] [--freeze none|N|encoder] ...

The manifest is what `asr-backend export-manifest --clips` writes. Whole recordings are kept back to judge the new model
(--held-out), or --judge names others. --replay is speech like that which the model was trained on: without it, the
model forgets other speakers. A STORE is a folder that data.py wrote, such as WORK/human/train.

NEW_FOLDER is a model folder with a new name; it appears in one step, after `asr-backend models verify` has passed. The run keeps
its state in NEW_FOLDER.training; the same command continues a run that was killed.

Environment variables that stand for flags which are not given: ASR_BACKEND_MODEL (--model), ASR_BACKEND_MANIFEST (--manifest),
ASR_BACKEND_JUDGE (--judge), ASR_BACKEND_OUT (--out), ASR_BACKEND_PROJECT (--project).

Exit status: 0 the new model is written; 1 it could not be made; 2 wrong usage; 3 it is not better, and was not written;
130 or 143 stopped by SIGINT or SIGTERM, to be continued by the same command.
"""
import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import time

import torch

import evaluate
import networks
import publish
import tune
from corrections import Unusable
from material import Data, percent

NOT_BETTER = 3
STEPS = 20      # in which --blend auto looks for the largest part
DEFAULT_MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "default")
# Settings that make another run: its state cannot be continued with other values.
SAME = ("freeze", "share", "runs", "passes", "minutes", "rate", "warm", "batch", "strength", "dropout", "decay", "ema", "seed",
        "held_out", "longest", "device", "precision")


def options(argv=None):
    env = os.environ.get
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", default=env("ASR_BACKEND_MODEL") or DEFAULT_MODEL, help="model folder or .nemo file to start from; "
                                                                                      "default: the embedded model's folder")
    ap.add_argument("--manifest", default=env("ASR_BACKEND_MANIFEST"), help="corrections to learn from")
    ap.add_argument("--out", default=env("ASR_BACKEND_OUT"), help="folder to create")
    ap.add_argument("--project", default=env("ASR_BACKEND_PROJECT"), help="goes into the new model's name")
    ap.add_argument("--name", help="of the new model; default: the old name, the project, and digits of its digest")
    ap.add_argument("--language", help="BCP 47 tag, for a .nemo file, which does not say")
    ap.add_argument("--licence", help="SPDX identifier, likewise")
    data = ap.add_argument_group("data")
    data.add_argument("--judge", default=env("ASR_BACKEND_JUDGE"), help="manifest of corrections that are not learned from")
    data.add_argument("--held-out", type=float, default=0.2, help="without --judge: part of the corrections, by length")
    data.add_argument("--replay", nargs="+", default=[], help="speech that is mixed in, so that the model does not forget")
    data.add_argument("--share", type=float, default=0.5, help="of replay in the audio that is passed")
    data.add_argument("--general", nargs="+", default=[], help="speech on which the new model may not be worse")
    data.add_argument("--max-rise", type=float, default=1.0, help="by how many points the error on a set of --general may rise")
    data.add_argument("--longest", type=float, default=30, help="seconds; longer clips are left out")
    run = ap.add_argument_group("training")
    run.add_argument("--freeze", default="none", help="none; N: subsampling and the first N layers; encoder: all but the head")
    run.add_argument("--runs", type=int, default=2, help="from the old weights, each with another order and augmentation; their mean "
                                                         "makes fewer errors than each")
    run.add_argument("--passes", type=float, default=12, help="of each run over the corrections")
    run.add_argument("--minutes", type=float, default=1e6, help="end earlier, after so many minutes of training in all")
    run.add_argument("--rate", type=float, default=3e-4, help="learning rate at its highest")
    run.add_argument("--warm", type=float, default=0.1, help="part of the run in which the learning rate rises")
    run.add_argument("--batch", type=float, default=60, help="seconds of audio")
    run.add_argument("--strength", type=float, default=0.5, help="of augmentation, 0..1")
    run.add_argument("--dropout", type=float, default=0.1, help="of our own models; NeMo checkpoints have their own")
    run.add_argument("--decay", type=float, default=0.02)
    run.add_argument("--ema", type=float, default=0.99, help="of the average over the weights of the last steps, which is exported")
    run.add_argument("--blend", default="auto", help="part of the trained weights in the exported ones, 0..1; the rest are the old "
                                                     "ones. auto: as much as --general allows in steps of 0.05; 1 without it")
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--save", type=float, default=5, help="minutes between checkpoints")
    run.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    run.add_argument("--precision", choices=["float32", "bfloat16"], help="default: bfloat16 where the processor has it")
    run.add_argument("--threads", type=int, default=1)
    out = ap.add_argument_group("result")
    out.add_argument("--asr-backend", help="the program that verifies; default: that of PATH, or bin/asr-backend of this repository")
    out.add_argument("--keep", action="store_true", help="write the new model even if it is not better")
    out.add_argument("--json", action="store_true", help="print the result as a line of JSON on standard output")
    a = ap.parse_args(argv)
    for flag, value in (("--manifest", a.manifest), ("--out", a.out)):
        if not value:
            ap.error(f"{flag} is missing, and so is ASR_BACKEND_{flag[2:].upper()}")
    with contextlib.suppress(ValueError):
        a.blend = float(a.blend)
    if not 0 <= a.share < 1 or not 0 < a.held_out < 1 or a.blend != "auto" and not (isinstance(a.blend, float) and 0 < a.blend <= 1):
        ap.error("--share, --held-out and --blend are parts of one")
    if os.path.lexists(a.out):
        ap.error(f"{a.out} exists; a new model gets a new folder")
    a.precision = a.precision or networks.default_precision(a.device)
    if not a.replay:
        a.share = 0.0
    return a


def say(sentence):
    print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)


class Stop:
    """SIGTERM and SIGINT: while training, the loop asks whether to end; elsewhere they end the run at once."""

    def __init__(self):
        self.asked, self.training = 0, False
        for s in (signal.SIGTERM, signal.SIGINT):
            signal.signal(s, self.signal)

    def signal(self, number, _):
        self.asked = number
        if not self.training:
            raise tune.Stopped


def state_folder(a, network):
    """NEW_FOLDER.training, new or of the same run."""
    folder = a.out.rstrip("/") + ".training"
    facts = {k: getattr(a, k) for k in SAME} | {"base": publish.digest(network.base), "replay": a.replay, "general": a.general}
    facts |= {k: publish.digest(getattr(a, k)) for k in ("manifest", "judge") if getattr(a, k)}
    path = f"{folder}/settings.json"
    if os.path.exists(path):
        with open(path) as f:
            same = json.load(f) == facts
        if same:
            return folder
        if os.path.exists(f"{folder}/checkpoint0.pt"):
            raise Unusable(f"{folder} holds a run with other settings, data or model; remove it to start over")
        shutil.rmtree(folder)
    os.makedirs(folder, exist_ok=True)
    with open(path, "w") as f:
        json.dump(facts, f, indent=1)
    return folder


def blended(weights, start, blend):
    return {n: start[n].float().cpu() * (1 - blend) + w.float().cpu() * blend for n, w in weights.items()}


def largest_blend(a, network, data, weights, start, before):
    """The largest part of the trained weights with which no set of --general gets worse than --max-rise allows. The corrections
    kept back have no say, so they still judge the result. One step if none will do: the verdict then falls on it."""
    if a.blend != "auto":
        return a.blend
    low, high = 1, STEPS
    while a.general and low < high:
        part = STEPS if high == STEPS and low == 1 else (low + high + 1) // 2
        rise = publish.rise(before, data.rates(network.with_weights(blended(weights, start, part / STEPS)), judge=False))
        say(f"with {part / STEPS:g} of the trained weights the error on general speech rises by at most {rise:.2f} points")
        low, high = (part, high) if rise <= a.max_rise else (low, part - 1)
    return high / STEPS


def error_rates_before(data, network, folder):
    """Those of the old model; computed once for a run."""
    path = f"{folder}/before.json"
    if not os.path.exists(path):
        with open(path + ".part", "w") as f:
            json.dump(data.rates(network), f)
        os.rename(path + ".part", path)
    with open(path) as f:
        before = json.load(f)
    say("before: " + ", ".join(f"{n} {percent(r['rate'])} of {r['words']} words" for n, r in before.items()))
    if before["judge"]["words"] < 300:
        say("warning: the corrections kept back have few words, so their error rates say little")
    if not data.replay:
        say("warning: without --replay the model may forget other speakers and other words")
    return before


def train(a, stop, data, folder):
    """-> facts about all runs, and {name: the mean of their weights}."""
    hours = a.passes * data.counts["learn"]["hours"] / (1 - a.share)
    facts, mean = {"hours_passed": 0.0, "steps": 0, "minutes": 0.0, "user_minutes": 0.0}, {}
    for i in range(a.runs):
        network = networks.open_network(a.model, a.device, a.precision, a.dropout, a.seed + i)
        frozen = tune.freeze(network, a.freeze)
        say(f"run {i + 1} of {a.runs}: {frozen}, on {a.device} in {a.precision if network.dtype == torch.bfloat16 else 'float32'}")
        run = tune.Run(network, [data.learn, *data.replay], tune.Plan(
            share=a.share, hours=hours, minutes=a.minutes / a.runs, rate=a.rate, warm=a.warm, budget=a.batch, strength=a.strength,
            decay=a.decay, ema=a.ema, clip=1.0, seed=a.seed + i, save=a.save), f"{folder}/checkpoint{i}.pt", say, lambda: stop.asked)
        stop.training = True
        weights = run.train()
        stop.training = False
        if stop.asked:
            raise tune.Stopped
        mean = {n: mean.get(n, 0) + w.float().cpu() / a.runs for n, w in weights.items()}
        for k, v in zip(facts, (run.hours, run.opt.steps, run.minutes, run.user / 60)):
            facts[k] = round(facts[k] + v, 2)
    say(f"trained for {facts['minutes']:.1f} minutes, {facts['user_minutes']:.1f} minutes of user time")
    return facts, mean


def finetune(a, stop, out):
    asr_backend = publish.program(a.asr_backend)
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    network = networks.open_network(a.model, a.device, a.precision, a.dropout, a.seed)
    network.card |= {k: v for k, v in (("language", a.language), ("licence", a.licence)) if v}
    folder = state_folder(a, network)
    data = Data(a, network, folder, say)
    data.make()
    before = error_rates_before(data, network, folder)
    start = {n: p.detach().clone() for n, p in network.net.state_dict().items()}
    passed, weights = train(a, stop, data, folder)
    blend = largest_blend(a, network, data, weights, start, before)
    with publish.folder(a.out) as work:
        made = network.export(blended(weights, start, blend), work, a.name or "finetuned")
        after = data.rates(evaluate.OnnxModel(work))
        say("after: " + ", ".join(f"{n} {percent(r['rate'])} (before {percent(before[n]['rate'])})" for n, r in after.items()))
        fault = publish.verdict(a, before, after)
        settings = {k: getattr(a, k) for k in SAME} | {"blend": blend}
        facts = publish.card(a, network, made, data.counts, (before, after), passed | {"settings": settings}, f"{work}/model.onnx")
        if not fault or a.keep:
            publish.write_card(work, facts)
            publish.verify(asr_backend, work)
            publish.place(work, a.out)
    shutil.rmtree(folder)
    result = {"model": None if fault and not a.keep else os.path.abspath(a.out), "name": facts["name"], "better": not fault, "why_not": fault,
              "blend": blend, "parts": data.counts, "before": before, "after": after} | passed
    if a.json:
        print(json.dumps(result), file=out, flush=True)
    if fault:
        say(fault + ("; written all the same (--keep)" if a.keep else "; nothing was written"))
        return NOT_BETTER
    say(f"{a.out}: {facts['name']}")
    return 0


def main(argv=None):
    a, stop, out = options(argv), Stop(), sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr):    # NeMo prints; the result alone goes to standard output
            return finetune(a, stop, out)
    except (Unusable, OSError) as e:
        print(f"finetune.py: {e}", file=sys.stderr)
        return 1
    except tune.Stopped:
        say(f"stopped; the same command continues from {a.out.rstrip('/')}.training")
        return 128 + stop.asked


if __name__ == "__main__":
    sys.exit(main())
