"""The section of a Keras script that reads its table: a plain CSV, with a header."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.recipes.code_layout import MAX_WIDTH, Section, format_call, format_literal
from lowloss.spec import Recipe, Task
from lowloss.wording import is_number

NUMPY = "import numpy as np"


@dataclass(frozen=True)
class ScriptTable:
    """The columns of a plain CSV: numbers with points, a missing cell empty.

    `labels` are the classes in order; empty for a regression. `file` is its usual name, and
    `rows_left_out` counts the rows that it lacks.
    """

    file: str
    target: str
    task: Task
    numbers: tuple[str, ...]
    categories: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    rows_left_out: int = 0


def feeds_numbers(recipe: Recipe, table: ScriptTable) -> bool:
    """Return whether the loss gets the labels as the numbers that they are."""
    is_one_hot = recipe.output.units > 1 and recipe.loss != "sparse_categorical_crossentropy"
    if table.task is Task.regression or recipe.encode_labels or is_one_hot:
        return table.task is Task.regression
    return all(map(is_number, table.labels))


def reading(recipe: Recipe, table: ScriptTable) -> Section:
    """Return the lines that read `x` [rows, columns] and `y` [rows] from a file."""
    numbers = tuple(name for name in table.numbers if name not in recipe.exclude)
    categories = tuple(name for name in table.categories if name not in recipe.exclude)
    return Section(
        (
            f"FILE = sys.argv[1] if len(sys.argv) > 1 else {format_literal(table.file)}",
            f"TARGET = {format_literal(table.target)}",
            *_names("NUMBERS", numbers),
            *(_names("CATEGORIES", categories) if categories else ()),
            "",
            "",
            "def number(text):",
            '    """Return a cell as a number; NaN where it is empty or holds none."""',
            "    try:",
            "        return float(text)",
            "    except ValueError:",
            '        return float("nan")',
            "",
            "",
            'with open(FILE, encoding="utf-8-sig", newline="") as file:',
            "    rows = [row for row in csv.DictReader(file) if row[TARGET]]",
            "x = np.array([[number(row[name]) for name in NUMBERS] for row in rows])",
            *(_one_hot() if categories else ()),
            *_target(recipe, table),
        ),
        (
            "import csv",
            "import sys",
            NUMPY,
            *(("from sklearn.preprocessing import OneHotEncoder",) if categories else ()),
        ),
    )


def _names(variable: str, names: tuple[str, ...]) -> list[str]:
    listed = [format_literal(name) for name in names]
    line = f"{variable} = [{', '.join(listed)}]"
    if len(line) <= MAX_WIDTH:
        return [line]
    return [f"{variable} = [", *(f"    {name}," for name in listed), "]"]


def _one_hot() -> list[str]:
    options = {"handle_unknown": '"ignore"', "sparse_output": "False"}
    return [
        "levels = np.array([[row[name] for name in CATEGORIES] for row in rows])",
        *format_call("encoder = OneHotEncoder", options=options),
        "x = np.hstack([x, encoder.fit_transform(levels)])",
    ]


def _target(recipe: Recipe, table: ScriptTable) -> list[str]:
    if feeds_numbers(recipe, table):
        return ["y = np.array([number(row[TARGET]) for row in rows])"]
    return [
        *_names("LABELS", table.labels),
        "y = np.array([LABELS.index(row[TARGET]) for row in rows])  # classes from 0",
    ]
