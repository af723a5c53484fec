"""What a model must beat: scikit-learn's simple predictors, fitted on the same training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lowloss.results import Baseline
from lowloss.spec import Task
from worker.data.prepare import Prepared
from worker.data.scores import scores
from worker.data.target import Float64Array
from worker.engine.plans import FloatArray

MAX_ROWS = 100_000
"""Rows that a baseline is fitted on at most: enough for all of them, and bounded in time."""


def fit_baselines(prepared: Prepared, *, seed: int) -> tuple[Baseline, ...]:
    """Fit each baseline; metrics are of the validation and test rows, in the target's units."""
    arrays, splits, y = prepared.arrays, prepared.splits, prepared.y
    rows = np.arange(len(splits.train))
    if len(rows) > MAX_ROWS:
        rows = np.random.default_rng(seed).choice(rows, MAX_ROWS, replace=False)
    x_ND, y_N = arrays.x_train_ND[rows], y[splits.train][rows]
    found = []
    for name, model in _models(prepared.target.task, seed).items():
        model.fit(x_ND, y_N)
        found.append(
            Baseline(
                name=name,
                metrics=_scores(prepared, model, arrays.x_val_MD, y[splits.validation]),
                test_metrics=_scores(prepared, model, prepared.x_test_TD, y[splits.test]),
            )
        )
    return tuple(found)


def _models(task: Task, seed: int) -> dict[str, Any]:
    if task is Task.regression:
        return {
            "mean": DummyRegressor(),
            "ridge": make_pipeline(StandardScaler(), Ridge()),
            "gradient_boosting": HistGradientBoostingRegressor(random_state=seed),
        }
    return {
        "majority": DummyClassifier(strategy="prior"),
        "logistic_regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "gradient_boosting": HistGradientBoostingClassifier(random_state=seed),
    }


def _scores(
    prepared: Prepared, model: Any, x_MD: FloatArray, y_M: Float64Array
) -> dict[str, float]:
    target = prepared.target
    if target.task is Task.regression:
        return scores(target, y_M, model.predict(x_MD)[:, None])
    # A subsample may miss a class: its probability is 0.
    probability_MC = np.zeros((len(x_MD), len(target.labels)))
    probability_MC[:, model.classes_.astype(int)] = model.predict_proba(x_MD)
    return scores(target, y_M, probability_MC)
