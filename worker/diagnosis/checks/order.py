"""Checks of the order in which the rows stand, where the recipe splits or sees them in it.

N training rows, M last rows, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.stats import ks_2samp, rankdata

from lowloss.results import Cause
from lowloss.spec import Recipe, Task
from lowloss.wording import format_number, format_percent
from worker.data.splits import Rows
from worker.diagnosis.checks.suspects import Suspect, evidence, strongest
from worker.diagnosis.thresholds import BY_CHANCE, NEIGHBOURS, ORDERED, ORDERED_NEIGHBOURS
from worker.diagnosis.training.data import DiagnosisData


def check_order(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield suspects of rows in an order: the last validate, or no epoch shuffles them."""
    draw = data.draws[0]
    if recipe.validates_on_last_rows:
        parts = draw.part_last(recipe.validation_split)
        yield from strongest(s for one in data.by_target for s in _last_rows(one, *parts))
    if not recipe.shuffle:
        rows_N = draw.fit_rows
        yield from strongest(s for one in data.by_target for s in _neighbours(one, rows_N))


def _last_rows(data: DiagnosisData, train_N: Rows, last_M: Rows) -> Iterator[Suspect]:
    measure = _compare_numbers if data.task is Task.regression else _compare_classes
    distance, difference = measure(data, train_N, last_M)
    by_chance = BY_CHANCE * math.sqrt(1 / len(train_N) + 1 / len(last_M))
    if distance <= max(ORDERED, by_chance):
        return
    yield Suspect(
        Cause.ordered_rows,
        f"The table's last {len(last_M):,} rows validate, and their {data.target_words} is "
        f"another: {difference}",
        (
            evidence(
                f"distance of the last rows' {data.target_words} from the others'",
                distance,
                ORDERED,
            ),
        ),
        strength=1.0 + math.log10(distance / ORDERED),
    )


def _compare_numbers(data: DiagnosisData, train_N: Rows, last_M: Rows) -> tuple[float, str]:
    """Return the largest difference of the shares of rows up to a value, and the means in words."""
    train_mean, last_mean = (
        format_number(float(data.y[rows].mean())) for rows in (train_N, last_M)
    )
    distance = float(ks_2samp(data.y[train_N], data.y[last_M]).statistic)
    return distance, f"its mean is {last_mean}, and {train_mean} in the training rows"


def _compare_classes(data: DiagnosisData, train_N: Rows, last_M: Rows) -> tuple[float, str]:
    """Return the largest difference of the shares of a class, and say which class has it."""
    train_share_C, last_share_C = (
        data.count_rows_by_class(rows) / len(rows) for rows in (train_N, last_M)
    )
    distance_C = np.abs(last_share_C - train_share_C)
    farthest = int(distance_C.argmax())
    return float(distance_C[farthest]), (
        f"{data.target.labels[farthest]!r} is {format_percent(last_share_C[farthest])} of them, "
        f"and {format_percent(train_share_C[farthest])} of the training rows"
    )


def _neighbours(data: DiagnosisData, rows_N: Rows) -> Iterator[Suspect]:
    if len(rows_N) < NEIGHBOURS:
        return
    alike = _likeness(data, rows_N)
    if alike <= ORDERED_NEIGHBOURS:
        return
    yield Suspect(
        Cause.ordered_rows,
        "No epoch shuffles the rows, and neighbouring rows are alike in their "
        f"{data.target_words}: each batch shows the network a part of the table",
        (
            evidence(
                f"likeness of neighbouring rows' {data.target_words}", alike, ORDERED_NEIGHBOURS
            ),
        ),
        strength=0.5 + alike,
    )


def _likeness(data: DiagnosisData, rows_N: Rows) -> float:
    """Return how alike neighbours are, at most 1: their correlation, or agreement beyond chance."""
    y_N = data.y[rows_N]
    if data.task is Task.regression:
        rank_N = rankdata(y_N)
        if not (rank_N[:-1].std() and rank_N[1:].std()):
            return 0.0
        return float(np.corrcoef(rank_N[:-1], rank_N[1:])[0, 1])
    share_C = data.count_rows_by_class(rows_N) / len(rows_N)
    by_chance = float((share_C**2).sum())
    agreement = float((y_N[:-1] == y_N[1:]).mean())
    return (agreement - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
