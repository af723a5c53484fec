"""Charts of bars: shares, histograms, and a line so small that it fits into a table's row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lowloss.charts.elements import element, mark, path, picture, text
from lowloss.charts.scales import is_spread, make_scale
from lowloss.wording import clipped

WIDTH = 480
ROW_HEIGHT = 26
NAME_WIDTH, VALUE_WIDTH = 190, 130
MAX_NAME = 24
SMALL_WIDTH, SMALL_HEIGHT = 96, 24


@dataclass(frozen=True)
class Bar:
    """A bar: its name, its length, what stands behind it, and the ends of its interval."""

    name: str
    value: float
    shown: str
    interval: tuple[float, float] | None = None


def draw_bars(label: str, bars: Sequence[Bar], *, longest: float | None = None) -> str:
    """Draw bars from 0, one below the other; `longest` is the value of a bar of full length."""
    if not bars:
        return ""
    full = longest or max(max(bar.value, *(bar.interval or (0,))) for bar in bars) or 1.0
    drawn = [_draw_bar(bar, y=index * ROW_HEIGHT, full=full) for index, bar in enumerate(bars)]
    return picture("".join(drawn), width=WIDTH, height=len(bars) * ROW_HEIGHT, label=label)


def _draw_bar(bar: Bar, *, y: float, full: float) -> str:
    def measure(value: float) -> float:
        share = max(0.0, min(value, full)) / full
        return round(share * (WIDTH - NAME_WIDTH - VALUE_WIDTH), 1)

    name, baseline = clipped(bar.name, MAX_NAME), y + 17
    end = measure(bar.value)
    drawn = [
        text(name, NAME_WIDTH - 8, baseline, class_="tick", text_anchor="end"),
        mark(
            "rect",
            f"{bar.name}: {bar.shown}",
            class_="bar",
            x=NAME_WIDTH,
            y=y + 5,
            width=max(end, 1),
            height=ROW_HEIGHT - 10,
        ),
    ]
    if bar.interval is not None:
        x1, x2 = (NAME_WIDTH + measure(edge) for edge in bar.interval)
        middle = y + ROW_HEIGHT / 2
        drawn.append(element("line", class_="interval", x1=x1, x2=x2, y1=middle, y2=middle))
        end = max(end, measure(bar.interval[1]))
    drawn.append(text(bar.shown, NAME_WIDTH + end + 6, baseline, class_="tick"))
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
