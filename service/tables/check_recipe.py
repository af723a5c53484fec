"""Checks a DiagnosisSpec against a dataset's profile.

Only a recipe that cannot run is refused: a target from which nothing can be learned, sizes over the
limits, columns that do not exist. A recipe that cannot learn is not an error but a finding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from lowloss.errors import InvalidRequest, LimitExceeded, NoFeatures, UnknownFeature
from lowloss.results import Column, ColumnKind, Dataset
from lowloss.spec import DiagnosisSpec, Features, Preprocessing, Recipe, Task
from service.settings import Limits
from service.tables.bounds import BoundedField, check_bounds
from service.tables.check import CheckedJob, check_table, suggest_column
from service.tables.check_several import decide_task_of_several
from service.tables.check_target import counts_up, make_counts_warning

MAX_LEVEL_INPUTS, MAX_CODE_INPUTS, DATE_INPUTS, NUMBER_INPUTS = 65, 513, 8, 2
"""What a network sees of one column at most: levels and whether it is missing, more of them where
the recipe names categories; a date's seasons."""
MIN_RATINGS = 5
"""Whole numbers from 1 to this or more are ratings to one linear unit, else classes."""
MIN_JUDGED_ROWS = 20
"""Of fewer rows none are held back to judge: all of them train, and all of them judge."""


def check_diagnosis(spec: DiagnosisSpec, dataset: Dataset, *, limits: Limits) -> CheckedJob:
    """Check everything that the profile can tell; raise an InvalidRequest problem.

    Features that the recipe excludes are among the returned ones. Classes of too few rows are left
    out, with a warning.
    """
    _check_limits(spec, limits)
    _check_skips(spec.recipe, limits, columns=_count_all_inputs(spec.recipe, dataset))
    columns = [column for column in dataset.profile if column.name in spec.targets]
    has_several = len(spec.targets) > 1
    # A column that is not there is told by the check of the table.
    is_complete = len(columns) == len(spec.targets)
    task = decide_task_of_several(spec, columns) if has_several and is_complete else None
    first, *others = [_check_target(spec, name, dataset, limits, task) for name in spec.targets]
    checked = replace(
        first,
        targets=tuple(target for one in (first, *others) for target in one.targets),
        warnings=tuple(warning for one in (first, *others) for warning in one.warnings),
    )
    _check_excluded(spec.recipe, checked, dataset)
    _check_categories(spec.recipe, checked)
    if has_several:
        _check_recipe_of_several(spec.recipe)
    return checked


def _check_target(
    spec: DiagnosisSpec, name: str, dataset: Dataset, limits: Limits, task: Task | None
) -> CheckedJob:
    """Check the table for one target; `task` is that of several."""
    target = next((column for column in dataset.profile if column.name == name), None)
    rows = dataset.rows - (target.missing if target else 0)
    is_split = rows >= MIN_JUDGED_ROWS
    fields = {
        "task": task or _decide_task(spec, target, limits),
        "features": _find_features(spec, dataset),
        "preprocessing": Preprocessing(rare_classes="drop" if is_split else "refuse"),
    }
    job = spec.as_job(name).model_copy(update=fields)
    checked = check_table(job, dataset, limits=limits, is_split=is_split)
    is_guess = spec.task == "auto" and task is None and checked.task is Task.regression
    if target is None or not (is_guess and _is_rating(target)):
        return checked
    warnings = {warning.code: warning for warning in checked.warnings}
    rating = make_counts_warning(target)
    return replace(checked, warnings=tuple((warnings | {rating.code: rating}).values()))


def _check_recipe_of_several(recipe: Recipe) -> None:
    if recipe.select_features is not None:
        raise InvalidRequest(
            "inputs are selected by what they tell of one target, and there are several",
            field="recipe.select_features",
            fix="leave it out, or name columns in recipe.exclude",
        )
    if recipe.class_weight != "none":
        raise InvalidRequest(
            "class weights are of classes that exclude each other, and several targets have none",
            field="recipe.class_weight",
            fix="leave it out",
        )


def _check_limits(spec: DiagnosisSpec, limits: Limits) -> None:
    recipe, stopping = spec.recipe, spec.recipe.early_stopping
    fields: list[BoundedField] = [
        ("recipe.layers", len(recipe.hidden), limits.max_layers),
        *(
            (f"recipe.layers.{number}.units", layer.units, limits.max_width)
            for number, layer in enumerate(recipe.layers)
        ),
        ("recipe.batch_size", recipe.batch_size, limits.max_batch_size),
        ("recipe.epochs", recipe.epochs, limits.max_epochs),
        ("budget.max_seconds", spec.budget.latest_seconds, limits.max_seconds),
        ("target", len(spec.targets), limits.max_classes),
    ]
    if stopping is not None:
        fields.append(("recipe.early_stopping.patience", stopping.patience, limits.max_epochs))
    check_bounds(fields)


