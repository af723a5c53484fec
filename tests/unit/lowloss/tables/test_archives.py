"""The format of a zip archive is guessed by its directory, of which little is read."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lowloss.errors import TableUnreadable
from lowloss.results import TableFormat
from lowloss.tables.archives import MAX_DIRECTORY_BYTES, MAX_MEMBERS
from lowloss.tables.formats import guess_format

END, WIDE_END, LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"


def an_archive(*names: str, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
        archive.comment = comment
    return buffer.getvalue()


def to_zip64(data: bytes) -> bytes:
    """The archive with an end record of zip64, as writers of large files add."""
    end = data.rindex(END)
    count, _, size, offset = struct.unpack("<HHII", data[end + 8 : end + 20])
    record = WIDE_END + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = LOCATOR + struct.pack("<IQI", 0, end, 1)
    wide = struct.pack("<HHII", 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    return data[:end] + record + locator + data[end : end + 8] + wide + data[end + 20 :]


def with_count(data: bytes, count: int) -> bytes:
    """The archive with another number of members in its end record."""
    end = data.rindex(END)
    return data[: end + 8] + struct.pack("<HH", count, count) + data[end + 12 :]


def guess(tmp_path: Path, data: bytes) -> TableFormat:
    path = tmp_path / "table"
    path.write_bytes(data)
    return guess_format(path)


WORKBOOK = an_archive("[Content_Types].xml", "xl/workbook.xml")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (WORKBOOK, TableFormat.xlsx),
        (an_archive("mimetype", "content.xml"), TableFormat.ods),
        (an_archive("X.npy", "y.npy"), TableFormat.npz),
        (an_archive("table.csv"), TableFormat.csv),
        (an_archive("X.npy", "table.csv"), TableFormat.csv),
        (an_archive("mimetype", "content.xml", comment=b"a remark"), TableFormat.ods),
        (to_zip64(WORKBOOK), TableFormat.xlsx),
        (b"PK\3\4 something before it" + WORKBOOK, TableFormat.xlsx),
        (WORKBOOK[:-60], TableFormat.csv),
        (WORKBOOK[:-8], TableFormat.csv),
        (b"PK\3\4", TableFormat.csv),
        (WORKBOOK.replace(b"PK\1\2", b"PK\1\1"), TableFormat.csv),
    ],
    ids=range(12),
)
def test_archive_is_known_by_its_members(
    tmp_path: Path, data: bytes, expected: TableFormat
) -> None:
    assert guess(tmp_path, data) is expected


MANY = an_archive(*(f"{number}" for number in range(MAX_MEMBERS + 1)))
LONG = an_archive(*(f"{number:0200}" for number in range(MAX_MEMBERS)))


@pytest.mark.parametrize(
    "data",
    [MANY, to_zip64(MANY), with_count(LONG, 1), to_zip64(with_count(LONG, 1))],
    ids=["members", "zip64", "bytes", "bytes of zip64"],
)
def test_archive_of_many_members_is_refused_without_its_directory(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        pytest.fail("the directory was opened")

    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    with pytest.raises(TableUnreadable, match=r"zip archive .* over 500 files") as refused:
        guess(tmp_path, data)

    assert refused.value.fix


def test_archive_of_so_many_members_may_be_a_workbook(tmp_path: Path) -> None:
    names = [f"xl/media/image{number}.png" for number in range(MAX_MEMBERS)]
    data = an_archive(*names)

    assert len(data) > MAX_DIRECTORY_BYTES / 2
    assert guess(tmp_path, data) is TableFormat.xlsx
