"""Finds formulas of an .xlsx workbook whose results no program has saved: readers see no value."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from html import unescape
from xml.etree import ElementTree

from lowloss.results import TableWarning
from lowloss.tables.containers import FAULTS

SHEETS = "m:sheets/m:sheet"
NAMESPACES = {
    "m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "p": "http://schemas.openxmlformats.org/package/2006/relationships",
}
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
UNSAVED = re.compile(
    rb"<c\b(?![^>]*\bt=\"str\")[^>]*?\br=\"(\w+)\"[^>]*><f\b[^>]*(?:/>|>([^<]*)</f>)(?:<v\s*/>|<v>\s*</v>)?</c>"
)
"""A cell that has a formula and no value: its reference and its formula. One of a text is empty."""


def warn_of_unsaved_formulas(data: bytes, sheet: str, warnings: list[TableWarning]) -> None:
    """Say which cells of a sheet are missing since the results of their formulas were not saved."""
    xml = _read_sheet(data, sheet)
    unsaved = UNSAVED.findall(xml) if b"<f" in xml else []
    if not unsaved:
        return
    reference, formula = (unescape(part.decode("utf-8", "replace")) for part in unsaved[0])
    warnings.append(
        TableWarning(
            code="formulas_without_values",
            count=len(unsaved),
            example=f"={formula}" if formula else reference,
            detail=f"no results of {len(unsaved):,} formulas, such as that in {reference}, were "
            "saved: their cells are missing",
            fix="open the workbook in a spreadsheet program and save it, or write values",
        )
    )


def _read_sheet(data: bytes, sheet: str) -> bytes:
    """Return a sheet's XML; nothing where the workbook is no .xlsx, has it nowhere, or is damaged.

    The reader of cells has taken more than this one does.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(_find_sheet(archive, sheet))
    except (KeyError, ElementTree.ParseError, *FAULTS):
        return b""


def _find_sheet(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name of a sheet's file; KeyError where there is none."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    ids = {entry.get("name"): entry.get(RELATION) for entry in book.iterfind(SHEETS, NAMESPACES)}
    paths = {
        relation.get("Id"): relation.get("Target", "")
        for relation in relations.iterfind("p:Relationship", NAMESPACES)
    }
    return posixpath.normpath(posixpath.join("/xl", paths[ids[sheet]])).lstrip("/")
