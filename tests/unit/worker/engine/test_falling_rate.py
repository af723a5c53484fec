"""A learning rate that falls: when, how far, and after which epochs of a refit."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from lowloss.spec.schedules import Plateau
from tests.builders.trainings import a_plan
from worker.engine.arrays import Fold
from worker.engine.falling_rate import FallingRate
from worker.engine.plans import Epoch, Plan

ROWS = np.arange(4)
VALIDATED, ALL_ROWS = Fold(ROWS, ROWS), Fold(ROWS, np.empty(0, dtype=np.int64))


def with_plateau(plateau: Plateau, **changes: object) -> Plan:
    return a_plan(learning_rate=1.0, plateau=plateau, **changes)


def rates_of(plan: Plan, losses: list[float], fold: Fold = VALIDATED) -> list[float]:
    """The rate after each epoch."""
    falling = FallingRate.after(plan, fold, ())
    rates = []
    for number, loss in enumerate(losses, start=1):
        falling.record(Epoch(number, 1.0, loss, 1.0))
        rates.append(falling.rate)
    return rates


@pytest.mark.parametrize(
    ("plateau", "losses", "rates"),
    [
        (Plateau(0.5, 2), [3, 2, 2, 2, 2, 2], [1, 1, 1, 0.5, 0.5, 0.25]),
        (Plateau(0.5, 2), [3, 4, 2, 3, 1, 2], [1, 1, 1, 1, 1, 1]),
        (Plateau(0.5, 2, min_delta=0.5), [3, 2.8, 2.6, 2.4], [1, 1, 0.5, 0.5]),
        (Plateau(0.5, 1, cooldown=2), [1, 1, 1, 1, 1], [1, 0.5, 0.5, 0.25, 0.25]),
        (Plateau(0.5, 1, min_rate=0.4), [1, 1, 1, 1], [1, 0.5, 0.4, 0.4]),
    ],
    ids=["by patience", "not while it improves", "min_delta", "cooldown", "min_rate"],
)
def test_rate_falls_where_the_loss_does_not(
    plateau: Plateau, losses: list[float], rates: list[float]
) -> None:
    assert rates_of(with_plateau(plateau), losses) == rates


def test_least_improvement_is_in_the_units_of_the_loss() -> None:
    plan = with_plateau(Plateau(0.5, 1, min_delta=0.5))
    large = dataclasses.replace(VALIDATED, loss_unit=100.0)

    assert rates_of(plan, [3.0, 2.8]) == [1.0, 0.5]
    assert rates_of(plan, [3.0, 2.8], large) == [1.0, 1.0]


def test_rate_of_a_plan_without_a_plateau_stays() -> None:
    assert rates_of(a_plan(learning_rate=1.0), [1.0] * 50) == [1.0] * 50


def test_rate_of_a_refit_falls_after_the_epochs_of_its_plan() -> None:
    plan = with_plateau(Plateau(0.5, 2), rate_falls=(2, 4))

    assert rates_of(plan, [math.nan] * 5, ALL_ROWS) == [1.0, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("fold", [VALIDATED, ALL_ROWS])
@pytest.mark.parametrize("cooldown", [0, 3])
def test_rate_never_falls_before_the_epochs_ahead_are_over(fold: Fold, cooldown: int) -> None:
    plan = with_plateau(Plateau(0.5, 3, cooldown=cooldown), rate_falls=(2, 7, 8))
    falling, safe_until = FallingRate.after(plan, fold, ()), 0
    for number in range(1, 30):
        if number > safe_until:
            safe_until = number - 1 + falling.epochs_ahead(number - 1)
        falling.record(Epoch(number, 1.0, 1.0, 1.0))
        assert number not in falling.falls or number == safe_until
    assert falling.falls
