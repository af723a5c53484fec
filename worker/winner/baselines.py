"""What a model must beat: scikit-learn's simple predictors, on rows that it learns from.

None is worth a job: a baseline that fails or takes too long is left out, and that is said.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lowloss.results import Baseline
from lowloss.spec import JobSpec, Task
from worker.data.features import design_matrix
from worker.data.prepare import Prepared
from worker.data.scores import mean_metrics, scores
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray
from worker.execution.beside import iterate_beside
from worker.execution.free_cores import FreeCores
from worker.winner.baseline_models import build_models, fit_to, fitting_steps

log = logging.getLogger(__name__)

MIN_ROWS, MAX_ROWS = 1_000, 100_000
MAX_WORK = 20_000_000
"""Rows x columns x classes that a baseline is fitted on: about 20 seconds of boosting on 2 cores.

A larger table's baselines are fitted on a random part of its training rows.
"""
ENDING = "the job was to end"
"""Why a baseline is missing that nobody waits for."""


@dataclass(frozen=True)
class FittedBaseline:
    """A baseline, and what it answers to the test rows [T, C], as `Target.to_predictions` does."""

    baseline: Baseline
    prediction_TC: Float64Array


@dataclass(frozen=True)
class Baselines:
    """The fitted baselines, and why others are missing, by name."""

    fitted: tuple[FittedBaseline, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Training:
    """A model that is fitted on rows as a fold sees them."""

    model: Any
    fold: int
    rows: Rows


class _LeftOutError(Exception):
    """A baseline is not waited for any longer; says why."""


def fit_baselines(
    prepared: Prepared,
    spec: JobSpec,
    *,
    seconds: float = math.inf,
    should_continue: Callable[[], bool] = lambda: True,
    clock: Callable[[], float] = time.monotonic,
) -> Baselines:
    """Fit each baseline, and score it in the target's units on validation and test rows.

    Validation metrics are the mean over folds. The test rows are predicted by the baselines of the
    first fold, or of all known rows where the model is refitted on them.

    All together have some `seconds`. Once `should_continue`, which is called a few times a second,
    returns False, the rest is left out; what it raises ends all.
    """
    deadline, free_cores = clock() + seconds, FreeCores()
    trainings = _list_trainings(prepared, spec)
    fitted: list[FittedBaseline] = []
    missing: dict[str, str] = {}
    for position, name in enumerate(trainings):
        # What a fast one does not need is for those after it.
        share_s = max(0.0, deadline - clock()) / (len(trainings) - position)
        end = clock() + share_s

        def check(end: float = end, share_s: float = share_s) -> None:
            if not should_continue():
                raise _LeftOutError(ENDING)
            if clock() >= end:
                raise _LeftOutError(f"its {share_s:.0f} s were up")

        versions = _fit_versions(name, trainings[name], prepared, spec, free_cores)
        result = _last_version(versions, check)
        if isinstance(result, FittedBaseline):
            fitted.append(result)
        else:
            missing[name] = result
    return Baselines(tuple(fitted), missing)


def _list_trainings(prepared: Prepared, spec: JobSpec) -> dict[str, list[_Training]]:
    """Return the models to fit by baseline: one a fold, and last that of all known rows, if any."""
    splits, target = prepared.splits, prepared.labelled.target
    rows_of_folds = list(enumerate(split.train for split in splits.folds))
    if spec.final.refit:
        rows_of_folds.append((0, splits.non_test_rows))
    trainings: dict[str, list[_Training]] = {}
    for fold, train in rows_of_folds:
        rows = _sample_training(prepared, train, seed=spec.seed)
        y_N = prepared.labelled.y[rows]
        for name, model in build_models(target.task, prepared.arrays, y_N, seed=spec.seed).items():
            trainings.setdefault(name, []).append(_Training(model, fold, rows))
    return trainings


def _last_version(
    versions: Iterator[FittedBaseline | str | None], check: Callable[[], None]
) -> FittedBaseline | str:
    """Return a baseline as far as it came before `check` gave it up, or why there is none."""
    last: FittedBaseline | str | None = None
    try:
        for version in iterate_beside(versions, check):
            last = version or last
    except _LeftOutError as error:
        if isinstance(last, FittedBaseline):
            return _add_note(last, f"{last.baseline.note}, since {error}")
        return str(error)
    assert last is not None, "a baseline has one version at least"
    return last


def _fit_versions(
    name: str,
    trainings: Sequence[_Training],
    prepared: Prepared,
    spec: JobSpec,
    free_cores: FreeCores,
) -> Iterator[FittedBaseline | str | None]:
    """Fit a baseline, and yield it each time that it has grown; or why it cannot be fitted.

    One that is to grow further says in its note how far it is. Between its fits comes None.
    """
    *steps, last_step = fitting_steps(trainings[0].model)
    try:
        for step in (*steps, last_step):
            for training in trainings:
                _fit(training, prepared, step, free_cores)
                yield None
            with free_cores.limit_threads():
                fitted = _score(name, trainings, prepared, spec)
            note = None if step == last_step else f"{step} of {last_step} iterations"
            yield _add_note(fitted, note)
    except Exception as error:
        log.exception("no baseline %s", name)
        yield f"it failed: {error}"


def _fit(training: _Training, prepared: Prepared, step: int | None, free_cores: FreeCores) -> None:
    rows = training.rows
    # In float64: Ridge would take the target to the features' type, and lose a large mean's digits.
    x_ND = _features(prepared, training.fold, rows).astype(np.float64)
    with free_cores.limit_threads():
        fit_to(training.model, x_ND, prepared.labelled.y[rows], step)


def _score(
    name: str, trainings: Sequence[_Training], prepared: Prepared, spec: JobSpec
) -> FittedBaseline:
    splits = prepared.splits
    tested = trainings[-1] if spec.final.refit else trainings[0]
    metrics_of_folds = [
        _scores(
            prepared,
            _predict(prepared, training.model, training.fold, split.validation),
            split.validation,
        )
        for training, split in zip(trainings, splits.folds, strict=False)
    ]
    prediction_TC = _predict(prepared, tested.model, 0, splits.test)
    test_metrics = _scores(prepared, prediction_TC, splits.test)
    metrics = mean_metrics(metrics_of_folds)
    baseline = Baseline(name=name, metrics=metrics, test_metrics=test_metrics)
    return FittedBaseline(baseline, prediction_TC)


def _add_note(fitted: FittedBaseline, note: str | None) -> FittedBaseline:
    return replace(fitted, baseline=fitted.baseline.model_copy(update={"note": note}))


def _sample_training(prepared: Prepared, train: Rows, *, seed: int) -> Rows:
    """Return the rows that a baseline is fitted on: all, or a part of a large table's."""
    y_N, arrays = prepared.labelled.y[train], prepared.arrays
    classes = len(prepared.labelled.target.labels)
    columns = arrays.numbers + sum(embedding.codes for embedding in arrays.embeddings)
    limit = min(MAX_ROWS, max(MIN_ROWS, MAX_WORK // (columns * max(1, classes))))
    return train[_sample(y_N, limit, seed=seed, keep_classes=classes > 0)]


def _features(prepared: Prepared, fold: int, rows: Rows) -> FloatArray:
    # Baselines see all columns, even where networks see bins, or keep some inputs.
    fit = prepared.fits[fold]
    if not fit.dropped.size:
        return prepared.arrays.columns_of(prepared.arrays.folds[fold], rows)
    raw = prepared.labelled.raw.take(rows)
    return design_matrix(fit.features, raw, numbers=prepared.arrays.numbers)


def _sample(y_N: Float64Array, limit: int, *, seed: int, keep_classes: bool) -> Rows:
    """Draw at most `limit` rows, and beyond these the first two of each class."""
    if len(y_N) <= limit:
        return np.arange(len(y_N))
    drawn = np.random.default_rng(seed).permutation(len(y_N))[:limit]
    if not keep_classes:
        return np.sort(drawn)
    rows_of_classes = [np.flatnonzero(y_N == c)[:2] for c in np.unique(y_N)]
    return np.unique(np.concatenate([drawn, *rows_of_classes]))


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
