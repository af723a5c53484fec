"""Checks a JobSpec against a dataset's profile, before a worker starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lowloss.errors import (
    NoFeatures,
    ObjectiveDoesNotFitTask,
    TargetConstant,
    TargetMissing,
    TaskDoesNotFitTarget,
    TooFewRows,
    UnknownFeature,
    UnknownTarget,
)
from lowloss.results import Column, ColumnKind, Dataset, ExcludedColumn, TableFormat, TableWarning
from lowloss.spec import (
    Choice,
    JobSpec,
    Objective,
    PredictedTargets,
    SearchSpace,
    TargetColumn,
    Task,
    Validation,
)
from lowloss.spec.schedules import SEARCH_PLATEAU
from lowloss.validation import suggest_name
from service.settings import Limits
from service.tables.bounds import BoundedField, check_bounds, find_largest
from service.tables.check_target import (
    check_classes,
    counts_up,
    decide_task,
    drop_rare_classes,
    make_counts_warning,
    make_identifier_warning,
)
from service.tables.decide import (
    count_selectable,
    decide_pruning,
    decide_selection,
    decide_validation,
)
from service.tables.useless import explain_uselessness

MIN_TRAIN_ROWS = 8
MIN_SPLIT_ROWS = 2
"""The validation and the test split must each have at least so many rows."""


@dataclass(frozen=True)
class CheckedJob:
    """A checked job: its task, features, excluded columns and targets.

    `spec` is the request, with `auto` of validation, pruning and selection decided. A diagnosis may
    have several targets, which are all of the task: then `spec` is that of the first.
    """

    spec: JobSpec
    task: Task
    features: tuple[Column, ...]
    excluded: tuple[ExcludedColumn, ...]
    targets: tuple[TargetColumn, ...]
    warnings: tuple[TableWarning, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The class labels of the only target, in order; none of several."""
        return self.targets[0].labels if len(self.targets) == 1 else ()

    @property
    def predicted(self) -> PredictedTargets:
        """What is predicted."""
        return PredictedTargets(self.task, len(self.targets))


def check_job(spec: JobSpec, dataset: Dataset, *, limits: Limits) -> CheckedJob:
    """Check a job as far as the profile allows; raise an InvalidRequest."""
    _check_limits(spec, limits)
    checked = check_table(spec, dataset, limits=limits)
    return replace(checked, warnings=(*checked.warnings, *_warn_of_plateau(spec.search_space)))


def check_table(
    spec: JobSpec, dataset: Dataset, *, limits: Limits, is_split: bool = True
) -> CheckedJob:
    """Check all except search space and budget; raise an InvalidRequest.

    Rows that are not split need not be enough for several parts.
    """
    target = _find_target(spec, dataset)
    warnings: list[TableWarning] = []
    task = decide_task(spec, target, dataset.warnings, max_classes=limits.max_classes)
    if spec.task == "auto" and task is Task.regression and counts_up(target):
        warnings.append(make_counts_warning(target))
    if task is Task.regression and target.kind is ColumnKind.identifier:
        warnings.append(make_identifier_warning(target, dataset.rows))
    if not spec.objective.fits(task):
        raise ObjectiveDoesNotFitTask(
            f"{spec.objective} is not defined for {task}",
            field="objective",
            fix="use val_loss, or a metric of the task",
        )
    if task is Task.regression:
        _check_domain(spec, target)
    if task is not Task.regression and spec.preprocessing.rare_classes == "drop":
        target = drop_rare_classes(target, spec.validation, warnings)
    validation = decide_validation(spec, dataset, target, task)
    decided = {"validation": validation, "pruning": decide_pruning(spec)}
    spec = spec.model_copy(update=decided)
    _check_strategy(spec, dataset, target)
    labels: tuple[str, ...] = ()
    if task is not Task.regression:
        labels = check_classes(target, spec.validation if is_split else None, limits)
    if is_split:
        _check_rows(dataset.rows - target.missing, spec.validation)
    features, excluded = _choose_columns(spec, dataset)
    rows, inputs = dataset.rows - target.missing, count_selectable(features)
    selection = decide_selection(spec, inputs, rows)
    preprocessing = spec.preprocessing.model_copy(update={"select_features": selection})
    spec = spec.model_copy(update={"preprocessing": preprocessing})
    targets = (TargetColumn(spec.target, labels),)
    return CheckedJob(spec, task, features, excluded, targets, tuple(warnings))


