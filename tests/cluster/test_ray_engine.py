"""An engine whose cohorts are in actors: the same numbers, whatever is lost meanwhile."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.builders.engines import a_cohort_engine
from tests.builders.processes import wait_for
from tests.builders.trainings import a_plan, run, some_arrays, some_plans
from tests.cluster.processes import list_actors
from worker.engine.arrays import Arrays, Loss
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.shape import OPTIONS
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.protocol import TakeCheckpoint, next_plans_from
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.execution.executor import NoActorsError

OWN_PROGRAMS = Reach(1, 1, OPTIONS)
"""Every plan's program is its own, whoever trains what before it."""
LONG = 400
"""Epochs that take seconds, in parts of one."""


def a_ray_engine(executor: Any, arrays: Arrays, *, trials: int = 16, folds: int = 1) -> Any:
    return executor.build_engine(
        arrays, OWN_PROGRAMS, trials=trials, plans_together=folds, slots=folds
    )


def assert_same(one: TrainedPlan, other: TrainedPlan) -> None:
    assert one.epochs == other.epochs
    assert (one.outcome, one.best_epoch) == (other.outcome, other.best_epoch)
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.val_output_MC, other.val_output_MC)


@pytest.mark.parametrize(
    "loss",
    [
        Loss.mse,
        pytest.param(Loss.binary, marks=pytest.mark.slow),
        pytest.param(Loss.multiclass, marks=pytest.mark.slow),
    ],
)
def test_actors_train_plans_to_the_same_bits(executor: Any, loss: Loss) -> None:
    arrays, plans = some_arrays(loss), some_plans(8)

    here = run(a_cohort_engine(arrays, cores=1), plans)
    before = executor.remote_cpu_seconds
    there = run(a_ray_engine(executor, arrays), plans)

    assert executor.remote_cpu_seconds > before
    assert there.keys() == here.keys()
    for number, training in here.items():
        assert_same(there[number], training)
    assert executor.count_nodes() == 2


def test_every_epoch_is_reported_once_and_in_order(executor: Any) -> None:
    seen = defaultdict(list)

    def on_epoch(plan: Plan, epoch: Epoch, _: TakeCheckpoint) -> bool:
        seen[plan.number].append(epoch)
        return True

    ended = run(
        a_ray_engine(executor, some_arrays()),
        some_plans(6),
        on_epoch=on_epoch,
        epochs_ahead=lambda _: 3,
    )

    assert {number: tuple(epochs) for number, epochs in seen.items()} == {
        number: training.epochs for number, training in ended.items()
    }


def test_training_ends_where_its_epoch_is_not_to_go_on(executor: Any) -> None:
    ended = run(
        a_ray_engine(executor, some_arrays()),
        [a_plan(number=number, seed=number, max_epochs=9) for number in (1, 2, 3)],
        on_epoch=lambda plan, epoch, _: epoch.epoch < 2 * plan.number,
    )

    assert {number: len(training.epochs) for number, training in ended.items()} == {
        1: 2,
        2: 4,
        3: 6,
    }
    assert {training.outcome for training in ended.values()} == {TrainingOutcome.stopped}


def test_run_that_is_left_ends_every_training_with_what_it_goes_on_from(executor: Any) -> None:
    arrays, plans = some_arrays(), [a_plan(number=n, seed=n, max_epochs=LONG) for n in (1, 2, 3, 4)]
    whole = run(a_cohort_engine(arrays, cores=1), plans)
    epochs = 0

    def on_epoch(*_: object) -> bool:
        nonlocal epochs
        epochs += 1
        return True

    left = run(
        a_ray_engine(executor, arrays), plans, on_epoch=on_epoch, on_wait=lambda: epochs < 20
    )
    again = [dataclasses.replace(p, checkpoint=left[p.number].checkpoint) for p in plans]
    ended = run(a_ray_engine(executor, arrays), again)

    assert {training.outcome for training in left.values()} == {TrainingOutcome.stopped}
    assert all(len(training.epochs) < LONG for training in left.values())
    for number, training in whole.items():
        assert_same(ended[number], training)


