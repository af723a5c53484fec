"""Which classes are taken for which: a table of counts, or a picture where there are many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from lowloss.charts.axes import width_of
from lowloss.charts.elements import element, mark, picture, text
from lowloss.wording import DASH, clipped, counted, format_percent

MAX_CLASSES = 20
"""Classes up to which the counts are a table; of more, a picture has their shares."""
MAX_LABEL = 20
MAX_NAME = 12
"""Characters of a class's name in a picture."""
MAX_TIPS = 1000
"""Squares that say what they are; of more, those with the most rows."""
SHADES = 5
"""Cells are shaded by their share of the row, in so many steps; the style sheet names them."""
SIZE = 480
"""The side of all squares together, in pixels; beside them are names, and what they are of."""
LINE_HEIGHT, TITLE_HEIGHT, BEHIND = 13, 22, 4
Counts = Sequence[Sequence[int]]


def draw_matrix(label: str, names: Sequence[str], counts: Counts) -> str:
    """Draw how many rows of each actual class (a row) were predicted as each class (a column).

    The last column is the share of the class that was predicted as it.
    """
    if len(names) > MAX_CLASSES:
        return _draw_picture(label, names, counts)
    corner = element("th", "actual \\ predicted", class_="stays corner")
    head = corner + "".join(_draw_name(name, "col") for name in (*names, "recall"))
    lines = [
        _draw_name(name, "row", class_="stays")
        + _draw_cells(name, names, row)
        + element("td", format_percent(row[index] / sum(row)) if sum(row) else DASH)
        for index, (name, row) in enumerate(zip(names, counts, strict=True))
    ]
    body = "".join(element("tr", line) for line in (head, *lines))
    return element("table", body, class_="matrix", aria_label=label)


def _draw_name(name: str, scope: str, **attributes: object) -> str:
    return element("th", escape(clipped(name, MAX_LABEL)), scope=scope, **attributes)


def _draw_cells(actual: str, names: Sequence[str], row: Sequence[int]) -> str:
    cells = []
    for predicted, count, shade in zip(names, row, _shades_of(row), strict=True):
        tip = _describe(actual, predicted, count, sum(row))
        cells.append(element("td", f"{count:,}", class_=f"heat-{shade}", data_tip=tip))
    return "".join(cells)


def _draw_picture(label: str, names: Sequence[str], counts: Counts) -> str:
    """Draw a square for each pair of classes that occurs, between the names of the classes."""
    shown = [clipped(name, MAX_NAME) for name in names]
    side = SIZE / len(names)
    stride = math.ceil(LINE_HEIGHT / side)
    widest = math.ceil(max(map(width_of, shown)))
    is_turned = widest > side * stride
    before = TITLE_HEIGHT + widest
    above = before if is_turned else TITLE_HEIGHT + LINE_HEIGHT
    middle = SIZE / 2
    drawn = [
        element("rect", class_="frame", x=before, y=above, width=SIZE, height=SIZE),
        *_draw_squares(names, counts, before=before, above=above),
        text("predicted", before + middle, 12, class_="axis", text_anchor="middle"),
        _draw_turned("actual", 12, above + middle, class_="axis", text_anchor="middle"),
    ]
    for index in range(0, len(shown), stride):
        name, middle = shown[index], round((index + 0.5) * side, 1)
        drawn.append(text(name, before - 5, above + middle + 4, text_anchor="end"))
        if is_turned:
            drawn.append(_draw_turned(name, before + middle + 4, above - 5))
        else:
            drawn.append(text(name, before + middle, above - 5, text_anchor="middle"))
    return picture(
        "".join(drawn),
        width=before + SIZE + BEHIND,
        height=above + SIZE + BEHIND,
        label=label,
        class_="matrix",
    )


def _draw_turned(content: str, x: float, y: float, **attributes: object) -> str:
    """Write a text upwards."""
    return text(content, x, y, transform=f"rotate(-90 {x:g} {y:g})", **attributes)


def _draw_squares(
    names: Sequence[str], counts: Counts, *, before: float, above: float
) -> Iterator[str]:
    """Yield the squares: the fullest ones say what they are, the others are a path a shade."""
    side = SIZE / len(names)
    cells = [(line, column) for line, row in enumerate(counts) for column in range(len(row))]
    fullest = sorted(cells, key=lambda cell: -counts[cell[0]][cell[1]])
    speaking = frozenset(fullest[:MAX_TIPS])
    silent: dict[int, list[str]] = {}
    for line, (actual, row) in enumerate(zip(names, counts, strict=True)):
        squares = zip(names, row, _shades_of(row), strict=True)
        for column, (predicted, count, shade) in enumerate(squares):
            if not count:
                continue
            start = f"M{before + column * side:.4g} {above + line * side:.4g}"
            commands = f"{start}h{side:.4g}v{side:.4g}h-{side:.4g}z"
            if (line, column) in speaking:
                tip = _describe(actual, predicted, count, sum(row))
                yield mark("path", tip, class_=f"heat-{max(shade, 1)}", d=commands)
            else:
                silent.setdefault(max(shade, 1), []).append(commands)
    for shade, drawn in silent.items():
        yield element("path", class_=f"heat-{shade}", d="".join(drawn))


def _describe(actual: str, predicted: str, count: int, rows: int) -> str:
    share = format_percent(count / max(rows, 1))
    return f"{actual} predicted as {predicted}: {counted(count, 'row')}, {share}"


def _shades_of(row: Sequence[int]) -> list[int]:
    """Return the shades of a line's cells, from 0 (none) to all of its rows."""
    return [round(SHADES * count / max(sum(row), 1)) for count in row]
