"""The rows of a diagnosis: read, parted into draws, and written as each treatment has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lowloss.errors import JobFailed
from lowloss.results import Column, ColumnKind
from lowloss.spec import PredictedTargets, Recipe, Scaling, Task
from lowloss.tables.table import Table
from lowloss.wording import counted
from service.tables.check import CheckedJob
from service.tables.check_recipe import MIN_JUDGED_ROWS
from worker.data.codes import MAX_CODES
from worker.data.columns import RawColumns, read_columns, read_strings
from worker.data.features import FittedFeatures, design_matrix
from worker.data.fit import fit_features
from worker.data.prepare import keep_targets, read_targets
from worker.data.selection import find_dropped
from worker.data.splits import Rows
from worker.data.target import Float64Array, Target
from worker.diagnosis.thresholds import LINEAR_REST
from worker.diagnosis.training.draws import STREAM, Draw, draw_parts, sample_rows
from worker.diagnosis.training.treatment import MISSING, STANDARD, Treatment, count_inputs
from worker.engine.array_types import FloatArray, RowNumbers
from worker.engine.arrays import NO_COLUMNS
from worker.engine.bins import Bins

Counts = NDArray[np.int64]
MIN_ROWS = 2
"""One that trains and one that validates."""
MAX_LEVELS = 64
"""Levels of a category that are told apart: each has a column here.

