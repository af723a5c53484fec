"""Rows from a CSV file, and predictions into one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from lowloss.errors import Problem
from lowloss.inference.csv_files import read_rows, write_predictions
from lowloss.results import Predictions
from lowloss.spec import Task


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a,b\n1,x\n2,\n", [{"a": "1", "b": "x"}, {"a": "2", "b": ""}]),
        ("\ufeffa; b\r\n1,5;x,y\r\n", [{"a": "1.5", "b": "x,y"}]),
        ("a;b\n1,5;2\nNA;3\n", [{"a": "1.5", "b": "2"}, {"a": "NA", "b": "3"}]),
        ("a;b\n1.5;2\n1,5;3\n", [{"a": "1.5", "b": "2"}, {"a": "1,5", "b": "3"}]),
        ("a\tb\n1\t\n\n2\t3", [{"a": "1", "b": ""}, {"a": "2", "b": "3"}]),
        ('"a,x"|b\n1|"2\n3"\n', [{"a,x": "1", "b": "2\n3"}]),
        ("a\n1\n\n2\n\n", [{"a": "1"}, {"a": ""}, {"a": "2"}]),
        ("\n\na,b\n1,2\n", [{"a": "1", "b": "2"}]),
    ],
)
def test_rows_are_read(tmp_path: Path, content: str, rows: list[dict[str, str]]) -> None:
    (tmp_path / "rows.csv").write_bytes(content.encode())

    assert read_rows(tmp_path / "rows.csv") == rows


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (b"", "table_empty", "has no rows"),
        (b"a,b\n", "table_empty", "has no rows"),
        (b"a,b\n1,2\n3\n", "table_ragged", "line 3 has 1 fields; the header has 2"),
        (b"a,a\n1,2\n", "duplicate_columns", "two columns are named 'a'"),
        (b"a,b\n\xff,2\n", "table_unreadable", "is not in UTF-8"),
        (b'a,b\n"1"x,2\n', "table_unreadable", "line 2 cannot be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, code: str, told: str) -> None:
    (tmp_path / "rows.csv").write_bytes(content)

    with pytest.raises(Problem, match=told) as refused:
        read_rows(tmp_path / "rows.csv")

    assert refused.value.code == code
    assert refused.value.fix


def answers(task: Task, **given: object) -> Predictions:
    values = {"job": None, "model_sha256": "0", "target": "y", "labels": (), "ignored": ()}
    return Predictions.model_validate(values | {"task": task, "probabilities": None} | given)


def test_numbers_are_written_a_line_each() -> None:
    file = io.StringIO()

    write_predictions(answers(Task.regression, predictions=(1.5, None)), file)

    assert file.getvalue() == 'prediction\n1.5\n""\n'


def test_labels_are_written_with_their_probabilities() -> None:
    file = io.StringIO()
    given = {"labels": ("no", "a,b"), "predictions": ("no", None)}

    write_predictions(
        answers(Task.binary, probabilities=((0.75, 0.25), (None, None)), **given), file
    )

    assert file.getvalue() == 'prediction,probability[no],"probability[a,b]"\nno,0.75,0.25\n,,\n'
