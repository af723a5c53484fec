"""Charts with two axes: scores of trials, learning curves, points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lowloss.charts.elements import element, mark, path, picture, text
from lowloss.charts.scales import Scale, format_tick, is_spread, make_scale

WIDTH, HEIGHT = 480, 270
BEFORE, BEHIND, ABOVE, BELOW = 54, 12, 26, 36
LEGEND_WIDTH, LEGEND_HEIGHT = 142, 18
"""The room beside the plot for ticks and labels, in pixels."""
X_TICKS, Y_TICKS = 6, 5
MAX_LINE_POINTS = 120
"""A line of more points is thinned: a screen shows no more."""
COLOURS = 8
"""How many lines have colours of their own; the style sheet names them."""


@dataclass(frozen=True)
class Point:
    """A point of a chart; `kind` is a class of the style sheet."""

    x: float
    y: float
    tip: str
    kind: str = ""
    href: str | None = None


@dataclass(frozen=True)
class Line:
    """A line of a chart through values of y at 1, 2, 3 …, or at `xs`; null ends a part of it."""

    name: str
    ys: tuple[float | None, ...]
    xs: tuple[float, ...] = ()
    href: str | None = None

    @property
    def points(self) -> list[tuple[float, float | None]]:
        """The points of the line, thinned where there are many."""
        xs = self.xs or tuple(range(1, len(self.ys) + 1))
        pairs = list(zip(xs, self.ys, strict=True))
        step = math.ceil(len(pairs) / MAX_LINE_POINTS)
        return pairs if step <= 1 else [*pairs[:-1:step], pairs[-1]]


@dataclass(frozen=True)
class Plot:
    """What a chart with two axes shows; `y_log` null is by the spread of the values."""

    label: str
    x_label: str
    y_label: str
    points: Sequence[Point] = ()
    lines: Sequence[Line] = ()
    y_log: bool | None = None
    y_limit: float | None = None
    steps: tuple[tuple[float, float], ...] = ()


def draw_plot(plot: Plot) -> str:
    """Draw points, lines and steps over two axes; what is above `y_limit` stands at the top."""
    xs, ys = _collect(plot)
    if not ys:
        return ""
    is_log = plot.y_log if plot.y_log is not None else is_spread(ys)
    is_log = is_log and min(ys) > 0
    if plot.y_limit is not None:
        ys = [min(y, plot.y_limit) for y in ys]
    x_scale = make_scale(xs, start=BEFORE, end=WIDTH - BEHIND)
    y_scale = make_scale(ys, start=HEIGHT - BELOW, end=ABOVE, is_log=is_log)
    drawn = [
        _draw_axes(plot, x_scale, y_scale),
        *(_draw_line(line, index, x_scale, y_scale) for index, line in enumerate(plot.lines)),
        _draw_steps(plot, x_scale, y_scale),
        *(_draw_point(point, x_scale, y_scale) for point in plot.points),
    ]
    legend, height = _draw_legend(plot.lines)
    return picture("".join(drawn) + legend, width=WIDTH, height=HEIGHT + height, label=plot.label)


def _collect(plot: Plot) -> tuple[list[float], list[float]]:
    pairs = [(point.x, point.y) for point in plot.points]
    pairs += [(x, y) for line in plot.lines for x, y in line.points if y is not None]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _draw_axes(plot: Plot, x_scale: Scale, y_scale: Scale) -> str:
    drawn = []
    for tick in y_scale.ticks(Y_TICKS):
        y = y_scale.position(tick)
        drawn.append(element("line", class_="gridline", x1=BEFORE, x2=WIDTH - BEHIND, y1=y, y2=y))
        drawn.append(text(format_tick(tick), BEFORE - 6, y + 4, class_="tick", text_anchor="end"))
    for tick in x_scale.ticks(X_TICKS):
        x = x_scale.position(tick)
        drawn.append(
            text(format_tick(tick), x, HEIGHT - BELOW + 16, class_="tick", text_anchor="middle")
        )
    middle = (BEFORE + WIDTH - BEHIND) / 2
    drawn.append(text(plot.x_label, middle, HEIGHT - 4, class_="axis", text_anchor="middle"))
    drawn.append(text(plot.y_label, BEFORE, ABOVE - 14, class_="axis"))
    return "".join(drawn)


def _draw_line(line: Line, index: int, x_scale: Scale, y_scale: Scale) -> str:
    parts: list[list[tuple[float, float]]] = [[]]
    for x, y in line.points:
        if y is None:
            parts.append([])
        else:
            parts[-1].append((x_scale.position(x), y_scale.position(y)))
    commands = "".join(path(part) for part in parts if part)
    return mark("path", line.name, href=line.href, class_=f"line {_colour_of(index)}", d=commands)


def _colour_of(index: int) -> str:
    return f"colour-{index % COLOURS}"


def _draw_legend(lines: Sequence[Line]) -> tuple[str, float]:
    """Draw the names of the lines below the chart; return its height, too."""
    if len(lines) > COLOURS:
        return "", 0.0
    per_row = (WIDTH - BEFORE) // LEGEND_WIDTH
    drawn = []
    for index, line in enumerate(lines):
        x = BEFORE + (index % per_row) * LEGEND_WIDTH
        y = HEIGHT + (index // per_row) * LEGEND_HEIGHT + 12
        drawn.append(
            element("line", class_=f"line {_colour_of(index)}", x1=x, x2=x + 14, y1=y - 4, y2=y - 4)
        )
        drawn.append(text(line.name, x + 18, y, class_="tick"))
    return "".join(drawn), -(-len(lines) // per_row) * LEGEND_HEIGHT


def _draw_steps(plot: Plot, x_scale: Scale, y_scale: Scale) -> str:
    """Draw a line that stays level until the next point, such as of the best so far."""
    if not plot.steps:
        return ""
    corners: list[tuple[float, float]] = []
    for x, y in plot.steps:
        position = (x_scale.position(x), y_scale.position(y))
        if corners:
            corners.append((position[0], corners[-1][1]))
        corners.append(position)
    corners.append((x_scale.end, corners[-1][1]))
    return element("path", class_="steps", d=path(corners))


def _draw_point(point: Point, x_scale: Scale, y_scale: Scale) -> str:
    return mark(
        "circle",
        point.tip,
        href=point.href,
        class_=f"point {point.kind}".strip(),
        cx=x_scale.position(point.x),
        cy=y_scale.position(point.y),
        r=4,
    )
