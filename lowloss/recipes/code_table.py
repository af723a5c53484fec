"""The section of a Keras script that reads its table: a plain CSV, with a header."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lowloss.recipes.code_layout import MAX_WIDTH, Section, format_call, format_literal
from lowloss.spec import PredictedTargets, Recipe, TargetColumn, Task
from lowloss.wording import is_number

NUMPY = "import numpy as np"


@dataclass(frozen=True)
class ScriptTable:
    """The columns of a plain CSV: numbers with points, a missing cell empty.

    `file` is its usual name, and `rows_left_out` counts the rows that it lacks. `codes` are the
    columns of `numbers` that hold whole numbers alone.
    """

    file: str
    targets: tuple[TargetColumn, ...]
    task: Task
    numbers: tuple[str, ...]
    categories: tuple[str, ...] = ()
    rows_left_out: int = 0
    codes: tuple[str, ...] = ()

    def seen_by(self, recipe: Recipe) -> ScriptTable:
        """Return the table with the columns as numbers and categories that a recipe sees as such.

        Columns that it excludes are none.
        """
        coded = self.codes if recipe.categorical == "all" else recipe.categorical
        seen = [name for name in (*self.numbers, *self.categories) if name not in recipe.exclude]
        numbers = tuple(name for name in seen if name in self.numbers and name not in coded)
        categories = tuple(name for name in seen if name not in numbers)
        return replace(self, numbers=numbers, categories=categories)

    @property
    def predicted(self) -> PredictedTargets:
        """What the network predicts."""
        return PredictedTargets(self.task, len(self.targets))


def feeds_numbers(recipe: Recipe, table: ScriptTable, target: TargetColumn) -> bool:
    """Return whether the loss gets a target's labels as the numbers that they are."""
    is_sparse = recipe.loss == "sparse_categorical_crossentropy"
    is_one_hot = table.predicted.is_of_classes and recipe.output.units > 1 and not is_sparse
    if table.task is Task.regression or recipe.encode_labels or is_one_hot:
        return table.task is Task.regression
    return all(map(is_number, target.labels))


def reading(recipe: Recipe, table: ScriptTable) -> Section:
    """Return the lines that read `x` [rows, columns] and `y` [rows] from a file."""
    seen = table.seen_by(recipe)
    numbers, categories = seen.numbers, seen.categories
    has_target = "row[TARGET]"
    if table.predicted.has_several:
        has_target = "all(row[name] for name in TARGETS)"
    return Section(
        (
            f"FILE = sys.argv[1] if len(sys.argv) > 1 else {format_literal(table.file)}",
            *_target_names(table),
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
            f"    rows = [row for row in csv.DictReader(file) if {has_target}]",
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


def _target_names(table: ScriptTable) -> list[str]:
    if not table.predicted.has_several:
        return [f"TARGET = {format_literal(table.targets[0].name)}"]
    return _names("TARGETS", tuple(target.name for target in table.targets))


def _several_targets(recipe: Recipe, table: ScriptTable) -> list[str]:
    texts = [target for target in table.targets if not feeds_numbers(recipe, table, target)]
    if not texts:
        return ["y = np.array([[number(row[name]) for name in TARGETS] for row in rows])"]
    pairs = [f"    {format_literal(t.name)}: {format_literal(t.labels)}," for t in texts]
    labels = ["LABELS = {  # each is 0 or 1", *pairs, "}"]
    index = "LABELS[name].index(row[name])"
    if len(texts) == len(table.targets):
        return [*labels, f"y = np.array([[{index} for name in TARGETS] for row in rows])"]
    return [
        *labels,
        "y = np.array(",
        "    [",
        f"        [{index} if name in LABELS else number(row[name]) for name in TARGETS]",
        "        for row in rows",
        "    ]",
        ")",
    ]


def _target(recipe: Recipe, table: ScriptTable) -> list[str]:
    if table.predicted.has_several:
        return _several_targets(recipe, table)
    if feeds_numbers(recipe, table, table.targets[0]):
        return ["y = np.array([number(row[TARGET]) for row in rows])"]
    return [
        *_names("LABELS", table.targets[0].labels),
        "y = np.array([LABELS.index(row[TARGET]) for row in rows])  # classes from 0",
    ]
