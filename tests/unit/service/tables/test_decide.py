"""What `auto` becomes for a job on a table."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.spec import Choice, JobSpec
from service.tables.decide import (
    EMBEDDED_LEVELS,
    count_selectable,
    decide_pruning,
    decide_selection,
)
from tests.builders.tables import checked_frame
from worker.data.fit import ONE_HOT_LEVELS


def is_pruned(**given: Any) -> bool:
    spec = JobSpec.model_validate({"dataset": "ds_1", "target": "y"} | given)
    return decide_pruning(spec) is not None


@pytest.mark.parametrize(
    ("given", "pruned"),
    [
        ({}, True),
        ({"budget": {"max_trials": 60}}, True),
        ({"budget": {"max_trials": 59}}, False),
        ({"budget": {"max_epochs": 15}}, True),
        ({"budget": {"max_epochs": 14}}, False),
        ({"algorithm": "tpe"}, False),
        ({"algorithm": "random"}, True),
        ({"algorithm": "hyperband", "budget": {"max_trials": 5, "max_epochs": 5}}, True),
        ({"budget": {"max_trials": 5}, "pruning": {"reduction": 3}}, True),
        ({"pruning": None}, False),
    ],
    ids=str,
)
def test_trials_are_pruned_where_that_pays_or_is_asked_for(
    given: dict[str, Any], pruned: bool
) -> None:
    assert is_pruned(**given) is pruned


def decided(inputs: int, rows: int, algorithm: str = "bayesian", **preprocessing: Any) -> object:
    given = {"dataset": "ds_1", "target": "y", "preprocessing": preprocessing}
    spec = JobSpec.model_validate(given | {"algorithm": algorithm})
    selection = decide_selection(spec, inputs, rows)
    return selection.choices if isinstance(selection, Choice) else selection


@pytest.mark.parametrize(
    ("inputs", "rows", "selection"),
    [
        (2_000, 600, (None, 25, 100)),
        (58, 231, (None, 9, 29)),
        (58, 232, None),
        (8, 31, (None, 1, 4)),
        (7, 20, None),
        (30, 20, (None, 3)),
        (30, 5, None),
        (1_500, 1_500, None),
    ],
)
def test_inputs_may_be_selected_where_they_are_many_beside_the_rows(
    inputs: int, rows: int, selection: object
) -> None:
    assert decided(inputs, rows) == selection


@pytest.mark.parametrize("selection", [None, 7, {"choices": [None, 7]}])
def test_a_selection_of_the_request_is_kept(selection: Any) -> None:
    expected = (None, 7) if isinstance(selection, dict) else selection

    assert decided(2_000, 600, select_features=selection) == expected


def test_a_grid_has_no_selection_that_nobody_named() -> None:
    assert decided(100, 100, "grid") is None
    assert decided(100, 100) is not None


def test_inputs_are_numbers_with_their_gaps_and_levels_that_are_not_embedded() -> None:
    rows = range(200)
    columns = {
        "number": [float(row * row % 97) for row in rows],
        "gaps": [None if row % 5 == 0 else float(row * row % 89) for row in rows],
        "five": [f"five {row % 5}" for row in rows],
        "many": [f"many {row % (EMBEDDED_LEVELS + 1)}" for row in rows],
        "y": [float(row) for row in rows],
    }

    _, check = checked_frame(columns, "y")

    assert [column.name for column in check.features] == ["number", "gaps", "five", "many"]
    assert count_selectable(check.features) == 1 + 2 + 5
    assert EMBEDDED_LEVELS == ONE_HOT_LEVELS
