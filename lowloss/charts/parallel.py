"""Parallel coordinates: an axis for each hyperparameter, a line for each trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lowloss.charts.axes import Axis, Value, fit_axis
from lowloss.charts.elements import element, mark, path, picture, text
from lowloss.charts.scales import Scale
from lowloss.wording import in_words

AXIS_DISTANCE, MIN_WIDTH = 110, 760
"""Fewer axes are farther apart: a narrower picture would be drawn larger, its letters, too."""
HEIGHT, ABOVE, BELOW = 280, 34, 20
SIDE = 46
SHADES = 6
"""Lines are coloured by how good they are, in so many steps; the style sheet names them."""


@dataclass(frozen=True)
class Thread:
    """A line through all axes: its values by axis, and its rank from 0 (best) to 1."""

    tip: str
    values: Mapping[str, Value]
    rank: float
    href: str | None = None


def draw_parallel(
    label: str,
    names: Sequence[str],
    threads: Sequence[Thread],
    axes_of: Mapping[str, Axis] | None = None,
) -> str:
    """Draw the threads, the best ones last, over an axis for each name.

    `axes_of` are axes of numbers by their names; the others fit their values.
    """
    if not threads:
        return ""
    distance = max(AXIS_DISTANCE, (MIN_WIDTH - 2 * SIDE) // max(len(names) - 1, 1))
    ys_by_axis, axes = [], []
    for index, name in enumerate(names):
        axis, numbers = fit_axis(in_words(name), [thread.values[name] for thread in threads])
        axis = (axes_of or {}).get(name, axis)
        scale = axis.scale(numbers, start=HEIGHT - BELOW, end=ABOVE)
        ys_by_axis.append([scale.position(number) for number in numbers])
        axes.append(_draw_axis(axis, scale, index, distance))
    lines = zip(threads, zip(*ys_by_axis, strict=True), strict=True)
    ranked = sorted(lines, key=lambda line: line[0].rank, reverse=True)
    drawn = [*(_draw_thread(thread, ys, distance) for thread, ys in ranked), *axes]
    width = 2 * SIDE + distance * max(len(names) - 1, 1)
    return picture("".join(drawn), width=width, height=HEIGHT, label=label, class_="parallel")


def _draw_axis(axis: Axis, scale: Scale, index: int, distance: int) -> str:
    x = SIDE + index * distance
    drawn = [
        element("line", class_="gridline", x1=x, x2=x, y1=ABOVE, y2=HEIGHT - BELOW),
        text(axis.label, x, ABOVE - 18, class_="axis", text_anchor="middle"),
        # The script's brush: a range is drawn over the axis.
        element(
            "rect",
            class_="brush",
            x=x - 14,
            y=ABOVE,
            width=28,
            height=HEIGHT - BELOW - ABOVE,
            data_axis=index,
            data_name=axis.label,
        ),
    ]
    drawn += [text(shown, x + 5, y + 4, class_="tick") for shown, y in axis.ticks(scale, 4)]
    return "".join(drawn)


def _draw_thread(thread: Thread, ys: Sequence[float], distance: int) -> str:
    points = [(float(SIDE + index * distance), y) for index, y in enumerate(ys)]
    shade = min(math.floor(thread.rank * SHADES), SHADES - 1)
    return mark(
        "path",
        thread.tip,
        href=thread.href,
        class_=f"thread shade-{shade}",
        d=path(points),
        data_ys=" ".join(f"{y:g}" for y in ys),
    )
