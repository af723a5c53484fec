"""Which trials train beside which: open trials, memory, and epochs of unequal length."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.builders.engines import a_cohort, a_cohort_engine
from tests.builders.trainings import a_plan, run, some_arrays, some_plans
from worker.engine.cohort import cohort_engine as cohort
from worker.engine.cohort.buckets import Reach, slot_bytes
from worker.engine.cohort.cohort import Cohort
from worker.engine.cohort.shape import OPTIONS, Shape
from worker.engine.plans import Plan


def test_open_trials_follow_from_trials_cores_and_memory() -> None:
    arrays = some_arrays()

    def max_open(**given: Any) -> int:
        return a_cohort_engine(arrays, **given).max_open

    assert max_open(trials=20) == 5
    assert max_open(trials=1000) == 8
    assert max_open(trials=1) == 2
    assert max_open(trials=1, cores=6) == 6


def test_cohorts_wait_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    plans, arrays = some_plans(8), some_arrays()
    most: list[int] = []
    train = Cohort.train

    def counted(state: Cohort, epochs: int) -> Any:
        most.append(sum(1 for other in live if other.plans))
        return train(state, epochs)

    live: list[Cohort] = []

    def new_cohort(*given: Any) -> Cohort:
        live.append(Cohort(*given))
        return live[-1]

    monkeypatch.setattr(cohort, "Cohort", new_cohort)
    monkeypatch.setattr(Cohort, "train", counted)
    memory = int(4 * slot_bytes(Shape(4, (32, 32, 32), 16, "relu", "adam"), arrays))

    ended = run(a_cohort_engine(arrays, memory_bytes=memory, reach=Reach(3, 32, OPTIONS)), plans)

    assert len(ended) == 8
    assert max(most) == 1


def test_nobody_waits_for_what_others_compile() -> None:
    engine = a_cohort_engine(some_arrays())
    run(engine, [a_plan(widths=(8,))])
    # Of the wide ones, each fills a cohort of the same program.
    wide = [a_plan(number=number, widths=(300,), max_epochs=1) for number in (1, 2)]
    plans = [*wide, a_plan(number=3, widths=(8,), max_epochs=9)]

    def order_of_epochs() -> list[int]:
        numbers: list[int] = []

        def look(plan: Plan, *_: Any) -> bool:
            numbers.append(plan.number)
            return True

        run(engine, plans, on_epoch=look)
        return numbers

    compiling, compiled = order_of_epochs(), order_of_epochs()

    assert compiling == [3] * 9 + [1, 2]
    assert compiled.index(1) < 9


def test_slots_whose_epochs_differ_much_in_length_do_not_wait_for_each_other() -> None:
    arrays = some_arrays()
    (whole,) = arrays.folds
    short = dataclasses.replace(whole, train_N=whole.train_N[:30])
    state = a_cohort(dataclasses.replace(arrays, folds=(whole, short)))

    state.start(a_plan(widths=(8,)))

    assert state.has_room([a_plan(widths=(8,))])
    assert not state.has_room([a_plan(widths=(8,), fold=1)])
