"""The training loop of finetune.py: batches of corrections and replay, freezing, the schedule, checkpoints."""
import math
import os
import resource
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn

from batches import Mix, Source
from corrections import Unusable
from optim import Flat, Optimizer


@dataclass
class Plan:
    """What is trained and for how long."""
    share: float        # of replay among the clips, 0..1
    hours: float        # of audio to pass, corrections and replay
    minutes: float      # at most, on the clock
    rate: float         # learning rate at its highest
    warm: float         # part of the run in which it rises
    budget: float       # seconds of audio a batch
    strength: float     # of augmentation, 0..1
    decay: float
    ema: float
    clip: float
    seed: int
    save: float         # minutes between checkpoints


class Stopped(BaseException):
    """Somebody asked the run to end. No part of the run may take it for a failure of its own."""


def freeze(network, wanted):
    """wanted: "none", "encoder" (the head alone learns), or a number: subsampling and so many layers. Returns a sentence."""
    if wanted == "none":
        frozen = []
    elif wanted == "encoder":
        frozen = network.layers
    elif wanted.isdecimal() and int(wanted) < len(network.layers):
        frozen = network.layers[:int(wanted) + 1]
    else:
        raise Unusable(f"--freeze is none, encoder, or a number of layers from 0 to {len(network.layers) - 1}, not {wanted}")
    for part in frozen:
        part.requires_grad_(False)
    free = sum(p.numel() for p in network.net.parameters() if p.requires_grad)
    return f"{free / 1e6:.1f} of {sum(p.numel() for p in network.net.parameters()) / 1e6:.1f} million weights are trained"


def eval_norms(net):
    """Training mode, except that batch norms keep the statistics of the base model: a few speakers have others, and the
    exported model would need them measured again."""
    net.train()
    for m in net.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.eval()


def user_seconds():
    return sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def learning_rate(plan, done):
    """done: 0..1 of the run. Rises linearly, then falls to a fiftieth along half a cosine."""
    if done < plan.warm:
        return plan.rate * (done + 0.002) / (plan.warm + 0.002)
    fall = (done - plan.warm) / (1 - plan.warm)
    return plan.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, fall))))


def weigh(stores, share):
    """Weights of the stores, corrections first: replay gets its share of the audio, divided by size."""
    seconds = [sum(c.frames for c in s.clips) for s in stores]
    length = [n / max(1, len(s.clips)) for n, s in zip(seconds, stores)]
    parts = [1 - share] + [share * n / sum(seconds[1:]) for n in seconds[1:]]
    return np.array([p / n for p, n in zip(parts, length)])     # clips are drawn, not seconds


class Run:
    def __init__(self, network, folders, plan, path, say, stopping):
        """folders: stores, that of the corrections first; path: checkpoint; stopping: () -> whether to end now."""
        self.network, self.folders, self.plan, self.path, self.say, self.stopping = network, folders, plan, path, say, stopping
        self.flat = Flat(network.net, network.dtype)
        self.opt = Optimizer(self.flat, plan.decay)
        self.hours = self.minutes = self.user = 0.0
        if os.path.exists(path):
            self.restore()

    def restore(self):
        state = torch.load(self.path, weights_only=False, map_location=self.network.device)
        self.flat.load(self.flat.master, state["weights"])
        self.flat.load(self.opt.mean, state["mean"])
        self.flat.publish()
        self.opt.load(state["optimizer"])
        self.hours, self.minutes, self.user = state["hours"], state["minutes"], state["user"]
        self.say(f"continues after {self.hours:.1f} hours of audio and {self.minutes:.1f} minutes")

    def save(self):
        torch.save({"weights": self.flat.state(self.flat.master), "mean": self.flat.state(self.opt.mean),
                    "optimizer": self.opt.state(), "hours": self.hours, "minutes": self.minutes, "user": self.user},
                   self.path + ".part")
        os.replace(self.path + ".part", self.path)

    def done(self):
        return max(self.hours / self.plan.hours, self.minutes / self.plan.minutes)

    def train(self):
        """-> {name: averaged weights}. Raises Stopped after a checkpoint."""
        plan, network = self.plan, self.network
        source = Source(self.folders, [1] * len(self.folders), network.pieces.encode, {},
                        np.random.SeedSequence([plan.seed, self.opt.steps]), bands=network.mels, prepare=network.prepare)
        weights = weigh(source.stores, plan.share)
        source.weights = weights / weights.sum()
        mix = Mix(strength=plan.strength, longest=max(c.frames for s in source.stores for c in s.clips))
        eval_norms(network.net)
        clock, user, saved = time.monotonic(), user_seconds(), time.monotonic()
        reported, losses = time.monotonic(), []
        self.say(f"training passes {plan.hours:.1f} hours of audio, {100 * plan.share:.0f} % of it replay")
        while self.done() < 1:
            for x, labels, _ in source.batches(mix, plan.budget * 100, pool=8):
                loss = network.loss(x, labels)
                loss.backward()
                rate = learning_rate(plan, self.done())
                self.opt.step(self.flat.gradient(), rate, plan.clip, plan.ema)
                now, spent = time.monotonic(), user_seconds()
                self.hours += x.shape[0] * x.shape[1] / 360000
                self.minutes, self.user = self.minutes + (now - clock) / 60, self.user + spent - user
                clock, user = now, spent
                losses.append(loss.item())
                if self.stopping():
                    self.save()
                    raise Stopped
                if now - reported > 15 or self.done() >= 1:
                    self.say(f"{100 * min(1, self.done()):.0f} %: {self.hours:.1f} hours of audio, {self.opt.steps} steps, loss "
                             f"{np.mean(losses):.3f}, learning rate {rate:.1e}, {self.minutes:.1f} minutes")
                    reported, losses = now, []
                if now - saved > plan.save * 60:
                    self.save()
                    saved = time.monotonic()
                if self.done() >= 1:
                    break
        self.save()
        return self.flat.state(self.opt.mean)
