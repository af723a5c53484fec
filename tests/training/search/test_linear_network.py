"""The linear network that is trained beside the trials of a search."""

from __future__ import annotations

from typing import Any

import pytest


def test_linear_network_beside_the_trials_has_a_number_of_its_own(open_search: Any) -> None:
    search = open_search()

    plan = search.linear_plan

    assert (plan.number, plan.widths, plan.l2, plan.dropout) == (0, (), 1e-3, 0.0)
    repeats = search.repeats(0, 3)
    assert repeats[0] == plan
    assert {repeat.widths for repeat in repeats} == {()}
    assert len({repeat.seed for repeat in repeats}) == 3
    assert not search.oracle.trials


@pytest.mark.parametrize(
    "given",
    [
        {"final": {"ensemble": False}},
        {"final": {"members": 1}},
        {"search_space": {"layers": 2}},
        {"preprocessing": {"scale_features": "robust"}},
    ],
    ids=str,
)
def test_there_is_no_linear_network_where_the_job_leaves_no_choice(
    open_search: Any, given: dict[str, Any]
) -> None:
    assert open_search(**given).linear_plan is None
