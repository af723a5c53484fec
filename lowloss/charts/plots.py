"""Charts with two axes: points, lines, steps and bins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lowloss.charts.axes import Axis, Tick, width_of
from lowloss.charts.elements import element, mark, path, picture, text
from lowloss.charts.scales import Scale

ABOVE, BELOW, BEHIND = 26, 36, 16
"""The room beside the plot for ticks and labels, in pixels."""
MIN_BEFORE = 34.0
X_TICK_DISTANCE, Y_TICK_DISTANCE = 70, 42
MAX_X_TICKS = 8
LEGEND_HEIGHT = 18
MAX_LINE_POINTS = 120
"""A line of more points is thinned: a screen shows no more."""
COLOURS = 8
"""How many lines have colours of their own; the style sheet names them."""
CROSS, STEPS, SPAN = "cross", "steps", "span"
"""What the style sheet and a legend call a point without a finite y, the steps, and a span."""
MIN_SPAN, MAX_SPAN = 2.0, 12.0
"""How thick a span is, in pixels."""
CROSS_COMMANDS = "m-3.5 -3.5l7 7m0 -7l-7 7"
"""The commands of a cross around a position."""


@dataclass(frozen=True)
class Size:
    """How large a chart is, in pixels; the style sheet knows it by its class."""

    width: float
    height: float
    class_: str = ""


NORMAL = Size(360, 230, "normal")
BROAD = Size(960, 300, "broad")
PART = Size(300, 190, "part")
"""One of several small charts, side by side."""


@dataclass(frozen=True)
class Point:
    """A point of a chart; `kind` is a class of the style sheet.

    One whose y is not finite is a cross at that edge. Points without a tip are drawn together,
    which takes a tenth of the bytes.
    """

    x: float
    y: float
    tip: str = ""
    kind: str = ""
    href: str | None = None


@dataclass(frozen=True)
class Line:
    """A line of a chart through values of y at 1, 2, 3 …, or at `xs`; null ends a part of it.

    One without a name is not in the legend. `colour` null is by its place among the lines.
    """

    name: str
    ys: tuple[float | None, ...]
    xs: tuple[float, ...] = ()
    href: str | None = None
    colour: int | None = None
    is_dashed: bool = False

    @property
    def points(self) -> list[tuple[float, float | None]]:
        """The points of the line, thinned where there are many."""
        xs = self.xs or tuple(range(1, len(self.ys) + 1))
        pairs = list(zip(xs, self.ys, strict=True))
        step = math.ceil(len(pairs) / MAX_LINE_POINTS)
        return pairs if step <= 1 else [*pairs[:-1:step], pairs[-1]]


@dataclass(frozen=True)
class Bin:
    """A bar that stands on the axis, from `low` to `high`."""

    low: float
    high: float
    count: float
    tip: str


@dataclass(frozen=True)
class Span:
    """A level bar at `y` from `low` to `high`; `kind` is a class of the style sheet.

    Spans without a tip are drawn together, as points are.
    """

    low: float
    high: float
    y: float
    tip: str = ""
    kind: str = ""
    href: str | None = None


Pair = tuple[float, float]


@dataclass(frozen=True)
class Plot:
    """What a chart with two axes shows.

    `steps` is a line that stays level until its next point; `guides` are faint lines from one point
    to another, as far as the axes reach. What is beyond `y_limits` stands at that edge. `legend`
    names the kinds of points, and the steps.
    """

    label: str
    x: Axis
    y: Axis
    points: Sequence[Point] = ()
    lines: Sequence[Line] = ()
    bins: Sequence[Bin] = ()
    spans: Sequence[Span] = ()
    steps: Sequence[Pair] = ()
    guides: Sequence[tuple[Pair, Pair]] = ()
    y_limits: Pair = (-math.inf, math.inf)
    legend: Mapping[str, str] = field(default_factory=dict)
    size: Size = NORMAL


@dataclass(frozen=True)
class _Frame:
    """Where a plot lies in its picture."""

    x: Scale
    y: Scale
    y_ticks: Sequence[Tick]

    def at(self, x: float, y: float) -> Pair:
        return self.x.position(x), self.y.position(y)


def draw_plot(plot: Plot) -> str:
    """Draw what a plot shows over two axes.

    Nothing where no value is finite, or where the largest and the smallest are too far apart to be
    subtracted.
    """
    xs, ys = _collect(plot)
    if not ys or not all(math.isfinite(max(values) - min(values)) for values in (xs, ys)):
        return ""
    frame = _fit(plot, xs, ys)
    legend, height = _draw_legend(plot, frame)
    drawn = [
        _draw_axes(plot, frame),
        *(_draw_guide(guide, frame) for guide in plot.guides),
        *(_draw_bin(entry, frame) for entry in plot.bins),
        _draw_spans(plot.spans, frame),
        *(_draw_line(line, index, frame) for index, line in enumerate(plot.lines)),
        _draw_steps(plot, frame),
        _draw_points(plot.points, frame),
        legend,
    ]
    size = plot.size
    return picture(
        "".join(drawn),
        width=size.width,
        height=size.height + height,
        label=plot.label,
        class_=size.class_,
    )


def has_values(values: Sequence[float | None]) -> bool:
    """Return whether a line has anything to draw."""
    return any(value is not None for value in values)


def _collect(plot: Plot) -> tuple[list[float], list[float]]:
    """Return the values that the axes must reach."""
    pairs: list[Pair] = [(point.x, point.y) for point in plot.points]
    pairs += [(x, y) for line in plot.lines for x, y in line.points if y is not None]
    pairs += [(x, y) for bar in plot.bins for x, y in ((bar.low, 0.0), (bar.high, bar.count))]
    pairs += [(x, span.y) for span in plot.spans for x in (span.low, span.high)]
    return [x for x, _ in pairs], [y for _, y in pairs if math.isfinite(y)]


def _fit(plot: Plot, xs: Sequence[float], ys: Sequence[float]) -> _Frame:
    """Find the scales; the ticks of y decide how much room there is before the plot."""
    size = plot.size
    low, high = plot.y_limits
    ys = [min(max(y, low), high) for y in ys]
    y_scale = plot.y.scale(ys, start=size.height - BELOW, end=ABOVE)
    y_ticks = plot.y.ticks(y_scale, round((size.height - ABOVE - BELOW) / Y_TICK_DISTANCE))
    before = max(MIN_BEFORE, *(width_of(shown) + 10 for shown, _ in y_ticks))
    return _Frame(plot.x.scale(xs, start=before, end=size.width - BEHIND), y_scale, y_ticks)


def _draw_axes(plot: Plot, frame: _Frame) -> str:
    start, end = frame.x.start, frame.x.end
    drawn = []
    for shown, y in frame.y_ticks:
        drawn.append(element("line", class_="gridline", x1=start, x2=end, y1=y, y2=y))
        drawn.append(text(shown, start - 6, y + 4, class_="tick", text_anchor="end"))
    count = min(round((end - start) / X_TICK_DISTANCE), MAX_X_TICKS)
    for shown, x in plot.x.ticks_apart(frame.x, count):
        within = min(x, plot.size.width - width_of(shown) / 2)
        y = plot.size.height - BELOW + 16
        drawn.append(text(shown, within, y, class_="tick", text_anchor="middle"))
    below = plot.size.height - 4
    drawn.append(text(plot.x.label, (start + end) / 2, below, class_="axis", text_anchor="middle"))
    drawn.append(text(plot.y.label, start, ABOVE - 14, class_="axis"))
    return "".join(drawn)


def _draw_line(line: Line, index: int, frame: _Frame) -> str:
    parts: list[list[Pair]] = [[]]
    for x, y in line.points:
        if y is None:
            parts.append([])
        else:
            parts[-1].append(frame.at(x, y))
    commands = "".join(path(part) for part in parts if part)
    # What is nowhere longer than a point is drawn as thick as one.
    kind = "" if any(len(part) > 1 for part in parts) else "alone "
    class_ = f"{kind}{_class_of(line, index)}"
    if not line.name:
        return element("path", class_=class_, d=commands)
    return mark("path", line.name, href=line.href, class_=class_, d=commands)


def _class_of(line: Line, index: int) -> str:
    colour = (index if line.colour is None else line.colour) % COLOURS
    return f"line {'dashed ' if line.is_dashed else ''}colour-{colour}"


def _draw_bin(entry: Bin, frame: _Frame) -> str:
    (x1, y1), (x2, y2) = frame.at(entry.low, entry.count), frame.at(entry.high, 0.0)
    width = max(round(x2 - x1 - 1, 1), 1)
    height = round(y2 - y1, 1)
    return mark("rect", entry.tip, class_="bar", x=x1, y=y1, width=width, height=height)


def _draw_spans(spans: Sequence[Span], frame: _Frame) -> str:
    if not spans:
        return ""
    lanes = {span.y for span in spans}
    distance = abs(frame.y.start - frame.y.end) / len(lanes)
    thickness = round(max(MIN_SPAN, min(0.7 * distance, MAX_SPAN)), 1)
    drawn, silent = [], [span for span in spans if not span.tip]
    for kind in dict.fromkeys(span.kind for span in silent):
        commands = "".join(_span_path(span, frame) for span in silent if span.kind == kind)
        drawn.append(element("path", class_=f"{SPAN} {kind}", stroke_width=thickness, d=commands))
    drawn += [
        mark(
            "path",
            span.tip,
            href=span.href,
            class_=f"{SPAN} {span.kind}",
            stroke_width=thickness,
            d=_span_path(span, frame),
        )
        for span in spans
        if span.tip
    ]
    return "".join(drawn)


def _span_path(span: Span, frame: _Frame) -> str:
    (x1, y), (x2, _) = frame.at(span.low, span.y), frame.at(span.high, span.y)
    return f"M{x1:g} {y:g}h{max(round(x2 - x1, 1), 1):g}"


def _draw_guide(guide: tuple[Pair, Pair], frame: _Frame) -> str:
    return element("path", class_="guide", d=path([frame.at(*end) for end in guide]))


def _draw_steps(plot: Plot, frame: _Frame) -> str:
    if not plot.steps:
        return ""
    corners: list[Pair] = []
    for x, y in plot.steps:
        position = frame.at(x, y)
        if corners:
            corners.append((position[0], corners[-1][1]))
        corners.append(position)
    corners.append((frame.x.end, corners[-1][1]))
    return element("path", class_=STEPS, d=path(corners))


def _draw_points(points: Sequence[Point], frame: _Frame) -> str:
    silent = [point for point in points if not point.tip]
    drawn = []
    for kind in dict.fromkeys(point.kind for point in silent):
        positions = [frame.at(p.x, p.y) for p in silent if p.kind == kind]
        commands = "".join(path([position]) for position in positions)
        drawn.append(element("path", class_=f"dots {kind}".strip(), d=commands))
    drawn += [_draw_point(point, *frame.at(point.x, point.y)) for point in points if point.tip]
    return "".join(drawn)


def _draw_point(point: Point, x: float, y: float) -> str:
    class_ = f"point {point.kind}".strip()
    if not math.isfinite(point.y):
        commands = f"M{x:g} {y:g}{CROSS_COMMANDS}"
        return mark("path", point.tip, href=point.href, class_=class_, d=commands)
    return mark("circle", point.tip, href=point.href, class_=class_, cx=x, cy=y, r=4)


def _draw_legend(plot: Plot, frame: _Frame) -> tuple[str, float]:
    """Draw the names of lines, steps and kinds of points below a chart; return its height, too."""
    lines = plot.lines if len(plot.lines) <= COLOURS else ()
    entries = [(_class_of(line, i), line.name) for i, line in enumerate(lines) if line.name]
    entries += plot.legend.items()
    drawn, x, row = [], frame.x.start, 0
    for class_, name in entries:
        width = 24 + width_of(name)
        if x + width > plot.size.width and x > frame.x.start:
            x, row = frame.x.start, row + 1
        y = plot.size.height + row * LEGEND_HEIGHT + 12
        drawn.append(_draw_key(class_, x, y - 4))
        drawn.append(text(name, x + 18, y, class_="tick"))
        x += width
    return "".join(drawn), (row + 1) * LEGEND_HEIGHT if entries else 0.0


def _draw_key(class_: str, x: float, y: float) -> str:
    """Draw what a name of the legend belongs to."""
    if class_ == STEPS or class_.startswith(("line", SPAN)):
        return element("line", class_=class_, x1=x, x2=x + 14, y1=y, y2=y)
    if class_ == CROSS:
        return element("path", class_=f"point {class_}", d=f"M{x + 7:g} {y:g}{CROSS_COMMANDS}")
    return element("circle", class_=f"point {class_}", cx=x + 7, cy=y, r=4)
