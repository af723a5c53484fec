"""A typed table becomes the arrays that engines train on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from lowloss.errors import JobFailed
from lowloss.results import Column
from lowloss.spec import JobSpec, Scaling, Task
from lowloss.tables.cells import format_label
from lowloss.tables.table import Table
from service.tables.check import MIN_SPLIT_ROWS, MIN_TRAIN_ROWS, CheckedJob
from worker.data.codes import find_codes
from worker.data.columns import RawColumns, read_columns, read_strings
from worker.data.features import EMBEDDING_SIZE, FittedFeatures, design_matrix
from worker.data.fit import as_matrix, fit_features
from worker.data.input_choices import InputChoice, input_choices
from worker.data.large_arrays import new_array, parts_of
from worker.data.selection import find_dropped
from worker.data.splits import Rows, Split, Splits, Traits, split_rows
from worker.data.target import (
    Float64Array,
    Target,
    class_weights,
    fit_target,
    log_offset,
    read_target,
)
from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays, Embedding, Fold
from worker.engine.bins import Bins, align_bins, find_inputs

NO_ROWS: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class LabelledRows:
    """The rows of a table that have a target; `raw` as the exported model takes them.

    `y` is in target units, or class indices. `matrix_columns` is the width of an NPZ's `X`,
    `max_levels` how many levels of a category are told apart.
    """

    columns: tuple[Column, ...]
    raw: RawColumns
    y: Float64Array
    target: Target
    matrix_columns: int | None
    max_levels: int


@dataclass(frozen=True)
class FittedFold:
    """What is fitted on the training rows of one fold, for one choice of inputs.

    The network sees 0 in the `dropped` columns of the design matrix, and in their bins.
    """

    split: Split
    choice: InputChoice
    features: FittedFeatures
    target: Target
    dropped: Rows

    def columns(self, raw: RawColumns, *, numbers: int) -> FloatArray:
        """Return what arrays hold of rows [N, D], with `numbers` columns before the codes."""
        x_ND = design_matrix(self.features, raw, numbers=numbers)
        x_ND[:, self.dropped] = 0
        return x_ND

    @property
    def seen_columns(self) -> frozenset[str]:
        """The columns of the table of which the network sees something."""
        names, dropped = self.features.column_of_inputs, frozenset(self.dropped.tolist())
        seen = (name for index, name in enumerate(names) if index not in dropped)
        return frozenset(seen) | {feature.column for feature in self.features.embedded}

    @property
    def bins(self) -> Bins | None:
        """The bins that the network sees, if any."""
        bins = self.features.bins
        return None if bins is None else bins.without(self.dropped)


@dataclass(frozen=True)
class Prepared:
    """A job's rows, split and transformed; the test rows are seen by the winner alone.

    `fits` are numbered as the folds of `arrays` are: those of the first choice of inputs, then
    those of the next. Large arrays are in files of the `folder`, if there is one.
    """

    labelled: LabelledRows
    splits: Splits
    fits: tuple[FittedFold, ...]
    arrays: Arrays
    folder: Path | None = None

    @property
    def y_test(self) -> Float64Array:
        """The raw target of the test rows."""
        return self.labelled.y[self.splits.test]

    @property
    def raw_test(self) -> RawColumns:
        """The test rows as the exported model takes them."""
        return self.labelled.raw.take(self.splits.test)

    def x_test(self, fold: int = 0) -> FloatArray:
        """Return the test rows as a fold's network sees them [T, D]."""
        return self.arrays.x_of(self.arrays.folds[fold], self.splits.test)


def prepare(
    table: Table, checked: CheckedJob, *, max_levels: int, folder: Path | None = None
) -> Prepared:
    """Split the labelled rows, fit the transforms on the training rows, and apply them to all.

    Large arrays are in files of the `folder`; in memory without one.
    """
    spec = checked.spec
    words = table.words.get(spec.target)
    frame = keep_labelled(table.frame, spec.target)
    if checked.task is not Task.regression and spec.preprocessing.rare_classes == "drop":
        frame = keep_classes(frame, spec.target, checked.labels, words)
    y = read_target(frame[spec.target], checked.task, checked.labels, words)
    labelled = LabelledRows(
        checked.features,
        # A matrix has one input for all, of float32.
        read_columns(frame, checked.features, with_offsets=not table.is_matrix, folder=folder),
        y,
        Target(spec.target, checked.task, checked.labels),
        frame.width - 1 if table.is_matrix else None,
        max_levels,
    )
    splits = split_rows(_traits(frame, spec, labelled), spec.validation, seed=spec.split_seed)
    for split in splits.folds:
        _check_split(labelled, split, splits.test)
    first, lowest = y[splits.folds[0].train], float(y.min())
    offset = log_offset(spec.preprocessing.log_target, first, lowest=lowest)
    return _fitted(labelled, splits, input_choices(spec), spec, offset=offset, folder=folder)


