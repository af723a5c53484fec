"""What is said where a search ends worse than the one that it continues, and without a limit."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.results import TrialState
from lowloss.spec import JobSpec
from lowloss.spec.continuation import Continuation
from service.store.earlier_jobs import EarlierJob
from tests.builders.facts import some_trials
from tests.unit.worker.artifacts.test_remarks import plain_facts
from worker.artifacts.reports.remarks import remarks

BETTER = (
    "The best trial of job_0, from which this search learned, is better on the same rows: val_loss "
    "0.1 against 0.2. Its model is no candidate here: use that, or continue it with more time or "
    "trials."
)


def remarks_after(score: float, state: TrialState = TrialState.completed, **changes: Any) -> Any:
    """Remarks on a search whose best score is 0.2, that continues one with another best."""
    plain = plain_facts().job.search
    parent = JobSpec(dataset=plain.dataset, target=plain.target, final=plain.final)
    child = Continuation.model_validate(changes).child_of("job_0", parent)
    (best,) = some_trials(1, diverged=0)
    best = best.model_copy(update={"score": score, "state": state})
    spec = child.model_dump(exclude={"dataset", "target"})
    return remarks(plain_facts(spec=spec, earlier=(EarlierJob("job_0", parent, (best,)),)))


@pytest.mark.parametrize(
    ("score", "state", "said"),
    [
        (0.1, TrialState.completed, (BETTER,)),
        (0.2, TrialState.completed, ()),
        # Its score is of a few epochs.
        (0.1, TrialState.pruned, ()),
    ],
)
def test_better_trial_of_an_earlier_job_is_named(
    score: float, state: TrialState, said: tuple[str, ...]
) -> None:
    assert remarks_after(score, state) == said


def test_job_that_scores_otherwise_is_not_compared() -> None:
    assert remarks_after(0.1, preprocessing={"scale_features": "robust"}) == ()


def test_longer_time_is_not_advised_where_there_is_no_limit() -> None:
    (remark,) = remarks(plain_facts(spec={"final": {}, "budget": {"max_seconds": None}}))

    assert remark.endswith(
        "but either what was left to do had ended earlier attempts, or their trainings failed."
    )
