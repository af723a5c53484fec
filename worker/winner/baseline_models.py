"""The models of the baselines, and boosting that grows step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from lowloss.spec import Task
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays

BOOSTING = "gradient_boosting"
BOOSTING_STEPS = (20, 50)
"""Iterations at which boosting has a result before it is complete: each bins its columns again."""
MAX_BINS = 255
"""Of scikit-learn's boosting."""
MAX_TREE_COLUMNS = 2_000_000
"""Trees x columns that boosting may grow: it grows a tree a class and iteration."""


def build_models(task: Task, arrays: Arrays, y_N: Float64Array, *, seed: int) -> dict[str, Any]:
    """Return an unfitted model a baseline, by name; the fastest first."""
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
            BOOSTING: HistGradientBoostingRegressor(
                max_iter=_iterations(columns), categorical_features=categories, random_state=seed
            ),
        }
    rows_of_class = np.unique(y_N, return_counts=True)[1]
    return {
        "majority": DummyClassifier(strategy="prior"),
        # Converges within 30 iterations on standardised columns as a rule; 1,000 are for the rest.
        "logistic_regression": _linear(LogisticRegression(max_iter=1000), arrays),
        BOOSTING: HistGradientBoostingClassifier(
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


def fitting_steps(model: Any) -> tuple[int | None, ...]:
    """Return the iterations at which a model has a result, the whole fit last; None if one go."""
    if not _is_boosting(model):
        return (None,)
    return (*(step for step in BOOSTING_STEPS if step < model.max_iter), model.max_iter)


def fit_to(model: Any, x_ND: Float64Array | FloatArray, y_N: Float64Array, step: int | None) -> Any:
    """Fit a model, or let boosting grow to an iteration, and return it.

    What has grown in steps has the same bits as a fit in one go (scikit-learn 1.9), early stopping
    included: growing again would only add to a fit that has stopped.
    """
    if step is None:
        return model.fit(x_ND, y_N)
    if _has_stopped_early(model):
        return model
    return model.set_params(warm_start=True, max_iter=step).fit(x_ND, y_N)


def _is_boosting(model: Any) -> bool:
    return isinstance(model, HistGradientBoostingClassifier | HistGradientBoostingRegressor)


def _has_stopped_early(model: Any) -> bool:
    """Return whether the validation scores of boosting have stopped to improve, as it checks it."""
    scores = getattr(model, "validation_score_", None)
    patience = model.n_iter_no_change
    if scores is None or len(scores) <= patience:
        return False
    return bool(np.max(scores[-patience:]) <= scores[-patience - 1] + model.tol)
