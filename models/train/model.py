"""FastConformer CTC in plain PyTorch, with NeMo's parameter names so that NeMo can load the weights strictly.

Shapes: B clips, T mel frames (10 ms), R = ceil(T / 8) rows (80 ms), D model width, V pieces, blank = V.
Weights are float32 (the optimizer's copy); the forward pass runs in the dtype of the module it is called on,
so a bfloat16 copy of the module trains fast on CPUs with AMX.
"""
import math
import random
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Shape:
    """What has to be known to build the network again."""
    vocab: int = 256
    width: int = 192
    layers: int = 12
    heads: int = 4
    channels: int = 32
    kernel: int = 9
    expansion: int = 4       # hidden width of the feed-forward modules, in model widths
    mels: int = 80
    phones: int = 0          # auxiliary phone head (training only), 0 = none
    phone_layer: int = 0     # 1-based layer it reads
    middle_layer: int = 0    # 1-based layer an intermediate CTC loss reads, 0 = none


def rows_of(frames, stride=8):
    """Rows for a number of mel frames: every stride-2 convolution halves it and rounds up."""
    return (frames + stride - 1) // stride


class Dropout:
    """Dropout with masks cut from one random tape: fresh bits for every activation cost more than the multiply."""

    def __init__(self, p, seed=0, size=1 << 23):
        gen = torch.Generator().manual_seed(seed)
        self.tape = (torch.rand(size, generator=gen) >= p) / (1 - p) if p else None
        self.tapes = {}
        self.rng = random.Random(seed)

    def mask(self, x, scale=1.0):
        """Random factors 0 or scale / (1 - p), shaped and typed like x."""
        if scale not in self.tapes:
            self.tapes[scale] = (self.tape * scale).to(x.device, x.dtype)
        at = self.rng.randrange(self.tape.numel() - x.numel())
        return self.tapes[scale][at:at + x.numel()].view(x.shape)

    def __call__(self, x):
        return x if self.tape is None else x * self.mask(x)

    def add(self, x, y, scale=1.0):
        """x + scale * dropout(y)."""
        if self.tape is None:
            return torch.add(x, y, alpha=scale)
        return torch.addcmul(x, y, self.mask(y, scale))


class Subsampling(nn.Module):
    """[B,T,80] -> [B,R,D]: three 3x3 stride-2 convolutions (two depthwise), masked before each as NeMo >= 2.5 does."""

    def __init__(self, s):
        super().__init__()
        c = s.channels
        self.conv = nn.Sequential(
            nn.Conv2d(1, c, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(c, c, 3, 2, 1, groups=c), nn.Conv2d(c, c, 1), nn.ReLU(),
            nn.Conv2d(c, c, 3, 2, 1, groups=c), nn.Conv2d(c, c, 1), nn.ReLU())
        freq = s.mels
        for _ in range(3):
            freq = (freq + 1) // 2
        self.out = nn.Linear(c * freq, s.width)

    def forward(self, x, frames=None):
        """x [B,T,mels], frames [B] int64 or None when no clip is padded -> [B,R,D]."""
        b, t, f = x.shape
        first = self.conv[0]
        c = first.out_channels
        if frames is not None:
            x = x * mask_of(frames, t, x.dtype)[:, :, None]
        if torch.jit.is_tracing():
            return self.plain(x, frames)
        # One input channel: nine shifted views and a matrix product beat conv2d.
        x = F.pad(x, (1, 1, 1, 1)).unfold(1, 3, 2).unfold(2, 3, 2)
        t, f = x.shape[1], x.shape[2]
        x = F.relu(F.linear(x.reshape(b * t * f, 9), first.weight.view(c, 9), first.bias))
        x = x.view(b, t, f, c).permute(0, 3, 1, 2)
        for dw, pw in ((self.conv[2], self.conv[3]), (self.conv[5], self.conv[6])):
            if frames is not None:
                frames = rows_of(frames, 2)
                x = x * mask_of(frames, x.shape[2], x.dtype)[:, None, :, None]
            # Depthwise then pointwise is one dense convolution of low rank, and a dense one runs on matrix units.
            # (NeMo masks between the two as well; that only touches rows the next mask clears.)
            bias = torch.mv(pw.weight.view(c, c), dw.bias) + pw.bias
            x = F.relu(F.conv2d(x, pw.weight * dw.weight.view(1, c, 3, 3), bias, 2, 1))
        return self.flatten(x)

    def plain(self, x, frames):
        """The same by the convolutions as they are, for export. x [B,T,mels], already masked."""
        x = self.conv[0](x.unsqueeze(1))
        for i in (1, 4):
            frames = rows_of(frames, 2)
            x = F.relu(x) * mask_of(frames, x.shape[2], x.dtype)[:, None, :, None]
            x = self.conv[i + 2](self.conv[i + 1](x))
        return self.flatten(F.relu(x))

    def flatten(self, x):
        """[B,C,R,F] -> [B,R,D]."""
        x = x.permute(0, 2, 1, 3)
        return self.out(x.flatten(2))


def mask_of(lengths, size, dtype):
    """[B] lengths -> [B,size], 1 inside and 0 beyond."""
    return (torch.arange(size, device=lengths.device)[None] < lengths[:, None]).to(dtype)


class FeedForward(nn.Module):
    def __init__(self, d, hidden):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x):
        return self.linear2(F.silu(self.linear1(x)))


