"""Which rows train, which judge trials, and which judge the winner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowloss.spec import Validation

Rows = NDArray[np.int64]
SPLIT_STREAM = 1
"""Sets the random numbers of the splits apart from others that follow from the job's seed."""


@dataclass(frozen=True)
class Splits:
    """Row indices into the labelled rows; disjoint, and together all of them."""

    train: Rows
    validation: Rows
    test: Rows


def split_rows(
    count: int, validation: Validation, *, seed: int, classes: Rows | None = None
) -> Splits:
    """Split rows at random; each class by itself where `classes` gives every row's class index.

    Each class of three rows or more has one in each part at least.
    """
    rng = np.random.default_rng([seed, SPLIT_STREAM])
    if classes is None:
        groups = [rng.permutation(count)]
    else:
        groups = [rng.permutation(np.flatnonzero(classes == c)) for c in np.unique(classes)]
    parts: list[list[Rows]] = [[], [], []]
    for rows in groups:
        test, held = _sizes(len(rows), validation)
        for part, some in zip(parts, np.split(rows, [test, test + held]), strict=True):
            part.append(some)
    test_rows, validation_rows, train_rows = (np.sort(np.concatenate(part)) for part in parts)
    return Splits(train_rows, validation_rows, test_rows)


def _sizes(count: int, validation: Validation) -> tuple[int, int]:
    """Test and validation rows of a group of rows; what they leave trains."""
    test = max(1, round(count * validation.test_fraction))
    held = max(1, round(count * validation.fraction))
    while test + held >= count > 2:
        # Rounding took the last training row of a small class: the larger part gives one back.
        if test > held:
            test -= 1
        else:
            held -= 1
    return test, held
