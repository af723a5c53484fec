"""The unit cube: a search space as numbers between 0 and 1.

N points.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.search.sides import ABSENT, FloatMatrix, Side
from worker.search.space import Setting, Space


class Cube:
    """A search space whose settings are points; what a setting does not have is left open."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.sides = space.sides
        self._side_index = {side.name: index for index, side in enumerate(self.sides)}

    @property
    def is_finite(self) -> bool:
        """Whether its settings can be counted."""
        return all(side.values is not None for side in self.sides)

    def draw(self, rng: np.random.Generator, points: int) -> FloatMatrix:
        """Draw random points [N, U]."""
        return rng.random((points, len(self.sides)))

    def setting(self, share_U: FloatMatrix) -> Setting:
        """Return the setting at a point: what exists there, fixed values included."""
        return self._space.choose(lambda side: side.value(share_U[self._side_index[side.name]]))

    def point(self, setting: Mapping[str, Any]) -> FloatMatrix:
        """Return the point of a setting [U]: the inverse of `setting`."""
        return np.array(
            [
                side.share(setting[side.name]) if side.name in setting else ABSENT
                for side in self.sides
            ]
        )

    def encode(self, share_NU: FloatMatrix) -> FloatMatrix:
        """Return points as a model of the space sees them [N, E]."""
        if not self.sides:
            return np.zeros((len(share_NU), 1))
        has_NU = np.stack([self._has(side, share_NU) for side in self.sides], axis=1)
        columns = [s.encode(share_NU[:, u], has_NU[:, u]) for u, s in enumerate(self.sides)]
        return np.concatenate(columns, axis=1)

    def _has(self, side: Side, share_NU: FloatMatrix) -> NDArray[np.bool_]:
        """Return whether each point has a hyperparameter [N]."""
        if not side.min_layers:
            return np.ones(len(share_NU), dtype=bool)
        index = self._side_index["layers"]
        layers = [self.sides[index].value(share) for share in share_NU[:, index]]
        return np.array(layers) >= side.min_layers
