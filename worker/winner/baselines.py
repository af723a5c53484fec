"""What a model must beat: scikit-learn's simple predictors, fitted on the same training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from lowloss.results import Baseline
from lowloss.spec import JobSpec, Task
from worker.data.prepare import Prepared
from worker.data.scores import mean_metrics, scores
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays

MIN_ROWS, MAX_ROWS = 1_000, 100_000
MAX_WORK = 20_000_000
"""Rows x columns x classes that a baseline is fitted on: about 20 seconds of boosting on 2 cores.

A larger table's baselines are fitted on a random part of its training rows.
"""
MAX_BINS = 255
"""Of scikit-learn's boosting."""
MAX_TREE_COLUMNS = 2_000_000
"""Trees x columns that boosting may grow: it grows a tree a class and iteration."""


@dataclass(frozen=True)
class FittedBaseline:
    """A baseline, and what it answers to the test rows [T, C], as `Target.to_predictions` does."""

    baseline: Baseline
    prediction_TC: Float64Array


def fit_baselines(prepared: Prepared, spec: JobSpec) -> tuple[FittedBaseline, ...]:
    """Fit each baseline, and score it in the target's units on validation and test rows.

    Validation metrics are the mean over folds. The test rows are predicted by the baselines of the
    first fold, or of all known rows where the model is refitted on them.
    """
    splits = prepared.splits
    of_folds = [
        (fold, _fit(prepared, fold, split.train, spec.seed), split.validation)
        for fold, split in enumerate(splits.folds)
    ]
    tested = (
        _fit(prepared, 0, splits.non_test_rows, spec.seed) if spec.final.refit else of_folds[0][1]
    )
    fitted = []
    for name, model in tested.items():
        metrics_of_folds = [
            _scores(
                prepared, _predict(prepared, models[name], fold, validation_rows), validation_rows
            )
            for fold, models, validation_rows in of_folds
        ]
        prediction_TC = _predict(prepared, model, 0, splits.test)
        test_metrics = _scores(prepared, prediction_TC, splits.test)
        baseline = Baseline(
            name=name, metrics=mean_metrics(metrics_of_folds), test_metrics=test_metrics
        )
        fitted.append(FittedBaseline(baseline, prediction_TC))
    return tuple(fitted)


def _fit(prepared: Prepared, fold: int, train: Rows, seed: int) -> dict[str, Any]:
    """Fit each baseline on rows as a fold sees them."""
    y_N = prepared.labelled.y[train]
    classes = len(prepared.labelled.target.labels)
    arrays = prepared.arrays
    columns = arrays.numbers + sum(embedding.codes for embedding in arrays.embeddings)
    work_of_row = columns * max(1, classes)
    limit = min(MAX_ROWS, max(MIN_ROWS, MAX_WORK // work_of_row))
    rows = _sample(y_N, limit, seed=seed, keep_classes=classes > 0)
    # In float64: Ridge would take the target to the features' type, and lose a large mean's digits.
    x_ND, y_N = _features(prepared, fold, train[rows]).astype(np.float64), y_N[rows]
    models = _models(prepared.labelled.target.task, arrays, y_N, seed=seed)
    return {name: model.fit(x_ND, y_N) for name, model in models.items()}


def _features(prepared: Prepared, fold: int, rows: Rows) -> FloatArray:
    return prepared.arrays.x_of(prepared.arrays.folds[fold], rows)


def _sample(y_N: Float64Array, limit: int, *, seed: int, keep_classes: bool) -> Rows:
    """Draw at most `limit` rows, and beyond these the first two of each class."""
    if len(y_N) <= limit:
        return np.arange(len(y_N))
    drawn = np.random.default_rng(seed).permutation(len(y_N))[:limit]
    if not keep_classes:
        return np.sort(drawn)
    rows_of_classes = [np.flatnonzero(y_N == c)[:2] for c in np.unique(y_N)]
    return np.unique(np.concatenate([drawn, *rows_of_classes]))


def _models(task: Task, arrays: Arrays, y_N: Float64Array, *, seed: int) -> dict[str, Any]:
    columns = arrays.features
    # What it takes for categories has at most as many values as it has bins.
    categories = [
        arrays.numbers + index
        for index, embedding in enumerate(arrays.embeddings)
        if embedding.codes <= MAX_BINS
    ]
    if task is Task.regression:
        return {
            "mean": DummyRegressor(),
            "ridge": _linear(Ridge(), arrays),
            "gradient_boosting": HistGradientBoostingRegressor(
                max_iter=_iterations(columns), categorical_features=categories, random_state=seed
            ),
        }
    rows_of_class = np.unique(y_N, return_counts=True)[1]
    return {
        "majority": DummyClassifier(strategy="prior"),
        # Converges within 30 iterations on standardised columns as a rule; 1,000 are for the rest.
        "logistic_regression": _linear(LogisticRegression(max_iter=1000), arrays),
        "gradient_boosting": HistGradientBoostingClassifier(
            max_iter=_iterations(columns * len(rows_of_class)),
            categorical_features=categories,
            # It holds rows out by class, and fails on a class of one row (scikit-learn 1.9).
            early_stopping="auto" if rows_of_class.min() > 1 else False,
            random_state=seed,
        ),
    }


def _linear(model: Any, arrays: Arrays) -> Any:
    """Build a linear model of scaled numbers and one-hot codes."""
    codes = list(range(arrays.numbers, arrays.features))
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("codes", one_hot, codes)], remainder=StandardScaler())
    return make_pipeline(columns, model)


def _iterations(tree_columns: int) -> int:
    """Return boosting's iterations: scikit-learn's 100, fewer for many or wide trees."""
    return min(100, max(10, MAX_TREE_COLUMNS // tree_columns))


def _predict(prepared: Prepared, model: Any, fold: int, rows: Rows) -> Float64Array:
    """Predict rows with a baseline, as a fold sees them [M, C]."""
    target, x_MD = prepared.labelled.target, _features(prepared, fold, rows)
    if target.task is Task.regression:
        return np.asarray(model.predict(x_MD)[:, None])
    probability_MC = np.zeros((len(x_MD), len(target.labels)))
    probability_MC[:, model.classes_.astype(int)] = model.predict_proba(x_MD)
    return probability_MC


def _scores(prepared: Prepared, answer_MC: Float64Array, rows: Rows) -> dict[str, float]:
    return scores(prepared.labelled.target, prepared.labelled.y[rows], answer_MC)
