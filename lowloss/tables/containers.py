"""Unpacks compressed tables."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable

import zstandard

from lowloss.errors import TableUnreadable
from lowloss.tables.signatures import check_is_text

NESTED = 2
"""An archive in an archive is unpacked, and no deeper."""
FAULTS = (
    *(OSError, EOFError, ValueError, RuntimeError, struct.error),
    *(lzma.LZMAError, zlib.error, zstandard.ZstdError, zipfile.BadZipFile),
)
"""The errors of damaged archives. `zipfile` raises those of what it computes with their numbers."""


def unpack(data: bytes) -> bytes:
    """Return the bytes of a CSV that may be compressed; raise TableUnreadable for no CSV."""
    data = unpack_bytes(data)
    check_is_text(data)
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
    if any(name.startswith(("word/", "ppt/")) for name in names):
        raise TableUnreadable(
            "the file is a document or a presentation", fix="export its table as CSV"
        )
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
