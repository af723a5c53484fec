"""What a careful user would run in the place of a job: CatBoost, and a script of KerasTuner.

Both train on the training rows of the job's first fold and choose by its validation rows, for no
longer than the job took; CatBoost then trains on both. Run as a process of its own:
`python -m benchmarks.real.peers`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.real.rows import JobRows, check_are_job_rows, read_job_rows
from worker.data.splits import Rows
from worker.data.target import Float64Array

MAX_ITERATIONS, PATIENCE_ITERATIONS = 5_000, 100


@dataclass(frozen=True)
class PeerAnswer:
    """Predictions of the test rows [T, C], as `Target.to_predictions` has them.

    `trials` are KerasTuner's trainings; `is_refitted` tells of CatBoost whether its model was
    fitted again on the training and validation rows.
    """

    prediction_TC: Float64Array
    trials: int | None = None
    is_refitted: bool | None = None


def run_catboost(rows: JobRows, *, seconds: float, seed: int) -> PeerAnswer:
    """Fit CatBoost with its defaults, and predict."""
    model, is_refitted = fit_catboost(rows, seconds=seconds, seed=seed)
    tested = rows.frame[rows.test].to_pandas()
    if rows.is_regression:
        return PeerAnswer(np.asarray(model.predict(tested))[:, None], is_refitted=is_refitted)
    probability_TC = np.zeros((len(tested), len(rows.target.labels)))
    probability_TC[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(tested)
    return PeerAnswer(probability_TC, is_refitted=is_refitted)


def fit_catboost(rows: JobRows, *, seconds: float, seed: int) -> tuple[Any, bool]:
    """Fit until validation stops improving, and so many iterations again on all but the test rows.

    Return the second model and True; or the first and False, where the time ends before the second
    is complete.
    """
    import catboost

    deadline = time.monotonic() + seconds
    options = {
        "random_seed": seed,
        "thread_count": len(os.sched_getaffinity(0)),
        "allow_writing_files": False,
        "verbose": False,
    }
    frame = rows.frame.to_pandas()
    y_N = rows.y_N if rows.is_regression else rows.y_N.astype(np.int64)

    def pool_of(part: Rows) -> Any:
        return catboost.Pool(frame.iloc[part], y_N[part], cat_features=list(rows.categories))

    make = catboost.CatBoostRegressor if rows.is_regression else catboost.CatBoostClassifier
    first = make(iterations=MAX_ITERATIONS, early_stopping_rounds=PATIENCE_ITERATIONS, **options)
    callbacks = [_EndOfTime(deadline)]
    validation = pool_of(rows.validation)
    first.fit(pool_of(rows.train), eval_set=validation, use_best_model=True, callbacks=callbacks)
    if time.monotonic() >= deadline:
        return first, False
    # CatBoost's default rate depends on the iterations: another would need another number of them.
    second = make(iterations=first.tree_count_, learning_rate=first.learning_rate_, **options)
    second.fit(pool_of(np.delete(np.arange(len(y_N)), rows.test)), callbacks=callbacks)
    is_complete = second.tree_count_ == first.tree_count_
    return (second, True) if is_complete else (first, False)


class _EndOfTime:
    """Ends CatBoost's training after the iteration in which its time is over."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def after_iteration(self, info: Any) -> bool:  # noqa: ARG002
        """Return whether to go on."""
        return time.monotonic() < self.deadline


def run_kerastuner(rows: JobRows, *, seconds: float, seed: int) -> PeerAnswer:
    """Tune networks by the script of a careful user."""
    from benchmarks.real.kerastuner_script import tune

    prediction_TC, trials = tune(rows, deadline=time.monotonic() + seconds, seed=seed)
    return PeerAnswer(prediction_TC, trials)


class RunPeer(Protocol):
    """Trains on the rows of a job with a seed, for so many seconds, and predicts its test rows."""

    def __call__(self, rows: JobRows, *, seconds: float, seed: int) -> PeerAnswer:
        """Return the predictions, and what they took."""
        ...


PEERS: dict[str, RunPeer] = {"catboost": run_catboost, "kerastuner": run_kerastuner}


def main() -> None:
    """Run a peer on the rows of a job, and write its test metric and seconds as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--request", required=True, help="the job, less its dataset, as JSON")
    parser.add_argument("--seconds", required=True, type=float, help="what the job took")
    parser.add_argument("--constant", type=float, help="what a constant has in the job")
    options = parser.parse_args()
    request = json.loads(options.request)
    rows = read_job_rows(options.table, request)
    if options.constant is not None:
        check_are_job_rows(rows, options.constant)
    _import_libraries(options.peer)
    started = time.monotonic()
    answer = PEERS[options.peer](rows, seconds=options.seconds, seed=request["seed"])
    measured = {
        "scores": rows.score(answer.prediction_TC),
        "seconds": time.monotonic() - started,
        "trials": answer.trials,
        "is_refitted": answer.is_refitted,
    }
    # Each is written to the field of that name in the results of the run.
    fields = {field: value for field, value in measured.items() if value is not None}
    options.out.write_text(json.dumps(fields))


def _import_libraries(peer: str) -> None:
    """Import what a peer needs, which its time is not to pay for: a job's worker has it, too."""
    if peer == "catboost":
        import catboost  # noqa: F401
    else:
        import benchmarks.real.kerastuner_script  # noqa: F401


if __name__ == "__main__":
    main()
