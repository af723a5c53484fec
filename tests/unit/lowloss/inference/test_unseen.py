"""A model says which values of its categories no training row had."""

from __future__ import annotations

from lowloss.client.batches import join_predictions
from lowloss.inference.model import load_model
from lowloss.inference.rows import cells_from_rows
from lowloss.results import Predictions, TableWarning
from tests.builders.onnx_models import a_regression


def house(city: object) -> dict[str, object]:
    return {"area": 50, "is_new": True, "sold on": "1970-01-11", "city": city}


def predict(*cities: object, values: list[str] | None) -> Predictions:
    model = load_model(a_regression(known_cities=values))
    return model.predict(cells_from_rows(model.signature, [house(city) for city in cities]))


def test_values_that_no_training_row_had_are_told_with_their_rows() -> None:
    predictions = predict("Oslo", "Bergen", "Moss", "Bergen", values=["Oslo", "Moss"])

    (warning,) = predictions.warnings
    assert (warning.code, warning.column, warning.count) == ("unseen_values", "city", 2)
    assert (warning.rows, warning.example) == ((2, 4), "Bergen")
    assert "'Bergen' in column 'city', which 2 of 4 rows have" in warning.detail


def test_missing_value_that_training_never_had_is_told() -> None:
    (warning,) = predict("Oslo", None, values=["Oslo"]).warnings

    assert "no training row had a missing value" in warning.detail


def test_values_that_training_had_are_not_told() -> None:
    assert predict("Oslo", "Moss", "", values=["Oslo", "Moss", ""]).warnings == ()


def test_model_that_lists_no_values_tells_none() -> None:
    assert predict("Bergen", values=None).warnings == ()


def test_of_many_values_a_few_are_named() -> None:
    (warning,) = predict(*(f"town {n}" for n in range(12)), values=["Oslo"]).warnings

    assert "'town 4' and 7 more" in warning.detail
    assert (warning.count, warning.rows) == (12, (1, 2, 3, 4, 5))


def test_warnings_of_parts_are_one_with_the_rows_of_all() -> None:
    parts = [
        predict("Oslo", "Bergen", values=["Oslo"]),
        predict("Bergen", "Oslo", "Bergen", values=["Oslo"]),
        predict("Moss", values=["Oslo"]),
    ]

    bergen, moss = join_predictions(parts).warnings

    assert (bergen.count, bergen.rows, bergen.example) == (3, (2,), "Bergen")
    assert bergen.detail.endswith("(in 2 parts of the rows)")
    assert (moss.rows, moss.example) == ((6,), "Moss")
    assert moss.detail.startswith("in the rows from 6 on: ")


def test_warnings_of_the_reader_come_first() -> None:
    note = TableWarning(code="note", count=1, detail="a note", fix="none")

    predictions = predict("Bergen", values=["Oslo"]).with_warnings((note,))

    assert [warning.code for warning in predictions.warnings] == ["note", "unseen_values"]
