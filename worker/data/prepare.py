"""A typed table becomes the arrays that engines train on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from lowloss.spec import JobSpec, Preprocessing, Task
from service.tables.check import Checked
from service.tables.table import Table
from worker.data.features import (
    Features,
    RawColumns,
    as_matrix,
    design_matrix,
    fit_features,
    read_columns,
)
from worker.data.splits import Splits, split_rows
from worker.data.target import Float64Array, Target, class_weights, fit_target, read_target
from worker.engine.plans import Arrays, FloatArray, Fold


@dataclass(frozen=True)
class Prepared:
    """A job's rows, split and transformed; the test rows are seen by the winner alone.

    `y` holds the raw target of all labelled rows, which `splits` index: target units, or class
    indices. `raw_test` holds the test rows as the exported model takes them.
    """

    splits: Splits
    features: Features
    target: Target
    arrays: Arrays
    x_test_TD: FloatArray
    raw_test: RawColumns
    y: Float64Array


def prepare(table: Table, spec: JobSpec, checked: Checked, *, max_levels: int) -> Prepared:
    """Split the labelled rows, fit the transforms on the training rows, and apply them to all."""
    frame = _labelled(table.frame, spec.target)
    y = read_target(frame[spec.target], checked.task, checked.labels)
    classes = None if checked.task is Task.regression else y.astype(np.int64)
    splits = split_rows(len(y), spec.validation, seed=spec.seed, classes=classes)

    raw = read_columns(frame, checked.features)
    features = fit_features(
        checked.features,
        raw.take(splits.train),
        max_levels=max_levels,
        is_scaled=spec.preprocessing.scale_features == "standard",
    )
    if table.is_matrix:
        features = as_matrix(features, matrix_columns=frame.width - 1)
    target = fit_target(
        Target(spec.target, checked.task, checked.labels),
        y[splits.train],
        scale=spec.preprocessing.scale_target,
    )
    x_ND = design_matrix(features, raw)
    return Prepared(
        splits=splits,
        features=features,
        target=target,
        arrays=_arrays(x_ND, y, splits, target, preprocessing=spec.preprocessing),
        x_test_TD=x_ND[splits.test],
        raw_test=raw.take(splits.test),
        y=y,
    )


def _labelled(frame: pl.DataFrame, target: str) -> pl.DataFrame:
    has_label = pl.col(target).is_not_null()
    if frame.schema[target].is_float():
        has_label &= pl.col(target).is_finite()
    return frame.filter(has_label)


def _arrays(
    x_ND: FloatArray,
    y: Float64Array,
    splits: Splits,
    target: Target,
    *,
    preprocessing: Preprocessing,
) -> Arrays:
    y_N = target.standardise(y)
    is_weighted = target.task is not Task.regression and preprocessing.class_weight == "auto"
    holdout = Fold(
        train_N=splits.train,
        validation_M=splits.validation,
        weight_N=class_weights(y, splits.train) if is_weighted else None,
        loss_unit=target.loss_unit,
    )
    return Arrays(x_ND[None], y_N, target.loss, target.outputs, folds=(holdout,))
