"""Which rows train, which judge trials, and which judge the winner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowloss.spec import Validation

Rows = NDArray[np.int64]


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

    Every class has a row in each part at least, if it has three.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5917]))
    if classes is None:
        groups = [rng.permutation(count)]
    else:
        groups = [rng.permutation(np.flatnonzero(classes == c)) for c in np.unique(classes)]
    parts: list[list[Rows]] = [[], [], []]
    for rows in groups:
        test = _share(len(rows), validation.test_fraction)
        held = test + _share(len(rows), validation.fraction)
        for part, some in zip(parts, np.split(rows, [test, held]), strict=True):
            part.append(some)
    test_rows, validation_rows, train_rows = (np.sort(np.concatenate(part)) for part in parts)
    return Splits(train_rows, validation_rows, test_rows)


def _share(count: int, fraction: float) -> int:
    return max(1, round(count * fraction))