def _count_all_inputs(recipe: Recipe, dataset: Dataset) -> int:
    """Return how many inputs of a network become of all columns, at most."""
    codes = MAX_CODE_INPUTS if recipe.categorical else 0
    return sum(max(_count_inputs(c), min(c.distinct + 1, codes)) for c in dataset.profile)


def _count_inputs(column: Column) -> int:
    """Return how many inputs of a network become of a column, at most."""
    match column.kind:
        case ColumnKind.categorical:
            return min(column.distinct + 1, MAX_LEVEL_INPUTS)
        case ColumnKind.date:
            return DATE_INPUTS
        case _:
            return NUMBER_INPUTS


def _check_skips(recipe: Recipe, limits: Limits, *, columns: int) -> None:
    """Refuse layers that skips make far wider than the table, or than a layer may have units."""
    for number, inputs in enumerate(recipe.count_inputs(columns)):
        if inputs - columns > limits.max_width:
            raise LimitExceeded(
                f"layer {number + 1} takes the columns and more than {limits.max_width:,} numbers: "
                "that is over this server's limit",
                field=f"recipe.layers.{number}",
                fix="concatenate fewer units before it",
            )


def _decide_task(
    spec: DiagnosisSpec, target: Column | None, limits: Limits
) -> Literal["auto"] | Task:
    """Return the requested task; for `auto`, the one that recipe and target suggest.

    To one linear unit, ratings and numbers of which each has one row are no classes.
    """
    if spec.task != "auto" or target is None or not _may_be_classes(target, limits):
        return spec.task
    output = spec.recipe.output
    has_unit_per_class = 1 < output.units == target.distinct
    if not (spec.recipe.is_classifier or has_unit_per_class):
        are_amounts = target.min is not None and all(level.rows == 1 for level in target.levels)
        are_amounts |= _is_rating(target)
        has_linear_unit = output.units == 1 and output.activation == "linear"
        return Task.regression if are_amounts and has_linear_unit else "auto"
    return Task.binary if target.distinct == 2 else Task.multiclass


def _is_rating(target: Column) -> bool:
    """Return whether a column counts from 1 up without a gap, and far enough."""
    return target.min == 1 and target.distinct >= MIN_RATINGS and counts_up(target)


def _may_be_classes(target: Column, limits: Limits) -> bool:
    """Return whether a column has few values, and no fractions among them."""
    is_number = target.min is not None and target.kind is not ColumnKind.boolean
    return 2 <= target.distinct <= limits.max_classes and (target.is_integer or not is_number)


def _find_features(spec: DiagnosisSpec, dataset: Dataset) -> Features:
    """Return the features asked for; else every column by its name, as somebody trained on it.

    Numbers that look like an identifier are left out only where nobody names them.
    """
    if spec.features.include is not None:
        return spec.features
    names = tuple(column.name for column in dataset.profile if column.name not in spec.targets)
    return spec.features.model_copy(update={"include": names})


def _check_categories(recipe: Recipe, checked: CheckedJob) -> None:
    """Refuse columns as categories that are no features, or whose numbers are no codes."""
    if recipe.categorical == "all":
        return
    features = {column.name: column for column in checked.features}
    for name in recipe.categorical:
        if name not in features:
            raise UnknownFeature(
                f"the recipe takes {name!r} as a category, and the table has no such feature",
                field="recipe.categorical",
                fix=f"name the columns of codes; {suggest_column(name, features)}",
            )
        column = features[name]
        is_category = column.kind in (ColumnKind.categorical, ColumnKind.boolean)
        if not (is_category or column.may_be_codes):
            raise UnknownFeature(
                f"the recipe takes {name!r} as a category, and its values are no whole numbers",
                field="recipe.categorical",
                fix="leave it out",
            )


def _check_excluded(recipe: Recipe, checked: CheckedJob, dataset: Dataset) -> None:
    """Refuse a recipe that excludes columns that are not in the table, or all features."""
    names = [column.name for column in dataset.profile]
    for name in recipe.exclude:
        if name not in names:
            raise UnknownFeature(
                f"the table has no column {name!r}",
                field="recipe.exclude",
                fix=suggest_column(name, names),
            )
    if {column.name for column in checked.features} <= set(recipe.exclude):
        raise NoFeatures(
            "the recipe excludes every feature", field="recipe.exclude", fix="leave one in"
        )
