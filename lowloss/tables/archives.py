"""Lists the members of a zip archive, of which only the directory is read, and never a long one."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile

from lowloss.errors import TableUnreadable

MAX_MEMBERS = 500
"""The most members of an archive that may be a table: a workbook has one a sheet and a picture."""
MAX_DIRECTORY_BYTES = 200 * MAX_MEMBERS
"""The longest directory that is read; a member takes 46 bytes and its name."""
END, WIDE_END, LOCATOR, MEMBER = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2"
END_BYTES, WIDE_END_BYTES, LOCATOR_BYTES, MEMBER_BYTES = 22, 56, 20, 46
MAX_COMMENT_BYTES = 65_535


def list_members(path: Path) -> list[str]:
    """Return the names of an archive's members.

    Raise BadZipFile where the archive is damaged, and TableUnreadable where it has too many: a
    ZipFile would make an object of each.
    """
    with path.open("rb") as file:
        end, members, size = _find_directory(file)
        if members > MAX_MEMBERS or size > MAX_DIRECTORY_BYTES:
            raise TableUnreadable(
                f"the file is a zip archive that lists over {MAX_MEMBERS} files, not one table",
                fix="unpack it, and give one table; save a workbook without its pictures",
            )
        if size > end:
            raise BadZipFile("the directory is cut off")
        file.seek(end - size)
        return _read_names(file.read(size))


def _find_directory(file: BinaryIO) -> tuple[int, int, int]:
    """Return where an archive's directory ends, its number of members and its bytes."""
    length = file.seek(0, 2)
    start = max(0, length - END_BYTES - MAX_COMMENT_BYTES)
    file.seek(start)
    tail = file.read()
    position = tail.rfind(END)
    if position < 0 or len(tail) - position < END_BYTES:
        raise BadZipFile("the archive has no end")
    members, size = struct.unpack_from("<HI", tail, position + 10)
    end = start + position
    locator = end - LOCATOR_BYTES
    if not _has_mark(file, locator, LOCATOR):
        return end, members, size
    # An archive of zip64: its own record is in front, and its numbers are the ones that count.
    end = locator - WIDE_END_BYTES
    if not _has_mark(file, end, WIDE_END):
        raise BadZipFile("the archive of zip64 has no end")
    file.seek(end)
    members, size = struct.unpack_from("<QQ", file.read(WIDE_END_BYTES), 32)
    return end, members, size


def _has_mark(file: BinaryIO, position: int, mark: bytes) -> bool:
    if position < 0:
        return False
    file.seek(position)
    return file.read(len(mark)) == mark


def _read_names(directory: bytes) -> list[str]:
    names = []
    start = 0
    while start < len(directory):
        if not directory.startswith(MEMBER, start) or start + MEMBER_BYTES > len(directory):
            raise BadZipFile("the directory is damaged")
        name, extra, comment = struct.unpack_from("<HHH", directory, start + 28)
        start += MEMBER_BYTES
        names.append(directory[start : start + name].decode("utf-8", "replace"))
        start += name + extra + comment
    return names
