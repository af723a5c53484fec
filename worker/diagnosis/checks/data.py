"""Checks of the data: columns, target, rows and labels. No training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowloss.results import Cause, ColumnKind, Evidence, ExcludedColumn
from lowloss.spec import Recipe, Task
from lowloss.wording import capitalize, counted, format_short
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.diagnosis.checks.suspects import Suspect, evidence, list_names, strongest
from worker.diagnosis.thresholds import (
    DUPLICATE_SHARE,
    FAR,
    IMBALANCE,
    LARGE_SPREAD,
    MAX_FAR,
    OFF_CENTRE,
    SMALL_SPREAD,
    SMALL_TARGET,
    SPREAD_RATIO,
    TARGET_OFF_CENTRE,
    TARGET_SPREAD,
)
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.peers import group_equal_rows

SHOWN_ROWS = 20
FEATURES, TARGET = "the features", "the target"


def check_data(
    data: DiagnosisData, recipe: Recipe, excluded: tuple[ExcludedColumn, ...]
) -> Iterator[Suspect]:
    """Yield suspects among the data, as this recipe treats them."""
    yield from _features(data, recipe)
    yield from _targets(data, recipe)
    yield from _missing(data, recipe)
    yield from _constant(excluded)
    yield from _identifiers(data, recipe)
    yield from _duplicates(data, recipe)
    yield from _outliers(data, recipe)
    yield from _imbalance(data, recipe)


def read_numbers(data: DiagnosisData, recipe: Recipe) -> dict[str, Float64Array]:
    """Return the columns of numbers that the network sees: known rows, without missing values."""
    fit_rows = data.draws[0].fit_rows
    values_by_name = {}
    for index, name in enumerate(data.numeric_names):
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
        for name, values in read_numbers(data, recipe).items()
        if kinds[name] is not ColumnKind.boolean and values.size and values.std() > 0
    }
    if not spread:
        return
    rules = _scale_rules(spread)
    yield from _unscaled(Cause.features_not_scaled, rules, "the recipe does not scale the features")


@dataclass(frozen=True)
class Rule:
    """A rule of scales: by how many powers of ten it fires (0 or less: not), and what it saw."""

    beyond: float
    sentence: str
    evidence: Evidence
    columns: tuple[str, ...]


def _scale_rules(spread: dict[str, tuple[float, float]]) -> list[Rule]:
    """Return the rules of scales, given standard deviation and |mean| of each column."""
    sds = {name: sd for name, (sd, _) in spread.items()}
    off_centre = {name: mean / sd for name, (sd, mean) in spread.items()}
    widest, narrowest = _find_widest_and_narrowest(sds)
    farthest = max(off_centre, key=lambda n: off_centre[n])
    return [
        _ratio_rule(sds, "columns"),
        Rule(
            math.log10(max(off_centre[farthest], 1e-9) / OFF_CENTRE),
            f"the mean of {farthest!r} is {format_short(off_centre[farthest])} times its spread "
            "away from 0",
            evidence("largest |mean| over standard deviation", off_centre[farthest], OFF_CENTRE),
            (farthest,),
        ),
        Rule(
            math.log10(sds[widest] / LARGE_SPREAD),
            f"{widest!r} has a spread of {format_short(sds[widest])}",
            evidence("largest standard deviation", sds[widest], LARGE_SPREAD),
            (widest,),
        ),
        Rule(
            math.log10(SMALL_SPREAD / sds[narrowest]),
            f"{narrowest!r} has a spread of {format_short(sds[narrowest])}",
            evidence("smallest standard deviation", sds[narrowest], SMALL_SPREAD),
            (narrowest,),
        ),
    ]


def _unscaled(cause: Cause, rules: list[Rule], treatment: str) -> Iterator[Suspect]:
    """Yield the suspect of the rules that fired, in the words of the one that fired most."""
    fired = sorted((rule for rule in rules if rule.beyond > 0), key=lambda rule: -rule.beyond)
    if not fired:
        return
    columns = [column for rule in fired for column in rule.columns]
    yield Suspect(
        cause,
        f"{capitalize(fired[0].sentence)}, and {treatment}",
        tuple(rule.evidence for rule in fired),
        strength=0.3 + fired[0].beyond,
        columns=tuple(dict.fromkeys(columns)),
    )


def _targets(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    if data.task is not Task.regression or recipe.scale_target != "none":
        return
    rules = [rule for one in data.by_target for rule in _target_rules(one)]
    treatment = "the recipe trains on it as it is"
    if data.predicted.has_several:
        rules += _target_spread_rules(data)
        treatment = "the recipe trains on the targets as they are"
    yield from _unscaled(Cause.target_not_scaled, rules, treatment)


def _target_spread_rules(data: DiagnosisData) -> list[Rule]:
    """Return the rule of targets whose spreads differ: a loss is that of the widest."""
    sds = dict(zip([t.name for t in data.targets], _fit_spreads(data), strict=True))
    sds = {name: sd for name, sd in sds.items() if sd > 0}
    if len(sds) < 2:
        return []
    return [_ratio_rule(sds, "targets")]


def _ratio_rule(sds: dict[str, float], whose: str) -> Rule:
    """Return the rule of standard deviations that differ, of columns or of targets."""
    widest, narrowest = _find_widest_and_narrowest(sds)
    ratio = _largest_ratio(list(sds.values()))
    return Rule(
        math.log10(ratio / SPREAD_RATIO),
        f"the spreads of the {whose} differ by a factor of {format_short(ratio)} (from "
        f"{format_short(sds[narrowest])} of {narrowest!r} to {format_short(sds[widest])} of "
        f"{widest!r})",
        evidence(f"largest over smallest standard deviation of {whose}", ratio, SPREAD_RATIO),
        (widest, narrowest),
    )


def _largest_ratio(values: Sequence[float]) -> float:
    """Return the largest over the smallest of positive numbers; 1 where there are none."""
    positive = [value for value in values if value > 0]
    return max(positive) / min(positive) if positive else 1.0


def _find_widest_and_narrowest(sds: dict[str, float]) -> tuple[str, str]:
    return max(sds, key=lambda name: sds[name]), min(sds, key=lambda name: sds[name])


def _fit_spreads(data: DiagnosisData) -> list[float]:
    return [float(one.y[data.draws[0].fit_rows].std()) for one in data.by_target]


def _target_rules(data: DiagnosisData) -> list[Rule]:
    """Return the rules of one target's spread and mean."""
    y, name = data.y[data.draws[0].fit_rows], data.target.name
    sd, mean = float(y.std()), abs(float(y.mean()))
    if not sd:
        return []
    return [
        Rule(
            math.log10(sd / TARGET_SPREAD),
            f"the target {name!r} has a standard deviation of {format_short(sd)}",
            evidence(f"standard deviation of the {data.target_words}", sd, TARGET_SPREAD),
            (name,),
        ),
        Rule(
            math.log10(max(mean / sd, 1e-9) / TARGET_OFF_CENTRE),
            f"the mean of the target {name!r} is {format_short(mean / sd)} times its standard "
            "deviation away from 0",
            evidence(
                f"|mean| over standard deviation of the {data.target_words}",
                mean / sd,
                TARGET_OFF_CENTRE,
            ),
            (name,),
        ),
        Rule(
            math.log10(SMALL_TARGET / sd),
            f"the target {name!r} has a standard deviation of {format_short(sd)}",
            evidence(f"standard deviation of the {data.target_words}, at least", sd, SMALL_TARGET),
            (name,),
        ),
    ]


