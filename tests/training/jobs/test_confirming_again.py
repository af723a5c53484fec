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
from worker.jobs.loading import LoadedJob
from worker.jobs.search_job import confirm_in_time, confirm_winner
from worker.progress.reporter import Reporter
from worker.search.tuner import SearchTuner
from worker.trials.loop import SearchLoop
from worker.trials.pace import Pace
from worker.winner.confirm import Confirmed
from worker.winner.refit import SPARE_SHARE, refit_seconds


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


def confirmed_late(earlier: Outcome) -> tuple[Confirmed, set[int]]:
    """What is confirmed after the job's time is over, and which trials trained for it."""
    prepared, spec = a_prepared(final={"confirm_top": 3, "confirm_seeds": 2})
    engine, tuner = FakeEngine(prepared.arrays), cast("SearchTuner", Search(spec, 0))
    report: Any = LateReport()
    confirmed = confirm_winner(
        tuner, engine, prepared, cast("Reporter", report), {}, earlier=earlier
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


@pytest.mark.parametrize(
    ("final", "networks"), [({"members": 8}, 8), ({"members": 1, "refit": False}, 0)]
)
@pytest.mark.parametrize("seconds", [100.0, 0.1, None])
def test_networks_of_the_model_have_their_time_before_the_confirmation(
    final: dict[str, Any], networks: int, seconds: float | None
) -> None:
    final |= {"confirm_top": 2, "confirm_seeds": 2, "ensemble": False}
    prepared, spec = a_prepared(final=final)
    search = Search(spec, 0)
    best = confirmed_on(prepared, search).winner
    loop = SimpleNamespace(top_trainings={3: best}, pace=Pace())
    job = SimpleNamespace(spec=spec, seconds_left=lambda _share: seconds, outcome=Outcome())
    report: Any = NotingReport()

    confirm_in_time(
        cast("LoadedJob", job),
        cast("SearchLoop", loop),
        cast("SearchTuner", search),
        prepared,
        report,
        engine=FakeEngine(prepared.arrays),
    )

    of_one = refit_seconds([best], prepared, spec.final, Pace())
    assert of_one > 0
    first, second = report.deadlines
    expected = None if seconds is None else pytest.approx(seconds - SPARE_SHARE * networks * of_one)
    assert first == expected
    assert second == seconds
