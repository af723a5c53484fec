"""Which classes are taken for which: a table of counts, or a picture where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lowloss.charts.elements import element, picture
from lowloss.wording import clipped, counted, format_percent

MAX_CLASSES = 20
"""Classes up to which the counts are a table; of more, a picture has their shares."""
MAX_LABEL = 20
SHADES = 5
"""Cells are shaded by their share of the row, in so many steps; the style sheet names them."""
SIZE = 480
Counts = Sequence[Sequence[int]]


def draw_matrix(label: str, names: Sequence[str], counts: Counts) -> str:
    """Draw how many rows of each actual class (a line) were predicted as each class (a column)."""
    if len(names) > MAX_CLASSES:
        return _draw_picture(label, counts)
    corner = element("th", "actual \\ predicted", scope="col")
    head = corner + "".join(_draw_name(name, "col") for name in names)
    lines = [
        _draw_name(name, "row") + _draw_cells(name, names, row)
        for name, row in zip(names, counts, strict=True)
    ]
    body = "".join(element("tr", line) for line in (head, *lines))
    return element("table", body, class_="matrix", aria_label=label)


def _draw_name(name: str, scope: str) -> str:
    return element("th", escape(clipped(name, MAX_LABEL)), scope=scope)


def _draw_cells(actual: str, names: Sequence[str], row: Sequence[int]) -> str:
    cells = []
    for predicted, count, shade in zip(names, row, _shades_of(row), strict=True):
        share = format_percent(count / max(sum(row), 1))
        tip = f"{actual} predicted as {predicted}: {counted(count, 'row')}, {share}"
        cells.append(element("td", f"{count:,}", class_=f"heat-{shade}", data_tip=tip))
    return "".join(cells)


def _draw_picture(label: str, counts: Counts) -> str:
    """Draw a square for each pair of classes that occurs: a path for each shade."""
    side = SIZE / len(counts)
    squares: dict[int, list[str]] = {shade: [] for shade in range(1, SHADES + 1)}
    for line, row in enumerate(counts):
        for column, (count, shade) in enumerate(zip(row, _shades_of(row), strict=True)):
            if count:
                start = f"M{column * side:.4g} {line * side:.4g}"
                squares[max(shade, 1)].append(f"{start}h{side:.4g}v{side:.4g}h-{side:.4g}z")
    drawn = [
        element("path", class_=f"heat-{shade}", d="".join(commands))
        for shade, commands in squares.items()
        if commands
    ]
    frame = element("rect", class_="frame", width=SIZE, height=SIZE)
    return picture("".join(drawn) + frame, width=SIZE, height=SIZE, label=label, class_="matrix")


def _shades_of(row: Sequence[int]) -> list[int]:
    """Return the shades of a line's cells, from 0 (none) to all of its rows."""
    return [round(SHADES * count / max(sum(row), 1)) for count in row]
