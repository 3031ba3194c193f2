"""FastConformer CTC in plain PyTorch, with NeMo's parameter names so that NeMo can load the weights strictly.

Shapes: B clips, T mel frames (10 ms), R = ceil(T / 8) rows (80 ms), D model width, V pieces, blank = V.
Weights are float32 (the optimizer's copy); the forward pass runs in the dtype of the module it is called on,
so a bfloat16 copy of the module trains fast on CPUs with AMX.
"""
import math
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
    mels: int = 80
    phones: int = 0          # auxiliary phone head (training only), 0 = none
    phone_layer: int = 0     # 1-based layer it reads
    middle_layer: int = 0    # 1-based layer an intermediate CTC loss reads, 0 = none


def rows_of(frames):
    """Rows for a number of mel frames: three stride-2 convolutions, i.e. ceil(frames / 8)."""
    return (frames + 7) // 8


class MaskPool:
    """Dropout masks cut from one random tape: drawing fresh bits for every activation costs more than the multiply."""

    def __init__(self, p, size=1 << 22, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.p = p
        self.tape = (torch.rand(size, generator=g) >= p).to(torch.bfloat16) / (1 - p)
        self.gen = torch.Generator().manual_seed(seed + 1)

    def __call__(self, x):
        if self.p == 0:
            return x
        n = x.numel()
        if n >= self.tape.numel():
            self.tape = self.tape.repeat(2 * n // self.tape.numel() + 1)
        at = int(torch.randint(0, self.tape.numel() - n, (1,), generator=self.gen))
        return x * self.tape[at:at + n].view(x.shape).to(x.dtype)


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

    def forward(self, x, frames):
        """x [B,T,mels], frames [B] int64 -> [B,R,D], rows [B] int64."""
        b, t, f = x.shape
        c = self.conv[0].out_channels
        x = x * mask_of(frames, t, x.dtype)[:, :, None]
        # The first convolution has one input channel: nine shifted views and a matrix product beat conv2d.
        x = F.pad(x, (1, 1, 1, 1)).unfold(1, 3, 2).unfold(2, 3, 2)
        t, f = x.shape[1], x.shape[2]
        x = F.relu(F.linear(x.reshape(b * t * f, 9), self.conv[0].weight.view(c, 9), self.conv[0].bias))
        x = x.view(b, t, f, c)
        frames = (frames + 1) // 2
        for dw, pw in ((self.conv[2], self.conv[3]), (self.conv[5], self.conv[6])):
            x = x * mask_of(frames, t, x.dtype)[:, :, None, None]
            y = dw(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            t, f = y.shape[1], y.shape[2]
            frames = (frames + 1) // 2
            # NeMo masks before the pointwise convolution too; rows it would clear never reach valid rows through it.
            x = F.relu(F.linear(y, pw.weight.view(c, c), pw.bias))
        x = x.permute(0, 1, 3, 2).reshape(b, t, c * f)
        return self.out(x), frames


def mask_of(lengths, size, dtype):
    """[B] lengths -> [B,size], 1 inside and 0 beyond."""
    return (torch.arange(size)[None] < lengths[:, None]).to(dtype)


class FeedForward(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x, drop):
        return self.linear2(drop(F.silu(self.linear1(x))))


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

    def forward(self, x, pos, bias, drop):
        """x [B,R,D], pos [2R-1,D], bias [B,1,1,R] added to the scores (large negative beyond a clip's end)."""
        b, r, d = x.shape
        q = self.linear_q(x).view(b, r, self.h, self.k)
        k = self.linear_k(x).view(b, r, self.h, self.k).transpose(1, 2)
        v = self.linear_v(x).view(b, r, self.h, self.k).transpose(1, 2)
        p = self.linear_pos(pos).view(-1, self.h, self.k).transpose(0, 1)
        ac = torch.matmul((q + self.pos_bias_u).transpose(1, 2), k.transpose(-1, -2))
        bd = torch.matmul((q + self.pos_bias_v).permute(2, 0, 1, 3).reshape(self.h, b * r, self.k), p.transpose(-1, -2))
        bd = bd.view(self.h, b, r, 2 * r - 1)
        # Row i needs columns R-1-i .. 2R-2-i: one flat view with a shorter row stride does the shift.
        bd = F.pad(bd, (1, 0)).view(self.h, b, 2 * r, r)[:, :, 1:].reshape(self.h, b, r, 2 * r - 1)[..., :r]
        w = ((ac + bd.transpose(0, 1)) * (1 / math.sqrt(self.k)) + bias).softmax(-1)
        return self.linear_out(torch.matmul(drop(w), v).transpose(1, 2).reshape(b, r, d))


class Convolution(nn.Module):
    """Pointwise, GLU, depthwise over time, batch norm, swish, pointwise."""

    def __init__(self, d, kernel):
        super().__init__()
        self.pointwise_conv1 = nn.Conv1d(d, 2 * d, 1)
        self.depthwise_conv = nn.Conv1d(d, d, kernel, padding=(kernel - 1) // 2, groups=d)
        self.batch_norm = nn.BatchNorm1d(d)
        self.pointwise_conv2 = nn.Conv1d(d, d, 1)

    def forward(self, x, mask):
        """x [B,R,D], mask [B,R,1]."""
        b, r, d = x.shape
        x = F.glu(F.linear(x, self.pointwise_conv1.weight.view(2 * d, d), self.pointwise_conv1.bias)) * mask
        # As a one-row image in channels-last order, the layout the tensor already has.
        x = F.conv2d(x.view(b, 1, r, d).permute(0, 3, 1, 2), self.depthwise_conv.weight.unsqueeze(2),
                     self.depthwise_conv.bias, padding=(0, self.depthwise_conv.padding[0]), groups=d)
        x = self.batch_norm(x.permute(0, 2, 3, 1).reshape(b * r, d)).view(b, r, d)
        return F.linear(F.silu(x), self.pointwise_conv2.weight.view(d, d), self.pointwise_conv2.bias)


class Layer(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s.width
        self.norm_feed_forward1, self.feed_forward1 = nn.LayerNorm(d), FeedForward(d)
        self.norm_self_att, self.self_attn = nn.LayerNorm(d), Attention(d, s.heads)
        self.norm_conv, self.conv = nn.LayerNorm(d), Convolution(d, s.kernel)
        self.norm_feed_forward2, self.feed_forward2 = nn.LayerNorm(d), FeedForward(d)
        self.norm_out = nn.LayerNorm(d)

    def forward(self, x, pos, bias, mask, drop, att_drop):
        x = x + drop(self.feed_forward1(self.norm_feed_forward1(x), drop)) * 0.5
        x = x + drop(self.self_attn(self.norm_self_att(x), pos, bias, att_drop))
        x = x + drop(self.conv(self.norm_conv(x), mask))
        x = x + drop(self.feed_forward2(self.norm_feed_forward2(x), drop)) * 0.5
        return self.norm_out(x)


def positions(rows, width, dtype):
    """[2*rows-1, width] sinusoids for relative distances rows-1 ... -(rows-1)."""
    at = torch.arange(rows - 1, -rows, -1, dtype=torch.float32)[:, None]
    freq = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * -(math.log(10000.0) / width))
    table = torch.empty(2 * rows - 1, width)
    table[:, 0::2], table[:, 1::2] = torch.sin(at * freq), torch.cos(at * freq)
    return table.to(dtype)


class Encoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.width = s.width
        self.pre_encode = Subsampling(s)
        self.layers = nn.ModuleList(Layer(s) for _ in range(s.layers))

    def forward(self, x, frames, drop, att_drop, layer_drop=0.0, gen=None):
        """Yields the output of every layer; the last is the encoder's. Also returns rows [B]."""
        x, rows = self.pre_encode(x, frames)
        r = x.shape[1]
        pos = positions(r, self.width, x.dtype)
        mask = mask_of(rows, r, x.dtype)
        bias = ((mask - 1) * 10000.0)[:, None, None]
        x = drop(x * math.sqrt(self.width))
        outs = []
        for i, layer in enumerate(self.layers):
            p = layer_drop * (i + 1) / len(self.layers)
            if p == 0 or float(torch.rand(1, generator=gen)) >= p:
                x = layer(x, pos, bias, mask[:, :, None], drop, att_drop)
            outs.append(x)
        return outs, rows


class Head(nn.Module):
    """NeMo's ConvASRDecoder: one pointwise convolution."""

    def __init__(self, d, v):
        super().__init__()
        self.decoder_layers = nn.Sequential(nn.Conv1d(d, v, 1))

    def forward(self, x):
        conv = self.decoder_layers[0]
        return F.linear(x, conv.weight.squeeze(-1), conv.bias)
