"""Grid search: every point of a grid, none twice."""

from __future__ import annotations

import math
from typing import Any

from lowloss.spec import JobSpec
from worker.search.oracles.store import StoreOracle

GOLDEN = 618_033_988_749_894_848, 10**18
"""The golden section of a whole number, of any size: times the first, by the second."""


class GridOracle(StoreOracle):
    """All points of the grid, evenly spread from the first on.

    KerasTuner's walks from one corner, so that a budget smaller than the grid sees only that; here
    points come in strides of a golden section of the grid, and a search that ends early has been
    everywhere. No point waits for another's end.
    """

    def __init__(self, spec: JobSpec) -> None:
        super().__init__(spec)
        self._stride = _stride(self.points.size)
        self._next = 0

    def suggest(self, number: int) -> dict[str, Any] | None:  # noqa: ARG002  # in order
        """Return the next point that no trial had."""
        while self._next < self.points.size:
            index = self._next * self._stride % self.points.size
            self._next += 1
            values = self.points.at(index)
            if not self._duplicate(values):
                return values
        return None

    def first_settings(self, spec: JobSpec) -> list[dict[str, Any]]:  # noqa: ARG002  # the grid
        """Return none: the grid is what was asked for."""
        return []


def _stride(size: int) -> int:
    """Return a step of about a golden section that visits all of the grid before it repeats."""
    times, by = GOLDEN
    stride = max(1, size * times // by)
    while math.gcd(stride, size) > 1:
        stride += 1
    return stride
