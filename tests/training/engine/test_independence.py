"""A trial is bit-equal whatever its neighbours hold, and whatever its slot held before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.spec.schedules import Plateau
from tests.builders.engines import a_cohort, train_epoch
from tests.builders.trainings import a_plan, some_arrays
from worker.engine.cohort.cohort import Cohort
from worker.engine.cohort.feed import Feed
from worker.engine.cohort.program import Program
from worker.engine.plans import Plan
from worker.engine.results import TrainedPlan, TrainingOutcome

ARRAYS = some_arrays()


@pytest.fixture(scope="module")
def program() -> Program:
    """Compiled once: every example trains in it."""
    return a_cohort(ARRAYS, slots=3, widths=(32, 32)).program


# Rates of 1e30 diverge: their slots hold NaN.
plans = st.builds(
    a_plan,
    number=st.integers(2, 99),
    seed=st.integers(0, 2**31 - 1),
    widths=st.one_of(st.tuples(st.integers(1, 32)), st.tuples(*[st.integers(1, 32)] * 2)),
    learning_rate=st.sampled_from([1e-4, 1e-2, 1.0, 1e30]),
    schedule=st.sampled_from(["constant", "cosine"]),
    plateau=st.sampled_from([None, Plateau(0.1, 1)]),
    weight_decay=st.sampled_from([0.0, 0.1]),
    clip_norm=st.sampled_from([None, 0.5]),
    l1=st.sampled_from([0.0, 1e-2]),
    l2=st.sampled_from([0.0, 1e-2]),
    dropout=st.floats(0, 0.875, width=32),
    patience=st.integers(1, 4),
    max_epochs=st.integers(1, 6),
)


def train(program: Program, before: list[Plan], plan: Plan, others: list[Plan]) -> TrainedPlan:
    """Train a plan in slot 0, after what was there before, while others come and go beside it."""
    cohort = Cohort(program, ARRAYS, Feed(ARRAYS, is_resident=True))
    for earlier in before:
        cohort.start(earlier)
        while cohort.plans:
            train_epoch(cohort)
    cohort.start(plan)
    waiting = list(others)
    while True:
        while waiting and cohort.free_slots:
            cohort.start(waiting.pop())
        for ended in train_epoch(cohort):
            assert isinstance(ended, TrainedPlan)
            if ended.plan == plan:
                return ended


@settings(max_examples=25, deadline=None)
@given(plan=plans, before=st.lists(plans, max_size=2), others=st.lists(plans, max_size=6))
def test_trial_is_bit_equal_whatever_trains_beside_or_before_it(
    program: Program, plan: Plan, before: list[Plan], others: list[Plan]
) -> None:
    alone = train(program, [], plan, [])

    among = train(program, before, plan, [other for other in others if other != plan])

    assert bits(among) == bits(alone)


def bits(trained: TrainedPlan) -> tuple[Any, ...]:
    losses = np.array([(e.loss, e.val_loss, e.penalised_loss) for e in trained.epochs])
    weights = tuple(weight.tobytes() for weight in trained.weights)
    return trained.outcome, trained.reason, losses.tobytes(), weights


def test_neighbour_that_diverges_is_really_there(program: Program) -> None:
    wild = a_plan(number=2, learning_rate=1e30, optimizer="adam", max_epochs=3)

    assert train(program, [], wild, []).outcome is TrainingOutcome.diverged