def prepare_refit(
    prepared: Prepared,
    spec: JobSpec,
    choices: tuple[InputChoice, ...],
    *,
    use_test_rows: bool = False,
) -> Prepared:
    """Prepare a fold for each choice of inputs, which trains on all rows but the test rows.

    None validates. These are the rows that a fold has: ordered folds, too, together hold all of
    them. With `use_test_rows`, for a model that nothing is to measure, it trains on all rows.
    """
    rows = np.arange(len(prepared.labelled.y)) if use_test_rows else prepared.splits.non_test_rows
    splits = Splits((Split(rows, NO_ROWS),), prepared.splits.test)
    log = prepared.fits[0].target.log
    offset = None if log is None else log.offset
    folder = prepared.folder
    return _fitted(prepared.labelled, splits, choices, spec, offset=offset, folder=folder)


def keep_labelled(frame: pl.DataFrame, target: str) -> pl.DataFrame:
    """Return the rows that have a target."""
    has_label = pl.col(target).is_not_null()
    if frame.schema[target].is_float():
        has_label &= pl.col(target).is_finite()
    return frame.filter(has_label)


def keep_classes(
    frame: pl.DataFrame, target: str, labels: tuple[str, ...], words: tuple[str, str] | None
) -> pl.DataFrame:
    """Return the rows of the classes that are predicted."""
    values = frame[target].unique().to_list()
    classes = [value for value in values if format_label(value, words) in labels]
    return frame.filter(pl.col(target).is_in(classes))


def keep_targets(
    frame: pl.DataFrame, checked: CheckedJob, words: Mapping[str, tuple[str, str]]
) -> pl.DataFrame:
    """Return the rows that have all targets, and a class that is predicted."""
    for target in checked.targets:
        frame = keep_labelled(frame, target.name)
        if checked.task is not Task.regression:
            frame = keep_classes(frame, target.name, target.labels, words.get(target.name))
    return frame


def read_targets(
    frame: pl.DataFrame, checked: CheckedJob, words: Mapping[str, tuple[str, str]]
) -> Float64Array:
    """Read the raw target [N], or several [N, T]."""
    columns = [
        read_target(frame[target.name], checked.task, target.labels, words.get(target.name))
        for target in checked.targets
    ]
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def _traits(frame: pl.DataFrame, spec: JobSpec, labelled: LabelledRows) -> Traits:
    """Return what the strategy of validation looks at."""
    column, y = spec.validation.column, labelled.y
    is_classified = labelled.target.task is not Task.regression
    classes = y.astype(np.int64) if is_classified else None
    if column is None:
        return Traits(len(y), classes=classes)
    if spec.validation.strategy == "ordered":
        # Ranks: as floats, neighbours among large numbers and instants would be the same.
        return Traits(len(y), order=_ranks(frame[column]))
    return Traits(len(y), groups=_ranks(read_strings(frame[column])))


def _ranks(column: pl.Series) -> Rows:
    """Rank values from 0; the same for the same value."""
    return column.rank("dense").to_numpy().astype(np.int64) - 1


def _check_split(labelled: LabelledRows, split: Split, test: Rows) -> None:
    """Refuse parts that groups or an order leave without enough rows, or classes."""
    parts = {"training": split.train, "validation": split.validation, "test": test}
    for name, rows in parts.items():
        min_rows = MIN_TRAIN_ROWS if name == "training" else MIN_SPLIT_ROWS
        if len(rows) < min_rows:
            raise JobFailed(
                "split_too_small",
                f"the {name} rows of a fold are {len(rows)}; {min_rows} are needed. Change "
                "validation.folds, fraction or test_fraction.",
            )
    if labelled.target.task is Task.regression:
        return
    class_count = len(labelled.target.labels)
    if len(np.unique(labelled.y[split.train])) < class_count:
        raise JobFailed(
            "split_lacks_a_class",
            "the training rows of a fold lack a class: it lies in few groups, or late in the "
            "order. Use another validation.strategy or column.",
        )
    for name in ("validation", "test"):
        if len(np.unique(labelled.y[parts[name]])) < min(2, class_count):
            raise JobFailed(
                "split_lacks_a_class",
                f"the {name} rows of a fold are all of one class. Use another "
                "validation.strategy or column.",
            )