def _check_domain(spec: JobSpec, target: Column) -> None:
    """Refuse objectives and logarithms that are not defined for all values of the target."""
    low, high = target.min or 0.0, target.max or 0.0
    if spec.objective is Objective.val_mape and low <= 0 <= high:
        raise ObjectiveDoesNotFitTask(
            f"val_mape divides by the target, which reaches from {low:g} to {high:g}",
            field="objective",
            fix="use val_mae or val_median_absolute_error",
        )
    if spec.preprocessing.log_target is True and low < 0:
        raise TaskDoesNotFitTarget(
            f"{target.name!r} has values down to {low:g}, which have no logarithm",
            field="preprocessing.log_target",
            fix="use false, or auto",
        )


def _check_strategy(spec: JobSpec, dataset: Dataset, target: Column) -> None:
    """Refuse a column by which rows cannot be grouped or ordered."""
    validation = spec.validation
    if validation.column is None:
        return
    columns = {column.name: column for column in dataset.profile}
    column = columns.get(validation.column)
    if column is None or column is target:
        problem = "is the target" if column is target else "is not in the table"
        raise UnknownFeature(
            f"{validation.column!r} {problem}",
            field="validation.column",
            fix=suggest_column(validation.column, set(columns) - {target.name}),
        )
    if validation.strategy == "grouped":
        min_groups = (validation.folds or 2) + 1
        if column.distinct < min_groups:
            raise TooFewRows(
                f"{column.name!r} has {column.distinct} groups; {min_groups} are needed, "
                "so that each part has one of its own",
                field="validation.column",
                fix="group by another column, or lower folds",
            )
    elif column.missing or column.min is None:
        problem = f"{column.missing} missing values" if column.missing else "no numbers or dates"
        raise UnknownFeature(
            f"rows cannot be ordered by {column.name!r}: it has {problem}",
            field="validation.column",
            fix="name a column of dates or numbers without gaps",
        )


def _check_limits(spec: JobSpec, limits: Limits) -> None:
    space, budget = spec.search_space, spec.budget
    fields: list[BoundedField] = [
        ("search_space.layers", space.layers, limits.max_layers),
        ("search_space.width", space.width, limits.max_width),
        ("search_space.batch_size", space.batch_size, limits.max_batch_size),
        ("search_space.patience", space.patience, limits.max_epochs),
        ("budget.max_trials", budget.max_trials, limits.max_trials),
        ("budget.max_epochs", budget.max_epochs, limits.max_epochs),
        ("budget.max_seconds", budget.max_seconds or 0, limits.max_seconds),
    ]
    check_bounds(fields)


def _warn_of_plateau(space: SearchSpace) -> Iterator[TableWarning]:
    """Say where every training would have ended before its learning rate could fall."""
    schedule, patience = space.schedule, int(find_largest(space.patience))
    schedules = schedule.choices if isinstance(schedule, Choice) else (schedule,)
    if "plateau" in schedules and patience <= SEARCH_PLATEAU.patience:
        yield TableWarning(
            code="rate_never_falls",
            count=1,
            detail=f"with a patience of {patience} or less a training ends before schedule plateau "
            f"lowers its learning rate, after {SEARCH_PLATEAU.patience} epochs without a gain",
            fix="raise search_space.patience, or use the schedule constant",
        )


def _find_target(spec: JobSpec, dataset: Dataset) -> Column:
    columns = {column.name: column for column in dataset.profile}
    if spec.target not in columns:
        raise UnknownTarget(
            f"the table has no column {spec.target!r}",
            field="target",
            fix=suggest_column(spec.target, columns),
        )
    if dataset.format is TableFormat.npz and spec.target != "y":
        raise UnknownTarget(
            f"{spec.target!r} is a column of X", field="target", fix="the target of an NPZ is 'y'"
        )
    target = columns[spec.target]
    if target.missing == dataset.rows:
        raise TargetMissing(
            f"every value of {spec.target!r} is missing", field="target", fix="name another column"
        )
    if target.distinct < 2:
        raise TargetConstant(
            f"{spec.target!r} has only one value, {target.levels[0].value!r}: "
            "there is nothing to predict",
            field="target",
            fix="name another column",
        )
    return target


