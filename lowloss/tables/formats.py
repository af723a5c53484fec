"""Guesses the format of a table from its first bytes."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from zipfile import BadZipFile

from lowloss.results import TableFormat
from lowloss.tables.archives import list_members

START_BYTES = 4096
STREAM = b"\xff\xff\xff\xff"
JSON_START = re.compile(rb"\s*(?:\{\s*\"|\[\s*[\[{])")
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def guess_format(path: Path) -> TableFormat:
    """Return the format of a file; what has no mark of another is a CSV.

    Raise TableUnreadable for an archive of too many files to be one.
    """
    with path.open("rb") as file:
        start = file.read(START_BYTES).removeprefix(codecs.BOM_UTF8)
    if start.startswith(b"PAR1"):
        return TableFormat.parquet
    if start.startswith((b"ARROW1", b"FEA1", STREAM)):
        return TableFormat.arrow
    if start.startswith(OLD_EXCEL):
        return TableFormat.xlsx
    if start.startswith(b"PK\3\4"):
        return _guess_archive(path)
    return TableFormat.jsonl if JSON_START.match(start) else TableFormat.csv


def _guess_archive(path: Path) -> TableFormat:
    try:
        names = list_members(path)
    except BadZipFile:
        return TableFormat.csv  # which says that the archive is damaged
    if any(name.startswith("xl/") for name in names):
        return TableFormat.xlsx
    if "content.xml" in names:
        return TableFormat.ods
    if names and all(name.endswith(".npy") for name in names):
        return TableFormat.npz
    return TableFormat.csv
