"""Models in ONNX as the worker exports them, small enough to be reckoned by hand."""

from __future__ import annotations

import json
from typing import Any

from onnx import TensorProto, helper

FLOAT, STRING = TensorProto.FLOAT, TensorProto.STRING
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]


def an_input(name: str, /, kind: str = "numeric", **given: Any) -> dict[str, Any]:
    """One feature of a signature; its input has its column's name."""
    dtype = "string" if kind == "categorical" else "float32"
    return {"input": name, "column": name, "dtype": dtype, "kind": kind} | given


def a_regression(known_cities: list[str] | None = None, **readings: dict[str, Any]) -> bytes:
    """`price` = 2·area + 100·(is new) + days + 1000·(city is Oslo) + 7·(city is missing).

    A missing area answers NaN. `known_cities` are those that training rows had, `readings` are how
    columns were read at training, by the input.
    """
    inputs = [
        an_input("area"),
        an_input("is_new", "boolean"),
        an_input("column_2", "date", column="sold on"),
        an_input("city", "categorical", values=known_cities),
    ]
    for entry in inputs:
        if entry["input"] in readings:
            entry["reading"] = readings[entry["input"]]
    nodes = [
        helper.make_node("Mul", ["area", "two"], ["a"]),
        helper.make_node("Mul", ["is_new", "hundred"], ["b"]),
        helper.make_node(
            "LabelEncoder",
            ["city"],
            ["c"],
            domain="ai.onnx.ml",
            keys_strings=["Oslo", ""],
            values_floats=[1000.0, 7.0],
            default_float=0.0,
        ),
        helper.make_node("Sum", ["a", "b", "column_2", "c"], ["out"]),
    ]
    constants = {"two": [2.0], "hundred": [100.0]}
    return _a_model(nodes, inputs, constants, signature=_signature("price", inputs))


def a_classifier(**metadata: str) -> bytes:
    """The probability of `yes` is the logistic of `x`; that of `no` is the rest."""
    inputs = [an_input("x")]
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["yes"]),
        helper.make_node("Sub", ["one", "yes"], ["no"]),
        helper.make_node("Concat", ["no", "yes"], ["out"], axis=1),
    ]
    signature = _signature("bought", inputs, task="binary", labels=["no", "yes"])
    return _a_model(nodes, inputs, {"one": [1.0]}, signature=signature | metadata)


def a_matrix_model() -> bytes:
    """`y` = X[0] + 10·X[2] of a matrix of three columns, of which the second is not used."""
    inputs = [an_input(f"X[{i}]", input="X", position=i) for i in (0, 2)]
    nodes = [helper.make_node("MatMul", ["X", "weights"], ["out"])]
    signature = _signature("y", inputs, matrix_columns=3)
    return _a_model(nodes, inputs, {"weights": [1.0, 5.0, 10.0]}, signature=signature)


def a_model_without_metadata() -> bytes:
    """An ONNX model that somebody else wrote."""
    return _a_model([helper.make_node("Identity", ["x"], ["out"])], [an_input("x")], {})


def _signature(target: str, inputs: list[dict[str, Any]], **given: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "task": "regression",
        "labels": [],
        "matrix_columns": None,
        "rows": {"train": 9},
    }
    return values | given | {"target": target, "inputs": inputs}


def _a_model(
    nodes: list[Any],
    inputs: list[dict[str, Any]],
    constants: dict[str, list[float]],
    *,
    signature: dict[str, Any] | None = None,
) -> bytes:
    width = signature["matrix_columns"] if signature else None
    types = {each["input"]: STRING if each["dtype"] == "string" else FLOAT for each in inputs}
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(n, t, [None, width or 1]) for n, t in types.items()],
        [helper.make_tensor_value_info("out", FLOAT, [None, None])],
        [helper.make_tensor(n, FLOAT, [len(v), 1], v) for n, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=9)
    if signature is not None:
        helper.set_model_props(model, {"lowloss": json.dumps(signature)})
    content: bytes = model.SerializeToString()
    return content
