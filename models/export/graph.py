"""ONNX graphs as files: weights beside the graph where they are too large for it, facts, float16 weights undone."""
import math
import os

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

# A protobuf message cannot be larger than 2 GiB; the rest is for the nodes.
LIMIT = 2 ** 31 - 2 ** 26


def weight_bytes(model):
    """What initializers and constants take, wherever they lie."""
    tensors = list(model.graph.initializer)
    tensors += [a.t for n in model.graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"]
    return sum(math.prod(t.dims) * onnx.helper.tensor_dtype_to_np_dtype(t.data_type).itemsize for t in tensors)


def save(model, path, limit=LIMIT):
    """Writes the graph, and its weights to PATH.data if they are more than limit bytes. Returns the names of the files."""
    for old in (path, path + ".data"):
        if os.path.exists(old):
            os.remove(old)      # onnx appends to a file of weights that is there
    if weight_bytes(model) <= limit:
        onnx.save(model, path)
        return [os.path.basename(path)]
    onnx.save(model, path, save_as_external_data=True, all_tensors_to_one_file=True,
              location=os.path.basename(path) + ".data", size_threshold=1024)
    os.chmod(path + ".data", os.stat(path).st_mode & 0o777)     # onnx makes it for its owner alone
    return [os.path.basename(path), os.path.basename(path) + ".data"]


def set_facts(model, facts):
    """Puts strings into the graph's metadata; see card.facts."""
    known = {p.key: p.value for p in model.metadata_props} | facts
    onnx.helper.set_model_props(model, known)


def facts(model):
    return {p.key: p.value for p in model.metadata_props}


def widen(model):
    """Undoes weights that are stored as float16 and cast in the graph: float32 initializers in their place."""
    def wide(node, weight):
        if node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT and weight.data_type == TensorProto.FLOAT16:
            return numpy_helper.to_array(weight).astype(np.float32)
    fold(model, wide)


def turn(model):
    """Turns weights that the graph transposes: quantisation only knows products with a weight itself."""
    def turned(node, weight):
        if node.op_type == "Transpose":
            return np.ascontiguousarray(numpy_helper.to_array(weight).transpose(node.attribute[0].ints if node.attribute else None))
    fold(model, turned)


def fold(model, result):
    """Puts initializers in the place of nodes of which result(node, weight) knows what they make of a weight."""
    weights = {t.name: t for t in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        weight = weights.get(node.input[0]) if node.input else None
        value = None if weight is None else result(node, weight)
        if value is None:
            kept.append(node)
        else:
            model.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
    used = {i for n in kept for i in n.input} | {o.name for o in model.graph.output}
    initializers = [t for t in model.graph.initializer if t.name in used]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(initializers)


def position_rows(model, width):
    """The longest run that the table of relative positions [1, 2 * rows - 1, width] allows, or None if there is no table."""
    shapes = [tuple(t.dims) for t in model.graph.initializer]
    shapes += [tuple(a.t.dims) for n in model.graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"]
    rows = [s[1] for s in shapes if len(s) == 3 and s[0] == 1 and s[2] == width and s[1] > 1]
    return (max(rows) + 1) // 2 if rows else None


def attach(model, head, output, given):
    """Puts a small graph behind a large one: head's only input, whatever its name, becomes model's output of the name output.
    What head computes is one more output, given as its name. Names of head's weights and nodes get the prefix "head/"."""
    names = {head.graph.input[0].name: output, head.graph.output[0].name: given}

    def renamed(name):
        return name and names.get(name, f"head/{name}")

    for node in head.graph.node:
        node.name = renamed(node.name)
        node.input[:], node.output[:] = [renamed(n) for n in node.input], [renamed(n) for n in node.output]
    for weight in head.graph.initializer:
        weight.name = renamed(weight.name)
    head.graph.output[0].name = given
    model.graph.node.extend(head.graph.node)
    model.graph.initializer.extend(head.graph.initializer)
    model.graph.output.append(head.graph.output[0])