class Attention(nn.Module):
    """Multi-head self-attention with relative positions and untied biases (Transformer-XL form)."""

    def __init__(self, d, heads):
        super().__init__()
        self.h, self.k = heads, d // heads
        self.linear_q, self.linear_k, self.linear_v = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.linear_out = nn.Linear(d, d)
        self.linear_pos = nn.Linear(d, d, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, self.k))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, self.k))

    def forward(self, x, pos, bias):
        """x [B,R,D], pos [2R-1,D], bias [B,1,1,R] (large negative beyond a clip's end) or None."""
        b, r, d = x.shape
        h, k = self.h, self.k
        scale = 1 / math.sqrt(k)
        q = self.linear_q(x).view(b, r, h, k)
        keys = self.linear_k(x).view(b, r, h, k).permute(0, 2, 3, 1)
        v = self.linear_v(x).view(b, r, h, k).transpose(1, 2)
        p = self.linear_pos(pos).view(-1, h, k).permute(1, 2, 0)
        ac = torch.matmul(((q + self.pos_bias_u) * scale).transpose(1, 2), keys)
        bd = torch.matmul(((q + self.pos_bias_v) * scale).permute(2, 0, 1, 3).reshape(h, b * r, k), p)
        w = ac + relative_shift(bd, b, r)
        if bias is not None:
            w = w + bias
        return self.linear_out(torch.matmul(w.softmax(-1), v).transpose(1, 2).reshape(b, r, d))


def relative_shift(bd, b, r):
    """[H,B*R,2R-1] scores by relative distance -> [B,H,R,R] by key."""
    if not torch.jit.is_tracing():
        return RelativeShift.apply(bd, b, r)
    bd = F.pad(bd.view(-1, b, r, 2 * r - 1), (1, 0)).view(bd.shape[0], b, 2 * r, r)[:, :, 1:]
    return bd.reshape(bd.shape[0], b, r, 2 * r - 1)[..., :r].transpose(0, 1)


class RelativeShift(torch.autograd.Function):
    """Row i starts at column R-1-i, so a view whose rows are one element shorter is the shift, without a copy."""

    @staticmethod
    def forward(ctx, bd, b, r):
        ctx.sizes = b, r
        return RelativeShift.view(bd.contiguous(), b, r)

    @staticmethod
    def view(x, b, r):
        w = 2 * r - 1
        return x.as_strided((b, x.shape[0], r, r), (r * w, b * r * w, w - 1, 1), r - 1)

    @staticmethod
    def backward(ctx, grad):
        b, r = ctx.sizes
        out = grad.new_zeros(grad.shape[1], b * r, 2 * r - 1)
        RelativeShift.view(out, b, r).copy_(grad)
        return out, None, None


