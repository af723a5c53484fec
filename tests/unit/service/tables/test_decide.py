"""What `auto` becomes for a job on a table."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.spec import Choice, JobSpec
from service.tables.decide import decide_pruning, decide_selection


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


def decided(columns: int, rows: int, **preprocessing: Any) -> object:
    given = {"dataset": "ds_1", "target": "y", "preprocessing": preprocessing}
    selection = decide_selection(JobSpec.model_validate(given), columns, rows)
    return selection.choices if isinstance(selection, Choice) else selection


@pytest.mark.parametrize(
    ("columns", "rows", "selection"),
    [
        (2_000, 600, (None, 25, 100)),
        (58, 231, (None, 9, 29)),
        (58, 232, None),
        (8, 31, (None, 1, 4)),
        (7, 20, None),
        (30, 20, (None, 3)),
        (30, 5, None),
        (3_000, 1_500, None),
    ],
)
def test_inputs_may_be_selected_where_columns_are_many_beside_the_rows(
    columns: int, rows: int, selection: object
) -> None:
    assert decided(columns, rows) == selection


@pytest.mark.parametrize("asked", [None, 7, {"choices": [None, 7]}])
def test_a_selection_that_is_asked_for_is_kept(asked: Any) -> None:
    expected = (None, 7) if isinstance(asked, dict) else asked

    assert decided(2_000, 600, select_features=asked) == expected
