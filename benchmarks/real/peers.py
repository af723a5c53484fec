"""What a careful user would run in the place of a job: CatBoost, and a script of KerasTuner.

Both train on the training rows of the job's first fold and choose by its validation rows, for no
longer than the job took. Run as a process of its own: `python -m benchmarks.real.peers`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.real.rows import JobRows, check_are_job_rows, read_job_rows
from worker.data.target import Float64Array

MAX_ITERATIONS, PATIENCE_ITERATIONS = 5_000, 100


@dataclass(frozen=True)
class PeerAnswer:
    """Predictions of the test rows [T, C], as `Target.to_predictions` has them, and their cost.

    `trials` are KerasTuner's trainings, or CatBoost's iterations.
    """

    prediction_TC: Float64Array
    trials: int


def run_catboost(rows: JobRows, *, seconds: float, seed: int) -> PeerAnswer:
    """Fit CatBoost with its defaults, and keep the iteration that validates best."""
    import catboost

    frame = rows.frame.to_pandas()
    y_N = rows.y_N if rows.is_regression else rows.y_N.astype(np.int64)
    train, validation = (
        catboost.Pool(frame.iloc[part], y_N[part], cat_features=list(rows.categories))
        for part in (rows.train, rows.validation)
    )
    make = catboost.CatBoostRegressor if rows.is_regression else catboost.CatBoostClassifier
    model = make(
        iterations=MAX_ITERATIONS,
        early_stopping_rounds=PATIENCE_ITERATIONS,
        random_seed=seed,
        thread_count=len(os.sched_getaffinity(0)),
        allow_writing_files=False,
        verbose=False,
    )
    callbacks = [_EndOfTime(time.monotonic() + seconds)]
    model.fit(train, eval_set=validation, use_best_model=True, callbacks=callbacks)
    tested = frame.iloc[rows.test]
    (losses,) = model.get_evals_result()["learn"].values()
    iterations = len(losses)
    if rows.is_regression:
        return PeerAnswer(np.asarray(model.predict(tested))[:, None], iterations)
    probability_TC = np.zeros((len(tested), len(rows.target.labels)))
    probability_TC[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(tested)
    return PeerAnswer(probability_TC, iterations)


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


RunPeer = Callable[..., PeerAnswer]
PEERS: dict[str, RunPeer] = {"catboost": run_catboost, "kerastuner": run_kerastuner}


def main() -> None:
    """Run a peer on the rows of a job, and write its test metric, seconds and trials as JSON."""
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
        "score": rows.score(answer.prediction_TC),
        "seconds": time.monotonic() - started,
        "trials": answer.trials,
    }
    options.out.write_text(json.dumps(measured))


def _import_libraries(peer: str) -> None:
    """Import what a peer needs, which its time is not to pay for: a job's worker has it, too."""
    if peer == "catboost":
        import catboost  # noqa: F401
    else:
        import benchmarks.real.kerastuner_script  # noqa: F401


if __name__ == "__main__":
    main()