class DepthwiseConv(torch.autograd.Function):
    """Depthwise convolution over time, x [B,R,D], weight [D,1,K], bias [D]. The weight's gradient is the diagonal of
    K dense matrix products: wasteful on paper, faster on matrix units than the library's own backward pass."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return DepthwiseConv.run(x, weight, bias)

    @staticmethod
    def run(x, weight, bias):
        # A one-row image in channels-last order is the layout the tensor already has.
        y = F.conv2d(x.unsqueeze(1).permute(0, 3, 1, 2), weight.unsqueeze(2), bias,
                     padding=(0, weight.shape[2] // 2), groups=x.shape[2])
        return y.permute(0, 2, 3, 1).squeeze(1)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        b, r, d = x.shape
        kernel = weight.shape[2]
        pad = kernel // 2
        grad = grad.contiguous()
        dx = DepthwiseConv.run(grad, weight.flip(2), None)
        wide = F.pad(x, (0, 0, pad, pad)).view(-1, d)
        g = F.pad(grad, (0, 0, 0, 2 * pad)).view(-1, d).t()
        n = wide.shape[0] - 2 * pad
        dw = [torch.mm(g[:, :n], wide[k:k + n]).diagonal() for k in range(kernel)]
        return dx, torch.stack(dw, 1).unsqueeze(1), grad.sum((0, 1))


class Convolution(nn.Module):
    """Pointwise, GLU, depthwise over time, batch norm, swish, pointwise."""

    def __init__(self, d, kernel):
        super().__init__()
        self.pointwise_conv1 = nn.Conv1d(d, 2 * d, 1)
        self.depthwise_conv = nn.Conv1d(d, d, kernel, padding=(kernel - 1) // 2, groups=d)
        self.batch_norm = nn.BatchNorm1d(d)
        self.pointwise_conv2 = nn.Conv1d(d, d, 1)

    def forward(self, x, mask):
        """x [B,R,D], mask [B,R,1] or None."""
        b, r, d = x.shape
        x = F.glu(F.linear(x, self.pointwise_conv1.weight.squeeze(-1), self.pointwise_conv1.bias))
        if mask is not None:
            x = x * mask
        if torch.jit.is_tracing():
            x = self.depthwise_conv(x.transpose(1, 2)).transpose(1, 2)
        else:
            x = DepthwiseConv.apply(x, self.depthwise_conv.weight, self.depthwise_conv.bias)
        x = F.silu(self.batch_norm(x.reshape(b * r, d))).view(b, r, d)
        return F.linear(x, self.pointwise_conv2.weight.squeeze(-1), self.pointwise_conv2.bias)


class Layer(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s.width
        self.norm_feed_forward1, self.feed_forward1 = nn.LayerNorm(d), FeedForward(d, s.expansion * d)
        self.norm_self_att, self.self_attn = nn.LayerNorm(d), Attention(d, s.heads)
        self.norm_conv, self.conv = nn.LayerNorm(d), Convolution(d, s.kernel)
        self.norm_feed_forward2, self.feed_forward2 = nn.LayerNorm(d), FeedForward(d, s.expansion * d)
        self.norm_out = nn.LayerNorm(d)

    def forward(self, x, pos, bias, mask, drop):
        x = drop.add(x, self.feed_forward1(self.norm_feed_forward1(x)), 0.5)
        x = drop.add(x, self.self_attn(self.norm_self_att(x), pos, bias))
        x = drop.add(x, self.conv(self.norm_conv(x), mask))
        x = drop.add(x, self.feed_forward2(self.norm_feed_forward2(x)), 0.5)
        return self.norm_out(x)


def positions(rows, width, dtype, device=None):
    """[2*rows-1, width] sinusoids for relative distances rows-1 ... -(rows-1)."""
    at = torch.arange(rows - 1, -rows, -1, dtype=torch.float32, device=device)[:, None]
    freq = torch.exp(torch.arange(0, width, 2, dtype=torch.float32, device=device) * -(math.log(10000.0) / width))
    return torch.stack([torch.sin(at * freq), torch.cos(at * freq)], -1).flatten(1).to(dtype)


class Encoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.width = s.width
        self.pre_encode = Subsampling(s)
        self.layers = nn.ModuleList(Layer(s) for _ in range(s.layers))

    def forward(self, x, frames, drop, layer_drop=0.0):
        """x [B,T,mels], frames [B] int64 or None when no clip is padded -> the outputs [B,R,D] of all layers."""
        x = self.pre_encode(x, frames)
        r = x.shape[1]
        pos = positions(r, self.width, x.dtype, x.device)
        mask = bias = None
        if frames is not None:
            mask = mask_of(rows_of(frames), r, x.dtype)
            bias = ((mask - 1) * 10000.0)[:, None, None]
            mask = mask[:, :, None]
        x = drop(x * math.sqrt(self.width))
        outs = []
        for i, layer in enumerate(self.layers):
            # Stochastic depth: deeper layers are left out more often.
            if layer_drop == 0 or drop.rng.random() >= layer_drop * (i + 1) / len(self.layers):
                x = layer(x, pos, bias, mask, drop)
            outs.append(x)
        return outs


class Head(nn.Module):
    """NeMo's ConvASRDecoder: one pointwise convolution."""

    def __init__(self, d, v):
        super().__init__()
        self.decoder_layers = nn.Sequential(nn.Conv1d(d, v, 1))

    def forward(self, x):
        conv = self.decoder_layers[0]
        return F.linear(x, conv.weight.squeeze(-1), conv.bias)


class Network(nn.Module):
    """Encoder and CTC head, with heads for auxiliary losses that the exported model leaves out: phones, two half rows
    of 40 ms per row, and an intermediate CTC over the pieces."""

    def __init__(self, s):
        super().__init__()
        self.shape = s
        self.encoder = Encoder(s)
        self.decoder = Head(s.width, s.vocab + 1)
        self.phone_head = nn.Linear(s.width, 2 * (s.phones + 1)) if s.phone_layer else None
        self.middle_head = nn.Linear(s.width, s.vocab + 1) if s.middle_layer else None

    def forward(self, x, drop, frames=None, layer_drop=0.0):
        """-> logits [B,R,V+1], phone logits [B,2R,P+1] or None, middle logits [B,R,V+1] or None."""
        outs = self.encoder(x, frames, drop, layer_drop)
        phones = middle = None
        if self.phone_head is not None:
            y = outs[self.shape.phone_layer - 1]
            phones = self.phone_head(y).view(y.shape[0], 2 * y.shape[1], -1)
        if self.middle_head is not None:
            middle = self.middle_head(outs[self.shape.middle_layer - 1])
        return self.decoder(outs[-1]), phones, middle


def build(shape):
    """A fresh network. Residual branches start small, which lets deep stacks learn from the first step."""
    net = Network(shape)
    for name, p in net.named_parameters():
        if p.dim() > 1 and "pos_bias" not in name and "pre_encode.conv" not in name:
            nn.init.xavier_uniform_(p.view(p.shape[0], -1))
        if name.endswith(("feed_forward1.linear2.weight", "feed_forward2.linear2.weight", "linear_out.weight",
                          "pointwise_conv2.weight")):
            p.data.mul_(1 / math.sqrt(shape.layers))
    return net
