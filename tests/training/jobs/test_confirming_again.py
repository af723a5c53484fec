"""How long a winner is confirmed, and what becomes of the choice of an earlier attempt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lowloss.results import Confirmation, Outcome
from tests.builders.finals import (
    FOLDS,
    FakeEngine,
    FakeReport,
    FakeSearch,
    a_prepared,
    confirmed_on,
)
from tests.builders.store import a_spec
from worker.jobs.loading import LoadedJob
from worker.jobs.search_job import UNCERTAIN_SHARE, confirm_in_time, confirm_winner, search_share
from worker.progress.reporter import Reporter
from worker.search.tuner import SearchTuner
from worker.trials.folds import TrainingResult
from worker.trials.loop import SearchLoop
from worker.trials.pace import Pace
from worker.winner.confirm import Confirmed
from worker.winner.refit_time import refit_seconds


class Search(FakeSearch):
    """A search whose best trials are 5, 7 and 9, by their scores."""

    def top(self, n: int) -> list[int]:
        return [5, 7, 9][:n]


class LateReport(FakeReport):
    """The job's time is over: only what is needed trains."""

    is_suspended = False

    def __init__(self) -> None:
        super().__init__(looks=0)


def chosen_before(*trials: int, scores: tuple[float, ...] = (0.1, 0.2)) -> Outcome:
    confirmations = tuple(
        Confirmation(trial=trial, scores=scores, mean=0.15, sd=0.05) for trial in trials
    )
    return Outcome(confirmations=confirmations, within_noise=True)


def a_loop(top_trainings: dict[int, TrainingResult]) -> SearchLoop:
    return cast("SearchLoop", SimpleNamespace(top_trainings=top_trainings, pace=Pace()))


def confirmed_late(earlier: Outcome) -> tuple[Confirmed, set[int]]:
    """What is confirmed after the job's time is over, and which trials trained for it."""
    prepared, spec = a_prepared(final={"confirm_top": 3, "confirm_seeds": 2})
    engine, tuner = FakeEngine(prepared.arrays), cast("SearchTuner", Search(spec, 0))
    report: Any = LateReport()
    confirmed = confirm_winner(
        tuner, engine, prepared, cast("Reporter", report), a_loop({}), earlier=earlier
    )
    assert confirmed is not None
    assert len(confirmed.winner.folds) == FOLDS
    return confirmed, {plan.number for plan in engine.started}


def test_what_an_earlier_attempt_chose_on_several_seeds_stays_chosen() -> None:
    earlier = chosen_before(7, 5, 9)

    confirmed, trained = confirmed_late(earlier)

    assert confirmed.winner.plan.number == 7
    assert trained == {7}
    assert confirmed.confirmations == earlier.confirmations
    assert confirmed.is_within_noise is True


@pytest.mark.parametrize(
    "earlier",
    [Outcome(), chosen_before(7, 5, 8), chosen_before(7, 5, 9, scores=(0.1,))],
    ids=["nothing", "other trials", "one seed"],
)
def test_what_was_not_compared_is_compared(earlier: Outcome) -> None:
    confirmed, trained = confirmed_late(earlier)

    assert confirmed.winner.plan.number == 5
    assert trained == {5}
    assert [one.trial for one in confirmed.confirmations] == [5]


class NotingReport(FakeReport):
    """Notes each deadline."""

    is_suspended = False

    def __init__(self) -> None:
        super().__init__(looks=0)
        self.deadlines: list[float | None] = []

    def set_deadline(self, seconds: float | None) -> None:
        self.deadlines.append(seconds)


def deadlines(final: dict[str, Any], *, seconds: float | None, is_new: bool) -> list[float | None]:
    """Those of a confirmation, of top trials that this attempt trained unless it `is_new`."""
    final |= {"confirm_top": 2, "confirm_seeds": 2, "ensemble": False}
    prepared, spec = a_prepared(final=final)
    search = Search(spec, 0)
    best = confirmed_on(prepared, search).winner
    job = SimpleNamespace(spec=spec, seconds_left=lambda _share: seconds, outcome=Outcome())
    report = NotingReport()
    confirm_in_time(
        cast("LoadedJob", job),
        a_loop({} if is_new else {3: best}),
        cast("SearchTuner", search),
        prepared,
        cast("Reporter", report),
        engine=FakeEngine(prepared.arrays),
    )
    return report.deadlines


@pytest.mark.parametrize(
    ("final", "networks"), [({"members": 8}, 8), ({"members": 3, "refit": False}, 0)]
)
@pytest.mark.parametrize("seconds", [100.0, 0.1, None])
def test_refits_have_their_time_before_the_confirmation(
    final: dict[str, Any], networks: int, seconds: float | None
) -> None:
    prepared, spec = a_prepared(final=final)
    best = confirmed_on(prepared, Search(spec, 0)).winner
    needed = refit_seconds([best] * networks, prepared, spec.final, Pace())

    expected = None if seconds is None else pytest.approx(seconds - needed)
    assert deadlines(final, seconds=seconds, is_new=False) == [expected, seconds]
    assert (needed > 0) == (networks > 0)


@pytest.mark.parametrize(
    ("max_seconds", "refit", "share"),
    [
        (None, True, 0.8),
        (600.0, True, 0.8),
        (40.0, True, 0.7),
        (24.0, True, 0.5),
        (3.0, True, 0.5),
        (3.0, False, 0.8),
    ],
)
def test_short_searches_leave_time_for_refits(
    max_seconds: float | None, refit: bool, share: float
) -> None:
    spec = a_spec("ds_1", budget={"max_seconds": max_seconds}, final={"refit": refit})

    assert search_share(spec) == pytest.approx(share)


def test_half_of_the_time_confirms_where_an_earlier_attempt_trained_the_top_trials() -> None:
    seconds = [100 * UNCERTAIN_SHARE, 100.0]

    assert deadlines({"members": 8}, seconds=100.0, is_new=True) == seconds


def test_confirmation_measures_how_fast_it_trains() -> None:
    prepared, spec = a_prepared(final={"confirm_top": 1, "confirm_seeds": 2})
    clock = iter([0.0, 1000.0])
    loop: Any = SimpleNamespace(top_trainings={}, pace=Pace(clock=clock.__next__))
    job = SimpleNamespace(spec=spec, seconds_left=lambda _share: None, outcome=Outcome())
    report: Any = NotingReport()

    confirm_in_time(
        cast("LoadedJob", job),
        loop,
        cast("SearchTuner", Search(spec, 0)),
        prepared,
        report,
        engine=FakeEngine(prepared.arrays),
    )

    assert loop.pace.expect([1.0]) > 1.0
