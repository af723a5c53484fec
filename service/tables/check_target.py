"""Checks the target of a job: which task it fits, and its classes."""

from __future__ import annotations

import math

from lowloss.errors import ClassTooSmall, TaskDoesNotFitTarget, TooManyClasses
from lowloss.results import Column, ColumnKind, TableWarning
from lowloss.spec import JobSpec, Task, Validation
from lowloss.wording import counted
from service.settings import Limits

MIN_CLASS_ROWS = 3
"""One row for each of the three splits."""
MAX_INTEGER_CLASSES = 10
"""Whole numbers 0 … k-1 or 1 … k are read as classes up to this k."""
MAX_LIKELY_CLASSES = 20
"""Up to this k they may have been meant as classes: a warning says that they are not."""
TEXT_WARNINGS = frozenset({"mixed_cells", "leading_zeros"})
"""Warnings that say why a column with numbers is none of numbers."""


def decide_task(
    spec: JobSpec, target: Column, warnings: tuple[TableWarning, ...], *, max_classes: int
) -> Task:
    """Return the task of a target; raise TaskDoesNotFitTarget. `warnings` are the dataset's."""
    if target.kind is ColumnKind.date:
        raise TaskDoesNotFitTarget(
            f"{target.name!r} holds dates, which cannot be predicted",
            field="target",
            fix="upload it as a number, for instance of days",
        )
    is_text = target.kind in {ColumnKind.categorical, ColumnKind.text}
    # Identifiers may be numbers, too.
    is_text |= target.kind is ColumnKind.identifier and target.min is None
    if spec.task == "auto":
        return _guess_task(target, is_text=is_text)
    if spec.task is Task.regression and is_text:
        raise _make_text_problem(target, warnings, max_classes)
    if spec.task is Task.binary and target.distinct != 2:
        raise TaskDoesNotFitTarget(
            f"{target.name!r} has {counted(target.distinct, 'value')}; binary takes 2",
            field="task",
            fix=_suggest_task(target, max_classes, is_text=is_text),
        )
    return spec.task


def _suggest_task(target: Column, max_classes: int, *, is_text: bool) -> str:
    """Say which tasks take a target that has not two values."""
    if not is_text:
        is_quantity = target.distinct > max_classes or not target.is_integer
        return f"use task {'regression' if is_quantity else 'regression or multiclass'}, or auto"
    if target.distinct > max_classes:
        return "name another column as the target, or merge its values into two"
    return "use task multiclass, or auto"


def _make_text_problem(
    target: Column, warnings: tuple[TableWarning, ...], max_classes: int
) -> TaskDoesNotFitTarget:
    """Return the problem of a regression of text; it names the cells that are no numbers."""
    for warning in warnings:
        if warning.column == target.name and warning.code in TEXT_WARNINGS:
            return TaskDoesNotFitTarget(warning.detail, field="task", fix=warning.fix)
    fix = "name a column of numbers as the target"
    if target.distinct <= max_classes:
        fix += ", or use task multiclass to predict its texts"
    return TaskDoesNotFitTarget(
        f"{target.name!r} holds {target.distinct} texts such as {target.levels[0].value!r}, "
        "no numbers",
        field="task",
        fix=fix,
    )


def _guess_task(target: Column, *, is_text: bool) -> Task:
    if is_text or target.kind is ColumnKind.boolean:
        return Task.binary if target.distinct == 2 else Task.multiclass
    if target.is_integer and target.distinct == 2:
        return Task.binary
    is_class = counts_up(target) and target.distinct <= MAX_INTEGER_CLASSES
    has_rare = any(level.rows < MIN_CLASS_ROWS for level in target.levels)
    return Task.multiclass if is_class and not has_rare else Task.regression


def counts_up(target: Column) -> bool:
    """Return whether a target holds whole numbers from 0 or 1 up without a gap, and not many."""
    span = (target.max or 0) - (target.min or 0) + 1
    is_counting = target.min in {0, 1} and span == target.distinct <= MAX_LIKELY_CLASSES
    return target.is_integer and is_counting and bool(target.levels)


