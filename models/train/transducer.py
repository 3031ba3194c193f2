"""The loss of transducers, RNN-T and TDT, and their greedy search, on rows of an encoder.

The idea. CTC judges every row by itself. A transducer (Graves, arXiv:1211.3711) also knows what it has written: a prediction
network g, an LSTM over the pieces so far, and a joint network z(t, u) = W relu(A f(t) + B g(u)) give at row t, after u
pieces, a distribution of the next piece or blank. A way of writing the text is a path through the lattice of points (t, u),
from (0, 0) to (T, U): a piece goes up, to (t, u + 1); blank goes right, to (t + 1, u); the last step is a blank out of
(T - 1, U). The loss is -log of the sum over all paths, by the forward recursion

    a(t, u) = a(t - 1, u) blank(t - 1, u) + a(t, u - 1) piece(t, u - 1),     a(0, 0) = 1

A TDT (Xu et al., arXiv:2304.06795) draws with every piece or blank also a duration d, of a distribution of its own: it goes
right by d rows, of which a blank takes at least one. So a(t, u) sums over all d. The paper takes sigma from the
log-probability of every step, which makes paths of few steps and so long durations worthwhile; and in a share omega of the
batches it trains the pieces by the loss of RNN-T, so that they do not lean on the durations.

All points of an anti-diagonal n = t + u depend on earlier ones only, so one operation computes a whole diagonal of all
clips. Nearly all time goes into z: B x T x (U + 1) x (V + 1) logits. Scores does that without keeping more than them.

Shapes: B clips, T rows, U pieces of the longest text, J width of the joint, V pieces, blank = V, N durations (0: RNN-T).
"""
import torch
import torch.nn.functional as F

NEVER = -1e30       # log of 0, finite so that gradients are


class Scores(torch.autograd.Function):
    """f [B,T,J], g [B,U+1,J], weight [V+1+N,J], bias [V+1+N], targets int64 [B,U+1] -> log-probabilities of blank and of the next
    piece [B,T,U+1], and of the durations [B,T,U+1,N]. The gradient of the logits is made in place of the logits. Products of
    float32 are computed in bfloat16, which is twice as fast where processors have it."""

    @staticmethod
    def forward(ctx, f, g, weight, bias, targets, blank):
        short = torch.bfloat16 if f.dtype == torch.float32 else f.dtype
        h = (f[:, :, None] + g[:, None]).relu_().to(short)
        z = F.linear(h, weight.to(short)).to(f.dtype) + bias
        B, T, U1, _ = z.shape
        tokens, durations = z[..., :blank + 1], z[..., blank + 1:]
        at = targets[:, None, :, None].expand(B, T, U1, 1)
        total = tokens.logsumexp(-1, keepdim=True)
        out = tokens[..., blank] - total[..., 0], (tokens.gather(-1, at) - total)[..., 0], durations.log_softmax(-1)
        ctx.save_for_backward(h, z, total, weight, at)
        ctx.blank = blank
        return out

    @staticmethod
    def backward(ctx, of_blank, of_piece, of_durations):
        h, z, total, weight, at = ctx.saved_tensors
        tokens, durations = z[..., :ctx.blank + 1], z[..., ctx.blank + 1:]
        tokens.sub_(total).exp_().mul_(-(of_blank + of_piece)[..., None])
        tokens[..., ctx.blank] += of_blank
        tokens.scatter_add_(-1, at, of_piece[..., None])
        if durations.shape[-1]:
            durations.copy_(of_durations - durations.softmax(-1) * of_durations.sum(-1, keepdim=True))
        flat, of_bias = z.flatten(0, 2).to(h.dtype), z.flatten(0, 2).sum(0)
        of_h = (flat @ weight.to(h.dtype)).view_as(h).mul_(h > 0)
        of_f, of_g = (of_h.sum(axis, dtype=z.dtype) for axis in (2, 1))
        return of_f, of_g, (flat.T @ h.flatten(0, 2)).to(z.dtype), of_bias, None, None


