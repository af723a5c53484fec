"""Checks what several targets have in common: all are numbers, or all are labels of two values."""

from __future__ import annotations

from collections.abc import Sequence

from lowloss.errors import TaskDoesNotFitTarget
from lowloss.results import Column, ColumnKind
from lowloss.spec import DiagnosisSpec, Task
from lowloss.wording import list_first

MAX_LISTED = 5


def decide_task_of_several(spec: DiagnosisSpec, columns: Sequence[Column]) -> Task:
    """Return the task of several targets; raise TaskDoesNotFitTarget.

    Labels are columns of two values. A task that is asked for decides of columns that are both:
    0 and 1 are numbers to a regression.
    """
    if spec.task is Task.multiclass:
        raise TaskDoesNotFitTarget(
            "several targets of more than two classes each are no output of one network",
            field="task",
            fix="diagnose each alone, or leave task out",
        )
    groups: dict[str, list[Column]] = {}
    for column in columns:
        groups.setdefault(_find_group(column), []).append(column)
    if "constants" in groups:
        # The check of each target refuses these.
        return Task.regression
    if "classes" in groups:
        raise TaskDoesNotFitTarget(
            f"{_say_hold(groups['classes'])} texts or dates of more than two values: "
            "several targets are numbers, or labels of two values",
            field="target",
            fix="diagnose each of them alone",
        )
    if spec.task is Task.regression and not any(map(_is_text, columns)):
        return Task.regression
    if len(groups) > 1:
        raise TaskDoesNotFitTarget(
            f"{_say_hold(groups['numbers'])} numbers, and {_say_hold(groups['labels'])} labels of "
            "two values: no loss fits both",
            field="target",
            fix="submit two diagnoses, one of the numbers and one of the labels; or set task to "
            "regression where the labels are amounts",
        )
    task = Task.regression if "numbers" in groups else Task.binary
    if spec.task not in {"auto", task}:
        raise TaskDoesNotFitTarget(
            f"{_say_hold(columns)} {next(iter(groups))}, which {spec.task} does not take",
            field="task",
            fix=f"use task {task}, or auto",
        )
    return task


def _find_group(column: Column) -> str:
    if column.distinct < 2:
        return "constants"
    is_number = column.min is not None and column.kind is not ColumnKind.boolean
    is_code = column.is_integer or not is_number
    if column.distinct == 2 and is_code and column.kind is not ColumnKind.date:
        return "labels"
    return "numbers" if is_number and column.kind is not ColumnKind.date else "classes"


def _is_text(column: Column) -> bool:
    return column.min is None and column.kind is not ColumnKind.boolean


def _say_hold(columns: Sequence[Column]) -> str:
    names = list_first([column.name for column in columns], MAX_LISTED, repr)
    return f"{names} {'holds' if len(columns) == 1 else 'hold'}"
