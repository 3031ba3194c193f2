"""Compares the losses of transducer.py and their gradients with NeMo's, on small random lattices.

  python transducer_check.py        in an environment with nemo_toolkit[asr]==3.0.0
"""
import torch
from nemo.collections.asr.losses.rnnt_pytorch import RNNTLossPytorch, TDTLossPytorch

from transducer import Scores, loss

SIGMA = 0.05


def ours(f, g, weight, bias, targets, rows, lengths, blank):
    padded = torch.nn.functional.pad(targets, (0, 1))
    of_blank, of_piece, durations = Scores.apply(f, g, weight, bias, padded, blank)
    if not durations.shape[-1]:
        return loss(of_blank, of_piece, rows, lengths)
    return loss(of_blank - SIGMA, of_piece - SIGMA, rows, lengths, durations)


def theirs(f, g, weight, bias, targets, rows, lengths, blank):
    z = (f[:, :, None] + g[:, None]).relu() @ weight.T + bias
    many = z.shape[-1] - blank - 1
    nemo = TDTLossPytorch(blank, list(range(many)), None, SIGMA) if many else RNNTLossPytorch(blank, None)
    return nemo(acts=z, labels=targets, act_lens=rows, label_lens=lengths)


def main():
    torch.Tensor.cuda = lambda self: self       # NeMo's plain TDT loss wants a GPU for its table
    torch.manual_seed(1)
    blank, rows, lengths = 7, torch.tensor([9, 4, 6, 2]), torch.tensor([4, 3, 0, 2])
    targets = torch.randint(0, blank, (4, 4))
    for many in (0, 5):
        inputs = [torch.randn(4, 9, 6), torch.randn(4, 5, 6), torch.randn(blank + 1 + many, 6), torch.randn(blank + 1 + many)]
        results = []
        for way in (ours, theirs):
            leaves = [x.double().requires_grad_() for x in inputs]
            value = way(*leaves, targets, rows, lengths, blank)
            results.append([value, *torch.autograd.grad((value * torch.tensor([1, 2, 3, 4])).sum(), leaves)])
        worst = max(float((a - b).abs().max()) for a, b in zip(*results))
        assert worst < 1e-4, (many, worst)
        print(f"{many} durations: losses {results[0][0].tolist()}, at most {worst:.1e} from NeMo's, gradients too")


if __name__ == "__main__":
    main()
