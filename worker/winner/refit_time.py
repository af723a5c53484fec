"""How long the refits of a model's networks will take."""

from __future__ import annotations

from collections.abc import Sequence

from lowloss.spec import Final
from worker.data.prepare import Prepared
from worker.engine.cohort.buckets import plan_seconds
from worker.trials.folds import TrainingResult
from worker.trials.pace import Pace

RESERVE_FACTOR = 2.0
"""What the time that refits are expected to take is multiplied by: chosen."""


def refit_seconds(
    trainings: Sequence[TrainingResult], prepared: Prepared, final: Final, pace: Pace
) -> float:
    """Return how long refits of the settings of these will take, all together, and a reserve.

    The program of the first compiles. With `final.use_test_rows` each is refitted twice.
    """
    splits, arrays = prepared.splits, prepared.arrays
    share = len(splits.non_test_rows) / len(arrays.folds[0].train_N)
    estimates = [
        share * plan_seconds(training.plan, arrays, training.best_epoch or 1)
        for training in trainings
    ]
    refits = 1 + share_of_all_rows(prepared, final)
    seconds = refits * pace.expect(estimates, together=len(splits.folds))
    return RESERVE_FACTOR * seconds + pace.expect([], programs=min(1, len(trainings)))


def share_of_all_rows(prepared: Prepared, final: Final) -> float:
    """Return how much longer than a refit takes the one on all rows; 0 where there is none."""
    rows = len(prepared.splits.non_test_rows)
    return (rows + len(prepared.splits.test)) / rows if final.use_test_rows else 0.0
