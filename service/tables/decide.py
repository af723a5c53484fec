"""Decides the `auto` of validation, pruning and the selection of inputs for a dataset."""

from __future__ import annotations

from collections.abc import Iterable

from lowloss.results import Column, ColumnKind, Dataset
from lowloss.spec import Choice, JobSpec, Pruning, Task, Validation
from lowloss.spec.parameters import OptionalCount, SelectionParameter

SCARCE_ROWS, FOLDS = 1000, 5
"""With fewer rows than this a job validates on folds by default."""
MANY_TRIALS = 60
"""From so many trials on they are pruned by default: chosen."""

MIN_INPUTS, ROWS_PER_INPUT = 8, 4
"""Of so many inputs, and with fewer rows for each of them, a search may select some."""
MAX_SELECTED_CELLS = 2**21
"""Rows times inputs up to which it may. The worker has them in memory once for each way of scaling,
each number of inputs, and each fold: by default up to 45 times, of 8 MiB each."""
FEW_SHARE, FEW_ROWS = 4, 24
HALF_SHARE, HALF_ROWS = 2, 6
"""It keeps a fourth of the inputs, or half; no more than one for so many rows."""
EMBEDDED_LEVELS = 16
"""A category of more levels is embedded, and always kept (`worker.data.fit.ONE_HOT_LEVELS`)."""


def decide_validation(spec: JobSpec, dataset: Dataset, target: Column, task: Task) -> Validation:
    """Choose five folds where rows are scarce: a fifth of them says too little of a trial.

    A request that names another fraction has a holdout. What the rows are drawn by is decided, too.
    """
    validation = spec.validation.model_copy(update={"seed": spec.split_seed})
    if validation.strategy != "auto":
        return validation
    is_scarce = dataset.rows - target.missing < SCARCE_ROWS
    is_scarce &= validation.fraction == Validation().fraction
    rarest = min((level.rows for level in target.levels), default=0)
    # Each fold and the test need a row of every class.
    if is_scarce and (task is Task.regression or rarest > FOLDS):
        return validation.model_copy(update={"strategy": "kfold", "folds": FOLDS})
    return validation.model_copy(update={"strategy": "holdout"})


def decide_pruning(spec: JobSpec) -> Pruning | None:
    """Return the requested pruning; for `auto`, the default pruning where it pays, else None.

    It pays where a trial may reach a second rung (`min_epochs` times `reduction`), and where trials
    are many: few find more unpruned (docs/decisions/0012). It never pays under `tpe`. With
    `hyperband`, `auto` always prunes.
    """
    if spec.pruning != "auto":
        return spec.pruning
    default = Pruning()
    is_long = spec.budget.max_epochs >= default.min_epochs * default.reduction
    is_wide = spec.budget.max_trials >= MANY_TRIALS
    pays = is_long and is_wide and spec.algorithm != "tpe"
    return default if pays or spec.algorithm == "hyperband" else None


def count_selectable(features: Iterable[Column]) -> int:
    """Count the inputs that a search may select of columns: a date's seasons are not counted."""
    counts = (
        column.distinct if column.kind is ColumnKind.categorical else 1 + (column.missing > 0)
        for column in features
        if column.kind is not ColumnKind.categorical or column.distinct <= EMBEDDED_LEVELS
    )
    return sum(counts)


def decide_selection(spec: JobSpec, inputs: int, rows: int) -> SelectionParameter:
    """Let a search choose how many inputs it keeps where they are many beside the rows.

    `inputs` may be selected; `rows` are all that have a target. A grid has what it is asked for.
    """
    if spec.preprocessing.select_features != "auto":
        return spec.preprocessing.select_features
    is_wide = inputs >= MIN_INPUTS and rows < ROWS_PER_INPUT * inputs
    if not is_wide or rows * inputs > MAX_SELECTED_CELLS or spec.algorithm == "grid":
        return None
    few = min(inputs // FEW_SHARE, rows // FEW_ROWS)
    half = min(inputs // HALF_SHARE, rows // HALF_ROWS)
    counts = sorted({few, half} - {0})
    return Choice[OptionalCount](choices=(None, *counts)) if counts else None
