"""Columns of whole numbers that are codes of categories: their order says little of the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowloss.results import Column
from worker.data.columns import RawColumns, is_categorical
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray

MIN_CODES, MAX_CODES = 5, 512
"""How many values a column of codes has."""
ROWS_PER_CODE = 4
"""How many rows a value of such a column has on average, at least."""
CODE_SHARE = 0.05
"""The share of the target's variance that its values explain, at least."""
BY_CHANCE = 3
"""How many standard deviations of what chance explains they explain, at least."""
JUMBLED = 0.5
"""The variance between neighbouring codes over that between all, at least."""
CURVED = 0.5
"""The share of what codes explain that a cubic curve does, too, at most."""
CURVE = 3
"""The degree of the curve that stands for an order."""


@dataclass(frozen=True)
class CodeScore:
    """What the values of a column explain of the target.

    `share` is of its variance, without what chance explains (as in an analysis of variance with
    random effects). `roughness` is the variance between neighbouring values over that between all,
    von Neumann's ratio: about 1 where their order says nothing, near 0 on a smooth curve of many
    values. `curved` is the share of it that a cubic curve through the values explains, too.
    """

    share: float
    roughness: float
    curved: float

    @property
    def is_of_codes(self) -> bool:
        """Whether the values explain something that their order does not."""
        is_ordered = self.roughness < JUMBLED or self.curved > CURVED
        return self.share >= CODE_SHARE and not is_ordered


@dataclass(frozen=True)
class LevelMeans:
    """The target's columns by the values of a column of numbers.

    `value_L` are the values, `rows_L` their rows, `mean_LK` the means of K columns of the target
    less its own means, and `total` the sum of squares of all rows.
    """

    value_L: Float64Array
    rows_L: NDArray[np.int64]
    mean_LK: Float64Array
    total: float


def find_codes(
    columns: Sequence[Column], raw: RawColumns, y: Float64Array, *, classes: int
) -> frozenset[str]:
    """Return which columns of numbers are codes of categories, by these rows.

    `y` is their target, of class numbers where there are `classes`.
    """
    numeric = [column for column in columns if not is_categorical(column)]
    codes = set()
    for index, column in enumerate(numeric):
        if column.may_be_codes and column.distinct <= MAX_CODES:
            means = find_level_means(raw.numeric_NR[:, index], y, classes=classes)
            score = None if means is None else score_codes(means)
            if score is not None and score.is_of_codes:
                codes.add(column.name)
    return frozenset(codes)


def find_level_means(values_N: FloatArray, y: Float64Array, *, classes: int) -> LevelMeans | None:
    """Return the target's means by a column's values; None where these are too few or too many.

    `y` is the target [N], or several [N, T]; of class numbers where there are `classes`.
    """
    is_there_N = ~np.isnan(values_N)
    values_N, y = values_N[is_there_N], y[is_there_N]
    value_L, code_N, rows_L = np.unique(values_N, return_inverse=True, return_counts=True)
    rows, levels = len(values_N), len(value_L)
    if not MIN_CODES <= levels <= MAX_CODES or rows < ROWS_PER_CODE * levels:
        return None
    if classes:
        # Columns of classes would take as many numbers as there are classes, for each row.
        cells = np.bincount(code_N * classes + y.astype(np.int64), minlength=levels * classes)
        sum_LK = cells.reshape(levels, classes).astype(np.float64)
        share_K = sum_LK.sum(axis=0) / rows
        total = rows * float((share_K * (1 - share_K)).sum())
    else:
        y_NK = y.reshape(len(y), -1)
        y_NK = (y_NK - y_NK.mean(axis=0)) / np.maximum(y_NK.std(axis=0), np.finfo(float).tiny)
        sum_LK = np.stack([np.bincount(code_N, y_N, levels) for y_N in y_NK.T], axis=1)
        share_K, total = np.zeros(y_NK.shape[1]), float(np.square(y_NK).sum())
    mean_LK = sum_LK / rows_L[:, None] - share_K
    return LevelMeans(value_L.astype(np.float64), rows_L, mean_LK, total)


def score_codes(means: LevelMeans) -> CodeScore | None:
    """Score a column; None where chance may be all that its values explain."""
    rows_L, mean_LK = means.rows_L, means.mean_LK
    rows, degrees = int(rows_L.sum()), len(rows_L) - 1
    between = float((rows_L[:, None] * np.square(mean_LK)).sum())
    noise = (means.total - between) / (rows - degrees - 1)
    signal = between - degrees * noise
    if not means.total or signal <= BY_CHANCE * noise * math.sqrt(2 * degrees):
        return None
    weight_P = rows_L[1:] * rows_L[:-1] / (rows_L[1:] + rows_L[:-1])
    square_P = np.square(np.diff(mean_LK, axis=0)).sum(axis=1)
    neighbours = float((weight_P * square_P).sum() - degrees * noise) / float(weight_P.sum()) / 2
    curve = _explain_by_curve(means) - CURVE * noise
    return CodeScore(signal / means.total, neighbours / (signal / rows), max(0.0, curve) / signal)


def _explain_by_curve(means: LevelMeans) -> float:
    """Return the sum of squares that a curve through the means explains, rows weighed alike."""
    root_L = np.sqrt(means.rows_L)
    centred_L = means.value_L - means.value_L.mean()
    powers_LD = np.vander(centred_L / np.abs(centred_L).max(), CURVE + 1)
    basis_LD, _ = np.linalg.qr(root_L[:, None] * powers_LD)
    return float(np.square(basis_LD.T @ (root_L[:, None] * means.mean_LK)).sum())
