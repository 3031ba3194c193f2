"""Run onnx-asr or sherpa-onnx on a recording, again and again: peers.py ONNX_ASR_FOLDER SHERPA_FOLDER RECORDING.wav THREADS SECONDS

The recording, 16 kHz mono, is cut every SECONDS, without overlap. Each line of standard input is the name of a peer, which then
transcribes all of it and answers with a line of JSON: the processor time and the wall time in seconds, and the text.
"""

import json
import resource
import sys
import time
import wave

import numpy
import onnx_asr
import onnxruntime
import sherpa_onnx


def read(path):
    with wave.open(path) as f:
        assert (f.getframerate(), f.getnchannels(), f.getsampwidth()) == (16000, 1, 2)
        return numpy.frombuffer(f.readframes(f.getnframes()), "<i2").astype(numpy.float32) / 32768


def processor_time():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def load_onnx_asr(folder, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    model = onnx_asr.load_model("nemo-conformer-ctc", folder, sess_options=options, providers=["CPUExecutionProvider"])
    return lambda piece: model.recognize(piece, sample_rate=16000)


def load_sherpa(folder, threads):
    recognizer = sherpa_onnx.OfflineRecognizer.from_nemo_ctc(
        model=f"{folder}/model.onnx", tokens=f"{folder}/tokens.txt", num_threads=threads, provider="cpu"
    )

    def run(piece):
        stream = recognizer.create_stream()
        stream.accept_waveform(16000, piece)
        recognizer.decode_stream(stream)
        return stream.result.text

    return run


def main():
    onnx_asr_folder, sherpa_folder, recording, threads, seconds = sys.argv[1:]
    peers = {"onnx-asr": load_onnx_asr(onnx_asr_folder, int(threads)), "sherpa-onnx": load_sherpa(sherpa_folder, int(threads))}
    samples, size = read(recording), round(16000 * float(seconds))
    pieces = [samples[at : at + size] for at in range(0, len(samples), size)]
    for line in sys.stdin:
        recognize = peers[line.strip()]
        cpu, wall = processor_time(), time.perf_counter()
        text = " ".join(recognize(piece) for piece in pieces)
        print(json.dumps({"cpu": processor_time() - cpu, "wall": time.perf_counter() - wall, "text": text}), flush=True)


if __name__ == "__main__":
    main()
