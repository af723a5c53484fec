"""Successive halving: who goes on at a rung."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowloss.spec import Budget, JobSpec, Pruning
from worker.search.pruning import Pruner, Rungs, make_pruner


def a_pruner(*, is_hyperband: bool = False, max_epochs: int = 100, **given: int) -> Pruner:
    spec = JobSpec(
        dataset="d",
        target="y",
        algorithm="hyperband" if is_hyperband else "random",
        budget=Budget(max_epochs=max_epochs),
        pruning=Pruning(**{"reduction": 3, "min_epochs": 5} | given),
    )
    return make_pruner(spec)


def test_rungs_grow_by_the_reduction_and_end_before_the_last_epoch() -> None:
    assert Rungs(3, 5, 100).epochs == (5, 15, 45)
    assert Rungs(3, 5, 45).epochs == (5, 15)
    assert Rungs(2, 8, 8).epochs == ()


def test_first_trial_always_goes_on() -> None:
    assert a_pruner().goes_on(1, 5, 123.0)


def test_nothing_is_compared_between_rungs() -> None:
    pruner = a_pruner()
    pruner.goes_on(1, 5, 1.0)

    assert pruner.goes_on(2, 4, 99.0)
    assert not pruner.goes_on(2, 5, 99.0)


def test_a_third_of_those_that_reached_a_rung_go_on() -> None:
    pruner = a_pruner()
    for number in range(1, 9):
        pruner.goes_on(number, 5, float(number))

    # Nine have come with this one, of which three go on.
    assert pruner.goes_on(9, 5, 2.5)
    # And of ten, too.
    assert not pruner.goes_on(10, 5, 2.75)


def test_equal_losses_go_on_together() -> None:
    pruner = a_pruner()

    assert all(pruner.goes_on(number, 5, 1.0) for number in range(1, 9))


def test_each_rung_compares_those_that_came_to_it() -> None:
    pruner = a_pruner()
    pruner.goes_on(1, 5, 1.0)
    pruner.goes_on(1, 15, 0.9)
    pruner.goes_on(2, 5, 0.5)

    assert pruner.goes_on(2, 15, 0.4)
    assert pruner.reached(2) == ((5, 0.5), (15, 0.4))


def test_trial_that_trains_again_counts_once() -> None:
    rungs = Rungs(3, 5, 100)
    for number in (1, 2, 3, 4, 5):
        rungs.goes_on(number, 5, 1.0)

    assert not rungs.goes_on(5, 5, 2.0)
    # Six losses would let two go on.
    assert not rungs.goes_on(5, 5, 1.5)


def test_rung_that_a_trial_comes_to_again_is_one_rung() -> None:
    # As after a pause that was taken back: the epochs before it are held against the rungs anew.
    pruner = a_pruner()
    pruner.goes_on(1, 5, 1.0)
    pruner.goes_on(1, 5, 1.0)
    pruner.goes_on(1, 15, 0.5)

    assert pruner.reached(1) == ((5, 1.0), (15, 0.5))


def test_replayed_curve_leaves_what_the_trial_left() -> None:
    lived, replayed = a_pruner(), a_pruner()
    curve = [9.0, 3.0, None, 4.0, 5.0, 1.0]
    best = math.inf
    for epoch, loss in enumerate(curve, start=1):
        best = min(best, loss if loss is not None else math.inf)
        lived.goes_on(1, epoch, best)

    replayed.replay(1, curve)

    assert replayed.reached(1) == lived.reached(1) == ((5, 3.0),)
    assert not replayed.goes_on(2, 5, 3.5)


def test_hyperband_deals_trials_out_in_its_proportions() -> None:
    # Rungs at 1, 3 and 9 of 27 epochs: brackets of 27, 12, 6 and 4 trials, as in the paper's table.
    pruner = a_pruner(is_hyperband=True, max_epochs=27, min_epochs=1)

    counts = Counter(pruner._dealt)

    assert counts == {0: 27, 1: 12, 2: 6, 3: 4}


def test_hyperband_has_a_bracket_that_prunes_nothing() -> None:
    pruner = a_pruner(is_hyperband=True, max_epochs=27, min_epochs=1)
    patient = [n + 1 for n, bracket in enumerate(pruner._dealt) if bracket == 3]

    for number in patient:
        assert all(pruner.goes_on(number, epoch, float(number)) for epoch in range(1, 28))


def test_search_that_asks_for_no_pruning_has_no_rungs() -> None:
    pruner = make_pruner(JobSpec(dataset="d", target="y", pruning=None))

    assert all(
        pruner.goes_on(number, epoch, float(number)) for number in (1, 2, 3) for epoch in range(201)
    )


@given(losses=st.lists(st.floats(0, 1e6), min_size=1, max_size=60), reduction=st.integers(2, 5))
def test_best_of_all_is_never_pruned(losses: list[float], reduction: int) -> None:
    rungs = Rungs(reduction, 3, 100)

    going_on = [rungs.goes_on(number, 3, loss) for number, loss in enumerate(losses, start=1)]

    assert going_on[losses.index(min(losses))]


@pytest.mark.parametrize("reduction", [2, 3, 4])
def test_in_random_order_about_one_in_reduction_goes_on(reduction: int) -> None:
    rungs = Rungs(reduction, 3, 100)
    order = [(n * 7919) % 1009 for n in range(1, 1009)]

    going_on = sum(rungs.goes_on(number, 3, float(loss)) for number, loss in enumerate(order))

    assert going_on / len(order) == pytest.approx(1 / reduction, rel=0.1)
