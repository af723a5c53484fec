"""Finds the number of a line in the file, from which lines were taken out before it was read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lowloss.tables.decode import decode


@dataclass(frozen=True)
class LineFinder:
    """Finds a record's line in the `data` of a file, which is decoded anew: only errors need it.

    The first `skipped` records are above those that are counted.
    """

    data: bytes
    encoding: str | None
    skipped: int = 0

    def skip(self, count: int) -> LineFinder:
        """Return the finder for the records after the first ones."""
        return replace(self, skipped=self.skipped + count)

    def __call__(self, index: int, text: str) -> int:
        """Return the number of the line at which a record starts, from 1.

        It is the first one that reads like the record, quotes and blanks aside, and has as many
        lines above it as there were records; the record's own number where none does.
        """
        above = self.skipped + index
        words = _simplify(text.split("\n", 1)[0].encode())
        lines = decode(self.data, self.encoding, []).split(b"\n")
        alike = (n for n in range(above, len(lines)) if _simplify(lines[n]) == words)
        return 1 + next(alike, above)


def _simplify(line: bytes) -> list[bytes]:
    return line.replace(b'"', b"").split()
