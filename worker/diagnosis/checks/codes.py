"""Columns of whole numbers that are codes of categories: their order says little of the target."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowloss.results import Cause
from lowloss.spec import Recipe
from lowloss.wording import format_percent
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.diagnosis.checks.suspects import Suspect, evidence, list_names
from worker.diagnosis.thresholds import (
    CODE_SHARE,
    CODES_BY_CHANCE,
    CURVED,
    JUMBLED,
    MIN_CODES,
    ROWS_PER_CODE,
)
from worker.diagnosis.training.data import MAX_CODES, MAX_FIT_ROWS, DiagnosisData
from worker.diagnosis.training.draws import sample_rows
from worker.engine.array_types import FloatArray

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


def check_codes(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield the columns of codes that the recipe's network sees as numbers, if any.

    Where layers stand before the first Dense one, or beside it, more columns would change these.
    """
    if recipe.front_layers or recipe.has_skips or recipe.scale_features == "piecewise":
        return
    draw, scores = data.draws[0], {}
    rows = sample_rows(draw.fit_rows, min(1.0, MAX_FIT_ROWS / len(draw.fit_rows)), seed=draw.seed)
    for index, name in enumerate(data.numeric_names):
        if name in data.codes and name not in recipe.exclude:
            means = find_level_means(data, data.raw.numeric_NR[:, index], rows)
            score = None if means is None else score_codes(means)
            if score is not None and score.is_of_codes:
                scores[name] = score
    if not scores:
        return
    names = tuple(sorted(scores, key=lambda name: -scores[name].share))
    first = scores[names[0]]
    are, their = ("is", "its") if len(names) == 1 else ("are", "their")
    yield Suspect(
        Cause.codes_as_numbers,
        f"{list_names(names)} {are} seen as numbers, but {their} order says little of the target: "
        f"the values of {names[0]!r} explain {format_percent(first.share)} of its variance, and a "
        f"cubic curve through them {format_percent(first.share * min(1.0, first.curved))}",
        (
            evidence(f"variance between neighbours of {names[0]!r}", first.roughness, JUMBLED),
            evidence(f"share of the target's variance by {names[0]!r}", first.share, CODE_SHARE),
        ),
        strength=0.5 + math.log10(first.share / CODE_SHARE),
        columns=names,
    )


def find_level_means(
    data: DiagnosisData, values_N: FloatArray, fit_rows: Rows
) -> LevelMeans | None:
    """Return the target's means by a column's values; None where these are too few or too many."""
    rows_N = fit_rows[~np.isnan(values_N[fit_rows])]
    value_L, code_N, rows_L = np.unique(values_N[rows_N], return_inverse=True, return_counts=True)
    levels = len(value_L)
    if not MIN_CODES <= levels <= MAX_CODES or len(rows_N) < ROWS_PER_CODE * levels:
        return None
    y = data.y[rows_N]
    if data.predicted.is_of_classes:
        # Columns of classes would take as many numbers as there are classes, for each row.
        classes = len(data.target.labels)
        cells = np.bincount(code_N * classes + y.astype(np.int64), minlength=levels * classes)
        sum_LK = cells.reshape(levels, classes).astype(np.float64)
        share_K = sum_LK.sum(axis=0) / len(rows_N)
        total = len(rows_N) * float((share_K * (1 - share_K)).sum())
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
    if not means.total or signal <= CODES_BY_CHANCE * noise * math.sqrt(2 * degrees):
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