Of a column that the recipe names as a category MAX_CODES are: an Embedding is of many.
"""
MAX_FIT_COLUMNS = 1_000
"""Of more columns least squares take too long."""
MAX_FIT_ROWS = 20_000
"""Rows that least squares are fitted to, at most, and judged on."""
ROWS_PER_WEIGHT = 2
"""Training rows a weight, at least: a line through as many points as weights says nothing."""


@dataclass(frozen=True)
class DiagnosisData:
    """The rows of a table that have a target, in some draws.

    `y` is in target units, or class indices, [N, T] of several targets. `row_numbers` are those of
    the uploaded table. A table too large for the time given is cut to a sample; `whole_rows` is
    what it had, and `dropped_rows` what the uploaded table had beside these. The data of one of
    several targets say how many there are: `siblings`.

    `codes` are the columns of whole numbers as they are in the table: some may be codes of
    categories. Those of `categories` are seen as such, with up to MAX_CODES levels; texts may be
    among them.
    """

    columns: tuple[Column, ...]
    raw: RawColumns
    y: Float64Array
    targets: tuple[Target, ...]
    draws: tuple[Draw, ...]
    row_numbers: Rows
    whole_rows: int
    dropped_rows: int = 0
    siblings: int = 1
    codes: Mapping[str, pl.Series] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    _fitted: dict[tuple[int, Scaling], FittedFeatures] = field(default_factory=dict)
    _coded: dict[tuple[str, ...], DiagnosisData] = field(default_factory=dict)
    _unseen: dict[tuple[Treatment, int], RowNumbers] = field(default_factory=dict)

    def seen_by(self, recipe: Recipe) -> DiagnosisData:
        """Return the data with the columns as categories that a recipe takes as such."""
        texts = self.names[len(self.numeric_names) :]
        names = recipe.categorical
        if names == "all":
            names = (*self.codes, *texts)
        seen = {*self.codes, *texts} - {*self.categories}
        new = tuple(name for name in names if name in seen)
        if not new:
            return self
        if new not in self._coded:
            self._coded[new] = self._with_categories(new)
        return self._coded[new]

    def _with_categories(self, names: tuple[str, ...]) -> DiagnosisData:
        is_number_R = [name not in names for name in self.numeric_names]
        strings = {name: read_strings(self.codes[name]) for name in names if name in self.codes}
        is_category = [column.kind is ColumnKind.categorical for column in self.columns]
        old_names = [c.name for c, is_one in zip(self.columns, is_category, strict=True) if is_one]
        strings |= dict(zip(old_names, self.raw.strings, strict=True))  # Codes are none of them.
        columns = tuple(
            column.model_copy(update={"kind": ColumnKind.categorical})
            if column.name in names
            else column
            for column in self.columns
        )
        ordered = tuple(strings[column.name] for column in columns if column.name in strings)
        return replace(
            self,
            columns=columns,
            raw=RawColumns(self.raw.numeric_NR[:, is_number_R], ordered),
            categories=(*self.categories, *names),
            _fitted={},
            _coded={},
            _unseen={},
        )

    @property
    def is_judged_on_training(self) -> bool:
        """Whether rows are so few that all of them train, and judge."""
        return len(self.y) < MIN_JUDGED_ROWS

    @property
    def target(self) -> Target:
        """The only target; of several, ask each one's data."""
        return self.targets[0]

    @property
    def predicted(self) -> PredictedTargets:
        """What a network predicts."""
        return PredictedTargets(self.target.task, len(self.targets))

    @cached_property
    def by_target(self) -> tuple[DiagnosisData, ...]:
        """The data of each target by itself."""
        if not self.predicted.has_several:
            return (self,)
        return tuple(
            replace(
                self, y=y_N, targets=(target,), siblings=len(self.targets), _coded={}, _unseen={}
            )
            for target, y_N in zip(self.targets, self.y.T, strict=True)
        )

    @cached_property
    def loss_units(self) -> tuple[float, ...]:
        """What each target's loss is divided by, so that all of several count the same."""
        if not (self.predicted.has_several and self.predicted.is_of_numbers):
            return (1.0,) * len(self.targets)
        return tuple(self.y.var(axis=0).tolist())

    @property
    def metric(self) -> str:
        """What a loss on judging rows is: of several targets they all count the same."""
        has_several = self.predicted.has_several
        if self.task is Task.regression:
            return "standardised_mean_squared_error" if has_several else "mean_squared_error"
        return "log_loss_per_label" if has_several else "log_loss"

    @cached_property
    def is_encoded(self) -> bool:
        """Whether the targets are what losses take as they are: numbers, or labels of 0 and 1."""
        if self.predicted.is_of_numbers:
            return True
        return self.predicted.is_of_labels and all(
            target.labels == ("0", "1") for target in self.targets
        )

    @property
    def target_words(self) -> str:
        """What sentences call the target: one of several by its name."""
        return "target" if self.siblings == 1 else f"target {self.target.name!r}"

    @property
    def task(self) -> Task:
        """The task of every target."""
        return self.target.task

    @property
    def names(self) -> list[str]:
        """Feature columns, numbers first, as `raw` has them."""
        numbers = [c.name for c in self.columns if c.kind != "categorical"]
        return numbers + [c.name for c in self.columns if c.kind == "categorical"]

    @property
    def numeric_names(self) -> list[str]:
        """The feature columns of numbers, as `raw.numeric_NR` has them."""
        return self.names[: self.raw.numeric_NR.shape[1]]

    @cached_property
    def label_numbers(self) -> Float64Array | None:
        """The labels as numbers, where all are; else None."""
        try:
            return np.array([float(label) for label in self.target.labels])
        except ValueError:
            return None

    @cached_property
    def has_missing(self) -> bool:
        """Whether some number is missing."""
        return bool(np.isnan(self.raw.numeric_NR).any())

    @cached_property
    def width(self) -> int:
        """D: the most columns that any draw's design matrix has."""
        return max(self._features(draw, "standard").numbers for draw in self.draws)

    @cached_property
    def is_linear(self) -> bool:
        """Whether least squares of the columns leave next to nothing of every target.

        That is of a sample of the rows: a fit to all of a large table takes long.
        """
        draw, y_NT = self.draws[0], self.y.reshape(len(self.y), -1)
        fit_N, judge_M = (
            sample_rows(rows, min(1.0, MAX_FIT_ROWS / len(rows)), seed=draw.seed)
            for rows in (draw.fit_rows, draw.judge)
        )
        x_ND = self.transform(STANDARD, draw)
        columns = x_ND.shape[1] + 1
        is_short = len(fit_N) < ROWS_PER_WEIGHT * columns
        if self.task is not Task.regression or is_short or columns > MAX_FIT_COLUMNS:
            return False
        weights_DT = np.linalg.lstsq(_with_ones(x_ND[fit_N]), y_NT[fit_N], rcond=None)[0]
        rest_MT = y_NT[judge_M] - _with_ones(x_ND[judge_M]) @ weights_DT
        rest_T, spread_T = np.square(rest_MT).mean(axis=0), y_NT[judge_M].var(axis=0)
        return bool((rest_T <= LINEAR_REST * spread_T).all())

    def count_rows_by_class(self, rows: Rows | slice = slice(None)) -> Counts:
        """Count the rows of each class [C], among all rows or some."""
        return np.bincount(self.y[rows].astype(np.int64), minlength=len(self.target.labels))

    def first_row_numbers(self, rows: Rows, limit: int) -> tuple[int, ...]:
        """Return the numbers that the first of some rows have in the uploaded table."""
        return tuple(int(row) for row in self.row_numbers[rows[:limit]])

    def transform(self, treatment: Treatment, draw: Draw) -> FloatArray:
        """Return what arrays hold for a recipe's network [N, D]; fitted on the known rows."""
        scaling = treatment.scale_features
        features = self._features(draw, "none" if scaling == "minmax" else scaling)
        # A copy: an unscaled design matrix may be the raw numbers themselves.
        x_ND = np.array(design_matrix(features, self.raw, numbers=self.width))
        numbers = self.raw.numeric_NR.shape[1]
        if scaling == "minmax":
            fit_NR = x_ND[draw.fit_rows, :numbers]
            low_R, span_R = fit_NR.min(axis=0), np.ptp(fit_NR, axis=0)
            x_ND[:, :numbers] = (x_ND[:, :numbers] - low_R) / np.where(span_R > 0, span_R, 1)
        unseen_D = self.unseen(treatment, draw)
        if treatment.missing == "keep":
            missing_NR = np.isnan(self.raw.numeric_NR)
            x_ND[:, :numbers][missing_NR] = np.nan
        x_ND[:, unseen_D] = 0
        return x_ND

    def unseen(self, treatment: Treatment, draw: Draw) -> RowNumbers:
        """Return the columns of the design matrix that a recipe's network sees as 0."""
        key = treatment, draw.number
        if key not in self._unseen:
            self._unseen[key] = self._find_unseen(treatment, draw)
        return self._unseen[key]

    def _find_unseen(self, treatment: Treatment, draw: Draw) -> RowNumbers:
        unseen_D = treatment.find_excluded(self.sources(draw))
        if treatment.select_features is None:
            return unseen_D
        scaling = treatment.scale_features
        rows = draw.fit_rows
        features = self._features(draw, "none" if scaling == "minmax" else scaling)
        x_ND = np.array(design_matrix(features, self.raw.take(rows), numbers=self.width))
        x_ND[:, unseen_D] = 0
        count, is_regression = treatment.select_features, self.task is Task.regression
        dropped_D = find_dropped(x_ND, self.y[rows], count=count, is_regression=is_regression)
        return np.union1d(unseen_D, dropped_D)

    def bins(self, treatment: Treatment, draw: Draw) -> Bins | None:
        """Return the bins that a recipe's network sees in place of numbers, if any."""
        if treatment.scale_features != "piecewise":
            return None
        bins = self._features(draw, "piecewise").bins
        if bins is None:
            return None
        return bins.without(self.unseen(treatment, draw))

    def dropped(self, treatment: Treatment, draw: Draw) -> RowNumbers:
        """Return the columns that count as none of a network's inputs, where it selects some."""
        is_selected = treatment.select_features is not None
        return self.unseen(treatment, draw) if is_selected else NO_COLUMNS

    def inputs(self, recipe: Recipe, *, with_dropped: bool = False) -> int:
        """Count what a recipe's first layer sees, in the draw that has most of it.

        `with_dropped` counts what arrays hold and programs multiply.
        """
        treatment, data = Treatment.of(recipe), self.seen_by(recipe)
        if with_dropped:
            treatment = replace(treatment, select_features=None)
        return max(
            count_inputs(data.width, data.bins(treatment, draw), data.dropped(treatment, draw))
            for draw in self.draws
        )

    def count_columns(self, recipe: Recipe) -> int:
        """Count the columns that a network sees, bins as one, in the draw that has most of them."""
        treatment, data = Treatment.of(recipe), self.seen_by(recipe)
        return data.width - min(len(data.dropped(treatment, draw)) for draw in data.draws)

    def sources(self, draw: Draw) -> list[str]:
        """Return the table's column behind each column of the design matrix; "" for padding.

        Indicators of missing values are marked by MISSING.
        """
        features = self._features(draw, "standard")
        sources = list(features.column_of_inputs)
        for i in features.indicators:
            sources[i] = MISSING + sources[i]
        return sources + [""] * (self.width - len(sources))

    @property
    def merged_columns(self) -> dict[str, tuple[int, int]]:
        """Count the levels that are told apart, and all, of categories with too many for that.

        They are those of the rows that the first draw trains on.
        """
        limits = dict.fromkeys(self.categories, MAX_CODES)
        return {
            feature.column: (len(feature.levels), len(feature.levels) + len(feature.others))
            for feature in self._features(self.draws[0], "standard").categorical
            if feature.others and len(feature.levels) >= limits.get(feature.column, MAX_LEVELS)
        }

    def _features(self, draw: Draw, scaling: Scaling) -> FittedFeatures:
        key = draw.number, scaling
        if key not in self._fitted:
            self._fitted[key] = fit_features(
                self.columns,
                self.raw.take(draw.fit_rows),
                max_levels=MAX_LEVELS,
                own_max_levels=dict.fromkeys(self.categories, MAX_CODES),
                scaling=scaling,
                embedded=frozenset(),
                # Scripts scale by scikit-learn, which has no limits.
                is_limited=False,
            )
        return self._fitted[key]


