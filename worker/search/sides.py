"""A hyperparameter that may vary, and where its values lie: the one encoding of a value.

N points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from lowloss.spec import Choice, Float, Int

FloatMatrix = NDArray[np.float64]
Varying = Choice[Any] | Float | Int
ABSENT = 0.5
"""Where a hyperparameter that a setting does not have lies: as far from one end as the other."""


@dataclass(frozen=True)
class Side:
    """A hyperparameter that may vary, as shares between 0 and 1 of its range or its values.

    It exists only in networks of `min_layers` layers or more.
    """

    name: str
    parameter: Varying
    min_layers: int = 0

    @cached_property
    def values(self) -> Sequence[Any] | None:
        """All values in order where they can be counted; None for a range without steps."""
        match self.parameter:
            case Choice(choices=choices):
                return choices
            case Int(min=low, max=high, step=step):
                return range(low, high + 1, step or 1)
            case Float(min=low, max=high, step=float(step)):
                # Rounding must not lead above the highest value.
                steps = round((high - low) / step)
                return tuple(min(low + index * step, high) for index in range(steps + 1))
            case _:
                return None

    @property
    def is_log(self) -> bool:
        """Whether shares are of the logarithm."""
        return not isinstance(self.parameter, Choice) and self.parameter.scale == "log"

    def value(self, share: float) -> Any:
        """Return the value at a share of the range."""
        if self.values is not None and not self.is_log:
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        low, high, part = self._ends()
        span = low * math.pow(high / low, share) if self.is_log else share * (high - low) + low
        return min(int(span), high - 1) if part else min(float(span), high)

    def share(self, value: Any) -> float:
        """Return the share at which a value lies: the middle of its part, where it has one."""
        if self.values is not None and not self.is_log:
            return (self.values.index(value) + 0.5) / len(self.values)
        low, high, part = self._ends()
        return self._between(value + part / 2, low, high)

    def position(self, value: float) -> float:
        """Return where in its range a number lies: 0 is the lowest and 1 the highest value."""
        low, high, part = self._ends()
        return self._between(value, low, high - part)

    def nearest(self, value: Any) -> Any:
        """Return the value that is nearest to one; the first where there is no order."""
        if not isinstance(self.parameter, Choice):
            low, high = self.parameter.min, self.parameter.max
            inside = min(max(value, low), high)
            if self.values is None or self.parameter.step is None:
                return inside
            return self.values[round((inside - low) / self.parameter.step)]
        choices = self.parameter.choices
        if value in choices:
            return value
        numbers = [choice for choice in choices if isinstance(choice, int | float)]
        if not numbers or not isinstance(value, int | float):
            return choices[0]
        return min(numbers, key=lambda number: abs(number - value))

    def suggest(self, trial: Trial) -> Any:
        """Let Optuna choose a value: by its number where each has an equal part of the side."""
        match self.parameter:
            case Choice(choices=choices):
                return choices[trial.suggest_categorical(self.name, range(len(choices)))]
            case Int(min=low, max=high) if self.is_log:
                return trial.suggest_int(self.name, low, high, log=True)
            case Float(min=low, max=high, step=None):
                value = trial.suggest_float(self.name, low, high, log=self.is_log)
                return min(max(value, low), high)
        values = self.values or ()
        return values[trial.suggest_int(self.name, 0, len(values) - 1)]

    def coordinate(self, value: Any) -> Any:
        """Return what Optuna chooses for a value: the inverse of `suggest`."""
        return value if self.values is None or self.is_log else self.values.index(value)

    def allows(self, value: Any) -> bool:
        """Return whether the hyperparameter may have a value."""
        if self.values is not None:
            return value in self.values
        low, high, _ = self._ends()
        return bool(low <= value <= high)

    @property
    def columns(self) -> int:
        """How many columns it has in an encoding: one for each value without an order."""
        return len(self.parameter.choices) if isinstance(self.parameter, Choice) else 1

    def encode(self, share_N: FloatMatrix, has_it_N: NDArray[np.bool_]) -> FloatMatrix:
        """Encode shares for a model of the space [N, columns]; equal values get equal codes."""
        if isinstance(self.parameter, Choice):
            index_N = np.minimum(share_N * self.columns, self.columns - 1).astype(int)
            return np.where(has_it_N[:, None], np.eye(self.columns)[index_N], ABSENT) / math.sqrt(2)
        if self.values is not None and not self.is_log:
            count = len(self.values)
            share_N = (np.minimum(np.floor(share_N * count), count - 1) + 0.5) / count
        elif self.values is not None:
            share_N = np.array([self.share(self.value(share)) for share in share_N])
        return np.where(has_it_N, share_N, ABSENT)[:, None]

    @property
    def distribution(self) -> BaseDistribution:
        """Optuna's distribution of its values.

        Real numbers have no step there: where rounding errors make it miss the range's end, Optuna
        5 moves that end, and refuses the values there.
        """
        match self.parameter:
            case Choice(choices=choices):
                return CategoricalDistribution(choices)
            case Int(min=low, max=high, step=step):
                return IntDistribution(low, high, log=self.is_log, step=step or 1)
            case Float(min=low, max=high):
                return FloatDistribution(low, high, log=self.is_log)

    def _ends(self) -> tuple[float, float, int]:
        """Return the ends of a range, and what part of it one value has: 0 for real numbers."""
        match self.parameter:
            case Int(min=low, max=high):
                return low, high + 1, 1
            case Float(min=low, max=high):
                return low, high, 0
            case _:
                raise TypeError(f"{self.name} is no range")

    def _between(self, value: float, low: float, high: float) -> float:
        if low == high:
            return 0.5
        if self.is_log:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)
