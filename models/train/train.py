"""Train the network; continue from any checkpoint or from an exported model.

  python train.py --work WORK --run NAME [--ranks 2] [--minutes M]

Data under WORK: human/train, human/held, tts/<engine>, tts/<engine>-held, tokenizer/, lexicon.tsv. Checkpoints, log and
table of word error rates go to WORK/runs/NAME. Progress is counted in hours of audio passed, over all processes.
"""
import argparse
import json
import os
import socket
import time
from dataclasses import asdict

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

import lexicon
from batches import Mix, Source
from evaluate import load_piece_model, quick
from model import Dropout, Shape, build
from optim import Flat, Optimizer


def options():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--work", required=True)
    ap.add_argument("--run", required=True)
    ap.add_argument("--start", help="checkpoint (.pt) or exported model (.onnx) to take weights from; default: the "
                                    "run's own last checkpoint, complete with the optimizer's state")
    ap.add_argument("--ranks", type=int, default=2)
    ap.add_argument("--minutes", type=float, default=1e9)
    ap.add_argument("--clips", type=int, help="only so many clips of every store (smoke runs)")
    ap.add_argument("--seed", type=int, default=1)
    net = ap.add_argument_group("network")
    net.add_argument("--width", type=int, default=192)
    net.add_argument("--layers", type=int, default=12)
    net.add_argument("--heads", type=int, default=4)
    net.add_argument("--phone-layer", type=int, default=6)
    net.add_argument("--middle-layer", type=int, default=9)
    run = ap.add_argument_group("schedule, in hours of audio passed")
    run.add_argument("--budget", type=float, default=90, help="audio seconds per batch and process")
    run.add_argument("--lr", type=float, default=1.5e-3)
    run.add_argument("--warm", type=float, default=1.5, help="learning rate rises linearly")
    run.add_argument("--cool-from", type=float, default=1e9, help="learning rate starts to fall")
    run.add_argument("--cool-for", type=float, default=500, help="... to a fiftieth over so many hours")
    run.add_argument("--until", type=float, default=1e9, help="stop there")
    run.add_argument("--easy", type=float, default=2.5, help="short clean clips and small batches until the loss per "
                                                             "piece falls below this (a network that is thrown into "
                                                             "hard speech at once does not get off the ground)")
    run.add_argument("--ramp", type=float, default=60, help="then length and augmentation grow over so many hours")
    run.add_argument("--strength", type=float, default=0.6, help="of augmentation, in the end")
    run.add_argument("--joined", type=float, default=0.0, help="share of joined clips of 13-25 s")
    run.add_argument("--spliced", type=float, default=0.0, help="share of aligned human clips (align.py) replaced by "
                                                               "phrases of the same speaker in new order")
    run.add_argument("--human", type=float, default=0.7, help="share of human speech among the clips, in the end")
    reg = ap.add_argument_group("regularisation")
    reg.add_argument("--dropout", type=float, default=0.1)
    reg.add_argument("--layer-drop", type=float, default=0.03)
    reg.add_argument("--decay", type=float, default=0.02)
    reg.add_argument("--ema", type=float, default=0.997)
    reg.add_argument("--clip", type=float, default=1.0)
    reg.add_argument("--phone-weight", type=float, default=0.3)
    reg.add_argument("--middle-weight", type=float, default=0.2)
    log = ap.add_argument_group("records")
    log.add_argument("--save", type=float, default=10, help="minutes between checkpoints")
    log.add_argument("--test", type=float, default=30, help="minutes between quick evaluations")
    log.add_argument("--keep", type=float, default=120, help="minutes between checkpoints that are kept")
    return ap.parse_args()


def learning_rate(a, hours):
    cool = min(1.0, max(0.0, (hours - a.cool_from) / a.cool_for))
    return a.lr * min(1.0, (hours + 0.5) / a.warm) * 0.02 ** cool


def growth(a, hours, since):
    """0 in the easy phase, then up to 1."""
    return 0.0 if since is None else min(1.0, (hours - since) / a.ramp)


def mix_at(a, grown):
    return Mix(strength=a.strength * grown, longest=int(500 + 1700 * min(1.0, 2 * grown)),
               joined=a.joined if grown == 1 else 0.0, spliced=a.spliced if grown == 1 else 0.0)


def ctc(logits, labels, blank):
    """Mean loss per label. logits [B,R,V+1] of any dtype, labels: lists of ids."""
    lengths = torch.tensor([len(t) for t in labels])
    flat = torch.tensor([i for t in labels for i in t], device=logits.device)
    rows = torch.full((logits.shape[0],), logits.shape[1])
    lp = logits.float().log_softmax(-1).transpose(0, 1)
    loss = F.ctc_loss(lp, flat, rows, lengths, blank=blank, reduction="sum", zero_infinity=True)
    return loss / int(lengths.sum())


def save(path, flat, opt, net, hours, since, a, full=True):
    state = {"shape": asdict(net.shape), "hours": hours, "since": since, "mean": flat.state(opt.mean),
             "buffers": dict(net.named_buffers()), "arguments": vars(a)}
    if full:
        state |= {"weights": flat.state(flat.master), "optimizer": opt.state()}
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


