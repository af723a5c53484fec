"""A typed table becomes the arrays that engines train on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from lowloss.results import Column
from lowloss.spec import JobSpec, Task
from service.tables.check import Checked
from service.tables.table import Table
from worker.data.features import (
    Features,
    RawColumns,
    design_matrix,
    fit_features,
    read_columns,
)
from worker.data.splits import Splits, split_rows
from worker.data.target import Float64Array, Target, class_weights, fit_target, read_target
from worker.engine.plans import Arrays, FloatArray


@dataclass(frozen=True)
class Prepared:
    """A job's rows, split and transformed; the test rows are seen by the winner alone.

    `y` holds the raw target of all labelled rows: target units, or class indices.
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
    frame = table.frame.filter(pl.col(spec.target).is_not_null())
    target_column = frame[spec.target]
    if target_column.dtype.is_float():
        frame = frame.filter(target_column.is_finite())
        target_column = frame[spec.target]
    y = read_target(target_column, checked.task, checked.labels)
    is_regression = checked.task is Task.regression
    splits = split_rows(
        len(y),
        spec.validation,
        seed=spec.seed,
        classes=None if is_regression else y.astype(np.int64),
    )
    columns: tuple[Column, ...] = checked.features
    raw = read_columns(frame, columns)
    preprocessing = spec.preprocessing
    features = fit_features(
        columns,
        raw,
        splits.train,
        max_levels=max_levels,
        is_scaled=preprocessing.scale_features == "standard",
        is_matrix=table.is_matrix,
        matrix_columns=frame.width - 1,
    )
    target = fit_target(
        spec.target,
        checked.task,
        checked.labels,
        y,
        splits.train,
        scale=preprocessing.scale_target,
    )
    x_ND = design_matrix(features, raw)
    y_N = target.standardise(y)
    is_weighted = not is_regression and preprocessing.class_weight == "auto"
    arrays = Arrays(
        x_train_ND=x_ND[splits.train],
        y_train_N=y_N[splits.train],
        weight_train_N=class_weights(y, splits.train) if is_weighted else None,
        x_val_MD=x_ND[splits.validation],
        y_val_M=y_N[splits.validation],
        loss=target.loss,
        outputs=target.outputs,
        loss_unit=target.loss_unit,
    )
    return Prepared(
        splits=splits,
        features=features,
        target=target,
        arrays=arrays,
        x_test_TD=x_ND[splits.test],
        raw_test=raw.take(splits.test),
        y=y,
    )
