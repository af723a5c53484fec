"""Numbers written piecewise: how far each has come in every bin of its range.

That is the piecewise linear encoding of Gorishniy et al. 2022 ("On embeddings for numerical
features in tabular deep learning"), from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worker.engine.array_types import FloatArray, RowNumbers


@dataclass(frozen=True)
class Bins:
    """The bins of a table's first columns: the column of each, where it starts, and its width.

    Columns are in order, and each has one bin at least. A bin of width 0 stands for one that
    other fits have: it is seen as 0.
    """

    column_J: RowNumbers
    start_J: FloatArray
    width_J: FloatArray

    @property
    def columns(self) -> int:
        """How many columns have bins."""
        return int(self.column_J[-1]) + 1 if self.column_J.size else 0

    @property
    def is_there_J(self) -> FloatArray:
        """1 for a bin that is there, else 0."""
        return (self.width_J > 0).astype(np.float32)

    @property
    def divisor_J(self) -> FloatArray:
        """The width, and 1 where there is no bin."""
        return np.where(self.width_J > 0, self.width_J, np.float32(1))

    def is_among(self, column_J: RowNumbers) -> NDArray[np.bool_]:
        """Return which of aligned bins are these: as many as there are of a column, its first."""
        counts = np.bincount(self.column_J, minlength=self.columns)
        first_of_column_J = np.searchsorted(column_J, column_J)
        return np.arange(len(column_J)) - first_of_column_J < counts[column_J]

    def without(self, columns: RowNumbers) -> Bins:
        """Return the same bins, but for those of some columns, which are seen as 0."""
        is_gone_J = np.isin(self.column_J, columns)
        return replace(self, width_J=np.where(is_gone_J, np.float32(0), self.width_J))

    def encode(self, x_ND: FloatArray) -> FloatArray:
        """Return rows that have bins in place of their first columns."""
        others, bins = x_ND.shape[1] - self.columns, len(self.column_J)
        seen_NE = np.empty((len(x_ND), bins + others), dtype=x_ND.dtype)
        seen_NE[:, bins:] = x_ND[:, self.columns :]
        risen_NJ = seen_NE[:, :bins]
        np.take(x_ND, self.column_J, axis=1, out=risen_NJ, mode="clip")
        risen_NJ -= self.start_J
        risen_NJ /= self.divisor_J
        np.clip(risen_NJ, 0, 1, out=risen_NJ)
        risen_NJ *= 2
        risen_NJ -= 1
        risen_NJ *= self.is_there_J
        return seen_NE


def find_inputs(columns: RowNumbers, bins: Bins | None) -> RowNumbers:
    """Return which inputs of a network stand for some columns: their bins, where they have some."""
    if bins is None:
        return columns
    in_bins = np.flatnonzero(np.isin(bins.column_J, columns))
    others = columns[columns >= bins.columns] + len(bins.column_J) - bins.columns
    return np.concatenate([in_bins, others])


def align_bins(views: Sequence[Bins | None]) -> tuple[Bins | None, ...]:
    """Give all views as many bins of a column as the one that has most of it."""
    fitted = [bins for bins in views if bins is not None]
    if not fitted:
        return ()
    counts_VR = [np.bincount(bins.column_J, minlength=bins.columns) for bins in fitted]
    count_R = np.max(counts_VR, axis=0)
    return tuple(None if bins is None else _padded(bins, count_R) for bins in views)


def _padded(bins: Bins, count_R: RowNumbers) -> Bins:
    """Return bins with so many of each column, the further ones of width 0."""
    column_J = np.repeat(np.arange(len(count_R)), count_R)
    start_J, width_J = (np.zeros(len(column_J), dtype=np.float32) for _ in range(2))
    first_R = np.concatenate([[0], np.cumsum(count_R)])
    for column, first in enumerate(first_R[:-1]):
        is_of_column_J = bins.column_J == column
        filled = slice(first, first + np.count_nonzero(is_of_column_J))
        start_J[filled] = bins.start_J[is_of_column_J]
        width_J[filled] = bins.width_J[is_of_column_J]
    return Bins(column_J, start_J, width_J)