class Observer:
    """Looks at every epoch, keeps each plan's epochs, and copies some checkpoints."""

    def __init__(self, then: Callable[[Observer], None]) -> None:
        self.epochs: defaultdict[int, list[Epoch]] = defaultdict(list)
        self.checkpoints: dict[int, Checkpoint] = {}
        self._then = then

    def on_epoch(self, plan: Plan, epoch: Epoch, take: TakeCheckpoint) -> bool:
        self.epochs[plan.number].append(epoch)
        if take is not None and epoch.epoch % 10 == 0:
            self.checkpoints[plan.number] = take()
        self._then(self)
        return True

    @property
    def count(self) -> int:
        return sum(map(len, self.epochs.values()))


@pytest.mark.parametrize("at", [pytest.param(3, marks=pytest.mark.slow), 120])
def test_plans_of_an_actor_that_is_killed_train_elsewhere_to_the_same_bits(
    executor: Any, at: int
) -> None:
    arrays, plans = some_arrays(), [a_plan(number=n, seed=n, max_epochs=60) for n in (1, 2, 3, 4)]
    whole = run(a_cohort_engine(arrays, cores=1), plans)
    killed: list[Any] = []

    def kill_one(observer: Observer) -> None:
        if observer.count >= at and not killed:
            killed.append(list_actors()[0])
            killed[0].kill()

    observer = Observer(kill_one)

    ended = run(a_ray_engine(executor, arrays), plans, on_epoch=observer.on_epoch)

    assert killed
    for number, training in whole.items():
        assert_same(ended[number], training)
        assert tuple(observer.epochs[number]) == training.epochs


@pytest.mark.slow
def test_plans_of_a_node_that_is_lost_train_on_those_that_are_there(
    cluster: Any, executor: Any
) -> None:
    arrays, plans = some_arrays(), [a_plan(number=n, seed=n, max_epochs=80) for n in range(1, 7)]
    whole = run(a_cohort_engine(arrays, cores=1), plans)
    lost: list[Any] = []

    def lose_node(observer: Observer) -> None:
        if observer.count >= 100 and not lost:
            lost.append(next(iter(cluster.worker_nodes)))
            cluster.remove_node(lost[0], allow_graceful=False)

    observer = Observer(lose_node)

    ended = run(a_ray_engine(executor, arrays), plans, on_epoch=observer.on_epoch)
    cluster.add_node(num_cpus=1)

    assert lost
    for number, training in whole.items():
        assert_same(ended[number], training)


@pytest.mark.slow
def test_plan_that_was_cut_before_its_actor_was_lost_comes_as_far_as_it_was(executor: Any) -> None:
    arrays, plan = some_arrays(), a_plan(max_epochs=60)
    whole = run(a_cohort_engine(arrays, cores=1), [plan], on_epoch=lambda _, e, __: e.epoch != 30)

    def kill_at_the_cut(_: Plan, epoch: Epoch, __: TakeCheckpoint) -> bool:
        if epoch.epoch == 30:
            # Nobody has heard yet that this was the last epoch.
            for process in list_actors():
                process.kill()
        return epoch.epoch < 30

    ended = run(a_ray_engine(executor, arrays), [plan], on_epoch=kill_at_the_cut)

    assert_same(ended[1], whole[1])


@pytest.mark.slow
def test_plan_that_loses_its_actors_before_it_comes_further_is_given_up(executor: Any) -> None:
    killed: set[int] = set()

    def is_training() -> bool:
        return any(process.cpu_percent(0.2) > 50 for process in list_actors())

    def kill_before_the_end() -> bool:
        for process in list_actors():
            if process.pid not in killed and is_training():
                killed.add(process.pid)
                process.kill()
        return True

    plan = a_plan(max_epochs=100_000, widths=(256, 256, 256))
    engine = a_ray_engine(executor, some_arrays(rows=20_000))
    ended = list(
        engine.run(
            next_plans_from([plan]),
            on_epoch=lambda *_: True,
            on_wait=kill_before_the_end,
            epochs_ahead=lambda _: 100_000,
        )
    )

    assert [(type(result), result.reason) for result in ended] == [(FailedPlan, "actor_lost")]
    assert len(killed) >= 3