def read_data(
    table: Table, checked: CheckedJob, recipe: Recipe, *, draws: int, max_rows: int, seed: int
) -> DiagnosisData:
    """Read the labelled rows, at most so many of them, and draw their parts."""
    frame = table.frame.with_row_index("__row__") if table.frame.width else table.frame
    frame = keep_targets(frame, checked, table.words)
    whole_rows = frame.height
    if whole_rows < MIN_ROWS:
        raise JobFailed(
            "too_few_rows",
            f"{counted(whole_rows, 'row has', 'rows have')} all of the targets; {MIN_ROWS} are "
            "needed. Name targets that the same rows have.",
        )
    frame = _sample(frame, max_rows, seed=seed)
    y = read_targets(frame, checked, table.words)
    _refuse_constants(y, checked)
    codes = {c.name: frame[c.name] for c in checked.features if c.may_be_codes}
    data = DiagnosisData(
        checked.features,
        read_columns(frame, checked.features),
        y,
        tuple(Target(target.name, checked.task, target.labels) for target in checked.targets),
        draw_parts(y, checked.predicted, recipe.validation_split, draws, seed=seed),
        frame["__row__"].to_numpy().astype(np.int64),
        whole_rows,
        table.frame.height - whole_rows,
        codes=codes,
    )
    return data.seen_by(recipe)


def _refuse_constants(y: Float64Array, checked: CheckedJob) -> None:
    """Raise JobFailed for the first of several targets with one value where all are there."""
    if not checked.predicted.has_several:
        return
    for target, y_N in zip(checked.targets, y.T, strict=True):
        if (y_N == y_N[0]).all():
            raise JobFailed(
                "constant_target",
                f"{target.name!r} has one value in the rows that have all of the targets. Leave it "
                "out, or name targets that more of the same rows have.",
            )


def _sample(frame: pl.DataFrame, max_rows: int, *, seed: int) -> pl.DataFrame:
    if frame.height <= max_rows:
        return frame
    chosen = np.random.default_rng([seed, STREAM]).permutation(frame.height)[:max_rows]
    return frame[np.sort(chosen)]


def _with_ones(x_ND: FloatArray) -> Float64Array:
    return np.hstack([x_ND.astype(np.float64), np.ones((len(x_ND), 1))])
