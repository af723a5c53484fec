"""Permutation importance: how much a loss rises where a column is shuffled (Breiman 2001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from worker.data.splits import Rows
from worker.data.target import Float64Array


def measure_rises(
    losses: Callable[[int, Rows], Sequence[float]],
    columns: int,
    rows: int,
    *,
    shuffles: int,
    rng: np.random.Generator,
) -> Float64Array:
    """Return by how much a loss rises at each shuffle of each column [D, S]; section 10 there.

    `losses` are those of the rows with one column in other orders [S, N], by the column's number.
    """
    (plain,) = losses(0, np.arange(rows)[np.newaxis])
    shuffled = [
        losses(column, np.stack([rng.permutation(rows) for _ in range(shuffles)]))
        for column in range(columns)
    ]
    return np.asarray(shuffled) - plain
