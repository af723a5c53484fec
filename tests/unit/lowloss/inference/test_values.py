"""Values of a column as a model takes them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lowloss.inference.signature import Input
from lowloss.inference.values import UnreadableValue, read_column

KINDS = ("numeric", "integer_category", "boolean", "date", "categorical")


def column(kind: str) -> Input:
    dtype = "string" if kind == "categorical" else "float32"
    return Input.model_validate({"input": "a", "column": "a", "dtype": dtype, "kind": kind})


def read(kind: str, *values: object) -> list[Any]:
    found: list[Any] = read_column(values, column(kind))[:, 0].tolist()
    return [None if isinstance(each, float) and math.isnan(each) else each for each in found]


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("numeric", 3, 3.0),
        ("numeric", -0.5, -0.5),
        ("numeric", " 1e3 ", 1000.0),
        ("numeric", "+.5", 0.5),
        ("integer_category", "7", 7.0),
        ("boolean", True, 1.0),
        ("boolean", "FALSE", 0.0),
        ("boolean", 1.0, 1.0),
        ("boolean", "0", 0.0),
        ("date", "1970-01-02", 1.0),
        ("date", "1970-01-02T12:00", 1.5),
        ("date", "1970-01-01 06:00:00Z", 0.25),
        ("date", "1970-01-02T00:00:00+06:00", 0.75),
        ("date", "1969-12-31", -1.0),
        ("date", 20_000.5, 20_000.5),
        ("categorical", " Oslo ", "Oslo"),
        ("categorical", 3.0, "3"),
        ("categorical", 2.5, "2.5"),
        ("categorical", True, "true"),
        ("categorical", "?", "?"),
    ],
)
def test_value_is_read(kind: str, value: object, found: object) -> None:
    assert read(kind, value) == [found]
    assert read(kind, None, value) == ["" if kind == "categorical" else None, found]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, "", "NA", " n/a ", "null", math.nan, math.inf, "NaN"])
def test_value_is_missing(kind: str, value: object) -> None:
    assert read(kind, value) == ["" if kind == "categorical" else None]


@pytest.mark.parametrize("kind", ["numeric", "boolean", "date"])
@pytest.mark.parametrize("value", ["-", "n.a.", "#DIV/0!", "unknown", "1.#IND", "?"])
def test_marks_that_are_missing_in_a_table_are_missing_here(kind: str, value: str) -> None:
    assert read(kind, value) == [None]
    assert read("categorical", value) == [value]


@pytest.mark.parametrize("value", [1_672_531_200_000, 1_672_531_200.0, -3e6])
def test_number_that_is_beyond_every_day_is_no_date(value: float) -> None:
    with pytest.raises(UnreadableValue, match="is not a date") as refused:
        read("date", 19_724, value)

    assert refused.value.row == 1
    assert "ISO 8601" in refused.value.fix


def test_a_date_in_an_order_that_training_did_not_have_is_refused() -> None:
    dates = Input.model_validate(
        {
            "input": "a",
            "column": "a",
            "dtype": "float32",
            "kind": "date",
            "reading": {"kind": "date", "order": "ymd"},
        }
    )

    assert read_column(["17 Apr 2024", "2024-04-17"], dates)[:, 0].tolist() == [19830.0, 19830.0]
    with pytest.raises(UnreadableValue) as refused:
        read_column(["2024-04-17", "04/05/2024", "06/05/2024"], dates)

    assert refused.value.row == 1


@pytest.mark.parametrize("value", ["?", "-", ".", 1e39, 10**400, "1e400", -(10**400), "inf"])
def test_number_that_float32_cannot_hold_is_missing(value: object) -> None:
    assert read("numeric", value) == [None]


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("numeric", "many", '"many" is not a number'),
        ("numeric", "1,5", '"1,5" is not a number'),
        ("numeric", "1_000", '"1_000" is not a number'),
        ("numeric", "\u0661", "is not a number"),
        ("numeric", True, "true is not a number"),
        ("numeric", [1], "[1] is not a number"),
        ("boolean", 2, "2 is not a boolean"),
        ("boolean", "yes", '"yes" is not a boolean'),
        ("boolean", "maybe", '"maybe" is not a boolean'),
        ("date", "23.11.2026", '"23.11.2026" is not a date'),
        ("date", "18262", '"18262" is not a date'),
        ("date", False, "false is not a date"),
        ("categorical", {"a": 1}, '{"a": 1} is not a category'),
        ("categorical", "\ud800", "is not text that UTF-8 can hold"),
        ("numeric", "x" * 100, f'"{"x" * 59}… is not a number'),
    ],
)
def test_value_of_another_kind_is_refused_with_its_row(kind: str, value: object, told: str) -> None:
    with pytest.raises(UnreadableValue) as refused:
        read(kind, None, None, value)

    assert refused.value.row == 2
    assert told in refused.value.detail
    assert refused.value.fix


def test_numbers_are_those_that_training_saw() -> None:
    """Both round to float32 once, from float64."""
    values = [0.1, 16_777_217, 1 / 3, 1e-45]

    found = read_column(values, column("numeric"))

    assert found.dtype == np.float32
    assert found[:, 0].tolist() == np.array(values).astype(np.float32).tolist()


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["NA", "1.5", "true", "2026-11-23", "0001-01-01T00:00+14:00", "9999-12-31"]),
    st.lists(st.integers(), max_size=2),
)


def column_or_refusal(kind: str, values: list[object]) -> NDArray[Any] | UnreadableValue:
    try:
        return read_column(values, column(kind))
    except UnreadableValue as refused:
        return refused


@given(kind=st.sampled_from(KINDS), values=st.lists(ANYTHING, max_size=5))
def test_any_values_are_read_or_refused(kind: str, values: list[object]) -> None:
    found = column_or_refusal(kind, values)

    if isinstance(found, UnreadableValue):
        assert 0 <= found.row < len(values)
        return
    assert found.shape == (len(values), 1)
    if kind == "categorical":
        assert all(isinstance(value, str) for value in found[:, 0])
    else:
        assert found.dtype == np.float32
        assert not np.isinf(found).any()
