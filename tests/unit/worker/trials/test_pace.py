"""How long trainings will take, by those that have ended."""

from __future__ import annotations

import dataclasses
import math
from typing import cast

import pytest

from tests.builders.finals import a_prepared, trained
from tests.builders.trainings import a_checkpoint, a_plan
from worker.data.prepare import Prepared
from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import COMPILE_SECONDS, plan_seconds
from worker.engine.results import TrainedPlan, TrainingOutcome
from worker.execution.executor import JobEngine
from worker.trials.pace import PRIOR_SECONDS, Pace


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return a_prepared()[0]


def a_training(prepared: Prepared, epochs: int, epochs_before: int = 0) -> TrainedPlan:
    plan = a_plan(widths=(4,))
    if epochs_before:
        plan = dataclasses.replace(plan, checkpoint=a_checkpoint(epochs_before))
    return trained(prepared.arrays, plan, epochs, TrainingOutcome.completed)


class Machine:
    """Trains on some threads, for so many seconds each time, some of which compiles take."""

    max_open = 1

    def __init__(self, threads: int = 1, seconds: float = 1000.0, compiling: float = 0.0) -> None:
        self.threads = threads
        self._seconds, self._compiling = seconds, compiling
        self._now = self._compiled = 0.0

    def train(
        self, pace: Pace, *trained: TrainedPlan, arrays: Arrays, plans: float = math.inf
    ) -> None:
        with pace.measure(cast("JobEngine", self), plans=plans):
            pace.count(trained, arrays)
            self._now += self._seconds
            self._compiled += self._compiling

    def new_pace(self) -> Pace:
        return Pace(lambda: self._compiled, clock=lambda: self._now)


def test_without_a_training_an_estimate_is_the_best_guess() -> None:
    assert Pace().expect([3.0, 2.0]) == 5.0


def test_trainings_take_as_long_for_each_estimated_second_as_those_before(
    prepared: Prepared,
) -> None:
    machine, plan = Machine(), a_plan(widths=(4,))
    pace = machine.new_pace()

    machine.train(pace, a_training(prepared, 4), a_training(prepared, 2), arrays=prepared.arrays)

    estimated = plan_seconds(plan, prepared.arrays, 6)
    rate = (1000 + PRIOR_SECONDS) / (estimated + PRIOR_SECONDS)
    assert pace.expect([6.0]) == pytest.approx(6 * rate)
    assert pace.expect([6.0, 6.0]) == pytest.approx(12 * rate)


def test_epochs_of_an_earlier_attempt_do_not_count(prepared: Prepared) -> None:
    later, whole = (Machine().new_pace() for _ in range(2))

    later.count([a_training(prepared, 9_000, epochs_before=6_000)], prepared.arrays)
    whole.count([a_training(prepared, 3_000)], prepared.arrays)

    assert later.expect([1.0]) == whole.expect([1.0]) < 1.0


def test_compiles_and_a_moment_of_training_do_not_say_that_a_machine_is_slow(
    prepared: Prepared,
) -> None:
    machine = Machine(threads=2, seconds=6.0, compiling=6.0)
    pace = machine.new_pace()

    machine.train(pace, a_training(prepared, 3), arrays=prepared.arrays)

    # Beside the compiles one thread was idle for 6 s.
    assert pace.expect([0.1] * 8) == pytest.approx(0.4 * (6 + PRIOR_SECONDS) / PRIOR_SECONDS, 0.01)


def test_programs_are_expected_to_compile_as_long_as_those_that_trained(
    prepared: Prepared,
) -> None:
    machine = Machine(threads=2, seconds=8.0, compiling=8.0)
    pace = machine.new_pace()
    assert pace.expect([], programs=2) == 2 * COMPILE_SECONDS

    machine.train(pace, a_training(prepared, 3), a_training(prepared, 3), arrays=prepared.arrays)

    # Both trained in one program.
    assert pace.expect([], programs=3) == 3 * (COMPILE_SECONDS + 8.0) / 2


def test_threads_without_a_plan_do_not_make_a_machine_slow(prepared: Prepared) -> None:
    one, many = Machine(threads=1), Machine(threads=16)
    paces = one.new_pace(), many.new_pace()

    one.train(paces[0], a_training(prepared, 3), arrays=prepared.arrays)
    many.train(paces[1], a_training(prepared, 3), arrays=prepared.arrays, plans=1)

    assert paces[0].expect([16.0]) == paces[1].expect([16.0])


def test_compiles_before_a_job_are_not_its_own(prepared: Prepared) -> None:
    pace = Pace(lambda: 100.0)
    pace.count([a_training(prepared, 3)], prepared.arrays)

    assert pace.expect([], programs=1) == COMPILE_SECONDS / 2


def test_one_network_takes_as_long_on_many_threads(prepared: Prepared) -> None:
    machine = Machine(threads=16)
    pace = machine.new_pace()
    machine.train(pace, arrays=prepared.arrays)
    rate = pace.expect([16.0] * 16) / 16.0

    assert pace.expect([16.0]) == 16.0 * rate
    assert pace.expect([16.0] * 8) == 16.0 * rate
    assert pace.expect([16.0] * 32) == 32.0 * rate
    assert pace.expect([16.0] * 8, together=3) == 48.0 * rate


def test_estimate_grows_with_epochs_width_and_rows(prepared: Prepared) -> None:
    plan, arrays = a_plan(widths=(4,)), prepared.arrays
    one = plan_seconds(plan, arrays, 1)

    assert plan_seconds(plan, arrays, 3) == pytest.approx(3 * one)
    assert plan_seconds(a_plan(widths=(400,)), arrays, 1) > one
    assert plan_seconds(dataclasses.replace(plan, fold=2), arrays, 1) > one
