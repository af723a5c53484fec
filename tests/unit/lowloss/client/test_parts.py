"""Files of rows to be predicted, whole or in parts that the server accepts."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from lowloss.client.parts import predict_file
from lowloss.errors import InvalidRequest, LimitExceeded
from lowloss.results import Predictions
from lowloss.spec import Task

HEADER = b"x,text\n"
LINES = [b"%d,row\n" % row for row in range(1000)]


class Reader:
    """Predicts each row by its number, as a server of few rows does."""

    def __init__(self, *, max_rows: int, has_header: bool = True) -> None:
        self.max_rows = max_rows
        self.has_header = has_header
        self.parts: list[int] = []

    def __call__(self, content: bytes) -> Predictions:
        lines = content.decode().splitlines()[int(self.has_header) :]
        rows = [line for line in lines if line and not line.startswith("#")]
        if len(rows) > self.max_rows:
            raise LimitExceeded("too many rows")
        self.parts.append(len(rows))
        return Predictions(
            job="job_1",
            model_sha256="0",
            task=Task.regression,
            target="y",
            predictions=tuple(float(row.split(",")[0]) for row in rows),
            labels=(),
            probabilities=None,
            ignored=("text",),
        )


@pytest.mark.parametrize("max_rows", [1000, 999, 300, 1])
@pytest.mark.parametrize("has_header", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gzip"])
def test_every_row_is_predicted_once_and_in_order(
    tmp_path: Path, max_rows: int, has_header: bool, encoding: str
) -> None:
    data = (HEADER if has_header else b"") + b"".join(LINES[: 50 if max_rows == 1 else 1000])
    is_packed = encoding == "gzip"
    path = tmp_path / "rows"
    path.write_bytes(gzip.compress(data, mtime=0) if is_packed else data.decode().encode(encoding))
    reader = Reader(max_rows=max_rows, has_header=has_header)

    def send(content: bytes) -> Predictions:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        if content[:2] == b"\xff\xfe":
            content = content.decode("utf-16").encode()
        return reader(content)

    if not has_header and max_rows == 1:
        pytest.skip("the first line alone is a part with two rows")
    predictions = predict_file(path, send)

    assert predictions.predictions == tuple(map(float, range(len(predictions.predictions))))
    assert len(predictions.predictions) == data.count(b"\n") - has_header
    assert predictions.ignored == ("text",)


def test_quoted_line_ends_are_not_split(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(HEADER + b"".join(b'%d,"two\nlines"\n' % row for row in range(20)))
    contents: list[bytes] = []

    def send(content: bytes) -> Predictions:
        if content.count(b"two") > 7:
            raise LimitExceeded("too many rows")
        contents.append(content)
        return Reader(max_rows=100)(b"x\n" + b"1\n" * content.count(b"two"))

    predictions = predict_file(path, send)

    assert len(predictions.predictions) == 20
    assert all(content.startswith(HEADER) and content.count(b'"') % 2 == 0 for content in contents)


def test_large_file_with_lines_that_are_no_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(HEADER + b"# a remark\n" + b"".join(LINES))

    with pytest.raises(InvalidRequest, match="lines that are no rows"):
        predict_file(path, Reader(max_rows=300))


def test_large_workbook_cannot_be_sent_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    path.write_bytes(b"PK\3\4" + b"\0" * 100)

    def refuse(_: bytes) -> Predictions:
        raise LimitExceeded("too many rows")

    with pytest.raises(InvalidRequest, match="no text"):
        predict_file(path, refuse)
