"""Join the encoder and the CTC head of the hybrid to one graph, as models/export does: make_both.py > hybrid/both/encoder-model.onnx

Needs onnx. The outputs are outputs, encoded_lengths and logprobs.
"""
import os
import sys

import onnx
from onnx import compose

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    encoder = onnx.load(f"{HERE}/hybrid/onnx-asr/encoder-model.onnx")
    head = compose.add_prefix(onnx.load(f"{HERE}/hybrid/ctc_decoder.onnx"), "head/")
    rows, lengths = (o.name for o in encoder.graph.output)
    both = compose.merge_models(encoder, head, io_map=[(rows, head.graph.input[0].name)], outputs=[rows, lengths, "head/logprobs"])
    for node in both.graph.node:
        node.output[:] = ["logprobs" if name == "head/logprobs" else name for name in node.output]
    both.graph.output[2].name = "logprobs"
    onnx.checker.check_model(both)
    sys.stdout.buffer.write(both.SerializeToString())


main()
