"""A trial's folds side by side: handed to an engine, stopped together, and trained again."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import cast

import pytest

from tests.builders.trainings import a_checkpoint, a_plan, a_training
from worker.engine.plans import Epoch, Plan
from worker.engine.protocol import (
    EpochsAhead,
    NextPlans,
    OnEpoch,
    OnWait,
    TakeCheckpoint,
    look_at_every_epoch,
    next_plans_from,
)
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.progress.reporter import Reporter, StopCause, as_curve
from worker.trials.folds import FoldScheduler, TrainingResult, train_repeats

Ends = tuple[int, TrainingOutcome | None]
"""The epoch that a training ends with, and how; None for one that its engine cannot train."""


class Engine:
    """Trains some plans side by side, an epoch each in turn, by a script: (number, fold) → its end.

    What the script does not name completes after two epochs. `started` are all that ever began.
    """

    def __init__(self, script: dict[tuple[int, int], Ends] | None = None, slots: int = 2) -> None:
        self.script = script or {}
        self.slots = slots
        self.started: list[tuple[int, int]] = []
        self.told: list[tuple[int, int, int]] = []

    def run(
        self,
        next_plans: NextPlans,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
        epochs_ahead: EpochsAhead = look_at_every_epoch,
    ) -> Iterator[TrainedPlan | FailedPlan]:
        open_: dict[Plan, int] = {}
        while True:
            for plan in next_plans(self.slots - len(open_)) if len(open_) < self.slots else []:
                self.started.append((plan.number, plan.fold))
                open_[plan] = 0
            if not open_:
                return
            for plan in list(open_):
                on_wait()
                open_[plan] += 1
                ended = self._epoch(plan, open_[plan], on_epoch)
                if ended is not None:
                    del open_[plan]
                    yield ended

    def _epoch(self, plan: Plan, epoch: int, on_epoch: OnEpoch) -> TrainedPlan | FailedPlan | None:
        last, outcome = self.script.get((plan.number, plan.fold), (2, TrainingOutcome.completed))
        if epoch == last and outcome is None:
            return FailedPlan(plan, "ValueError", "the script says so")
        self.told.append((plan.number, plan.fold, epoch))
        goes_on = on_epoch(plan, Epoch(epoch, 1.0, 1.0 + plan.fold, 1.0), a_checkpoint)
        if epoch == last:
            return self._ended(plan, epoch, cast("TrainingOutcome", outcome))
        return None if goes_on else self._ended(plan, epoch, TrainingOutcome.stopped)

    @staticmethod
    def _ended(plan: Plan, epoch: int, outcome: TrainingOutcome) -> TrainedPlan:
        best = None if outcome is TrainingOutcome.diverged else epoch
        trained = a_training(plan, 1.0 + plan.fold, outcome)
        return dataclasses.replace(trained, best_epoch=best, seconds=0.5)


def run_folds(
    engine: Engine,
    plans: Sequence[Plan],
    *,
    count: int = 3,
    on_epoch: OnEpoch = lambda *_: True,
) -> list[TrainingResult | FailedPlan]:
    folds = FoldScheduler(count)
    return list(folds.run(engine, next_plans_from(plans), on_epoch=on_epoch, on_wait=lambda: True))


def the_plans(*numbers: int, fold: int = 0) -> list[Plan]:
    return [a_plan(number=number, seed=number, fold=fold) for number in numbers]


def trained(ended: TrainingResult | FailedPlan) -> TrainingResult:
    assert isinstance(ended, TrainingResult)
    return ended


@pytest.mark.parametrize("slots", [1, 2, 5, 7])
def test_every_trial_is_trained_once_on_every_fold(slots: int) -> None:
    engine = Engine(slots=slots)

    ended = run_folds(engine, the_plans(1, 2, 3, 4))

    assert sorted(each.plan.number for each in ended) == [1, 2, 3, 4]
    assert sorted(engine.started) == [(n, f) for n in (1, 2, 3, 4) for f in (0, 1, 2)]
    # Together in their order, in whatever order they ended.
    for each in map(trained, ended):
        assert [fold.plan.fold for fold in each.folds] == [0, 1, 2]


def test_no_more_trials_are_asked_for_than_the_engine_has_room_for() -> None:
    asked: list[int] = []
    given = next_plans_from(the_plans(1, 2, 3))

    def next_plans(n: int) -> list[Plan]:
        asked.append(n)
        return given(n)

    engine = Engine(slots=4)
    list(FoldScheduler(3).run(engine, next_plans, on_epoch=lambda *_: True, on_wait=lambda: True))

    assert asked[0] == 2
    assert engine.started[:4] == [(1, 0), (1, 1), (1, 2), (2, 0)]


def test_one_fold_is_the_trial_itself() -> None:
    engine = Engine(slots=2)

    first, second = run_folds(engine, [*the_plans(1), *the_plans(2, fold=1)], count=1)

    assert (first.plan.fold, second.plan.fold) == (0, 1)
    assert len(trained(first).folds) == 1


def test_second_way_of_scaling_has_folds_of_its_own() -> None:
    engine = Engine()

    (ended,) = run_folds(engine, the_plans(1, fold=3))

    assert engine.started == [(1, 3), (1, 4), (1, 5)]
    assert trained(ended).plan.fold == 3


def test_best_epoch_is_the_median_of_the_folds() -> None:
    folds = tuple(
        dataclasses.replace(a_training(a_plan(fold=f)), best_epoch=best)
        for f, best in enumerate((3, 50, 10))
    )

    assert TrainingResult(a_plan(), folds).best_epoch == 10
    spoilt = dataclasses.replace(folds[0], best_epoch=None)
    assert TrainingResult(a_plan(), (spoilt, *folds[1:])).best_epoch is None


def test_rate_of_a_trial_falls_where_that_of_its_folds_did_before_their_best_epochs() -> None:
    falls = {30: (8, 16, 34), 20: (10, 25), 40: (12, 20, 30)}
    folds = tuple(
        dataclasses.replace(a_training(a_plan(fold=f)), best_epoch=best, rate_falls=of_fold)
        for f, (best, of_fold) in enumerate(falls.items())
    )

    assert TrainingResult(a_plan(), folds).rate_falls == (10, 18)
    assert TrainingResult(a_plan(), folds[:1]).rate_falls == (8, 16)
    spoilt = dataclasses.replace(folds[0], best_epoch=None)
    assert TrainingResult(a_plan(), (spoilt,)).rate_falls == ()


def test_fold_that_diverged_stops_its_siblings_and_drops_those_that_wait() -> None:
    engine = Engine(
        {(1, 0): (1, TrainingOutcome.diverged), (1, 1): (9, TrainingOutcome.completed)}, slots=2
    )

    ended = run_folds(engine, the_plans(1, 2), count=4)

    first, second = (trained(each) for each in ended)
    assert first.outcome is TrainingOutcome.diverged
    assert first.worst.plan.fold == 0
    assert [fold.outcome for fold in first.folds] == [
        TrainingOutcome.diverged,
        TrainingOutcome.stopped,
    ]
    assert first.best_epoch is None
    assert not first.is_good
    assert [start for start in engine.started if start[0] == 1] == [(1, 0), (1, 1)]
    # The other trial is none the wiser.
    assert len(second.folds) == 4
    assert second.is_good


def test_fold_that_failed_ends_its_trial_once_and_stops_its_siblings() -> None:
    engine = Engine({(1, 1): (2, None), (1, 0): (9, TrainingOutcome.completed)}, slots=2)

    ended = run_folds(engine, the_plans(1, 2), count=3)

    assert [type(each) for each in ended] == [FailedPlan, TrainingResult]
    assert ended[0].plan == the_plans(1)[0]
    assert (1, 2) not in engine.started
    assert max(epoch for number, _, epoch in engine.told if number == 1) <= 3


def test_nothing_is_told_of_a_trial_after_it_failed() -> None:
    engine = Engine({(1, 1): (2, None), (1, 0): (9, TrainingOutcome.completed)}, slots=2)
    open_trials = {1, 2}

    def on_epoch(plan: Plan, *_: object) -> bool:
        # As the reporter does: it forgets a trial that ended.
        assert plan.number in open_trials
        return True

    given = next_plans_from(the_plans(1, 2))
    ended = FoldScheduler(3).run(engine, given, on_epoch=on_epoch, on_wait=lambda: True)
    for each in ended:
        open_trials.remove(each.plan.number)

    assert open_trials == set()


def test_both_folds_may_fail() -> None:
    engine = Engine({(1, 0): (2, None), (1, 1): (2, None)}, slots=2)

    ended = run_folds(engine, the_plans(1), count=2)

    assert [type(each) for each in ended] == [FailedPlan]


def test_training_that_was_cut_short_has_the_folds_that_there_were() -> None:
    engine = Engine({(1, fold): (9, TrainingOutcome.completed) for fold in range(4)}, slots=2)

    (ended,) = run_folds(
        engine, the_plans(1), count=4, on_epoch=lambda _, epoch, __: epoch.epoch < 2
    )

    training = trained(ended)
    assert training.outcome is TrainingOutcome.stopped
    assert [fold.plan.fold for fold in training.folds] == [0, 1]
    assert training.best_epoch == 2
    assert training.is_good


def test_trial_that_is_handed_out_again_trains_anew() -> None:
    engine = Engine({(1, fold): (3, TrainingOutcome.completed) for fold in range(2)}, slots=2)
    given = next_plans_from(the_plans(1))
    again: list[Plan] = []

    def next_plans(n: int) -> list[Plan]:
        return given(n) or [again.pop() for _ in range(min(n, len(again)))]

    def on_epoch(plan: Plan, epoch: Epoch, _: TakeCheckpoint) -> bool:
        return epoch.epoch < 2 or engine.started.count((plan.number, plan.fold)) == 2

    ended = FoldScheduler(2).run(engine, next_plans, on_epoch=on_epoch, on_wait=lambda: True)
    first = trained(next(ended))
    again.append(first.plan)
    (second,) = (trained(each) for each in ended)

    assert (first.outcome, second.outcome) == (TrainingOutcome.stopped, TrainingOutcome.completed)
    assert len(second.folds) == 2


class Report:
    """Says when to stop: after some epochs, for a cause."""

    def __init__(self, cause: StopCause | None = None, after: int = 0) -> None:
        self.cause, self.after, self.looked = cause, after, 0

    @property
    def stop_cause(self) -> StopCause | None:
        return self.cause if self.looked > self.after else None

    @property
    def is_suspended(self) -> bool:
        return self.stop_cause in {StopCause.pause, StopCause.stop}

    def poll(self) -> None:
        self.looked += 1

    def alive(self) -> None:
        """Nobody listens."""


def repeats(
    report: Report, plans: Sequence[Plan], needed: Plan | None, engine: Engine
) -> list[TrainingResult | FailedPlan]:
    counted: list[TrainingResult] = []
    train = train_repeats(engine, cast("Reporter", report), 2, on_trained=counted.append)
    ended = list(train(plans, needed))
    assert [one.plan for one in counted] == [
        one.plan for one in ended if isinstance(one, TrainingResult)
    ]
    return ended


def test_repeats_train_on_every_fold() -> None:
    ended = repeats(Report(), the_plans(1, 2), None, Engine())

    assert [len(trained(each).folds) for each in ended] == [2, 2]


def test_needed_repeat_is_trained_to_its_end_though_the_time_is_up() -> None:
    plans = the_plans(1, 2, 3)

    ended = repeats(Report(StopCause.time_limit), plans, plans[1], Engine())

    (only,) = (trained(each) for each in ended)
    assert only.plan == plans[1]
    assert (only.outcome, len(only.folds)) == (TrainingOutcome.completed, 2)


def test_time_limit_cuts_all_repeats_but_the_needed_one() -> None:
    plans = the_plans(1, 2, 3)
    engine = Engine(
        {(2, 0): (6, TrainingOutcome.completed), (2, 1): (6, TrainingOutcome.completed)}, slots=4
    )

    ended = repeats(Report(StopCause.time_limit, after=1), plans, plans[1], engine)

    outcomes = {each.plan.number: trained(each).outcome for each in ended}
    assert outcomes == {1: TrainingOutcome.stopped, 2: TrainingOutcome.completed}


@pytest.mark.parametrize("cause", [StopCause.pause, StopCause.stop])
def test_job_that_is_suspended_trains_not_even_what_is_needed(cause: StopCause) -> None:
    plans = the_plans(1, 2)

    assert repeats(Report(cause), plans, plans[0], Engine()) == []


def test_repeat_that_failed_is_handed_on() -> None:
    ended = repeats(Report(), the_plans(1, 2), None, Engine({(1, 0): (1, None)}))

    assert sorted(type(each).__name__ for each in ended) == ["FailedPlan", "TrainingResult"]


def epochs(*values: float) -> list[Epoch]:
    return [Epoch(number, v, v + 1, v + 2) for number, v in enumerate(values, start=1)]


def test_curve_is_the_mean_of_folds_of_which_one_that_stopped_stays_at_its_best() -> None:
    curve = as_curve({0: epochs(1.0, 3.0), 1: epochs(3.0), 2: epochs(2.0, 5.0, 7.0), 3: []})

    assert curve.loss == (2.0, 11 / 3, 13 / 3)
    assert curve.val_loss == (3.0, 14 / 3, 14 / 3)


def test_curve_ends_where_a_fold_diverged() -> None:
    curve = as_curve({0: epochs(1.0, math.nan), 1: epochs(1.0, 1.0, 1.0)})

    assert curve.loss == (1.0, None, None)


def test_epoch_that_is_not_finite_on_a_fold_is_null() -> None:
    curve = as_curve({0: epochs(1.0, math.nan, 2.0), 1: epochs(1.0, 1.0, math.inf)})

    assert curve.loss == (1.0, None, None)


def test_curve_of_nothing_is_empty() -> None:
    assert as_curve({}).loss == ()
    assert as_curve({0: []}).val_loss == ()
