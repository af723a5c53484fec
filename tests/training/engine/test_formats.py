"""The model in all its formats: the same answers as plain numpy, whatever is inside and goes in."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from tests.builders.models import as_if_trained, save_both, worst_difference
from tests.builders.slow import slow_but
from tests.builders.tables import checked_frame
from worker.artifacts.model.build import build_model
from worker.artifacts.model.check import (
    Expected,
    ModelDiffers,
    check_keras,
    check_onnx,
    check_saved_model,
)
from worker.artifacts.model.content import model_content
from worker.artifacts.model.inputs import model_inputs, onnx_inputs
from worker.artifacts.model.save import describe_model, load_model, save_saved_model
from worker.data.columns import MISSING, RawColumns
from worker.data.prepare import Prepared, prepare
from worker.winner.final_model import FinalModel

ROWS = 180
Array = np.ndarray[Any, np.dtype[Any]]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "silu": lambda x: x / (1 + np.exp(-np.maximum(x, -700))),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
}
TASKS: dict[str, Callable[[Array], tuple[Any, dict[str, Any]]]] = {
    "regression": lambda z: (1e4 + 250.0 * z, {}),
    "logarithm": lambda z: (np.exp(2 * z), {"log_target": True}),
    "binary": lambda z: (np.where(z > 0, "yes", "no").tolist(), {}),
    "multiclass": lambda z: (np.digitize(z, [-0.5, 0.5]), {}),
}
SCALINGS = ["standard", "robust", "quantile", "piecewise", "none"]
# Every task with every scaling; each activation twice; one network, and three.
CASES = [
    (task, scaling, list(ACTIVATIONS)[number % 8], 1 + 2 * (number % 3 == 0))
    for number, (task, scaling) in enumerate(itertools.product(TASKS, SCALINGS))
]


def mixed(task: str, scaling: Any, rows: int = ROWS, *, selection: Any = None) -> Prepared:
    """Three folds by time, of which the second knows fewer levels than the third.

    The test rows, the last, have gaps, levels that nobody knows, and numbers far beyond the others.
    """
    rng = np.random.default_rng(0)
    late = np.arange(rows) >= rows * 0.8
    levels = np.where(late & (rng.random(rows) < 0.5), "never seen", "often")
    new = (np.arange(rows) >= rows * 0.45) & (rng.random(rows) < 0.5) & ~late
    y, options = TASKS[task](rng.normal(size=rows))
    columns = {
        "number": np.where(late & (rng.random(rows) < 0.2), 1e20, rng.normal(size=rows)),
        "gaps": [None if rng.random() < 0.3 else float(v) for v in rng.normal(size=rows)],
        "flag": rng.random(rows) < 0.4,
        "level": np.where(new, "since then", levels).tolist(),
        "code": rng.choice(["", "a", 'b"\n'], rows).tolist(),
        "day": np.datetime64("1969-11-01") + np.arange(rows) * 3,
        "y": y,
    }
    if scaling == "none":
        # Unscaled, these would leave nothing of the rest in float32.
        columns |= {"number": rng.normal(size=rows)}
    columns["code"] = [code or None for code in columns["code"]]
    table, check = checked_frame(
        columns,
        "y",
        validation={"strategy": "ordered", "column": "day", "folds": 3},
        preprocessing={"scale_features": scaling, "select_features": selection} | options,
    )
    return prepare(table, check, max_levels=100)


def by_numpy(final: FinalModel) -> Array:
    """The answers to the test rows in float64, by nothing but numpy."""
    outputs = []
    for member in final.members:
        h = final.prepared.x_test(member.plan.fold).astype(np.float64)
        *hidden, (kernel, bias) = zip(member.weights[::2], member.weights[1::2], strict=True)
        for name, (hidden_kernel, hidden_bias) in zip(member.plan.activations, hidden, strict=True):
            h = ACTIVATIONS[name](h @ hidden_kernel + hidden_bias)
        outputs.append(_head(final, h @ kernel + bias))
    return final.fit.target.to_predictions(np.mean(outputs, axis=0))


def _head(final: FinalModel, logits: Array) -> Array:
    match final.prepared.arrays.loss.name:
        case "mse":
            return logits
        case "binary":
            return np.asarray(1 / (1 + np.exp(-np.clip(logits, -700, 700))))
        case _:
            odds: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
            return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def assert_answers_as_numpy_does(final: FinalModel, task: str, folder: Path) -> None:
    """Files, the engine on arrays, and the engine on raw rows agree with float64."""
    assert worst_difference(final, folder) <= 1e-4
    expected, answers_TC = by_numpy(final), final.predict_test()
    unit = expected.std() if task in {"regression", "logarithm"} else 1.0
    assert np.abs(answers_TC - expected).max() <= 1e-4 * unit
    assert np.allclose(final.predict(final.prepared.raw_test), answers_TC)


def both(final: FinalModel, folder: Path) -> Callable[[RawColumns], list[Array]]:
    """Runs both files on raw rows."""
    keras_path, onnx_path = save_both(final, folder)
    model, session = load_model(keras_path), onnxruntime.InferenceSession(str(onnx_path))

    def answer(raw: RawColumns) -> list[Array]:
        features = model_content(final).features
        of_keras = np.asarray(model(model_inputs(features, raw)))
        return [of_keras, session.run(None, onnx_inputs(features, raw))[0]]

    return answer


@pytest.mark.parametrize(
    ("task", "scaling", "activation", "members"), slow_but(CASES, fast=CASES[::4])
)
def test_files_answer_as_numpy_does(
    tmp_path: Path, task: str, scaling: str, activation: str, members: int
) -> None:
    prepared = mixed(task, scaling)
    final = as_if_trained(prepared, members=members, fold=1, activation=activation)

    difference = worst_difference(final, tmp_path)

    widths = [np.abs(prepared.arrays.x_VND[v]).sum(axis=0).astype(bool).sum() for v in range(3)]
    assert widths[1] < widths[2], "the second fold is to be narrower than the third"
    assert difference <= 1e-4
    expected, found = by_numpy(final), final.predict_test()
    unit = expected.std() if task in {"regression", "logarithm"} else 1.0
    # A saturated network answers a constant, of which float32 holds seven digits.
    rounding = 4 * np.finfo(np.float32).eps * np.abs(expected).max()
    assert np.abs(found - expected).max() <= max(1e-4 * unit, rounding)


@pytest.mark.parametrize("task", slow_but(list(TASKS), fast=["regression", "multiclass"]))
def test_networks_that_see_numbers_scaled_in_several_ways_answer_together(
    tmp_path: Path, task: str
) -> None:
    prepared = mixed(task, {"choices": ["standard", "piecewise", "quantile"]})
    # The second fold of each way; the first has the last network, too.
    alone = [as_if_trained(prepared, fold=fold) for fold in (1, 7, 4, 1)]
    final = FinalModel(prepared, tuple(member for model in alone for member in model.members))

    assert_answers_as_numpy_does(final, task, tmp_path)
    metadata = describe_model(model_content(final), prepared, {})
    scalings = [member["scaling"] for member in metadata["members"]]
    assert scalings == ["standard", "quantile", "piecewise", "standard"]


@pytest.mark.parametrize("task", slow_but(list(TASKS), fast=["regression", "multiclass"]))
def test_networks_that_keep_other_inputs_answer_together(tmp_path: Path, task: str) -> None:
    scaling, selection = {"choices": ["standard", "piecewise"]}, {"choices": [None, 2, 5]}
    prepared = mixed(task, scaling, selection=selection)
    # The second fold of each choice of inputs.
    alone = [as_if_trained(prepared, fold=fold) for fold in range(1, 18, 3)]
    final = FinalModel(prepared, tuple(member for model in alone for member in model.members))

    assert_answers_as_numpy_does(final, task, tmp_path)
    metadata = describe_model(model_content(final), prepared, {})
    kept = [member["select_features"] for member in metadata["members"]]
    assert kept == [None, None, 2, 2, 5, 5]


@pytest.mark.parametrize("unit", [1e-13, 1e13])
@pytest.mark.parametrize("options", [{}, {"scale_target": False}, {"log_target": True}], ids=str)
def test_targets_of_any_magnitude_are_answered_as_others_are(
    tmp_path: Path, unit: float, options: dict[str, Any]
) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, ROWS)
    tables = [
        checked_frame({"x": x, "y": (5 + 3 * x) * factor}, "y", preprocessing=options)
        for factor in (1.0, unit)
    ]
    plain, scaled = (prepare(table, check, max_levels=10) for table, check in tables)

    if options.get("scale_target") is not False:
        assert np.allclose(scaled.arrays.y_N, plain.arrays.y_N, atol=1e-4)
    assert worst_difference(as_if_trained(scaled), tmp_path) <= 1e-4


@pytest.mark.parametrize("scaling", SCALINGS)
def test_numbers_that_float32_cannot_tell_apart_are_float64_inputs(
    tmp_path: Path, scaling: str
) -> None:
    seconds = 1_700_000_000 + np.random.default_rng(0).uniform(0, 300, ROWS)
    instants = np.datetime64("2024-01-01T00:00:00", "us") + (seconds % 300 * 1e6).astype(int)
    gaps = [None if row % 5 == 0 else float(s) / 1e3 for row, s in enumerate(seconds)]
    columns = {"second": seconds, "at": instants, "gaps": gaps, "x": seconds % 7, "y": seconds % 60}
    table, check = checked_frame(columns, "y", preprocessing={"scale_features": scaling})
    final = as_if_trained(prepare(table, check, max_levels=100))

    difference = worst_difference(final, tmp_path)

    content = model_content(final)
    assert {name: dtype for name, _, dtype in content.inputs} == {
        "second": "float64",
        "at": "float64",
        "gaps": "float64",
        "x": "float32",
    }
    assert difference <= 1e-4
    assert np.abs(final.predict_test() - by_numpy(final)).max() <= 1e-4 * by_numpy(final).std()
    inputs = model_inputs(content.features, final.prepared.raw_test)
    test_rows = final.prepared.splits.test
    assert np.abs(inputs["second"][:, 0] - seconds[test_rows]).max() < 1e-4


@pytest.mark.parametrize("task", slow_but(TASKS, fast=["binary"]))
def test_saved_model_answers_as_the_engine_does(tmp_path: Path, task: str) -> None:
    final = as_if_trained(mixed(task, "quantile"), members=2, fold=1, activation="gelu")

    path = save_saved_model(build_model(model_content(final)), tmp_path / "saved_model")

    given = model_content(final), final.prepared.raw_test, final.predict_test()
    assert path.name == "saved_model.zip"
    assert check_saved_model(tmp_path / "saved_model", Expected(*given)) <= 1e-4


NAMES = [
    *["node.0", "node.1", "constant.0", "members.mean", "features.join", "raw.1", "lowloss.model"],
    *["prediction", "probabilities", "Prediction", "self", "class", "None", "lambda", "args"],
    *["_private", "__init__", "a", "A", "a_", "column_1", "COLUMN_2", "x", "X", "training"],
    *[
        "two words",
        "new\nline",
        "tab\t",
        "quote\"'",
        "back\\slash",
        "ü 漢字 🎈",
        "a/b",
        "a:0",
        " ",
        "1st",
    ],
    *["where", "take", "split", "dense", "input", "inputs", "name", "float32", "true"],
]
LEVELS = [
    "x",
    "x ",
    " x",
    "x\ny",
    'q"',
    "q'",
    "a,b",
    "\\",
    "ü 漢字 🎈",
    "[OOV]",
    "[UNK]",
    "-1",
    "é",
    "é",
]


def test_columns_and_levels_may_have_any_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {name: rng.normal(size=ROWS) for name in NAMES[::2]}
    columns |= {
        name: [LEVELS[(i + start) % len(LEVELS)] if i % 9 else None for i in range(ROWS)]
        for start, name in enumerate(NAMES[1::2])
    }
    columns["what\nwe 'want'"] = np.where(rng.random(ROWS) < 0.4, "it's", "\n").tolist()
    table, check = checked_frame(columns, "what\nwe 'want'")
    final = as_if_trained(prepare(table, check, max_levels=100))
    given = model_content(final), final.prepared.raw_test, final.predict_test()

    difference = worst_difference(final, tmp_path)
    save_saved_model(build_model(model_content(final)), tmp_path / "saved")

    assert difference <= 1e-4
    assert check_saved_model(tmp_path / "saved", Expected(*given)) <= 1e-4
    names = [name for name, _, _ in model_content(final).inputs]
    assert len({name.lower() for name in names}) == len(NAMES)
    assert {"A", "a_", "x", "args", "training", "where"} <= set(names)


@pytest.mark.parametrize("task", TASKS)
def test_row_is_answered_alone_as_among_others(tmp_path: Path, task: str) -> None:
    final = as_if_trained(mixed(task, "robust"), members=3, fold=1)
    raw, expected = final.prepared.raw_test, final.predict_test()
    answer = both(final, tmp_path)

    alone = [answer(raw.take(np.array([row]))) for row in range(3)]
    none = answer(raw.take(np.empty(0, dtype=np.int64)))

    for row, found in enumerate(alone):
        for each in found:
            assert each[0] == pytest.approx(expected[row], rel=1e-4, abs=1e-5)
    for each in none:
        assert each.shape == (0, expected.shape[1])


@pytest.mark.parametrize("scaling", slow_but(SCALINGS, fast=["quantile", "piecewise"]))
def test_infinite_numbers_are_missing_and_unknown_levels_are_alike(
    tmp_path: Path, scaling: str
) -> None:
    final = as_if_trained(mixed("regression", scaling), fold=1)
    raw = final.prepared.raw_test.take(np.zeros(6, dtype=np.int64))
    raw.numeric_NR[:, :2] = np.array([[np.nan], [np.inf], [-np.inf], [np.nan], [np.nan], [np.nan]])
    levels = list(raw.strings)
    levels[0] = levels[0].scatter([3, 4, 5], ["no such level", "[OOV]", MISSING])
    for wrong in (0, 1, 2):
        levels[0] = levels[0].scatter(wrong, "nor this")

    answers = both(final, tmp_path)(dataclasses.replace(raw, strings=tuple(levels)))

    for found in answers:
        assert np.isfinite(found).all()
        assert found == pytest.approx(np.full_like(found, found[0, 0]), rel=1e-6)


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", "piecewise"])
def test_largest_number_of_float32_is_answered_finitely(tmp_path: Path, scaling: str) -> None:
    final = as_if_trained(mixed("binary", scaling), fold=1)
    raw = final.prepared.raw_test.take(np.zeros(2, dtype=np.int64))
    raw.numeric_NR[:, 0] = [np.finfo(np.float32).max, np.finfo(np.float32).min]

    for found in both(final, tmp_path)(raw):
        assert np.isfinite(found).all()


@pytest.mark.parametrize("task", TASKS)
def test_matrix_is_taken_as_a_whole(tmp_path: Path, task: str) -> None:
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(size=ROWS), np.ones(ROWS), rng.integers(0, 3, ROWS)], axis=1)
    x[::7, 0] = np.nan
    y, options = TASKS[task](rng.normal(size=ROWS))
    columns = {f"X[{i}]": x[:, i] for i in range(3)} | {"y": y}
    columns["X[0]"] = [None if np.isnan(v) else float(v) for v in x[:, 0]]
    table, check = checked_frame(
        columns, "y", preprocessing={"scale_features": "quantile"} | options
    )
    prepared = prepare(dataclasses.replace(table, is_matrix=True), check, max_levels=100)
    final = as_if_trained(prepared, members=3)
    rows = x[prepared.splits.test].astype(np.float32)

    assert worst_difference(final, tmp_path) <= 1e-4
    found = load_model(tmp_path / "model.keras")({"X": tf.constant(rows)})
    assert np.allclose(found, final.predict_test(), rtol=1e-4)


def test_unscaled_numbers_far_from_0_are_held_to_what_float32_can_tell(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = {"x": 8e3 + rng.normal(size=ROWS), "z": rng.normal(size=ROWS)}
    table, check = checked_frame(
        columns | {"y": rng.normal(size=ROWS)}, "y", preprocessing={"scale_features": "none"}
    )
    final = as_if_trained(prepare(table, check, max_levels=100))
    given = model_content(final), final.prepared.raw_test, final.predict_test()
    keras_path, onnx_path = save_both(final, tmp_path)

    rounding = final.rounding()

    assert check_onnx(onnx_path, Expected(*given, rounding)) > 1e-4
    check_keras(keras_path, Expected(*given, rounding))
    wrong = final.predict_test() + 100 * rounding
    with pytest.raises(ModelDiffers):
        check_onnx(onnx_path, Expected(*given[:2], wrong, rounding))
    with pytest.raises(ModelDiffers):
        check_onnx(onnx_path, Expected(*given))


def test_rounding_of_scaled_features_is_far_below_the_tolerance() -> None:
    final = as_if_trained(mixed("multiclass", "quantile"), members=3, fold=1)

    assert 0.0 < final.rounding() < 1e-5
