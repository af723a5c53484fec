"""Unpacks compressed tables, and names what is no table for what it is."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable

import zstandard

from lowloss.errors import TableUnreadable

NESTED = 2
"""An archive in an archive is unpacked, and no deeper."""
FAULTS = (OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError, zipfile.BadZipFile)
HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")
JSON = re.compile(rb'\{\s*"[^"]*"\s*:|\[\s*[\[{]|\{\s*\}')
TAR_MARK = slice(257, 262)
Fault = tuple[bytes, str, str]

SIGNATURES: tuple[Fault, ...] = (
    (b"%PDF-", "a PDF document", "export its table as CSV"),
    (b"version https://git-lfs.github.com", "a pointer of Git LFS, not the file", "git lfs pull"),
    (b"/annex/objects/", "a pointer of git-annex, not the file", "git annex get"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel workbook (.xls), not a CSV",
        "give format=xlsx",
    ),
    (b"PAR1", "a Parquet file", "give format=parquet"),
    (b"ARROW1", "an Arrow file", "give format=arrow"),
    (b"SQLite format 3\0", "an SQLite database", "export a table of it as CSV"),
    (b"\x89HDF\r\n", "an HDF5 file", "write its table as CSV or Parquet"),
    (b"\x89PNG", "a PNG image", "give a table"),
    (b"\xff\xd8\xff", "a JPEG image", "give a table"),
    (b"GIF8", "a GIF image", "give a table"),
    (b"{\\rtf", "a document in rich text", "export its table as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and give one table"),
    (b"Rar!", "a RAR archive", "unpack it, and give one table"),
    (b"\x80\x04\x95", "a Python pickle", "write the table as CSV or Parquet"),
    (b"\x93NUMPY", "a NumPy array", "write it by numpy.savez(path, X=…, y=…), as format=npz"),
    (b"RDX", "an R data file", "write the table by write.csv"),
    (b"<?xml", "an XML document", "export its table as CSV"),
)
"""The first bytes of files that are no CSV, what they are, and what to do."""


def unpack(data: bytes) -> bytes:
    """Return the bytes of a CSV that may be compressed; raise TableUnreadable for no CSV."""
    data = unpack_bytes(data)
    _check_is_table(data)
    return data


def unpack_bytes(data: bytes) -> bytes:
    """Return bytes that may be compressed."""
    for _ in range(NESTED):
        unpacker = _find_unpacker(data)
        if unpacker is None:
            break
        try:
            data = unpacker(data)
        except FAULTS as error:
            raise TableUnreadable(
                f"the compressed file is damaged: {error}", fix="write or download it anew"
            ) from error
    return data


def _find_unpacker(data: bytes) -> Callable[[bytes], bytes] | None:
    unpackers: dict[bytes, Callable[[bytes], bytes]] = {
        b"\x1f\x8b": gzip.decompress,
        b"\xfd7zXZ\0": lzma.decompress,
        b"BZh": bz2.decompress,
        b"\x28\xb5\x2f\xfd": _unpack_zstd,
        b"PK\3\4": _unpack_zip,
        b"PK\5\6": _unpack_zip,
    }
    return next((unpacker for mark, unpacker in unpackers.items() if data.startswith(mark)), None)


def _unpack_zstd(data: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
        return reader.read()


def _unpack_zip(data: bytes) -> bytes:
    """Return the one member of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if not _is_hidden(name)]
        _check_members(names)
        try:
            return archive.read(names[0])
        except (RuntimeError, NotImplementedError) as error:
            raise TableUnreadable(
                f"the zip archive cannot be unpacked: {error}", fix="write it without a password"
            ) from error


def _check_members(names: list[str]) -> None:
    if "[Content_Types].xml" in names or "content.xml" in names:
        raise TableUnreadable(
            "the file is a spreadsheet, not a CSV", fix="give format=xlsx or format=ods"
        )
    if any(name.endswith(".npy") for name in names):
        raise TableUnreadable("the file is an NPZ file, not a CSV", fix="give format=npz")
    if len(names) != 1:
        listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise TableUnreadable(
            f"the file is a zip archive of {len(names)} files ({listed or 'none'}), not one table",
            fix="unpack it, and give one table",
        )


def _is_hidden(name: str) -> bool:
    """Return whether a member is a folder, or what a file manager adds."""
    file = name.rpartition("/")[2]
    return not file or name.startswith("__MACOSX/") or file.startswith(".")


def _check_is_table(data: bytes) -> None:
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.lower().startswith(HTML_STARTS):
        raise TableUnreadable(
            "the file is an HTML page, not a table",
            fix="download the table itself; a page may ask you to sign in first",
        )
    if data[TAR_MARK] == b"ustar":
        raise TableUnreadable(
            "the file is a tar archive, not one table", fix="unpack it, and give one table"
        )
    if JSON.match(start):
        raise TableUnreadable(
            "the file is JSON, not a CSV", fix="give format=jsonl if it has an object on each line"
        )
    for mark, thing, fix in SIGNATURES:
        if start.startswith(mark):
            raise TableUnreadable(f"the file is {thing}", fix=fix)
