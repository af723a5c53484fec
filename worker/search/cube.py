"""The unit cube: a search space as numbers between 0 and 1.

N points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from keras_tuner import HyperParameters
from keras_tuner.src.engine.hyperparameters import hp_types
from numpy.typing import NDArray

from worker.search.space import step_value

FloatMatrix = NDArray[np.float64]
ABSENT = 0.5
"""Where a hyperparameter that a setting does not have lies: as far from one end as the other."""


@dataclass(frozen=True)
class Side:
    """A hyperparameter that may vary, as shares between 0 and 1 of its range or its values."""

    hp: Any

    @cached_property
    def values(self) -> Sequence[Any] | None:
        """All values in order where they can be counted; None for a range without steps."""
        hp = self.hp
        match hp:
            case hp_types.Choice():
                return tuple(hp.values)
            case hp_types.Int():
                return range(hp.min_value, hp.max_value + 1, hp.step or 1)
            case hp_types.Float(step=float(step)):
                # KerasTuner 1.4.8 counts the steps by a division that rounding errors make fall
                # short (0.3 // 0.1 is 2), and then never draws the highest value.
                steps = round((hp.max_value - hp.min_value) / step)
                ends = (hp.min_value, hp.max_value, step)
                return tuple(step_value(*ends, index) for index in range(steps + 1))
            case _:
                return None

    @property
    def is_log(self) -> bool:
        """Whether shares are of the logarithm."""
        return not isinstance(self.hp, hp_types.Choice) and self.hp.sampling == "log"

    def value(self, share: float) -> Any:
        """Return the value at a share of the range.

        Each value of a finite set has an equal part of it.
        """
        values = self.values
        if values is None or self.is_log:
            # KerasTuner 1.4.8 gives a whole number above the highest at a share of 1.
            return min(self.hp.prob_to_value(float(share)), self.hp.max_value)
        return values[min(int(share * len(values)), len(values) - 1)]

    def share(self, value: Any) -> float:
        """Return the share at which a value lies; in a finite set the middle of its part."""
        if self.values is not None and not self.is_log:
            return (self.values.index(value) + 0.5) / len(self.values)
        return float(self.hp.value_to_prob(value))

    def allows(self, value: Any) -> bool:
        """Return whether the hyperparameter may have a value."""
        if self.values is not None:
            return value in self.values
        return bool(self.hp.min_value <= value <= self.hp.max_value)

    @property
    def columns(self) -> int:
        """How many columns it has in an encoding: one for each value without an order."""
        return len(self.hp.values) if isinstance(self.hp, hp_types.Choice) else 1

    def encode(self, share_N: FloatMatrix, has_it_N: NDArray[np.bool_]) -> FloatMatrix:
        """Encode shares for a model of the space [N, columns]; equal values get equal codes."""
        if isinstance(self.hp, hp_types.Choice):
            index_N = np.minimum(share_N * self.columns, self.columns - 1).astype(int)
            return np.where(has_it_N[:, None], np.eye(self.columns)[index_N], ABSENT) / math.sqrt(2)
        return np.where(has_it_N, self._seen(share_N), ABSENT)[:, None]

    def _seen(self, share_N: FloatMatrix) -> FloatMatrix:
        if self.values is None:
            return share_N
        if self.is_log:
            return np.array([self.share(self.value(share)) for share in share_N])
        count = len(self.values)
        return (np.minimum(np.floor(share_N * count), count - 1) + 0.5) / count


class Cube:
    """A search space whose settings are points; what a setting does not have is left open."""

    def __init__(self, space: HyperParameters) -> None:
        self._space = space.space
        self.sides = [Side(hp) for hp in self._space if not isinstance(hp, hp_types.Fixed)]
        self._side_index = {side.hp.name: index for index, side in enumerate(self.sides)}

    @property
    def is_finite(self) -> bool:
        """Whether its settings can be counted."""
        return all(side.values is not None for side in self.sides)

    def draw(self, rng: np.random.Generator, points: int) -> FloatMatrix:
        """Draw random points [N, U]."""
        return rng.random((points, len(self.sides)))

    def values(self, share_U: FloatMatrix) -> dict[str, Any]:
        """Return the setting at a point: what exists there, fixed values included."""
        values: dict[str, Any] = {}
        for hp in self._space:
            if self._exists(hp, values):
                index = self._side_index.get(hp.name)
                value = hp.value if index is None else self.sides[index].value(share_U[index])
                values[hp.name] = value
        return values

    def has(self, values: Mapping[str, Any]) -> bool:
        """Return whether a setting is one of the space's."""
        there = {hp.name: hp for hp in self._space if self._exists(hp, values)}
        return there.keys() == values.keys() and all(
            self._allows(hp, values[name]) for name, hp in there.items()
        )

    def point(self, values: Mapping[str, Any]) -> FloatMatrix:
        """Return the point of a setting [U]: the inverse of `values`."""
        return np.array(
            [
                side.share(values[side.hp.name]) if side.hp.name in values else ABSENT
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

    @staticmethod
    def _exists(hp: Any, values: Mapping[str, Any]) -> bool:
        """Return whether a setting has a hyperparameter, given those before it."""
        return all(values.get(condition.name) in condition.values for condition in hp.conditions)

    def _allows(self, hp: Any, value: Any) -> bool:
        index = self._side_index.get(hp.name)
        return bool(value == hp.value) if index is None else self.sides[index].allows(value)

    def _has(self, side: Side, share_NU: FloatMatrix) -> NDArray[np.bool_]:
        """Return whether each point has a hyperparameter [N]."""
        has_N = np.ones(len(share_NU), dtype=bool)
        for condition in side.hp.conditions:
            # A fixed parent has the value that its conditions were made for.
            if (index := self._side_index.get(condition.name)) is not None:
                value = self.sides[index].value
                fits = [value(share) in condition.values for share in share_NU[:, index]]
                has_N &= np.array(fits, dtype=bool)
        return has_N
