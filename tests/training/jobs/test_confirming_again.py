"""A job that is confirmed again, after an attempt that ended later: its choice stays."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lowloss.results import Confirmation, Outcome
from tests.builders.finals import FOLDS, FakeEngine, FakeReport, FakeSearch, a_prepared
from worker.jobs.search_job import confirm_winner
from worker.progress.reporter import Reporter
from worker.search.tuner import SearchTuner
from worker.winner.confirm import Confirmed


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
