"""Charts of bars: shares, histograms, and a line so small that it fits into a table's row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lowloss.charts.axes import width_of
from lowloss.charts.elements import element, mark, path, picture, text
from lowloss.charts.scales import Scale, is_spread, make_scale
from lowloss.wording import clipped

WIDTH = 400
ROW_HEIGHT = 26
MIN_LENGTH = 60
"""Room for the longest bar; it is larger where the texts beside the bars are short."""
MAX_NAME = 30
GAP = 8
WIDE_LETTERS = "mwMW%@"
WIDER = 5
"""By how many pixels these letters exceed others."""
SMALL_WIDTH, SMALL_HEIGHT = 96, 24


@dataclass(frozen=True)
class Bar:
    """A bar: its name, its length, what stands behind it, and the ends of its interval."""

    name: str
    value: float
    shown: str
    interval: tuple[float, float] | None = None


def draw_bars(label: str, bars: Sequence[Bar], *, longest: float | None = None) -> str:
    """Draw bars from 0, one below the other; `longest` is the value of a bar of full length.

    Bars below 0 go to the left of a line at 0, and never further than those above it.
    """
    if not bars:
        return ""
    ends = [end for bar in bars for end in (bar.value, *(bar.interval or ()))]
    full = longest or max(0.0, *ends) or -min(ends) or 1.0
    before = round(max(_room_of(clipped(bar.name, MAX_NAME)) for bar in bars)) + GAP
    behind = round(max(_room_of(bar.shown) for bar in bars)) + GAP
    width = max(WIDTH, before + MIN_LENGTH + behind)
    scale = Scale(max(min(0.0, *ends), -full), full, before, width - behind)
    drawn = [_draw_bar(bar, scale, y=index * ROW_HEIGHT) for index, bar in enumerate(bars)]
    height = len(bars) * ROW_HEIGHT
    if scale.low < 0:
        zero = scale.position(0)
        drawn.append(element("line", class_="zero", x1=zero, x2=zero, y1=0, y2=height))
    return picture("".join(drawn), width=width, height=height, label=label, class_="bars")


def _room_of(name: str) -> float:
    """Return the room of a text at its largest, 13 px on a phone, where wide letters count."""
    wide = sum(letter in WIDE_LETTERS for letter in name)
    return width_of(name) + WIDER * wide


def _draw_bar(bar: Bar, scale: Scale, *, y: float) -> str:
    name, baseline = clipped(bar.name, MAX_NAME), y + 17
    start, end = sorted((scale.position(0), scale.position(bar.value)))
    drawn = [
        text(name, scale.start - GAP, baseline, class_="tick", text_anchor="end"),
        mark(
            "rect",
            f"{bar.name}: {bar.shown}",
            class_="bar negative" if bar.value < 0 else "bar",
            x=start,
            y=y + 5,
            width=max(round(end - start, 1), 1),
            height=ROW_HEIGHT - 10,
        ),
    ]
    if bar.interval is not None:
        x1, x2 = (scale.position(edge) for edge in bar.interval)
        middle = y + ROW_HEIGHT / 2
        drawn.append(element("line", class_="interval", x1=x1, x2=x2, y1=middle, y2=middle))
        end = max(end, x2)
    drawn.append(text(bar.shown, end + 6, baseline, class_="tick"))
    return "".join(drawn)


def draw_histogram(label: str, names: Sequence[str], counts: Sequence[int]) -> str:
    """Draw how many values lie in each bin, or have each name."""
    full, width = max(counts, default=0) or 1, SMALL_WIDTH / max(len(counts), 1)
    bars = []
    for index, (name, count) in enumerate(zip(names, counts, strict=True)):
        height = round(count / full * SMALL_HEIGHT, 1)
        bars.append(
            mark(
                "rect",
                f"{name}: {count:,}",
                class_="bar",
                x=round(index * width, 1),
                y=round(SMALL_HEIGHT - height, 1),
                width=round(width * 0.85, 1),
                height=height,
            )
        )
    return _draw_small("".join(bars), label) if bars else ""


def draw_sparkline(label: str, values: Sequence[float]) -> str:
    """Draw values as a line without axes; nothing for a single one."""
    if len(values) < 2:
        return ""
    y_scale = make_scale(values, start=SMALL_HEIGHT - 2, end=2, is_log=is_spread(values))
    step = SMALL_WIDTH / (len(values) - 1)
    points = [(round(i * step, 1), y_scale.position(value)) for i, value in enumerate(values)]
    return _draw_small(element("path", class_="line colour-0", d=path(points)), label)


def _draw_small(content: str, label: str) -> str:
    return picture(content, width=SMALL_WIDTH, height=SMALL_HEIGHT, label=label, class_="small")
