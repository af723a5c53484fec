"""How to use the model: what to type, with this model's own columns in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lowloss.results import Column
from lowloss.spec import Task
from lowloss.wording import format_day
from worker.artifacts.reports.facts import Facts

MAX_INPUTS = 8
"""Inputs that are spelled out; of a wider model, these are the first."""
WHOLE = 1000.0
"""From here on an example's decimals tell nothing."""


@dataclass(frozen=True)
class Usage:
    """Snippets by their ways of use."""

    keras: str
    onnx: str
    script: str
    request: str


def usage(facts: Facts) -> Usage:
    """Return the lines to type."""
    inputs = _inputs(facts)
    return Usage(
        keras=_keras(inputs),
        onnx=_onnx(inputs),
        script="python predict.py model.keras rows.csv -o predictions.csv",
        request=_request(facts),
    )


def describe_output(facts: Facts) -> str:
    """Describe the output of the model."""
    if facts.job.task is Task.regression:
        return f"[rows, 1]: {facts.target.name}, in its own units"
    return f"[rows, {len(facts.labels)}]: the probability of each class, in the order of the labels"


def _inputs(facts: Facts) -> list[tuple[str, str, str]]:
    """Return name, example and type of each input, and a mark at the end if some are left out."""
    width = facts.metadata["matrix_columns"]
    if width is not None:
        return [("X", f"np.zeros((1, {width}))", "float32")]
    columns = {column.name: column for column in facts.dataset.profile}
    return [
        (
            model_input["input"],
            _literal(model_input, columns.get(model_input["column"])),
            model_input["dtype"],
        )
        for model_input in facts.metadata["inputs"]
    ]


def _keras(inputs: list[tuple[str, str, str]]) -> str:
    is_wide = any(dtype == "float64" for _, _, dtype in inputs)
    lines = [
        f"    {name!r}: tf.constant({_nested(example)}, tf.{dtype}),"
        for name, example, dtype in inputs[:MAX_INPUTS]
    ]
    return "\n".join(
        [
            "import keras",
            *(["import numpy as np"] if any("np." in example for _, example, _ in inputs) else []),
            "import tensorflow as tf",
            "",
            'model = keras.models.load_model("model.keras")',
            "rows = {",
            *lines,
            *_omitted_inputs(inputs),
            "}",
            # `predict` casts arrays to float32 (Keras 3.15); a call does not.
            "print(model(rows))" if is_wide else "print(model.predict(rows))",
        ]
    )


def _onnx(inputs: list[tuple[str, str, str]]) -> str:
    types = {"float32": "np.float32", "float64": "np.float64", "string": "object"}
    lines = [
        f"    {name!r}: np.array({_nested(example)}, dtype={types[dtype]}),"
        for name, example, dtype in inputs[:MAX_INPUTS]
    ]
    return "\n".join(
        [
            "import numpy as np",
            "import onnxruntime",
            "",
            'session = onnxruntime.InferenceSession("model.onnx")',
            "rows = {",
            *lines,
            *_omitted_inputs(inputs),
            "}",
            "print(session.run(None, rows)[0])",
        ]
    )


def _request(facts: Facts) -> str:
    columns = {column.name: column for column in facts.dataset.profile}
    inputs = facts.metadata["inputs"]
    url = f'curl -X POST "$LOWLOSS_URL/v1/jobs/{facts.job.id}/predict" \\\n'
    if len(inputs) > MAX_INPUTS:
        # A row takes too much room, and one without some of its columns is refused.
        return f"{url}     -H 'Content-Type: text/csv' --data-binary @rows.csv"
    row = {
        model_input["column"]: _example(model_input, columns.get(model_input["column"]))
        for model_input in inputs
    }
    # In single quotes a shell takes all but the quote as it is.
    text = json.dumps({"rows": [row]}, ensure_ascii=False)
    # JSON leaves some control characters as they are: those beyond ASCII.
    text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    body = text.replace("'", "'\\''")
    return f"{url}     -H 'Content-Type: application/json' -d '{body}'"


def _literal(model_input: dict[str, Any], column: Column | None) -> str:
    """Return an example as the model takes it, in Python."""
    if model_input["dtype"] == "string":
        return repr(_example(model_input, column))
    if column is None or column.mean is None:
        return "0.0"
    is_exact = model_input["kind"] in {"boolean", "date"} or abs(column.mean) >= WHOLE
    return repr(float(round(column.mean))) if is_exact else f"{column.mean:.4g}"


def _example(model_input: dict[str, Any], column: Column | None) -> object:
    """Return an example as the column has it."""
    if column is None:
        return None
    if model_input["dtype"] == "string" or column.mean is None:
        return column.levels[0].value if column.levels else ""
    match model_input["kind"]:
        case "boolean":
            return column.mean >= 0.5
        case "date":
            return format_day(column.mean)
        case _:
            return float(f"{column.mean:.4g}")


def _nested(example: str) -> str:
    return example if example.startswith("np.") else f"[[{example}]]"


def _omitted_inputs(inputs: list[tuple[str, str, str]]) -> list[str]:
    more = len(inputs) - MAX_INPUTS
    return [f"    # … and {more:,} more: lowloss.json in the file names them"] if more > 0 else []
