"""When a search ends before its last trial."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.results import TrialState
from tests.training.search.test_oracles import GRID
from tests.training.search.test_tuner import ALGORITHMS, SMALL, as_trial, loss


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_search_in_which_nearly_all_fails_is_given_up(open_search: Any, algorithm: str) -> None:
    search = open_search(algorithm=algorithm, budget={"max_trials": 100})
    ended = 0

    while plans := search.ask(1):
        ended += 1
        search.tell(plans[0].number, 1.0 if ended in {3, 6} else None)

    assert (ended, search.end_reason) == (22, "too_many_failures")


def test_search_ends_once_little_is_to_be_expected_of_another_trial(open_search: Any) -> None:
    search = open_search(
        algorithm="bayesian",
        search_space=SMALL | {"learning_rate": {"min": 1e-4, "max": 1e-1, "scale": "log"}},
        budget={"max_trials": 100, "min_expected_improvement": 0.01},
    )

    while plans := search.ask(1):
        search.tell(plans[0].number, 1.0 + loss(plans[0]))

    assert search.end_reason == "min_expected_improvement"
    assert 10 <= len(search.oracle.trials) < 60
    assert search.best()[1] < 1.1


def test_search_ends_by_default_once_the_best_scores_error_hides_what_is_to_be_expected(
    open_search: Any,
) -> None:
    budget = {"max_trials": 100}
    ended: list[int] = []
    for error in (None, 1e-9, 0.5):
        search = open_search(algorithm="bayesian", budget=budget)
        while plans := search.ask(1):
            search.tell(plans[0].number, 1.0 + loss(plans[0]), score_error=error)
        ended.append(len(search.oracle.trials))

    assert search.end_reason == "min_expected_improvement"
    assert ended[0] == 100
    assert 30 <= ended[2] < 60 < ended[1] <= 100


@pytest.mark.parametrize(("objective", "sign"), [("val_loss", -1), ("val_r2", 1)])
def test_search_ends_by_default_once_its_last_trials_have_gained_nothing(
    open_search: Any, monkeypatch: pytest.MonkeyPatch, objective: str, sign: int
) -> None:
    search = open_search(algorithm="bayesian", objective=objective, budget={"max_trials": 200})
    monkeypatch.setattr(search.oracle, "expected_improvement", lambda: 1.0)
    while plans := search.ask(4):
        # Those asked for at once end in the other order.
        for plan in reversed(plans):
            # The first 40 gain more than the error of the best, and nothing else ever does.
            score = 2.0 + sign * 0.01 * min(plan.number, 40)
            # What diverged says nothing, and what was pruned is none of the best.
            failed, is_pruned = plan.number in range(41, 51), plan.number == 55
            better = 99.0 * sign if is_pruned else score
            search.tell(
                plan.number, None if failed else better, score_error=0.001, is_pruned=is_pruned
            )

    assert search.end_reason == "min_expected_improvement"
    assert 40 + 10 + 60 <= len(search.oracle.trials) <= 40 + 10 + 60 + 3


def test_early_end_is_the_same_after_a_restart(open_search: Any) -> None:
    search = open_search(algorithm="bayesian", budget={"max_trials": 100})
    trials = []
    while plans := search.ask(1):
        score = 1.0 + loss(plans[0])
        search.tell(plans[0].number, score, score_error=0.5)
        trials.append(as_trial(plans[0], TrialState.completed, score, score_error=0.5))

    again = open_search(algorithm="bayesian", budget={"max_trials": 100})
    again.replay(trials[:-1])

    assert again.end_reason is None
    assert len(again.ask(5)) >= 1
    whole = open_search(algorithm="bayesian", budget={"max_trials": 100})
    whole.replay(trials)
    assert whole.end_reason == "min_expected_improvement"


def test_grid_is_walked_to_its_end_whatever_the_error(open_search: Any) -> None:
    search = open_search(algorithm="grid", search_space=GRID, budget={"max_trials": 500})
    while plans := search.ask(1):
        search.tell(plans[0].number, 1.0 + loss(plans[0]), score_error=100.0)

    assert search.end_reason == "search_space_exhausted"