def _missing(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    if recipe.missing != "keep" or not data.has_missing:
        return
    missing_NR, names = np.isnan(data.raw.numeric_NR), data.numeric_names
    columns = tuple(
        name
        for name, missing_N in zip(names, missing_NR.T, strict=True)
        if missing_N.any() and name not in recipe.exclude
    )
    if not columns:
        return
    rows = np.flatnonzero(missing_NR[:, [name in columns for name in names]].any(axis=1))
    yield Suspect(
        Cause.missing_values,
        f"{len(rows)} of {len(data.y)} rows have missing or infinite numbers (in "
        f"{list_names(columns)}), and the recipe feeds them to the network: "
        "one NaN makes every weight NaN",
        (evidence("share of rows with a missing number", len(rows) / len(data.y), 0.0),),
        strength=3.0,
        is_certain=True,
        columns=columns,
        rows=data.first_row_numbers(rows, SHOWN_ROWS),
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


def _duplicates(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    fit_NR = data.raw.numeric_NR[data.draws[0].fit_rows]
    seen: set[bytes] = set()
    doubled = []
    for index, name in enumerate(data.numeric_names):
        if name in recipe.exclude:
            continue
        key = np.nan_to_num(fit_NR[:, index], nan=-1e30).tobytes()
        if key in seen:
            doubled.append(name)
        seen.add(key)
    if doubled:
        yield Suspect(
            Cause.duplicate_column,
            f"{list_names(doubled)} repeats another column: it counts twice",
            (evidence("columns that repeat another", len(doubled), 0.0),),
            is_inert=True,
            columns=tuple(doubled),
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
            rows=data.first_row_numbers(rows, SHOWN_ROWS),
        )


def _repeated_rows(data: DiagnosisData) -> NDArray[np.int64]:
    """Return the rows that have an equal one before them."""
    group_N = group_equal_rows(data, with_target=True)
    _, first = np.unique(group_N, return_index=True)
    return np.setdiff1d(np.arange(len(group_N)), first)


def _outliers(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    max_rows = MAX_FAR * len(data.y)
    columns, rows_of_columns = [], []
    if recipe.scale_features not in {"robust", "quantile", "piecewise"}:
        for index, name in enumerate(data.numeric_names):
            rows = find_far(data.raw.numeric_NR[:, index].astype(np.float64))
            if name not in recipe.exclude and 0 < len(rows) <= max_rows:
                columns.append(name)
                rows_of_columns.append(rows)
    if columns:
        yield _outlier(data, tuple(columns), np.unique(np.concatenate(rows_of_columns)), FEATURES)
    yield from strongest(
        suspect for one in data.by_target if (suspect := outliers_of_target(one)) is not None
    )


def outliers_of_target(data: DiagnosisData) -> Suspect | None:
    """Return the outliers of a target of numbers, be it one of several; None where it has none."""
    if data.task is not Task.regression:
        return None
    rows = find_far(data.y)
    is_few = 0 < len(rows) <= MAX_FAR * len(data.y)
    return _outlier(data, (data.target.name,), rows, TARGET) if is_few else None


def _outlier(data: DiagnosisData, columns: tuple[str, ...], rows: Rows, where: str) -> Suspect:
    return Suspect(
        Cause.outliers,
        f"Values of {where} ({list_names(columns)}) more than {FAR:g} interquartile ranges away "
        f"from the rest, in {counted(len(rows), 'row')}, dominate each batch that has one",
        (evidence(f"rows with outliers of {where}", len(rows), 0.0),),
        strength=0.5,
        columns=columns,
        rows=data.first_row_numbers(rows, SHOWN_ROWS),
    )


def find_far(values: Float64Array) -> NDArray[np.int64]:
    """Return where values lie far from the rest: outliers."""
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
    if not data.predicted.is_of_classes or recipe.class_weight == "balanced":
        return
    counts = data.count_rows_by_class()
    ratio = float(counts.max() / max(1, counts.min()))
    if ratio <= IMBALANCE:
        return
    rare, frequent = (
        data.target.labels[int(index)] for index in (counts.argmin(), counts.argmax())
    )
    yield Suspect(
        Cause.class_imbalance,
        f"Class {frequent!r} has {format_short(ratio)} times the rows of class {rare!r} "
        f"({counts.max()} against {counts.min()}), and every row weighs the same",
        (evidence("rows of the largest over the smallest class", ratio, IMBALANCE),),
        strength=0.3 + math.log10(ratio / IMBALANCE),
    )
