"""Checks of the data: columns, target, rows and labels. No training."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lowloss.results import Cause, ColumnKind, ExcludedColumn
from lowloss.spec import Recipe, Task
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.diagnosis.checks.suspects import Suspect, evidence, list_names
from worker.diagnosis.thresholds import (
    DUPLICATE_SHARE,
    FAR,
    IMBALANCE,
    LARGE_SPREAD,
    LEAK_SCORE,
    MAX_FAR,
    OFF_CENTRE,
    SMALL_SPREAD,
    SMALL_TARGET,
    SPREAD_RATIO,
    TARGET_OFF_CENTRE,
    TARGET_SPREAD,
)
from worker.diagnosis.training.data import DiagnosisData, largest_ratio
from worker.diagnosis.training.peers import group_equal_rows

SHOWN_ROWS = 20


def check_data(
    data: DiagnosisData, recipe: Recipe, excluded: tuple[ExcludedColumn, ...]
) -> Iterator[Suspect]:
    """Yield suspects among the data, as this recipe treats them."""
    yield from _features(data, recipe)
    yield from _target(data, recipe)
    yield from _missing(data, recipe)
    yield from _constant(excluded)
    yield from _identifiers(data, recipe)
    yield from _leaks(data, recipe)
    yield from _duplicates(data, recipe)
    yield from _outliers(data, recipe)
    yield from _imbalance(data, recipe)


def _numbers(data: DiagnosisData, recipe: Recipe) -> dict[str, Float64Array]:
    """Return the columns of numbers that the network sees: known rows, without missing values."""
    fit_rows = data.draws[0].fit_rows
    names = data.names[: data.raw.numeric_NR.shape[1]]
    values_by_name = {}
    for index, name in enumerate(names):
        values = data.raw.numeric_NR[fit_rows, index].astype(np.float64)
        if name not in recipe.exclude:
            values_by_name[name] = values[~np.isnan(values)]
    return values_by_name


def _features(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    if recipe.scale_features != "none":
        return
    kinds = {column.name: column.kind for column in data.columns}
    spread = {
        name: (float(values.std()), abs(float(values.mean())))
        for name, values in _numbers(data, recipe).items()
        if kinds[name] is not ColumnKind.boolean and values.size and values.std() > 0
    }
    if not spread:
        return
    sds = {name: sd for name, (sd, _) in spread.items()}
    widest, narrowest = max(sds, key=lambda n: sds[n]), min(sds, key=lambda n: sds[n])
    ratio = largest_ratio(list(sds.values()))
    off_centre = max(mean / sd for sd, mean in spread.values())
    beyond = [
        math.log10(ratio / SPREAD_RATIO),
        math.log10(max(off_centre, 1e-9) / OFF_CENTRE),
        math.log10(sds[widest] / LARGE_SPREAD),
        math.log10(SMALL_SPREAD / sds[narrowest]),
    ]
    if max(beyond) <= 0:
        return
    yield Suspect(
        Cause.features_not_scaled,
        _describe_spreads(sds, widest, narrowest, ratio),
        (
            evidence("largest over smallest standard deviation", ratio, SPREAD_RATIO),
            evidence("largest |mean| over standard deviation", off_centre, OFF_CENTRE),
            evidence("largest standard deviation", sds[widest], LARGE_SPREAD),
        ),
        strength=0.3 + max(beyond),
        columns=tuple(dict.fromkeys((widest, narrowest))),
    )


def _describe_spreads(sds: dict[str, float], widest: str, narrowest: str, ratio: float) -> str:
    if len(sds) == 1:
        return f"{widest!r} has a spread of {sds[widest]:.3g}, and the recipe does not scale it"
    return (
        f"The spreads of the columns differ by a factor of {ratio:.3g} (from "
        f"{sds[narrowest]:.3g} of {narrowest!r} to {sds[widest]:.3g} of {widest!r}), and the "
        "recipe does not scale them"
    )


def _target(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    if data.task is not Task.regression or recipe.scale_target != "none":
        return
    y = data.y[data.draws[0].fit_rows]
    sd, mean = float(y.std()) or 1e-12, abs(float(y.mean()))
    beyond = [
        math.log10(sd / TARGET_SPREAD),
        math.log10(max(mean, 1e-12) / sd / TARGET_OFF_CENTRE),
        math.log10(SMALL_TARGET / sd),
    ]
    if max(beyond) <= 0:
        return
    yield Suspect(
        Cause.target_not_scaled,
        f"The target {data.target.name!r} has mean {y.mean():.3g} and standard deviation {sd:.3g}, "
        "and the recipe trains on it as it is",
        (
            evidence("standard deviation of the target", sd, TARGET_SPREAD),
            evidence("|mean| over standard deviation of the target", mean / sd, TARGET_OFF_CENTRE),
        ),
        strength=0.3 + max(beyond),
        columns=(data.target.name,),
    )


def _missing(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    if recipe.missing != "keep" or not data.has_missing:
        return
    missing_NR = np.isnan(data.raw.numeric_NR)
    names = data.names[: missing_NR.shape[1]]
    columns = tuple(
        name
        for name, missing_N in zip(names, missing_NR.T, strict=True)
        if missing_N.any() and name not in recipe.exclude
    )
    if not columns:
        return
    rows = np.flatnonzero(missing_NR.any(axis=1))
    yield Suspect(
        Cause.missing_values,
        f"{len(rows)} of {len(data.y)} rows have missing or infinite numbers (in "
        f"{list_names(columns)}), and the recipe feeds them to the network: "
        "one NaN makes every weight NaN",
        (evidence("share of rows with a missing number", len(rows) / len(data.y), 0.0),),
        strength=3.0,
        is_certain=True,
        columns=columns,
        rows=tuple(int(row) for row in data.row_numbers[rows[:SHOWN_ROWS]]),
    )


def _constant(excluded: tuple[ExcludedColumn, ...]) -> Iterator[Suspect]:
    columns = tuple(
        column.column for column in excluded if column.reason.startswith("every value is")
    )
    if columns:
        yield Suspect(
            Cause.constant_column,
            f"{list_names(columns)} {'has' if len(columns) == 1 else 'have'} the same value "
            "in every row: nothing can be learned from that",
            (evidence("constant columns", len(columns), 0.0),),
            is_inert=True,
            columns=columns,
        )


def _identifiers(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    columns = tuple(
        column.name
        for column in data.columns
        if column.kind is ColumnKind.identifier and column.name not in recipe.exclude
    )
    if columns:
        yield Suspect(
            Cause.identifier_column,
            f"{list_names(columns)} {'numbers' if len(columns) == 1 else 'number'} the rows: "
            "a new row has a number that the network never saw",
            (evidence("identifier columns", len(columns), 0.0),),
            is_inert=True,
            columns=columns,
        )


def _leaks(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield columns that each tell the target by themselves; none where there is one column."""
    columns = _numbers(data, recipe)
    if len(columns) < 2:
        return
    fit_rows = data.draws[0].fit_rows
    y = data.y[fit_rows]
    scores = {}
    for index, name in enumerate(data.names[: data.raw.numeric_NR.shape[1]]):
        values = data.raw.numeric_NR[fit_rows, index]
        if name in columns and not np.isnan(values).any():
            scores[name] = _score_by_neighbours(values, y, data.task)
    leaked = [name for name, score in scores.items() if score > LEAK_SCORE]
    for name in leaked:
        yield Suspect(
            Cause.leaked_column,
            f"{name!r} alone predicts {data.target.name!r} almost perfectly (score "
            f"{scores[name]:.4f}): it may hold what is not known when predictions are needed",
            (evidence("score of the column alone on held rows", scores[name], LEAK_SCORE),),
            strength=1.0,
            is_inert=True,
            columns=(name,),
        )