@pytest.mark.slow
def test_actors_that_waited_for_this_process_are_not_taken_for_hung(executor: Any) -> None:
    run(a_ray_engine(executor, some_arrays()), some_plans(4))
    # The second one may start only now.
    wait_for(lambda: len(list_actors()) == 2 or None, what="both actors")
    before = {process.pid for process in list_actors()}

    def wait_once(observer: Observer) -> None:
        if observer.count == 50:
            # As where the database was away for hours: by now both have reported, and wait.
            time.sleep(3)
            for actor in executor._pool.actors:
                actor.heard_at -= 10_000

    plans = [a_plan(number=n, seed=n, max_epochs=60) for n in (1, 2, 3, 4)]
    run(a_ray_engine(executor, some_arrays()), plans, on_epoch=Observer(wait_once).on_epoch)

    assert {process.pid for process in list_actors()} == before


def test_folds_of_a_trial_stay_together(executor: Any) -> None:
    one = some_arrays()
    arrays = dataclasses.replace(one, folds=one.folds * 3)
    plans = [a_plan(number=n, seed=n, fold=fold) for n in (1, 2, 3, 4) for fold in range(3)]

    engine = a_ray_engine(executor, arrays, folds=3)
    ended = list(
        engine.run(
            next_plans_from(plans),
            on_epoch=lambda *_: True,
            on_wait=lambda: True,
        )
    )

    assert not [result for result in ended if isinstance(result, FailedPlan)]
    keys = sorted((result.plan.number, result.plan.fold) for result in ended)
    assert keys == [(n, fold) for n in (1, 2, 3, 4) for fold in range(3)]


def test_plan_that_no_engine_can_train_fails_alone(executor: Any) -> None:
    plans = [a_plan(number=1), a_plan(number=2, seed=2, activation="nonsense")]

    ended = a_ray_engine(executor, some_arrays()).run(
        next_plans_from(plans), on_epoch=lambda *_: True, on_wait=lambda: True
    )

    kinds = {result.plan.number: type(result) for result in ended}
    assert kinds == {1: TrainedPlan, 2: FailedPlan}


@pytest.mark.slow
def test_released_actors_are_gone_and_others_come(executor: Any) -> None:
    run(a_ray_engine(executor, some_arrays()), some_plans(2))
    before = {process.pid for process in list_actors()}

    executor.release()
    wait_for(lambda: not list_actors() or None, what="the actors' ends")
    ended = run(a_ray_engine(executor, some_arrays()), some_plans(2))

    assert before
    assert len(ended) == 2


@pytest.mark.slow
def test_job_has_as_many_actors_as_it_asks_for_until_the_release(executor: Any) -> None:
    counts = []
    for actors in (1, None):
        executor.release()
        wait_for(lambda: not list_actors() or None, what="the actors' ends")
        executor.request_actors(actors)
        run(a_ray_engine(executor, some_arrays()), some_plans(6))
        counts.append(len(list_actors()))

    assert counts == [1, 2]


@pytest.mark.slow
def test_actors_share_what_one_node_has(executor: Any) -> None:
    from worker.execution.ray.needs import ActorNeeds
    from worker.execution.ray.pool import ActorPool

    executor.release()
    needs = ActorNeeds(0.5, gpus=0.5, memory_bytes=2**20, resources={"fast": 0.5})
    pool = ActorPool(executor._head, needs, None, lambda _: None)
    engine = a_ray_engine(executor, some_arrays())
    engine._pool = pool

    ended = run(engine, some_plans(6))
    wait_for(lambda: len(list_actors()) == 2 or None, what="both actors")
    nodes, room = len(pool.nodes), pool.count_actors()
    pool.release()

    assert len(ended) == 6
    assert (nodes, room) == (1, 2)


def test_run_without_room_says_what_it_waits_for_and_ends(
    executor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from worker.execution.ray import engine as ray_engine
    from worker.execution.ray.needs import ActorNeeds
    from worker.execution.ray.pool import ActorPool

    monkeypatch.setattr(ray_engine, "SAY_SECONDS", 0.0)
    monkeypatch.setattr(ray_engine, "START_SECONDS", 2.0)
    engine, said = a_ray_engine(executor, some_arrays()), list[str | None]()
    # Each node has one core.
    engine._pool = ActorPool(executor._head, ActorNeeds(cores=2), 1, said.append)

    with pytest.raises(NoActorsError, match="no node has 2 cores free"):
        run(engine, some_plans(1))
    engine._pool.release()

    assert said == ["an actor of the Ray cluster: no node has 2 cores free", None]