def make_counts_warning(target: Column) -> TableWarning:
    """Say that whole numbers, which might be classes, are predicted as a quantity."""
    rarest = min(target.levels, key=lambda level: level.rows)
    return TableWarning(
        code="counts_as_regression",
        column=target.name,
        count=target.distinct,
        example=rarest.value,
        detail=f"{target.name!r} holds {target.distinct} whole numbers, {rarest.value} in "
        f"{rarest.rows} {'row' if rarest.rows == 1 else 'rows'}: they are predicted as a quantity",
        fix="use task multiclass, with preprocessing.rare_classes=drop for classes of few rows, "
        "if they are classes",
    )


def make_identifier_warning(target: Column, rows: int) -> TableWarning:
    """Say that a quantity is to be predicted which looks like the numbers of the rows."""
    return TableWarning(
        code="identifier_as_target",
        column=target.name,
        count=target.distinct,
        example=target.levels[0].value if target.levels else None,
        detail=f"{target.name!r} holds {target.distinct} distinct numbers in {rows} rows, which "
        "seem to count the rows, or to name them",
        fix="name another column as the target, unless they are a quantity",
    )


def drop_rare_classes(
    target: Column, validation: Validation, warnings: list[TableWarning]
) -> Column:
    """Return a target without the classes that have too few rows, and say which."""
    needed = _count_needed_rows(validation)
    rare = [level for level in target.levels if level.rows < needed]
    levels = tuple(level for level in target.levels if level.rows >= needed)
    if not rare or len(levels) < 2:
        return target
    rows = sum(level.rows for level in rare)
    listed = ", ".join(repr(level.value) for level in rare[:5]) + (", …" if rare[5:] else "")
    warnings.append(
        TableWarning(
            code="classes_dropped",
            column=target.name,
            count=rows,
            example=rare[0].value,
            detail=f"{rows} rows of classes with fewer than {needed} are left out: {listed}",
            fix="add rows of these classes, or merge them with others",
        )
    )
    changes = {"levels": levels, "distinct": len(levels), "missing": target.missing + rows}
    return target.model_copy(update=changes)


def _count_needed_rows(validation: Validation) -> int:
    """Return how many rows each class needs.

    Folds get a class's rows one by one; at least two, so that some rows remain to train on.
    """
    is_open = validation.has_fraction or validation.strategy == "auto"
    return MIN_CLASS_ROWS if is_open else 1 + max(2, validation.fold_count)


def check_classes(target: Column, validation: Validation | None, limits: Limits) -> tuple[str, ...]:
    """Return the labels in order: by number where all are numbers, else as text.

    Each class needs rows for all parts of a validation; one row where there is none.
    """
    if target.distinct > limits.max_classes:
        raise TooManyClasses(
            f"{target.name!r} has {target.distinct} classes; this server allows "
            f"{limits.max_classes}",
            field="target",
            fix=_suggest_fewer_classes(target),
        )
    smallest = min(target.levels, key=lambda level: level.rows)
    if validation is not None and smallest.rows < _count_needed_rows(validation):
        rows = "one row" if smallest.rows == 1 else f"{smallest.rows} rows"
        parts = "training, validation and test need one each"
        if not validation.has_fraction:
            parts = f"{validation.fold_count} folds and the test need one each"
        raise ClassTooSmall(
            f"class {smallest.value!r} of {target.name!r} has {rows}; {parts}",
            field="target",
            fix="add rows of that class, merge it, or set preprocessing.rare_classes to drop",
        )
    return tuple(sorted((level.value for level in target.levels), key=_sort_key))


def _suggest_fewer_classes(target: Column) -> str:
    if target.min is not None:
        return "merge rare classes, or use task regression: it is a quantity"
    if target.kind in {ColumnKind.identifier, ColumnKind.text}:
        return "name another column as the target, or merge its texts into classes"
    return "merge rare classes"


def _sort_key(label: str) -> tuple[int, float, str]:
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    # A class may be named "nan", which has no order among numbers.
    return (1, 0.0, label) if math.isnan(number) else (0, number, label)