def _fitted(
    labelled: LabelledRows,
    splits: Splits,
    choices: tuple[InputChoice, ...],
    spec: JobSpec,
    *,
    offset: float | None,
    folder: Path | None,
) -> Prepared:
    """Fit and transform; whether the target is seen as a logarithm is one choice for all folds."""
    fits = _fit_folds(labelled, splits, choices, spec, offset=offset)
    # Folds see other levels: views are as wide as the widest.
    numbers = max(fit.features.numbers for fit in fits)
    width = numbers + len(fits[0].features.embedded)
    x_VND = new_array((len(fits), len(labelled.y), width), folder)
    for part in parts_of(len(labelled.y)):
        raw = labelled.raw.take(part)
        for view, fit in enumerate(fits):
            x_VND[view, part] = fit.columns(raw, numbers=numbers)
    # The smallest spread: in units of a larger one, float32 would round a fold's targets away.
    unit = min((fit.target for fit in fits), key=lambda target: target.sd)
    bins = align_bins([fit.bins for fit in fits])
    folds = tuple(
        replace(
            _fold(number, fit, unit, labelled.y, spec),
            unseen_inputs=find_inputs(fit.dropped, bins[number] if bins else None),
        )
        for number, fit in enumerate(fits)
    )
    arrays = Arrays(
        x_VND,
        unit.standardise(labelled.y),
        unit.loss,
        unit.outputs,
        folds=folds,
        embeddings=_embeddings(fits),
        bins=bins,
    )
    return Prepared(labelled, splits, tuple(fits), arrays, folder)


def _fit_folds(
    labelled: LabelledRows,
    splits: Splits,
    choices: tuple[InputChoice, ...],
    spec: JobSpec,
    *,
    offset: float | None,
) -> list[FittedFold]:
    """Fit every fold's transforms on its training rows, one choice of inputs after the other."""
    scale = spec.preprocessing.scale_target
    fits: list[FittedFold] = []
    fitted: dict[tuple[Scaling, int], FittedFeatures] = {}
    for choice in choices:
        for fold, split in enumerate(splits.folds):
            key = choice.scale_features, fold
            if key not in fitted:
                # What is embedded is one choice for all folds: it decides what networks consist of.
                first = next(iter(fitted.values()), None)
                embedded = None if first is None else frozenset(f.column for f in first.embedded)
                fitted[key] = _features(labelled, split, choice.scale_features, embedded)
            y_train = labelled.y[split.train]
            target = fit_target(labelled.target, y_train, scale=scale, log_offset=offset)
            dropped = _dropped(labelled, split, fitted[key], target, choice.select_features)
            fits.append(FittedFold(split, choice, fitted[key], target, dropped))
    return fits


def _dropped(
    labelled: LabelledRows,
    split: Split,
    features: FittedFeatures,
    target: Target,
    count: int | None,
) -> Rows:
    """Return which columns of the design matrix are dropped, by the training rows of a fold."""
    if count is None:
        return NO_ROWS
    x_ND = design_matrix(features, labelled.raw.take(split.train))[:, : features.numbers]
    is_regression = target.task is Task.regression
    y_N = target.standardise(labelled.y[split.train]).astype(np.float64)
    return find_dropped(x_ND, y_N, count=count, is_regression=is_regression)


def _embeddings(fits: list[FittedFold]) -> tuple[Embedding, ...]:
    """Return the tables for the codes of every fold."""
    of_columns = zip(*(fit.features.embedded for fit in fits), strict=True)
    level_counts = [max(len(feature.levels) for feature in features) for features in of_columns]
    return tuple(Embedding(levels + 1, EMBEDDING_SIZE) for levels in level_counts)


def _features(
    labelled: LabelledRows, split: Split, scaling: Scaling, embedded: frozenset[str] | None
) -> FittedFeatures:
    raw, codes = labelled.raw.take(split.train), frozenset[str]()
    if scaling == "piecewise":
        y, classes = labelled.y[split.train], len(labelled.target.labels)
        codes = find_codes(labelled.columns, raw, y, classes=classes)
    features = fit_features(
        labelled.columns,
        raw,
        codes=codes,
        max_levels=labelled.max_levels,
        scaling=scaling,
        embedded=embedded,
    )
    if labelled.matrix_columns is None:
        return features
    return as_matrix(features, matrix_columns=labelled.matrix_columns)


def _fold(view: int, fit: FittedFold, unit: Target, y: Float64Array, spec: JobSpec) -> Fold:
    """Return a fold of the arrays, whose target is in `unit`."""
    return Fold(
        train_N=fit.split.train,
        validation_M=fit.split.validation,
        weight_N=class_weights(y, fit.split.train) if spec.balances_classes(unit.task) else None,
        view=view,
        y_shift=(fit.target.mean - unit.mean) / unit.sd,
        y_scale=fit.target.sd / unit.sd,
        loss_unit=fit.target.loss_unit,
    )
