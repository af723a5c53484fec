"""Sends tables to be stored: files, bytes, and tables in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from pydantic_core import to_json

from lowloss.client.frames import write_arrow
from lowloss.client.retries import TRIES, Retries
from lowloss.results import Dataset

Frame = Any
"""A table of pandas, polars, pyarrow or another library that has Arrow's interface."""
ParseOption = str | bool | int | Sequence[str] | Mapping[str, str] | None
"""The value of an option of parsing a table."""

PARSE_SECONDS = 600.0
"""How long the server may take to parse an upload after it has arrived."""
PIECE_BYTES = 1024**2
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".npz": "npz",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".ods": "ods",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
"""The formats of files by their names; the server tells others by their content: many texts are
called `.xls`."""


@dataclass(frozen=True)
class Upload:
    """A dataset, and whether it was there before its table was sent.

    It was not, as far as one can know, where the first response was lost: that may have made it.
    """

    dataset: Dataset
    was_there: bool


def send_table(
    retries: Retries,
    source: Path | str | bytes | Frame,
    *,
    name: str | None,
    format: str | None,  # noqa: A002
    options: Mapping[str, ParseOption],
) -> Upload:
    """Send a table to be parsed by `options`; its name and format follow from it where None."""
    by_source: dict[str, ParseOption] = {"name": "table"}
    if not isinstance(source, Path | str | bytes):
        source, format = write_arrow(source), "arrow"  # noqa: A001
    elif not isinstance(source, bytes):
        path = Path(source)
        by_source = {"name": path.name, "format": SUFFIXES.get(path.suffix.lower())}
    fields = {"name": name or None, "format": format or None, **options}
    chosen = {field: value for field, value in fields.items() if value is not None}
    read_pieces, size = _open_content(source)
    response = retries.send(
        "POST",
        "/v1/datasets",
        params=format_options(by_source | chosen),
        make_content=read_pieces,
        # The size in advance lets the server refuse too large a table at once.
        headers={"Content-Length": str(size)},
        seconds=PARSE_SECONDS,
    )
    is_first = response.extensions[TRIES] == 1
    was_there = response.status_code != httpx2.codes.CREATED and is_first
    return Upload(retries.parse(response, Dataset), was_there)


def format_options(options: Mapping[str, ParseOption]) -> dict[str, str | list[str]]:
    """Format the options that are not None as parameters of a query."""
    return {name: _format_option(value) for name, value in options.items() if value is not None}


def _open_content(source: Path | str | bytes) -> tuple[Callable[[], Iterator[bytes]], int]:
    """Return a function that yields a source's pieces from the start, and its size in bytes."""
    if isinstance(source, bytes):
        return lambda: iter([source]), len(source)

    def read_pieces() -> Iterator[bytes]:
        with Path(source).open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    return read_pieces, Path(source).stat().st_size


def _format_option(value: ParseOption) -> str | list[str]:
    """Format an option for a query: objects as JSON, lists as repeated parameters."""
    match value:
        case bool() | int():
            return str(value).lower()
        case Mapping():
            return to_json(value).decode()
        case str():
            return value
        case _:
            return list(value or ())
