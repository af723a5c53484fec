"""Reads the model's description from a .keras file, a zip; its weights are never read."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import BinaryIO

from lowloss.errors import RecipeUnreadable
from lowloss.recipes.bounded_json import MAX_JSON_BYTES

ZIP = b"PK\x03\x04"
HDF5 = b"\x89HDF\r\n\x1a\n"
MEMBER = "config.json"
MAX_DIRECTORY_BYTES = 2**20
"""A zip's list of some 10,000 members: Python reads the whole list before the first member."""

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_END_64_SIGNATURE = b"PK\x06\x07"
_END_64_BYTES = 20
_MAX_COMMENT_BYTES = 2**16


def read_model_description(file: BinaryIO) -> bytes:
    """Return the text of `config.json`; raise RecipeUnreadable."""
    file.seek(0)
    start = file.read(len(HDF5))
    if start == HDF5:
        raise RecipeUnreadable(
            "this is an HDF5 file (.h5), which only a server reads, in a process of its own",
            field="recipe",
            fix="send the file to POST /v1/recipes, save the model with model.save('model.keras'), "
            "or send the text of model.to_json()",
        )
    if not start.startswith(ZIP):
        raise _unreadable("it is no zip")
    try:
        return _read_member(file)
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        NotImplementedError,  # a compression or version that zipfile does not know
        RuntimeError,  # encrypted
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise _unreadable("its zip is damaged, or of a kind that Keras does not write") from error


def _read_member(file: BinaryIO) -> bytes:
    if _find_directory_bytes(file) > MAX_DIRECTORY_BYTES:
        raise _unreadable("its zip has too many members")
    with zipfile.ZipFile(file) as archive:
        try:
            info = archive.getinfo(MEMBER)
        except KeyError as error:
            raise _unreadable(f"its zip has no {MEMBER}") from error
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _unreadable("its zip is compressed in a way that Keras does not write")
        with archive.open(info) as member:
            # The unpacked size counts, not the size that the zip claims.
            text = member.read(MAX_JSON_BYTES + 1)
    if len(text) > MAX_JSON_BYTES:
        raise _unreadable(f"its {MEMBER} is over {MAX_JSON_BYTES} bytes")
    return text


def _find_directory_bytes(file: BinaryIO) -> int:
    """Return the size of the list of members in bytes, found as zipfile finds it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _MAX_COMMENT_BYTES - _END.size - _END_64_BYTES))
    tail = file.read()
    file.seek(0)
    position = len(tail) - _END.size
    has_no_comment = tail[position : position + 4] == _END_SIGNATURE and tail.endswith(b"\0\0")
    if not has_no_comment:
        position = tail.rfind(_END_SIGNATURE)
    if position < 0 or len(tail) < position + _END.size:
        raise _unreadable("its zip has no end")
    is_64 = position >= _END_64_BYTES and tail[position - _END_64_BYTES :].startswith(
        _END_64_SIGNATURE
    )
    if is_64:
        raise _unreadable("its zip is of the kind for over 4 GiB")
    return int(_END.unpack_from(tail, position)[5])


def is_archive(data: bytes) -> bool:
    """Return whether the bytes are a saved model, not text."""
    return data.startswith((ZIP, HDF5))


def is_hdf5(data: bytes) -> bool:
    """Return whether the bytes are an HDF5 file, as Keras 2 saved models."""
    return data.startswith(HDF5)


def _unreadable(reason: str) -> RecipeUnreadable:
    return RecipeUnreadable(
        f"the bytes are no .keras file that can be read: {reason}",
        field="recipe",
        fix="send what model.save('model.keras') wrote, or the text of model.to_json()",
    )
