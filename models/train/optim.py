"""Mixed precision and AdamW over flat buffers.

The working network holds bfloat16 weights (views of one flat tensor) and float32 norms; the optimizer holds float32
copies. One flat gradient makes the exchange between processes a single call and clipping a single norm.
"""
import torch
import torch.nn as nn


def norm_names(net):
    """Parameters of layer and batch norms: they stay float32."""
    return {f"{m}.{p}" for m, mod in net.named_modules() if isinstance(mod, (nn.LayerNorm, nn.BatchNorm1d))
            for p, _ in mod.named_parameters(recurse=False)}


class Flat:
    """Parameters of a network as three flat groups: matrices (decayed), vectors, norms (float32 in the network too)."""

    def __init__(self, net, dtype=torch.bfloat16):
        norms = norm_names(net)
        named = list(net.named_parameters())
        groups = ([n for n, p in named if p.dim() > 1 and "pos_bias" not in n],
                  [n for n, p in named if (p.dim() == 1 or "pos_bias" in n) and n not in norms],
                  [n for n, p in named if n in norms])
        params = dict(named)
        self.master, self.work, self.grads = [], [], []
        for names, kind in zip(groups, (dtype, dtype, torch.float32)):
            master = torch.cat([params[n].data.reshape(-1) for n in names]).float()
            work = master if kind == torch.float32 else master.to(kind)
            grad = torch.zeros_like(work)
            at = 0
            for n in names:
                p = params[n]
                p.data = work[at:at + p.numel()].view(p.shape)
                p.grad = grad[at:at + p.numel()].view(p.shape)
                at += p.numel()
            self.master.append(master)
            self.work.append(work)
            self.grads.append(grad)
        self.groups = groups
        self.shapes = {n: params[n].shape for n in params}

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
        out = {}
        for names, flat in zip(self.groups, tensors):
            at = 0
            for n in names:
                size = self.shapes[n].numel()
                out[n] = flat[at:at + size].view(self.shapes[n]).clone()
                at += size
        return out

    def load(self, tensors, state):
        """The reverse of state; names missing there keep their values."""
        for names, flat in zip(self.groups, tensors):
            at = 0
            for n in names:
                size = self.shapes[n].numel()
                if n in state:
                    flat[at:at + size] = state[n].reshape(-1)
                at += size


class AdamW:
    """AdamW on flat groups, with an exponential average of the weights."""

    def __init__(self, flat, decay, betas=(0.9, 0.98)):
        self.flat, self.steps = flat, 0
        for m in flat.master:
            m.requires_grad_(True)
            m.grad = torch.zeros_like(m)
        self.adam = torch.optim.AdamW([{"params": [flat.master[0]], "weight_decay": decay},
                                       {"params": flat.master[1:], "weight_decay": 0.0}],
                                      lr=0.0, betas=betas, eps=1e-8, fused=True)
        self.mean = [m.detach().clone() for m in flat.master]

    @torch.no_grad()
    def step(self, gradient, lr, clip, ema):
        """gradient: flat float32. Returns its norm; a step whose gradient is not finite is left out."""
        norm = float(gradient.norm())
        if norm != norm or norm == float("inf"):
            return norm
        gradient.mul_(min(1.0, clip / (norm + 1e-6)))
        at = 0
        for m in self.flat.master:
            m.grad.copy_(gradient[at:at + m.numel()])
            at += m.numel()
        for g in self.adam.param_groups:
            g["lr"] = lr
        self.adam.step()
        self.steps += 1
        keep = min(ema, (1 + self.steps) / (10 + self.steps))
        for mean, m in zip(self.mean, self.flat.master):
            mean.lerp_(m, 1 - keep)
        self.flat.publish()
        return norm
