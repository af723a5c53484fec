"""Checks of the order in which the rows stand, where the recipe splits or sees them in it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.stats import ks_2samp, rankdata

from lowloss.results import Cause
from lowloss.spec import Recipe, Task
from lowloss.wording import format_number
from worker.data.target import Float64Array
from worker.diagnosis.checks.suspects import Suspect, evidence
from worker.diagnosis.thresholds import ORDERED, ORDERED_NEIGHBOURS
from worker.diagnosis.training.data import DiagnosisData

CRITICAL = 1.95
"""Of the two-sample test by Kolmogorov and Smirnov at 0.1 %, for samples of size 1."""
MIN_ROWS = 20
"""Below this neighbours are alike by chance."""


def check_order(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield suspects of rows in an order: the last validate, or no epoch shuffles them."""
    draw = data.draws[0]
    if recipe.validation_split and recipe.validation_rows == "last":
        train, validation = draw.part_last(recipe.validation_split)
        yield from _last_rows(data, data.y[train], data.y[validation])
    if not recipe.shuffle:
        yield from _neighbours(data, data.y[draw.fit_rows])


def _last_rows(
    data: DiagnosisData, y_train: Float64Array, y_last: Float64Array
) -> Iterator[Suspect]:
    distance = _distance(data, y_train, y_last)
    by_chance = CRITICAL * math.sqrt(1 / len(y_train) + 1 / len(y_last))
    if distance <= max(ORDERED, by_chance):
        return
    yield Suspect(
        Cause.ordered_rows,
        f"The table's last {len(y_last):,} rows validate, and their target is another: "
        + _compare(data, y_train, y_last),
        (evidence("distance of the last rows' target from the others'", distance, ORDERED),),
        strength=1.0 + math.log10(distance / ORDERED),
    )


def _distance(data: DiagnosisData, y_train: Float64Array, y_last: Float64Array) -> float:
    """Return the largest difference of the shares of rows: up to a value, or of a class."""
    if data.task is Task.regression:
        return float(ks_2samp(y_train, y_last).statistic)
    return float(np.abs(_shares(data, y_train) - _shares(data, y_last)).max())


def _shares(data: DiagnosisData, y: Float64Array) -> Float64Array:
    """Return the share of the rows that each class has."""
    shares: Float64Array = np.bincount(y.astype(np.int64), minlength=len(data.target.labels)) / len(
        y
    )
    return shares


def _compare(data: DiagnosisData, y_train: Float64Array, y_last: Float64Array) -> str:
    """Say how the target of the last rows differs most from that of the training rows."""
    if data.task is Task.regression:
        means = [format_number(float(y.mean())) for y in (y_last, y_train)]
        return f"its mean is {means[0]}, and {means[1]} in the training rows"
    last, train = _shares(data, y_last), _shares(data, y_train)
    farthest = int(np.abs(last - train).argmax())
    label = data.target.labels[farthest]
    return (
        f"{label!r} is {last[farthest]:.0%} of them, and {train[farthest]:.0%} of the training rows"
    )


def _neighbours(data: DiagnosisData, y: Float64Array) -> Iterator[Suspect]:
    if len(y) < MIN_ROWS:
        return
    alike = _likeness(data, y)
    if alike <= ORDERED_NEIGHBOURS:
        return
    yield Suspect(
        Cause.ordered_rows,
        "No epoch shuffles the rows, and neighbouring rows have targets that are alike: each batch "
        "shows the network a part of the table",
        (evidence("likeness of neighbouring rows' targets", alike, ORDERED_NEIGHBOURS),),
        strength=0.5 + alike,
    )


def _likeness(data: DiagnosisData, y: Float64Array) -> float:
    """Return how alike neighbours are, at most 1: their correlation, or agreement beyond chance."""
    if data.task is Task.regression:
        ranks = rankdata(y)
        if not (ranks[:-1].std() and ranks[1:].std()):
            return 0.0
        return float(np.corrcoef(ranks[:-1], ranks[1:])[0, 1])
    shares = np.bincount(y.astype(np.int64)) / len(y)
    by_chance = float((shares**2).sum())
    agreement = float((y[:-1] == y[1:]).mean())
    return (agreement - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