def _score_by_neighbours(values: NDArray[np.float32], y: Float64Array, task: Task) -> float:
    """Return how well the next rows in the order of one column tell a row's target.

    That is R² or accuracy; accuracy is counted from that of the most frequent class.
    """
    order = np.argsort(values, kind="stable")
    sorted_y, sorted_x = y[order], values[order]
    if len(np.unique(sorted_x)) < min(5, len(np.unique(y))):
        return 0.0
    if task is Task.regression:
        between = (sorted_y[:-2] + sorted_y[2:]) / 2
        error = float(np.mean((sorted_y[1:-1] - between) ** 2))
        # The mean of two neighbours has half of a value's own noise on top.
        return 1 - error / 1.5 / float(y.var())
    majority = float(np.bincount(y.astype(np.int64)).max()) / len(y)
    agreed = float(np.mean((sorted_y[1:-1] == sorted_y[:-2]) & (sorted_y[1:-1] == sorted_y[2:])))
    return (agreed - majority) / (1 - majority) if majority < 1 else 0.0


def _duplicates(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    names = data.names[: data.raw.numeric_NR.shape[1]]
    fit_NR = data.raw.numeric_NR[data.draws[0].fit_rows]
    used = [index for index, name in enumerate(names) if name not in recipe.exclude]
    seen: dict[bytes, str] = {}
    doubled = []
    for index in used:
        key = np.nan_to_num(fit_NR[:, index], nan=-1e30).tobytes()
        if key in seen:
            doubled.append((seen[key], names[index]))
        seen.setdefault(key, names[index])
    if doubled:
        yield Suspect(
            Cause.duplicate_column,
            f"{list_names([second for _, second in doubled])} repeats another column: "
            "it counts twice",
            (evidence("columns that repeat another", len(doubled), 0.0),),
            is_inert=True,
            columns=tuple(second for _, second in doubled),
        )
    rows = _repeated_rows(data)
    share = len(rows) / len(data.y)
    if share > DUPLICATE_SHARE:
        yield Suspect(
            Cause.duplicate_rows,
            f"{len(rows)} of {len(data.y)} rows repeat another row, target included: those that "
            "judge a model may be among those that trained it",
            (evidence("share of rows that repeat another", share, DUPLICATE_SHARE),),
            strength=0.3,
            is_inert=True,
            rows=tuple(int(row) for row in data.row_numbers[rows[:SHOWN_ROWS]]),
        )


def _repeated_rows(data: DiagnosisData) -> NDArray[np.int64]:
    """Return the rows that have an equal one before them."""
    group_N = group_equal_rows(data, with_target=True)
    _, first = np.unique(group_N, return_index=True)
    return np.setdiff1d(np.arange(len(group_N)), first)


def _outliers(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    max_rows = MAX_FAR * len(data.y)
    columns, rows_of_columns = [], []
    if recipe.scale_features not in {"robust", "quantile"}:
        for index, name in enumerate(data.names[: data.raw.numeric_NR.shape[1]]):
            rows = _far(data.raw.numeric_NR[:, index].astype(np.float64))
            if name not in recipe.exclude and 0 < len(rows) <= max_rows:
                columns.append(name)
                rows_of_columns.append(rows)
    if columns:
        yield _outlier(data, tuple(columns), np.unique(np.concatenate(rows_of_columns)), "features")
    if data.task is Task.regression and 0 < len(rows := _far(data.y)) <= max_rows:
        yield _outlier(data, (data.target.name,), rows, "the target")


def _outlier(data: DiagnosisData, columns: tuple[str, ...], rows: Rows, where: str) -> Suspect:
    return Suspect(
        Cause.outliers,
        f"{len(rows)} rows hold values of {where} ({list_names(columns)}) more than {FAR:g} "
        "interquartile ranges away from the rest: they dominate every batch that they are in",
        (evidence(f"rows with outliers in {where}", len(rows), 0.0),),
        strength=0.5,
        columns=columns,
        rows=tuple(int(row) for row in data.row_numbers[rows[:SHOWN_ROWS]]),
    )


def _far(values: Float64Array) -> NDArray[np.int64]:
    present = values[~np.isnan(values)]
    if not present.size:
        return np.empty(0, dtype=np.int64)
    low, high = np.quantile(present, [0.25, 0.75])
    spread = high - low
    if spread <= 0:
        return np.empty(0, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        return np.flatnonzero((values > high + FAR * spread) | (values < low - FAR * spread))


def _imbalance(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    if data.task is Task.regression or recipe.class_weight == "balanced":
        return
    counts = np.bincount(data.y.astype(np.int64), minlength=len(data.target.labels))
    ratio = float(counts.max() / max(1, counts.min()))
    if ratio <= IMBALANCE:
        return
    rare, frequent = (
        data.target.labels[int(index)] for index in (counts.argmin(), counts.argmax())
    )
    yield Suspect(
        Cause.class_imbalance,
        f"Class {frequent!r} has {ratio:.3g} times the rows of class {rare!r} ({counts.max()} "
        f"against {counts.min()}), and every row weighs the same",
        (evidence("rows of the largest over the smallest class", ratio, IMBALANCE),),
        strength=0.3 + math.log10(ratio / IMBALANCE),
    )
