"""A model's folder as something that reads windows, whatever kind of model it is: for comparing variants with the full graphs."""
import os

import onnx

import card
import graph
import greedy
import rows


class CTC:
    """model.onnx, or model.int8.onnx if kind is "int8"."""
    NAMES = ("model",)

    def __init__(self, folder, kind=""):
        self.session = rows.session(os.path.join(folder, file(self.NAMES[0], kind)))
        self.bands = self.session.get_inputs()[0].shape[1]

    def read(self, features):
        """float32 [bands, T] -> rows.Reading."""
        return rows.reading(rows.run(self.session, features))


class Transducer:
    """The encoder and decoder_joint. A row says which labels are written in it, and of a hybrid its best piece by CTC."""
    NAMES = ("encoder-model", "decoder_joint-model")

    def __init__(self, folder, kind=""):
        about = card.read(folder)
        self.graphs = greedy.Graphs(folder, about.get("durations", ()), about.get("max_symbols", 10), kind)
        self.bands = self.graphs.encoder.get_inputs()[0].shape[1]

    def read(self, features):
        """float32 [bands, T] -> rows.Reading."""
        some, ctc = self.graphs.encode(features)
        labels, _ = greedy.decode(self.graphs, some)
        cells = [[] for _ in some]
        for x in labels:
            cells[x.row].append(x.piece)
        if ctc is not None:
            cells = list(zip(cells, ctc.argmax(1).tolist()))
        return rows.Reading(some, cells, [x.piece for x in labels])


def of(folder):
    """The class for a folder."""
    return CTC if os.path.exists(f"{folder}/model.onnx") else Transducer


def file(name, kind=""):
    return f"{name}.{kind}.onnx" if kind else f"{name}.onnx"


def facts(folder):
    """The metadata of the first graph."""
    return graph.facts(onnx.load(os.path.join(folder, file(of(folder).NAMES[0])), load_external_data=False))
