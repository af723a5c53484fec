"""Rows in every way that they are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowloss.errors import RowsInvalid
from lowloss.inference.rows import Inputs, cells_from_columns, cells_from_rows, read_inputs
from lowloss.inference.signature import Signature
from tests.builders.onnx_models import an_input

HOUSES = Signature.model_validate(
    {
        "task": "regression",
        "target": "price",
        "labels": [],
        "matrix_columns": None,
        "inputs": [
            an_input("area"),
            an_input("is_new", "boolean"),
            an_input("column_2", "categorical", column="city name"),
        ],
    }
)
MATRIX = Signature.model_validate(
    {
        "task": "regression",
        "target": "y",
        "labels": [],
        "matrix_columns": 3,
        "inputs": [an_input(f"X[{i}]", input="X", position=i) for i in (0, 2)],
    }
)
HOUSE: dict[str, Any] = {"area": 84.5, "is_new": True, "city name": "Oslo"}


def inputs_of_rows(rows: list[Any], signature: Signature = HOUSES) -> dict[str, list[Any]]:
    found = read_inputs(signature, cells_from_rows(signature, rows))
    return {name: array.tolist() for name, array in found.items()}


def problem_of_rows(rows: list[Any], signature: Signature = HOUSES) -> RowsInvalid:
    with pytest.raises(RowsInvalid) as refused:
        inputs_of_rows(rows, signature)
    return refused.value


def test_rows_are_read_in_any_order_of_their_columns() -> None:
    other = {"city name": None, "is_new": 0, "area": "51"}

    found = inputs_of_rows([HOUSE, other])

    assert found == {
        "area": [[84.5], [51.0]],
        "is_new": [[1.0], [0.0]],
        "column_2": [["Oslo"], [""]],
    }


def test_columns_are_read_as_rows_are() -> None:
    columns = {name: [value, value] for name, value in HOUSE.items()}

    found = read_inputs(HOUSES, cells_from_columns(HOUSES, columns))

    by_rows = inputs_of_rows([HOUSE, HOUSE])
    assert {name: array.tolist() for name, array in found.items()} == by_rows


def test_matrix_is_read_from_lists_and_from_names() -> None:
    by_lists = inputs_of_rows([[1, "unused", 2], [3, None, "4"]], MATRIX)
    by_names = inputs_of_rows([{"X[0]": 1, "X[2]": 2}, {"X[0]": 3, "X[2]": 4}], MATRIX)

    assert by_lists == by_names == {"X": [[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]]}


def test_columns_that_the_model_does_not_take_are_named_but_for_its_target() -> None:
    rows = [HOUSE | {"price": 1, "id": 7}, HOUSE | {"note": "x"}]

    assert cells_from_rows(HOUSES, rows).ignored == ("id", "note")


def test_all_missing_columns_are_named_with_what_was_meant() -> None:
    problem = problem_of_rows([{"Area": 1, "is new": True, "zip": 3}])

    assert problem.field == "rows"
    assert problem.detail == "the model needs columns 'area', 'is_new', 'city name'"
    assert problem.fix == "did you mean 'area' instead of 'Area', 'is_new' instead of 'is new'?"


def test_row_that_lacks_a_column_is_named() -> None:
    problem = problem_of_rows([HOUSE, {"area": 1, "is_new": True}])

    assert (problem.field, problem.detail) == ("rows[1]", "this row has no 'city name'")


def test_first_wrong_value_of_each_column_is_told_first_row_first() -> None:
    rows = [HOUSE, HOUSE | {"is_new": "maybe"}, HOUSE | {"area": "many", "is_new": "?"}]

    problem = problem_of_rows(rows)

    assert problem.field == "rows[1].is_new"
    assert [each["field"] for each in problem.errors] == ["rows[1].is_new", "rows[2].area"]


def test_wrong_value_of_a_column_or_a_matrix_has_its_place() -> None:
    columns = {name: [value, value] for name, value in HOUSE.items()} | {"area": [1, "x"]}

    with pytest.raises(RowsInvalid) as refused:
        read_inputs(HOUSES, cells_from_columns(HOUSES, columns))

    assert refused.value.field == "columns.area[1]"
    assert problem_of_rows([[1, 2, 3], [1, 2, "x"]], MATRIX).field == "rows[1][2]"


@pytest.mark.parametrize(
    ("signature", "rows", "field", "told"),
    [
        (HOUSES, [], "rows", "there are no rows"),
        (MATRIX, [], "rows", "there are no rows"),
        (HOUSES, [[1, 2, 3]], "rows[0]", "row [1, 2, 3] has no named values"),
        (HOUSES, [HOUSE, None], "rows[1]", "row null has no named values"),
        (MATRIX, [[1, 2]], "rows[0]", "row [1, 2] has 2 values; the model takes 3"),
        (MATRIX, [[1, 2, 3], {"X[0]": 1}], "rows[1]", 'row {"X[0]": 1} is not a list'),
        (MATRIX, ["abc"], "rows[0]", 'row "abc" has no named values'),
    ],
)
def test_what_is_no_row_is_refused(
    signature: Signature, rows: list[Any], field: str, told: str
) -> None:
    problem = problem_of_rows(rows, signature)

    assert problem.field == field
    assert told in problem.detail
    assert problem.fix


@pytest.mark.parametrize(
    ("columns", "field", "told"),
    [
        ({}, "columns", "the model needs columns 'area', 'is_new', 'city name'"),
        ({name: [] for name in HOUSE}, "columns", "there are no rows"),
        (
            {"area": [1, 2], "is_new": [True], "city name": ["Oslo"]},
            "columns.is_new",
            "'is_new' has 1 values, and 'area' has 2",
        ),
    ],
)
def test_what_are_no_columns_is_refused(columns: Any, field: str, told: str) -> None:
    with pytest.raises(RowsInvalid) as refused:
        cells_from_columns(HOUSES, columns)

    assert (refused.value.field, refused.value.detail) == (field, told)


ANY_VALUE = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
ANY_ROW = st.one_of(
    st.fixed_dictionaries(dict.fromkeys(HOUSE, ANY_VALUE), optional={"price": ANY_VALUE}),
    st.dictionaries(st.sampled_from(["area", "Area", "is_new", "city name"]), ANY_VALUE),
    st.lists(ANY_VALUE, min_size=2, max_size=3),
    ANY_VALUE,
)


def inputs_or_problem(signature: Signature, rows: list[Any]) -> Inputs | RowsInvalid:
    try:
        return read_inputs(signature, cells_from_rows(signature, rows))
    except RowsInvalid as problem:
        return problem


@given(signature=st.sampled_from([HOUSES, MATRIX]), rows=st.lists(ANY_ROW, max_size=4))
def test_any_rows_are_read_or_refused(signature: Signature, rows: list[Any]) -> None:
    found = inputs_or_problem(signature, rows)

    if isinstance(found, RowsInvalid):
        assert found.field
        assert found.fix
        return
    width = signature.matrix_columns or 1
    assert {array.shape for array in found.values()} == {(len(rows), width)}
    for array in found.values():
        if array.dtype == object:
            assert all(isinstance(value, str) for value in array[:, 0])
        else:
            assert array.dtype == np.float32
            assert not np.isinf(array).any()
