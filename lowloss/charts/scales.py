"""Scales of a chart: from values to positions, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lowloss.wording import MINUS, format_number

MARGIN = 0.04
"""The share of an axis that is left free at both of its ends."""
LARGE = 1e5
"""Ticks from here on are written by their power of ten."""
LOG_SPAN = 8.0
"""Positive values are shown by their logarithm where the largest is so many times the smallest."""


@dataclass(frozen=True)
class Scale:
    """Places values from `low` to `high` between the positions `start` and `end`, in pixels.

    A scale of whole numbers, such as of trials and epochs, has no ticks between them.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False
    is_whole: bool = False

    def position(self, value: float) -> float:
        """Return the position of a value; a value beyond an end is placed at that end."""
        value = min(max(value, self.low), self.high)
        low, high = self._convert(self.low), self._convert(self.high)
        share = (self._convert(value) - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int) -> list[float]:
        """Return about `count` round values within the scale."""
        smallest = 1.0 if self.is_whole else 0.0
        if not self.is_log:
            return _linear_ticks(self.low, self.high, count, smallest)
        ticks = _log_ticks(self.low, self.high, count, smallest)
        return [tick for tick in ticks if tick >= smallest]

    def _convert(self, value: float) -> float:
        return math.log10(value) if self.is_log else value


def format_tick(value: float) -> str:
    """Format a number of an axis, for which there is little room."""
    if abs(value) >= LARGE:
        return f"{value:.3g}".replace("-", MINUS)
    return format_number(value)


def is_spread(values: Iterable[float]) -> bool:
    """Return whether values are shown best by their logarithm."""
    values = list(values)
    return bool(values) and min(values) > 0 and max(values) / min(values) > LOG_SPAN


def make_scale(values: Iterable[float], *, start: float, end: float, is_log: bool = False) -> Scale:
    """Build a scale over finite values, with a little room at its ends."""
    values = list(values) or [0.0, 1.0]
    low, high = min(values), max(values)
    is_whole = all(float(value).is_integer() for value in values)
    if is_log:
        low, high = math.log10(low), math.log10(high)
        alone = 0.5
    else:
        # Large floats are whole, and lie further apart than half a unit.
        alone = max(0.5, abs(low) * 1e-6) if is_whole else abs(low) * 0.1 or 1.0
    room = (high - low) * MARGIN if high > low else alone
    low, high = low - room, high + room
    if is_log:
        low, high = 10**low, 10**high
    return Scale(low, high, start, end, is_log, is_whole)


def _linear_ticks(low: float, high: float, count: int, smallest: float) -> list[float]:
    rough = max((high - low) / max(count, 1), smallest)
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.7 * rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{index * step:.10g}") for index in range(first, last + 1)]


def _log_ticks(low: float, high: float, count: int, smallest: float) -> list[float]:
    """Return powers of ten; with their doubles and fives, or linear ticks, where they are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        ticks = [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high]
        if len(ticks) >= min(3, count):
            return ticks[:: max(1, math.ceil(len(ticks) / (count + 1)))]
    return [tick for tick in _linear_ticks(low, high, count, smallest) if tick > 0]
