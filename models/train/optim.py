"""Mixed precision and the optimizer, over flat buffers.

The working network holds bfloat16 weights (views of one flat tensor) and float32 norms; the optimizer holds float32
copies. One flat gradient makes the exchange between processes a single call and clipping a single norm.

Weight matrices of the layers are moved by Muon (momentum made orthogonal by a Newton-Schulz iteration, which matrix units
do in passing); everything else by AdamW.
"""
import math

import torch
import torch.nn as nn


def norm_names(net):
    """Parameters of layer and batch norms: they stay float32."""
    return {f"{m}.{p}" for m, mod in net.named_modules() if isinstance(mod, (nn.LayerNorm, nn.BatchNorm1d))
            for p, _ in mod.named_parameters(recurse=False)}


def is_matrix(name, p):
    """Weights that mix a whole layer's width."""
    return p.dim() > 1 and min(p.shape[:2]) > 64 and name.startswith("encoder.")


class Flat:
    """Parameters of a network as flat groups: matrices (equal shapes side by side), other weights, biases, norms (float32
    in the network too). Those that need no gradient are left alone, but for their type."""

    def __init__(self, net, dtype=torch.bfloat16):
        norms = norm_names(net)
        for n, p in net.named_parameters():
            if not p.requires_grad and n not in norms:
                p.data = p.data.to(dtype)
        params = {n: p for n, p in net.named_parameters() if p.requires_grad}
        matrices = [n for n, p in params.items() if is_matrix(n, p)]
        rest = [n for n in params if n not in norms and n not in set(matrices)]
        empty = torch.zeros(0, device=next(net.parameters()).device)
        self.groups = (sorted(matrices, key=lambda n: tuple(params[n].shape)),
                       [n for n in rest if params[n].dim() > 1 and "pos_bias" not in n],
                       [n for n in rest if params[n].dim() == 1 or "pos_bias" in n],
                       [n for n in params if n in norms])
        self.shapes = {n: p.shape for n, p in params.items()}
        self.master, self.work, self.grads = [], [], []
        for names, kind in zip(self.groups, (dtype, dtype, dtype, torch.float32)):
            master = torch.cat([params[n].data.reshape(-1) for n in names]).float() if names else empty
            work = master if kind == torch.float32 else master.to(kind)
            grad = torch.zeros_like(work)
            for n, at, size in self.places(names):
                params[n].data = work[at:at + size].view(self.shapes[n])
                params[n].grad = grad[at:at + size].view(self.shapes[n])
            self.master.append(master)
            self.work.append(work)
            self.grads.append(grad)

    def places(self, names):
        """Yields (name, offset, size) of a group."""
        at = 0
        for n in names:
            size = self.shapes[n].numel()
            yield n, at, size
            at += size

    def blocks(self):
        """Stretches of the first group with one shape: (offset, count, rows, columns)."""
        out = []
        for n, at, _ in self.places(self.groups[0]):
            rows, columns = self.shapes[n][:2]
            if out and out[-1][2:] == (rows, columns):
                out[-1] = (out[-1][0], out[-1][1] + 1, rows, columns)
            else:
                out.append((at, 1, rows, columns))
        return out

    def gradient(self):
        """One flat float32 gradient; the network's own is cleared."""
        flat = torch.cat([g.float() for g in self.grads])
        for g in self.grads:
            g.zero_()
        return flat

    def publish(self):
        """Master weights -> working weights."""
        for m, w in zip(self.master, self.work):
            if w is not m:
                w.copy_(m)

    def state(self, tensors):
        """Flat tensors laid out like master -> {name: float32 tensor}."""
        return {n: flat[at:at + size].view(self.shapes[n]).clone()
                for names, flat in zip(self.groups, tensors) for n, at, size in self.places(names)}

    def load(self, tensors, state):
        """The reverse of state; names missing there keep their values."""
        for names, flat in zip(self.groups, tensors):
            for n, at, size in self.places(names):
                if n in state:
                    flat[at:at + size] = state[n].reshape(-1)


def orthogonal(x, steps=5):
    """[N,rows,columns] -> nearly the nearest matrices with all singular values one (Newton-Schulz, bfloat16)."""
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    x = (x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)).bfloat16()
    for _ in range(steps):
        a = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x.transpose(1, 2) if tall else x


class Optimizer:
    """Muon for the first flat group, AdamW for the others, and an exponential average of all weights."""

    def __init__(self, flat, decay, momentum=0.95, betas=(0.9, 0.98)):
        self.flat, self.decay, self.momentum, self.steps = flat, decay, momentum, 0
        self.moving = torch.zeros_like(flat.master[0])
        for m in flat.master[1:]:
            m.grad = torch.zeros_like(m)
        self.adam = torch.optim.AdamW([{"params": [flat.master[1]], "weight_decay": decay},
                                       {"params": flat.master[2:], "weight_decay": 0.0}],
                                      lr=0.0, betas=betas, eps=1e-8, fused=True)
        self.mean = [m.clone() for m in flat.master]

    def state(self):
        return {"adam": self.adam.state_dict(), "moving": self.moving, "steps": self.steps}

    def load(self, state):
        self.adam.load_state_dict(state["adam"])
        self.moving.copy_(state["moving"])
        self.steps = state["steps"]

    @torch.no_grad()
    def step(self, gradient, lr, clip, ema):
        """gradient: flat float32. Returns its norm; a step whose gradient is not finite is left out."""
        norm = float(gradient.norm())
        if not math.isfinite(norm):
            return norm
        gradient.mul_(min(1.0, clip / (norm + 1e-6)))
        parts = gradient.split([m.numel() for m in self.flat.master])
        self.muon(parts[0], lr)
        for m, g in zip(self.flat.master[1:], parts[1:]):
            m.grad.copy_(g)
        for g in self.adam.param_groups:
            g["lr"] = lr
        self.adam.step()
        self.steps += 1
        keep = min(ema, (1 + self.steps) / (10 + self.steps))
        for mean, m in zip(self.mean, self.flat.master):
            mean.lerp_(m, 1 - keep)
        self.flat.publish()
        return norm

    def muon(self, gradient, lr):
        self.moving.lerp_(gradient, 1 - self.momentum)
        ahead = gradient.lerp(self.moving, self.momentum)
        master = self.flat.master[0]
        for at, count, rows, columns in self.flat.blocks():
            size = count * rows * columns
            move = orthogonal(ahead[at:at + size].view(count, rows, columns))
            # Scaled to the root mean square of an AdamW step, so that one learning rate serves both.
            scale = 0.2 * math.sqrt(max(rows, columns))
            weights = master[at:at + size].view(count, rows, columns)
            weights.mul_(1 - lr * self.decay).add_(move, alpha=-lr * scale)
