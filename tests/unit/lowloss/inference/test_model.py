"""Models in ONNX Runtime."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from lowloss.errors import LowlossError
from lowloss.inference.model import RUN_ROWS, load_model, read_outputs
from lowloss.inference.rows import cells_from_rows
from lowloss.results import Predictions
from tests.builders.onnx_models import (
    a_classifier,
    a_matrix_model,
    a_model_without_metadata,
    a_regression,
)


def predict(content: bytes, rows: list[object]) -> Predictions:
    model = load_model(content)
    return model.predict(cells_from_rows(model.signature, rows))


def test_regression_answers_in_the_units_of_its_target() -> None:
    house = {"area": 50, "is_new": True, "sold on": "1970-01-11", "city": "Oslo"}
    other = {"area": "1", "is_new": False, "sold on": 0, "city": None}
    content = a_regression()

    found = predict(content, [house, other])

    assert found.predictions == (1210.0, 9.0)
    assert (found.task, found.target, found.labels) == ("regression", "price", ())
    assert found.probabilities is None
    assert found.model_sha256 == hashlib.sha256(content).hexdigest()
    assert found.job is None


def test_classifier_answers_labels_and_probabilities() -> None:
    found = predict(a_classifier(), [{"x": 2, "id": 1}, {"x": -2, "id": 2}])

    logistic = 1 / (1 + math.exp(-2))
    assert found.predictions == ("yes", "no")
    assert found.probabilities is not None
    assert found.probabilities[0] == pytest.approx((1 - logistic, logistic), abs=1e-6)
    assert found.ignored == ("id",)


def test_matrix_model_takes_lists() -> None:
    assert predict(a_matrix_model(), [[1, 9, 2]]).predictions == (21.0,)


def test_answers_that_are_not_finite_are_null() -> None:
    house = {"area": None, "is_new": True, "sold on": 0, "city": ""}

    regression = predict(a_regression(), [house])
    classifier = predict(a_classifier(), [{"x": None}, {"x": 1}])

    assert regression.predictions == (None,)
    assert classifier.predictions == (None, "yes")
    assert classifier.probabilities is not None
    assert classifier.probabilities[0] == (None, None)
    assert "NaN" not in classifier.model_dump_json()


def test_rows_beyond_one_run_keep_their_order() -> None:
    count = 2 * RUN_ROWS + 3

    found = predict(a_matrix_model(), [[i, 0, 0] for i in range(count)])

    assert found.predictions == tuple(map(float, range(count)))


def test_model_may_not_read_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of a few numbers alone ONNX Runtime would refuse them for a reason of its own.
    np.zeros(300, dtype=np.float32).tofile(tmp_path / "secret.bin")
    monkeypatch.chdir(tmp_path)
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 300])
    weight.data_location = TensorProto.EXTERNAL
    for key, where in {"location": "secret.bin", "length": "1200", "offset": "0"}.items():
        weight.external_data.add(key=key, value=where)
    node = helper.make_node("MatMul", ["x", "w"], ["out"])
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "model",
        [value("x", TensorProto.FLOAT, [None, 1])],
        [value("out", TensorProto.FLOAT, [None, 300])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

    with pytest.raises(LowlossError, match="External data path"):
        load_model(model.SerializeToString())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not an ONNX model"),
        (b"not a model", "not an ONNX model"),
        (a_model_without_metadata(), "lowloss did not write it"),
        (a_classifier().replace(b'"task"', b'"tusk"'), "another version of lowloss"),
    ],
    ids=("empty", "text", "foreign", "newer"),
)
def test_bytes_that_are_no_model_of_ours_are_refused(content: bytes, told: str) -> None:
    with pytest.raises(LowlossError, match=told):
        load_model(content)


def test_output_of_another_shape_is_a_fault_of_the_model() -> None:
    signature = load_model(a_classifier()).signature

    with pytest.raises(RuntimeError, match="not 2 numbers a row"):
        read_outputs(signature, np.zeros((3, 1)))
