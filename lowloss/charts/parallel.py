"""Parallel coordinates: an axis for each hyperparameter, a line for each trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lowloss.charts.elements import element, mark, path, picture, text
from lowloss.charts.scales import Scale, is_spread, make_scale
from lowloss.wording import clipped, format_number, in_words

AXIS_DISTANCE = 110
HEIGHT, ABOVE, BELOW = 280, 34, 20
SIDE = 46
MAX_CHOICE = 12
Value = float | str
SHADES = 6
"""Lines are coloured by how good they are, in so many steps; the style sheet names them."""


@dataclass(frozen=True)
class Axis:
    """An axis: its name, and the places of its values."""

    name: str
    positions: Mapping[Value, float]
    ticks: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Thread:
    """A line through all axes: its values by axis, and its rank from 0 (best) to 1."""

    tip: str
    href: str
    values: Mapping[str, Value]
    rank: float


def draw_parallel(label: str, names: Sequence[str], threads: Sequence[Thread]) -> str:
    """Draw the threads, the best ones last, over an axis for each name."""
    if not threads:
        return ""
    axes = [_make_axis(name, [thread.values[name] for thread in threads]) for name in names]
    width = 2 * SIDE + AXIS_DISTANCE * max(len(axes) - 1, 1)
    drawn = [
        _draw_thread(thread, axes)
        for thread in sorted(threads, key=lambda thread: thread.rank, reverse=True)
    ]
    drawn += [_draw_axis(axis, index) for index, axis in enumerate(axes)]
    return picture("".join(drawn), width=width, height=HEIGHT, label=label, class_="parallel")


def _make_axis(name: str, values: Sequence[Value]) -> Axis:
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) < len(values):
        choices = sorted({str(value) for value in values})
        scale = Scale(-0.5, len(choices) - 0.5, HEIGHT - BELOW, ABOVE)
        return Axis(
            name,
            {value: scale.position(choices.index(str(value))) for value in values},
            [(clipped(choice, MAX_CHOICE), scale.position(i)) for i, choice in enumerate(choices)],
        )
    scale = make_scale(numbers, start=HEIGHT - BELOW, end=ABOVE, is_log=is_spread(numbers))
    return Axis(
        name,
        {value: scale.position(value) for value in numbers},
        [(format_number(tick), scale.position(tick)) for tick in scale.ticks(4)],
    )


def _draw_axis(axis: Axis, index: int) -> str:
    x = SIDE + index * AXIS_DISTANCE
    drawn = [
        element("line", class_="gridline", x1=x, x2=x, y1=ABOVE, y2=HEIGHT - BELOW),
        text(in_words(axis.name), x, ABOVE - 18, class_="axis", text_anchor="middle"),
        # The script's brush: a range is drawn over the axis.
        element(
            "rect",
            class_="brush",
            x=x - 14,
            y=ABOVE,
            width=28,
            height=HEIGHT - BELOW - ABOVE,
            data_axis=index,
        ),
    ]
    drawn += [text(shown, x + 5, y + 4, class_="tick") for shown, y in axis.ticks]
    return "".join(drawn)


def _draw_thread(thread: Thread, axes: Sequence[Axis]) -> str:
    ys = [axis.positions[thread.values[axis.name]] for axis in axes]
    points = [(SIDE + index * AXIS_DISTANCE, y) for index, y in enumerate(ys)]
    shade = min(math.floor(thread.rank * SHADES), SHADES - 1)
    return mark(
        "path",
        thread.tip,
        href=thread.href,
        class_=f"thread shade-{shade}",
        d=path([(float(x), y) for x, y in points]),
        data_ys=" ".join(f"{y:g}" for y in ys),
    )
