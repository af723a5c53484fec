"""The exported model as ONNX: the same steps as `worker.artifacts.model.build`, node by node.

Keras's own exporter writes files that cannot run for several of these layers (3.15 with tf2onnx
1.17), and no strings at all. Runs in onnxruntime, checked by `worker.artifacts.model.check`.

Q steps between quantiles.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lowloss.spec import Task
from worker.artifacts.model.content import Content, Member, ramps
from worker.data.features import CLIP, FAR, CategoricalFeature, FittedFeatures
from worker.data.target import Target

OPSET, ML_OPSET, IR_VERSION = 20, 3, 10
METADATA = "lowloss"
"""The key of the metadata among the file's properties."""
TENSOR_TYPES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "string": TensorProto.STRING,
}
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "gelu": ("Gelu", {"approximate": "none"}),
    "selu": ("Selu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),  # Keras's slope
    "mish": ("Mish", {}),
    "elu": ("Elu", {"alpha": 1.0}),
}


def save_onnx(content: Content, path: Path, metadata: dict[str, Any]) -> None:
    """Write an ONNX file with its metadata inside; ValidationError of onnx if it is invalid."""
    graph = _Graph()
    parts = _parts(graph, content)
    outputs = [_network(graph, content.target, member, parts) for member in content.members]
    mean = outputs[0] if len(outputs) == 1 else graph.add("Mean", *outputs)
    output = _predictions(graph, content.target, mean)
    is_regression = content.target.task is Task.regression
    name, of_type, width = (
        ("prediction", TensorProto.DOUBLE, 1)
        if is_regression
        else ("probabilities", TensorProto.FLOAT, len(content.target.labels))
    )
    graph.nodes.append(helper.make_node("Identity", [output], [name]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "lowloss",
            [
                helper.make_tensor_value_info(
                    name,
                    TENSOR_TYPES[dtype],
                    ["rows", width],
                )
                for name, width, dtype in content.inputs
            ],
            [helper.make_tensor_value_info(name, of_type, ["rows", width])],
            initializer=graph.constants,
        ),
        opset_imports=[
            helper.make_opsetid("", OPSET),
            helper.make_opsetid("ai.onnx.ml", ML_OPSET),
        ],
        ir_version=IR_VERSION,
        producer_name="lowloss",
    )
    helper.set_model_props(model, {METADATA: json.dumps(metadata, ensure_ascii=False)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


class _Graph:
    """Nodes in the order in which they run. Inner names have a dot, which inputs never have."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operation: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node; an input that is no name of another's output is a constant."""
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        output = f"node.{len(self.nodes)}"
        domain = "ai.onnx.ml" if operation == "LabelEncoder" else ""
        node = helper.make_node(operation, names, [output], domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def _constant(self, value: NDArray[Any]) -> str:
        name = f"constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name


def _floats(value: Any) -> NDArray[np.float32]:
    return np.asarray(value, dtype=np.float32)


def _integers(value: Any) -> NDArray[np.int64]:
    return np.asarray(value, dtype=np.int64)


@dataclass(frozen=True)
class _Parts:
    """Names of the design matrix's parts: numbers by how they are scaled, levels, and codes."""

    numbers: dict[FittedFeatures, list[str]]
    levels: list[str]
    codes: list[str]


def _parts(graph: _Graph, content: Content) -> _Parts:
    """Add nodes for the design matrix."""
    features = content.features
    inputs = [name for name, _, dtype in content.inputs if dtype != "string"]
    if features.matrix_columns is not None:
        raw = graph.add("Gather", inputs[0], _integers(features.positions), axis=1)
    elif inputs:
        for position, feature in enumerate(features.numeric):
            if feature.offset is not None:
                rest = graph.add("Sub", inputs[position], np.array([feature.offset]))
                inputs[position] = graph.add("Cast", rest, to=TensorProto.FLOAT)
        raw = graph.add("Concat", *inputs, axis=1)
    categories = features.categorical
    return _Parts(
        {
            scaled: _numeric(graph, scaled, raw) if inputs else []
            for scaled in content.scaled_features
        },
        [_one_hot(graph, feature) for feature in categories if not feature.is_embedded],
        [_code(graph, feature, first=1, other=0) for feature in features.embedded],
    )


def _numeric(graph: _Graph, features: FittedFeatures, raw: str) -> list[str]:
    is_missing = graph.add("Or", graph.add("IsNaN", raw), graph.add("IsInf", raw))
    filled = graph.add("Where", is_missing, features.centers, raw)
    parts = [_scaled(graph, features, filled)]
    if features.seasons:
        dates, periods = zip(*features.seasons, strict=True)
        days = graph.add("Gather", filled, _integers(dates), axis=1)
        phase = graph.add("Mod", days, _floats(periods), fmod=1)
        angle = graph.add("Mul", phase, _floats(2 * math.pi / np.array(periods)))
        waves = [
            graph.add("Unsqueeze", graph.add(wave, angle), _integers([2]))
            for wave in ("Sin", "Cos")
        ]
        joined = graph.add("Concat", *waves, axis=2)
        parts.append(graph.add("Reshape", joined, _integers([-1, 2 * len(dates)])))
    if features.missing_positions:
        watched = graph.add("Gather", is_missing, _integers(features.missing_positions), axis=1)
        parts.append(graph.add("Cast", watched, to=TensorProto.FLOAT))
    return parts


def _scaled(graph: _Graph, features: FittedFeatures, filled: str) -> str:
    if features.scaling == "none":
        return filled
    centred = graph.add("Sub", filled, features.centers)
    scaled = graph.add("Div", centred, features.scales)
    match features.scaling:
        case "standard":
            lows_R, highs_R = features.limits
            return graph.add("Min", graph.add("Max", scaled, lows_R), highs_R)
        case "robust":
            cut = graph.add("Clip", scaled, _floats(-FAR), _floats(FAR))
            share = graph.add("Div", cut, _floats(CLIP))
            squared = graph.add("Add", graph.add("Mul", share, share), _floats(1))
            return graph.add(
                "Div", graph.add("Mul", share, _floats(CLIP)), graph.add("Sqrt", squared)
            )
        case "piecewise":
            bins = features.bins
            assert bins is not None
            cut = graph.add("Clip", scaled, _floats(-FAR), _floats(FAR))
            wide = graph.add("Gather", cut, _integers(bins.column_J), axis=1)
            share = graph.add("Div", graph.add("Sub", wide, bins.start_J), bins.width_J)
            within = graph.add("Clip", share, _floats(0), _floats(1))
            return graph.add("Sub", graph.add("Mul", within, _floats(2)), _floats(1))
        case "quantile":
            steps = ramps(features)
            wide = graph.add("Unsqueeze", scaled, _integers([2]))
            share = graph.add("Div", graph.add("Sub", wide, steps.starts_RQ), steps.widths_RQ)
            within = graph.add("Clip", share, _floats(0), _floats(1))
            risen = graph.add("Mul", within, steps.rises_RQ)
            total = graph.add("ReduceSum", risen, _integers([2]), keepdims=0)
            return graph.add("Add", total, steps.floor_R)


def _one_hot(graph: _Graph, category: CategoricalFeature) -> str:
    other = len(category.levels) if category.has_other else -1
    code = _code(graph, category, first=0, other=other)
    is_level = graph.add("Equal", code, _integers([range(category.width)]))
    return graph.add("Cast", is_level, to=TensorProto.FLOAT)


def _code(graph: _Graph, category: CategoricalFeature, *, first: int, other: int) -> str:
    """Return a level's number [rows, 1], or that of all others."""
    levels = category.levels
    return graph.add(
        "LabelEncoder",
        category.input,
        keys_strings=list(levels),
        values_int64s=list(range(first, first + len(levels))),
        default_int64=other,
    )


def _network(graph: _Graph, target: Target, member: Member, parts: _Parts) -> str:
    weights = member.weights
    learned = [
        # [rows, 1, size] without its middle.
        graph.add("Squeeze", graph.add("Gather", table, code, axis=0), _integers([1]))
        for table, code in zip(weights.tables, parts.codes, strict=True)
    ]
    x = graph.add("Concat", *parts.numbers[member.features], *parts.levels, *learned, axis=1)
    *hidden, head = weights.layers
    for (kernel, bias), activation in zip(hidden, member.trained.plan.activations, strict=True):
        x = graph.add("Gemm", x, kernel, bias)
        if activation == "silu":
            x = graph.add("Mul", x, graph.add("Sigmoid", x))
        else:
            name, attributes = ACTIVATIONS[activation]
            x = graph.add(name, x, **attributes)
    return _head(graph, target, graph.add("Gemm", x, *head))


def _head(graph: _Graph, target: Target, logits: str) -> str:
    match target.task:
        case Task.regression:
            return logits
        case Task.binary:
            return graph.add("Sigmoid", logits)
        case Task.multiclass:
            return graph.add("Softmax", logits, axis=1)


def _predictions(graph: _Graph, target: Target, output: str) -> str:
    if target.task is Task.binary:
        return graph.add("Concat", graph.add("Sub", _floats([[1]]), output), output, axis=1)
    if target.task is Task.multiclass:
        return output
    if target.log is not None:
        output = graph.add("Clip", output, _floats(target.log.low), _floats(target.log.high))
    wide = graph.add("Cast", output, to=TensorProto.DOUBLE)
    seen = graph.add("Add", graph.add("Mul", wide, np.array([target.sd])), np.array([target.mean]))
    if target.log is None:
        return seen
    return graph.add("Sub", graph.add("Exp", seen), np.array([target.log.offset]))
