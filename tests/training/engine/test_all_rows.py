"""The last refit, on all rows: who trains in it, and what is handed out where it is cut short."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from lowloss.results import AllRowsRefit, FinalGain
from tests.builders.finals import Case, FakeEngine, FakeReport, a_case
from tests.training.engine.test_ensembles import an_ensemble
from worker.data.prepare import Prepared
from worker.progress.reporter import Reporter
from worker.trials.pace import Pace
from worker.winner.calibration import divide_logits
from worker.winner.final_model import FinalModel, FinalModels
from worker.winner.refit import Engines, refit_on_all_rows

ALL_ROWS = {"refit": True, "members": 2, "use_test_rows": True}


def refitted(
    case: Case,
    scored: FinalModel,
    gain: FinalGain | None,
    report: FakeReport | None = None,
) -> FinalModels:
    return refit_on_all_rows(
        scored,
        gain,
        case.search.spec,
        cast("Reporter", report or FakeReport()),
        Engines(case.engine, case.new_engine, Pace()),
    )


def test_networks_that_were_scored_train_again_on_all_rows() -> None:
    case = an_ensemble(refit=True)
    case.search.spec = case.search.spec.model_copy(
        update={"final": case.search.spec.final.model_copy(update={"use_test_rows": True})}
    )
    scored, gain = case.make()

    models = refitted(case, scored, gain)

    first, second = case.refits
    assert models.all_rows_refit == "complete"
    assert models.scored is scored
    assert models.gain is gain
    assert second.started == [member.plan for member in scored.members] == first.started
    assert second.ahead == [len(member.epochs) for member in scored.members] == [6, 5, 6, 5]
    rows = np.arange(len(case.prepared.labelled.y))
    for fold in second.arrays.folds:
        assert np.array_equal(fold.train_N, rows)
        assert not fold.is_validated
    scalings = [fit.features.scaling for fit in models.handed_out.prepared.fits]
    assert scalings == [fit.features.scaling for fit in scored.prepared.fits]
    assert len(models.handed_out.predict_test()) == len(case.prepared.y_test)
    assert np.array_equal(scored.fit.split.train, case.prepared.splits.non_test_rows)


def test_linear_members_are_solved_again_on_all_rows() -> None:
    case = a_case(final=ALL_ROWS | {"ensemble": True, "members": 3})
    scored, gain = case.make()

    models = refitted(case, scored, gain)

    assert gain is not None
    assert gain.trials == (0, 3, 0)
    assert models.all_rows_refit == "complete"
    before, after = scored.members[0], models.handed_out.members[0]
    assert [member.plan.number for member in models.handed_out.members] == [0, 3, 0]
    assert not np.array_equal(before.weights[0], after.weights[0])


def test_logits_are_divided_by_the_temperature_of_the_model_that_was_scored() -> None:
    case = a_case(final=ALL_ROWS)
    scored, gain = case.make()
    plain = refitted(case, scored, gain).handed_out

    warm = FinalModel(scored.prepared, scored.members, temperature=1.6)
    handed_out = refitted(case, warm, gain).handed_out

    assert handed_out.temperature == 1.6
    for member, before in zip(handed_out.members, plain.members, strict=True):
        expected = divide_logits(before, 1.6).weights
        assert all(map(np.array_equal, member.weights, expected))


@pytest.mark.parametrize("refit", [True, False])
def test_by_default_the_model_that_was_scored_is_handed_out(refit: bool) -> None:
    case = a_case(final={"refit": refit})
    scored, gain = case.make()
    trained_before = len(case.refits)

    models = refitted(case, scored, gain)

    assert models == FinalModels(scored, gain, scored, None)
    assert len(case.refits) == trained_before


@pytest.mark.parametrize("looks", [0, 1, 3, 7])
def test_stop_before_the_last_network_hands_out_the_model_that_was_scored(looks: int) -> None:
    case = a_case(final=ALL_ROWS)
    scored, gain = case.make()

    models = refitted(case, scored, gain, FakeReport(looks))

    assert models == FinalModels(scored, gain, scored, "cut_short")


def test_network_that_fails_hands_out_the_model_that_was_scored() -> None:
    case = a_case(final=ALL_ROWS)
    scored, gain = case.make()

    def engine_that_fails(prepared: Prepared) -> FakeEngine:
        return FakeEngine(prepared.arrays, fails=(1,))

    case.new_engine = engine_that_fails
    models = refitted(case, scored, gain)

    assert models == FinalModels(scored, gain, scored, "failed")


@pytest.mark.parametrize(("looks", "ending"), [(float("inf"), "failed"), (0, "cut_short")])
def test_job_without_a_first_refit_has_no_second(looks: float, ending: AllRowsRefit) -> None:
    case = a_case(final=ALL_ROWS, fails=(0, 1))
    scored, gain = case.make()

    models = refitted(case, scored, gain, FakeReport(looks))

    assert gain is None
    assert models == FinalModels(scored, None, scored, ending)
