"""How the rows of a diagnosis are parted: draws of rows that train, validate and judge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lowloss.spec import PredictedTargets, Validation
from service.tables.check_recipe import MIN_JUDGED_ROWS
from worker.data.splits import Rows, Traits, split_rows
from worker.data.target import Float64Array

JUDGE_SHARE, VALIDATION_SHARE = 0.2, 0.2
"""Of all rows, those that judge; of the others, those that validate where a recipe says nothing."""
STREAM = 7
"""Sets the random numbers of a diagnosis apart from others that follow from a seed."""


@dataclass(frozen=True)
class Draw:
    """One way to part the rows, and the seed of what is trained on it.

    `judge` rows train nothing and stop nothing: every variant is judged on them. Of a table of very
    few rows all of them train, and judge.
    """

    number: int
    seed: int
    train: Rows
    validation: Rows
    judge: Rows

    @cached_property
    def fit_rows(self) -> Rows:
        """The rows that a recipe without a validation split trains on."""
        return np.sort(np.concatenate([self.train, self.validation]))

    def part_last(self, validation_split: float) -> tuple[Rows, Rows]:
        """Return the rows but for the last, and the last, as Keras's validation split has them."""
        count = len(self.fit_rows)
        trained = min(count - 1, max(1, math.floor(count * (1 - validation_split))))
        return self.fit_rows[:trained], self.fit_rows[trained:]


def draw_parts(
    y: Float64Array, predicted: PredictedTargets, validation_split: float, count: int, *, seed: int
) -> tuple[Draw, ...]:
    """Part the rows of a target so many times; of very few rows all judge."""
    if len(y) < MIN_JUDGED_ROWS:
        return _draws_of_few(len(y), validation_split, count, seed=seed)
    classes = y.astype(np.int64) if predicted.is_of_classes else None
    share = (1 - JUDGE_SHARE) * (validation_split or VALIDATION_SHARE)
    validation = Validation(strategy="holdout", fraction=share, test_fraction=JUDGE_SHARE)
    draws = []
    for number in range(count):
        splits = split_rows(Traits(len(y), classes=classes), validation, seed=seed + 1000 * number)
        (fold,) = splits.folds
        draws.append(Draw(number, seed + number, fold.train, fold.validation, splits.test))
    return tuple(draws)


def _draws_of_few(rows: int, validation_split: float, count: int, *, seed: int) -> tuple[Draw, ...]:
    """Draw validation rows, one at least; judge on all rows."""
    everything = np.arange(rows)
    validated = min(rows - 1, max(1, round((validation_split or VALIDATION_SHARE) * rows)))
    draws = []
    for number in range(count):
        order = np.random.default_rng([seed + number, STREAM]).permutation(rows)
        parts = np.sort(order[validated:]), np.sort(order[:validated])
        draws.append(Draw(number, seed + number, *parts, everything))
    return tuple(draws)


def sample_rows(rows: Rows, share: float, *, seed: int) -> Rows:
    """Draw a share of the rows."""
    count = max(2, round(share * len(rows)))
    return np.sort(np.random.default_rng([seed, STREAM]).permutation(rows)[:count])
