"""Matplotlib figures as inline SVG that takes its colours and its font from the page.

Charts hold no text of users: a name with a `$`, or in a script that matplotlib has no font for, is
the page's to show.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lowloss.wording import format_number

# What matplotlib draws in the left colour, the page shows in the right one, light or dark.
INK, FAINT, OURS, OTHER, THIRD = "#010101", "#020202", "#030303", "#040404", "#050505"
PAGE_COLOURS = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    OURS: "var(--ours)",
    OTHER: "var(--other)",
    THIRD: "var(--third)",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lowloss",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    # A dot is a line of length 0 with round ends: simplified, it would vanish.
    "path.simplify": False,
}
NOTHING = {"Creator": None, "Date": None, "Format": None, "Type": None}


def draw(
    name: str,
    paint: Callable[[Figure], None],
    *,
    label: str,
    size: tuple[float, float] = (6.4, 3.2),
) -> Markup:
    """Draw a figure as SVG; `label` is for those who cannot see it, `name` makes ids unique."""
    file = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_visible(False)
        paint(figure)
        for axes in figure.axes:
            axes.patch.set_visible(False)
        figure.savefig(file, format="svg", metadata=NOTHING)
    return Markup(_inline(file.getvalue(), name, label))


def dots(axes: Axes, x: object, y: object, colour: str, *, size: float = 4.0) -> None:
    """Draw dots as one path: a tenth of the size of a scatter, which writes an element a dot."""
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    gaps = np.full_like(xs, np.nan)
    axes.plot(
        np.stack([xs, xs, gaps], axis=1).ravel(),
        np.stack([ys, ys, gaps], axis=1).ravel(),
        color=colour,
        linewidth=size,
        solid_capstyle="round",
    )


def log_axis(axes: Axes, which: str, values: object) -> None:
    """Make an axis of positive values logarithmic, with a few plain numbers on it."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    logarithms = np.log10(np.asarray(values, dtype=float))
    low, high = float(logarithms.min()), float(logarithms.max())
    steps = (1, 2, 5) if high - low < 1.5 else (1,)
    stride = max(1, round((high - low) / 3))
    decades = range(math.floor(low), math.ceil(high) + 1)
    ticks = [step * 10.0**d for d in decades if d % stride == 0 for step in steps]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_number(value)))
    axis.set_minor_locator(NullLocator())
    (axes.set_xlim if which == "x" else axes.set_ylim)(10 ** (low - 0.1), 10 ** (high + 0.1))


def _inline(svg: str, name: str, label: str) -> str:
    """Remove the file's head and the groups' ids, and use the page's colours and font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'(?<=\sid=")|(?<=href="#)|(?<=url\(#)', f"{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*; ?", "", svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    for colour, of_page in PAGE_COLOURS.items():
        svg = svg.replace(colour, of_page)
    head = f'<svg role="img" aria-label="{escape(label)}" viewBox'
    return re.sub(r"<svg[^>]*?viewBox", lambda _: head, svg, count=1)
