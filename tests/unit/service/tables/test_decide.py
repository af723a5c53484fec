"""What `auto` becomes for a job on a table."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.spec import JobSpec
from service.tables.decide import decide_pruning


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
