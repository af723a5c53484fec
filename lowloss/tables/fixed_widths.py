"""Splits lines whose columns are filled up with blanks to one width: `Anna Maria   Oslo    28`."""

from __future__ import annotations

from lowloss.results import TableWarning
from lowloss.tables.dialect import are_commas_decimal, take_sample

MIN_LINES = 6
"""In fewer, blanks stand below each other by chance."""
NOT_SPLIT = (b'"', b"\t")
"""What lines that are split by their widths do not hold."""


def may_have_fixed_widths(data: bytes, delimiter: str, width: int) -> bool:
    """Return whether nothing splits lines into several fields, or decimal commas do."""
    if width == 1:
        return True
    return delimiter == "," and are_commas_decimal(take_sample(data).decode("utf-8", "replace"))


def split_fixed_widths(data: bytes, warnings: list[TableWarning]) -> bytes | None:
    """Return lines split by tabs where the same blanks run through all; None where none do.

    The first line must have a name over each column.
    """
    sample = _to_lines(take_sample(data))
    starts = _find_starts(sample)
    if len(starts) < 2 or not _are_columns(sample, starts):
        return None
    lines = _to_lines(data)
    gaps = [start - 1 for start in starts[1:]]
    is_cut = any(line[gap : gap + 1].strip() for line in lines for gap in gaps)
    if is_cut or any(mark in data for mark in NOT_SPLIT):
        return None
    warnings.append(
        TableWarning(
            code="fixed_widths",
            count=len(lines),
            example=lines[0],
            detail=f"lines were split at the blanks that run through all of them: {len(starts)} "
            "columns",
            fix="save the table with a delimiter if they are not its columns",
        )
    )
    return "".join("\t".join(_cut(line, starts)) + "\n" for line in lines).encode()


def _are_columns(lines: list[str], starts: list[int]) -> bool:
    """Return whether each column has a name, and some line is filled up with blanks.

    A date and its time, and two words, stand one blank apart.
    """
    return all(_cut(lines[0], starts)) and any("  " in line.strip() for line in lines)


def _to_lines(data: bytes) -> list[str]:
    return [line for line in data.decode("utf-8", "replace").split("\n") if line.strip()]


def _find_starts(lines: list[str]) -> list[int]:
    """Return where columns begin: behind each run of positions that are blank in all lines."""
    if len(lines) < MIN_LINES:
        return []
    is_blank = [
        all(not line[position : position + 1].strip() for line in lines)
        for position in range(max(map(len, lines)))
    ]
    return [
        position
        for position, blank in enumerate(is_blank)
        if not blank and (position == 0 or is_blank[position - 1])
    ]


def _cut(line: str, starts: list[int]) -> list[str]:
    ends = [*starts[1:], None]
    return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
