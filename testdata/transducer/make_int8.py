"""The decoder and joint of the TDT model with 8-bit weights: make_int8.py, needs onnxruntime 1.31.1. Writes tdt/int8/decoder_joint-model.int8.onnx.

Dynamic quantization, as published int8 models have it: values of all rows that are asked at once share a scale.
"""
import os

from onnxruntime.quantization import QuantType, quantize_dynamic

HERE = os.path.dirname(os.path.abspath(__file__))
quantize_dynamic(f"{HERE}/tdt/onnx-asr/decoder_joint-model.onnx", f"{HERE}/tdt/int8/decoder_joint-model.int8.onnx", weight_type=QuantType.QUInt8)