def _check_rows(rows: int, validation: Validation) -> None:
    test = max(1, round(rows * validation.test_fraction))
    validation_count = max(1, round(rows * validation.fraction))
    train = rows - test - validation_count
    parts = f"{max(train, 0)} for training, {validation_count} for validation and {test} for test"
    if not validation.has_fraction:
        # The first ordered fold trains on one of fold_count + 1 blocks; any other fold trains on
        # the rows outside the largest fold.
        is_ordered = validation.strategy == "ordered"
        blocks = validation.fold_count + is_ordered
        validation_count, remainder = divmod(rows - test, blocks)
        sizes = [validation_count + 1, validation_count] if remainder else [validation_count]
        listed = " or ".join(map(str, sizes))
        if is_ordered:
            train = validation_count
            parts = f"{test} for test and {blocks} blocks of {listed}, the first of which trains"
        else:
            train = rows - test - sizes[0]
            train_counts = " or ".join(str(rows - test - size) for size in sizes)
            parts = f"{train_counts} for training, {listed} for validation and {test} for test"
    if train < MIN_TRAIN_ROWS or min(test, validation_count) < MIN_SPLIT_ROWS:
        raise TooFewRows(
            f"{rows} rows with a target split into {parts}; {MIN_TRAIN_ROWS} for training, "
            f"{MIN_SPLIT_ROWS} for validation and {MIN_SPLIT_ROWS} for test are needed",
            field="validation",
            fix="upload more rows, or change fraction, folds and test_fraction",
        )


def _choose_columns(
    spec: JobSpec, dataset: Dataset
) -> tuple[tuple[Column, ...], tuple[ExcludedColumn, ...]]:
    """Choose the columns that the model sees, and list those that are of no use to it."""
    _check_names(spec, [column.name for column in dataset.profile])
    include, exclude = spec.features.include, spec.features.exclude
    chosen = [
        column
        for column in dataset.profile
        if column.name != spec.target
        and column.name not in exclude
        and (include is None or column.name in include)
    ]
    excluded = [
        ExcludedColumn(column=column.name, reason=reason)
        for column in chosen
        if (reason := _explain_exclusion(column, dataset, spec)) is not None
    ]
    dropped = {column.column for column in excluded}
    features = tuple(_apply_categorical(c, spec) for c in chosen if c.name not in dropped)
    if not features:
        reasons = "; ".join(f"{column.column}: {column.reason}" for column in excluded[:3])
        raise NoFeatures(
            f"no usable feature is left ({reasons or 'none was chosen'})",
            field="features",
            fix="include other columns",
        )
    return features, tuple(excluded)


def _check_names(spec: JobSpec, names: list[str]) -> None:
    """Refuse features that are not in the table, or are the target."""
    features = spec.features
    fields = {
        "include": features.include or (),
        "exclude": features.exclude,
        "categorical": features.categorical,
    }
    for field, names_of_field in fields.items():
        for name in names_of_field:
            if name not in names:
                raise UnknownFeature(
                    f"the table has no column {name!r}",
                    field=f"features.{field}",
                    fix=suggest_column(name, names),
                )
            if name == spec.target and field != "exclude":
                raise UnknownFeature(
                    f"{spec.target!r} is the target: it cannot be a feature, too",
                    field=f"features.{field}",
                    fix="leave it out",
                )


def _apply_categorical(column: Column, spec: JobSpec) -> Column:
    """Return a column, of another kind where the user says that its numbers are codes."""
    if column.name not in spec.features.categorical:
        return column
    if column.kind is ColumnKind.date:
        raise UnknownFeature(
            f"{column.name!r} holds dates, which are no codes of categories",
            field="features.categorical",
            fix="leave it out: dates have their own features",
        )
    return column.model_copy(update={"kind": ColumnKind.categorical})


def _explain_grouping(column: Column, spec: JobSpec) -> str | None:
    """Return why the column that rows are grouped by is left out, unless the user includes it."""
    if spec.validation.strategy != "grouped" or column.name != spec.validation.column:
        return None
    if column.name in (spec.features.include or ()):
        return None
    return "rows are grouped by it: its values are new in every part"


def _explain_exclusion(column: Column, dataset: Dataset, spec: JobSpec) -> str | None:
    """Return why a column is left out; None where it is a feature.

    A number that the user names is a number, whatever it looks like, and may be a code.
    """
    chosen_columns = {*(spec.features.include or ()), *spec.features.categorical}
    is_number = column.min is not None
    if column.kind is ColumnKind.identifier and column.name in chosen_columns and is_number:
        return None
    return explain_uselessness(column, dataset.rows) or _explain_grouping(column, spec)


def suggest_column(name: str, names: Iterable[str]) -> str:
    """Suggest what to do about a column that is not there."""
    return suggest_name(name, list(names), otherwise="its columns are")