def restore(a, folder, flat, opt, net):
    """-> hours passed, hours when the easy phase ended or None. Weights from --start, or everything from the run's last checkpoint."""
    last = f"{folder}/last.pt"
    if os.path.exists(last):
        state = torch.load(last, weights_only=False)
        flat.load(flat.master, state["weights"])
        flat.load(opt.mean, state["mean"])
        flat.publish()
        opt.load(state["optimizer"])
        net.load_state_dict(state["buffers"], strict=False)
        return state["hours"], state.get("since")
    if a.start:
        if a.start.endswith(".onnx"):
            from export import read_weights
            weights = read_weights(a.start)
        else:
            state = torch.load(a.start, weights_only=False)
            weights = state["mean"] | state["buffers"]
        for tensors in (flat.master, opt.mean):
            flat.load(tensors, weights)
        flat.publish()
        net.load_state_dict({k: v for k, v in weights.items() if "running_" in k}, strict=False)
        return 0.0, 0.0
    return 0.0, None


def work(rank, a, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=a.ranks)
    folder = f"{a.work}/runs/{a.run}"
    pieces = load_piece_model(f"{a.work}/tokenizer")
    words = lexicon.read(f"{a.work}/lexicon.tsv") if a.phone_layer else {}
    shape = Shape(vocab=pieces.get_piece_size(), width=a.width, layers=a.layers, heads=a.heads,
                  phones=len(lexicon.PHONES), phone_layer=a.phone_layer, middle_layer=a.middle_layer)
    torch.manual_seed(a.seed)
    net = build(shape)
    flat = Flat(net)
    opt = Optimizer(flat, a.decay)
    hours, since = restore(a, folder, flat, opt, net)
    engines = sorted(e for e in os.listdir(f"{a.work}/tts") if not e.endswith("-held")
                     and os.path.exists(f"{a.work}/tts/{e}/clips.tsv"))
    stores = [f"{a.work}/human/train"] + [f"{a.work}/tts/{e}" for e in engines]
    seed = np.random.SeedSequence([a.seed, rank, int(hours * 1000)])
    source = Source(stores, [1] * len(stores), pieces.encode, words, seed, a.clips)
    sizes = np.array([sum(c.frames for c in s.clips) for s in source.stores], float)
    drop = Dropout(a.dropout, seed=int(seed.generate_state(1)[0]))
    began = saved = tested = kept = time.time()
    seen, losses, report, level = 0.0, [], time.time(), 6.0
    net.train()
    while time.time() - began < a.minutes * 60:
        grown = growth(a, hours, since)
        mix = mix_at(a, grown)
        # Early on synthetic speech helps most: it is clear, and there is more of it in few voices.
        human = a.human * (0.5 + 0.5 * grown)
        share = sizes[1:] ** 0.5 / sum(sizes[1:] ** 0.5) * (1 - human)
        source.weights = np.concatenate([[human], share]) if len(share) else np.ones(1)
        for x, ids, phones in source.batches(mix, a.budget * (25 if since is None else 100)):
            logits, by_phone, middle = net(x.bfloat16(), drop, layer_drop=a.layer_drop)
            main_loss = loss = ctc(logits, ids, shape.vocab)
            if by_phone is not None:
                phone_loss = ctc(by_phone, phones, shape.phones)
                loss = loss + a.phone_weight * phone_loss
            if middle is not None:
                loss = loss + a.middle_weight * ctc(middle, ids, shape.vocab)
            loss.backward()
            gradient = flat.gradient()
            dist.all_reduce(gradient)
            gradient /= a.ranks
            lr = learning_rate(a, hours)
            norm = opt.step(gradient, lr, a.clip, a.ema)
            passed = torch.tensor([x.shape[0] * x.shape[1] / 360000, time.time() - began, main_loss.item()])
            dist.all_reduce(passed)
            hours += float(passed[0])
            seen += float(passed[0])
            elapsed = float(passed[1]) / a.ranks        # the same on every rank, so that all stop together
            level = 0.99 * level + 0.01 * float(passed[2]) / a.ranks
            if since is None and level < a.easy:
                since = hours
            losses.append((main_loss.item(), phone_loss.item() if by_phone is not None else 0.0, norm))
            if rank == 0 and time.time() - report > 60:
                m = np.mean(losses, 0)
                print(f"{time.strftime('%H:%M')} step {opt.steps} hours {hours:.1f} loss {m[0]:.3f} phones {m[1]:.3f} "
                      f"norm {m[2]:.2f} lr {lr:.5f} strength {mix.strength:.2f} longest {mix.longest} "
                      f"x{seen * 3600 / (time.time() - report):.0f}", flush=True)
                seen, losses, report = 0.0, [], time.time()
            if elapsed > a.minutes * 60 or hours > min(a.until, a.cool_from + a.cool_for):
                break
            if rank == 0 and time.time() - saved > a.save * 60:
                save(f"{folder}/last.pt", flat, opt, net, hours, since, a)
                saved = time.time()
                if time.time() - kept > a.keep * 60:
                    save(f"{folder}/{hours:05.0f}h.pt", flat, opt, net, hours, since, a, full=False)
                    kept = time.time()
                if time.time() - tested > a.test * 60:
                    print("word error rate", quick(a.work, shape, flat.state(opt.mean) | dict(net.named_buffers())),
                          flush=True)
                    tested = report = time.time()
        else:
            continue
        break
    if rank == 0:
        save(f"{folder}/last.pt", flat, opt, net, hours, since, a)
        print("word error rate", quick(a.work, shape, flat.state(opt.mean) | dict(net.named_buffers())), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    arguments = options()
    os.makedirs(f"{arguments.work}/runs/{arguments.run}", exist_ok=True)
    with open(f"{arguments.work}/runs/{arguments.run}/arguments.json", "w") as f:
        json.dump(vars(arguments), f, indent=1)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        free = s.getsockname()[1]
    mp.spawn(work, (arguments, free), nprocs=arguments.ranks)
