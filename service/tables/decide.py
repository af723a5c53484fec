"""Decides the `auto` of validation, pruning and the selection of inputs for a dataset."""

from __future__ import annotations

from lowloss.results import Column, Dataset
from lowloss.spec import Choice, JobSpec, Pruning, Task, Validation
from lowloss.spec.parameters import OptionalCount, SelectionParameter

SCARCE_ROWS, FOLDS = 1000, 5
"""With fewer rows than this a job validates on folds by default."""
MANY_TRIALS = 60
"""From so many trials on they are pruned by default: chosen."""

MIN_COLUMNS, ROWS_PER_COLUMN = 8, 4
"""Of so many columns, and with fewer rows for each of them, a search may select inputs."""
MAX_SELECTED_CELLS = 2**22
"""Rows times columns up to which it may: each number of inputs is a further copy of the table."""
SELECTED = ((4, 24), (2, 6))
"""A search may keep one of so many columns, and one input for so many rows at most."""


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


def decide_selection(spec: JobSpec, columns: int, rows: int) -> SelectionParameter:
    """Let a search choose how many inputs it keeps where columns are many beside the rows."""
    if spec.preprocessing.select_features != "auto":
        return spec.preprocessing.select_features
    is_wide = columns >= MIN_COLUMNS and rows < ROWS_PER_COLUMN * columns
    if not is_wide or rows * columns > MAX_SELECTED_CELLS:
        return None
    counts = {min(columns // part, rows // share) for part, share in SELECTED} - {0}
    return Choice[OptionalCount](choices=(None, *sorted(counts))) if counts else None
