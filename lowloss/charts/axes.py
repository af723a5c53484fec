"""Axes of a chart: what they say, how they place values, and ticks that keep apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lowloss.charts.scales import Scale, format_tick, is_spread, make_scale
from lowloss.wording import MINUS, clipped

CHARACTER = 7.8
"""The width of a character, in pixels: that of a phone, where texts are larger than the chart."""
GAP = 6.0
MAX_CHOICE = 12
Value = float | str
Tick = tuple[str, float]
"""The text of a tick, and its position."""


@dataclass(frozen=True)
class Axis:
    """An axis of numbers; `choices` are the words of 0, 1, 2 … on an axis of words.

    `is_log` null is by the spread of the values. `ends` are values that the axis reaches at least:
    charts that are to be compared have the same ones.
    """

    label: str
    is_log: bool | None = None
    is_percent: bool = False
    choices: tuple[str, ...] = ()
    ends: tuple[float, ...] = ()

    def scale(self, values: Sequence[float], *, start: float, end: float) -> Scale:
        """Place values between two positions."""
        if self.choices:
            return Scale(-0.5, len(self.choices) - 0.5, start, end)
        values = [*values, *self.ends]
        is_log = is_spread(values) if self.is_log is None else self.is_log
        return make_scale(values, start=start, end=end, is_log=is_log and min(values) > 0)

    def ticks(self, scale: Scale, count: int) -> list[Tick]:
        """Return about `count` ticks; an axis of words has one for each."""
        if self.choices:
            names = (clipped(name, MAX_CHOICE) for name in self.choices)
            return [(name, scale.position(index)) for index, name in enumerate(names)]
        return [(self._format(tick), scale.position(tick)) for tick in scale.ticks(count)]

    def ticks_apart(self, scale: Scale, count: int) -> list[Tick]:
        """Return at most about `count` ticks whose texts, side by side, do not overlap."""
        ticks = self.ticks(scale, count)
        strides = range(1, len(ticks))
        apart = (ticks[::stride] for stride in strides if _are_apart(ticks[::stride]))
        return next(apart, ticks[:1])

    def _format(self, value: float) -> str:
        if self.is_percent:
            return f"{100 * value:.4g} %".replace("-", MINUS)
        return format_tick(value)


def fit_axis(label: str, values: Sequence[Value]) -> tuple[Axis, list[float]]:
    """Return an axis for values, words where one of them is a word, and the number of each."""
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values):
        return Axis(label), numbers
    choices = tuple(sorted({str(value) for value in values}))
    return Axis(label, choices=choices), [float(choices.index(str(value))) for value in values]


def width_of(text: str) -> float:
    """Return about how wide a tick's text is, in pixels."""
    return CHARACTER * len(text)


def _are_apart(ticks: Sequence[Tick]) -> bool:
    return all(
        abs(x2 - x1) >= (width_of(text1) + width_of(text2)) / 2 + GAP
        for (text1, x1), (text2, x2) in pairwise(ticks)
    )