def diagonals(x, fill):
    """[B,T,U+1] -> [T+U+1,B,U+1]: element (n, b, u) is x[b, n - u, u], fill outside."""
    B, T, U1 = x.shape
    n, u = torch.arange(T + U1)[:, None], torch.arange(U1)
    inside = (n >= u) & (n - u < T)
    return torch.where(inside[:, None], x[:, (n - u).clamp(0, T - 1), u].transpose(0, 1), torch.full((), fill))


def loss(blank, piece, rows, lengths, durations=None):
    """-log-probability of every clip [B].

    blank, piece: log-probabilities [B,T,U+1], piece[b, t, u] of target u; rows int64 [B], lengths int64 [B] of the targets;
    durations: log-probabilities [B,T,U+1,N] of 0 .. N - 1, None for RNN-T.
    """
    B, T, U1 = blank.shape
    past = torch.arange(T)[None, :, None] >= rows[:, None, None]
    blank = diagonals(blank.masked_fill(past, NEVER), NEVER)
    piece = diagonals(piece.masked_fill(past, NEVER), NEVER)
    # (rows to go right, log-probability of that) of blanks and of pieces; RNN-T has one way each.
    if durations is None:
        blanks, pieces = [(1, blank)], [(0, piece)]
    else:
        parts = [diagonals(durations[..., d], 0.0) for d in range(durations.shape[-1])]
        blanks = [(d, blank + p) for d, p in enumerate(parts) if d]
        pieces = [(d, piece + p) for d, p in enumerate(parts)]
    a = [torch.full((B, U1), NEVER).index_fill(1, torch.tensor(0), 0.0)]
    for n in range(1, T + U1):
        ways = [a[n - d] + p[n - d] for d, p in blanks if d <= n]
        ways += [F.pad((a[n - 1 - d] + p[n - 1 - d])[:, :-1], (1, 0), value=NEVER) for d, p in pieces if d < n]
        a.append(torch.stack(ways).logsumexp(0).clamp(min=NEVER))
    a, clip, ends = torch.stack(a), torch.arange(B), []
    for d, p in blanks:
        n = (rows - d).clamp(min=0) + lengths
        ends.append(torch.where(rows >= d, a[n, clip, lengths] + p[n, clip, lengths], torch.full((), NEVER)))
    return -torch.stack(ends).logsumexp(0)


@torch.no_grad()
def greedy(f, rows, step, logits, blank, most=10):
    """Best pieces of a batch, as NeMo searches.

    f [B,T,J]: the joint's part of the rows; step(pieces [B], state) -> (g [B,J], state), None, None at the beginning;
    logits(f [B,J], g [B,J]) -> [B,V+1+N]. Returns lists of pieces and lists of their rows.
    """
    B = len(f)
    t, here, clip = torch.zeros(B, dtype=torch.long), torch.zeros(B, dtype=torch.long), torch.arange(B)
    g, state = step(None, None)
    found, places = [[] for _ in range(B)], [[] for _ in range(B)]
    while (t < rows).any():
        z = logits(f[clip, t.clamp(max=f.shape[1] - 1)], g)
        best, live = z[:, :blank + 1].argmax(-1), t < rows
        wrote = live & (best != blank)
        skip = z[:, blank + 1:].argmax(-1) if z.shape[1] > blank + 1 else (best == blank).long()
        skip = torch.where(best == blank, skip.clamp(min=1), skip)
        for b in wrote.nonzero()[:, 0].tolist():
            found[b].append(int(best[b]))
            places[b].append(int(t[b]))
        if wrote.any():
            new, after = step(torch.where(wrote, best, torch.zeros_like(best)), state)
            g = torch.where(wrote[:, None], new, g)
            state = tuple(torch.where(wrote[None, :, None], x, y) for x, y in zip(after, state))
        here = torch.where(wrote & (skip == 0), here + 1, torch.zeros_like(here))
        skip = torch.where(here >= most, torch.ones_like(skip), skip)
        here = torch.where(here >= most, torch.zeros_like(here), here)
        t = t + torch.where(live, skip, torch.zeros_like(skip))
    return found, places
