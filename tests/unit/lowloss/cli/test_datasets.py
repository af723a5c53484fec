"""What `lowloss datasets` says of a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from typer.testing import Result

from lowloss.results import NOT_A_FEATURE, ExcludedColumn, Outcome, TableWarning
from tests.builders.scripted_server import Server, a_dataset, a_job, a_json


def test_other_names_of_a_dataset_are_shown(run: Callable[..., Result]) -> None:
    dataset = a_dataset(names=("houses.csv", "copy.csv"))

    done = run("datasets", "show", "ds_1", server=Server(a_json(dataset)))

    assert "the same bytes were uploaded as 'houses.csv', 'copy.csv'\n" in done.stdout


def test_columns_that_a_job_leaves_out_are_said_once(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    """With the job, where a file is submitted; with the dataset, where it is only uploaded."""
    path = tmp_path / "t.csv"
    path.write_text("id,y\n1,2\n")
    warning = TableWarning(code=NOT_A_FEATURE, column="id", count=1, detail="id: rows", fix="a fix")
    other = TableWarning(code="no_header", count=1, detail="no names", fix="another")
    dataset = a_dataset(warnings=(warning, other))
    excluded = (ExcludedColumn(column="id", reason="an identifier"),)
    job = a_job(outcome=Outcome(excluded=excluded))

    submitted = run(
        *("submit", str(path), "--target", "y"),
        server=Server(a_json(dataset, 201), a_json(job, 202)),
    )
    added = run("datasets", "add", str(path), server=Server(a_json(dataset, 201)))

    assert submitted.stderr.splitlines() == [
        "warning: no names (another)",
        "left out: 'id', an identifier",
    ]
    assert "warning: id: rows (a fix)" in added.stderr.splitlines()


def test_warnings_of_a_table_that_was_uploaded_before_are_not_repeated_with_a_job(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1,2\n")
    warning = TableWarning(code="no_header", count=1, detail="no names", fix="another")
    left_out = TableWarning(code=NOT_A_FEATURE, count=1, detail="id: rows", fix="a fix")
    dataset = a_dataset(name="another.csv", warnings=(warning, left_out))
    server = Server(a_json(dataset, 200), a_json(a_job(), 202))

    submitted = run("submit", str(path), "--target", "y", server=server)

    assert submitted.stderr.splitlines() == [
        f"{path} was uploaded before, with 1 warning (lowloss datasets show ds_1)"
    ]


def test_warnings_are_printed_where_the_first_response_to_an_upload_was_lost(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1,2\n")
    warning = TableWarning(code="no_header", count=1, detail="no names", fix="another")
    dataset = a_json(a_dataset(warnings=(warning,)), 200)
    server = Server(httpx2.ReadError("reset"), dataset, a_json(a_job(), 202))

    submitted = run("submit", str(path), "--target", "y", server=server)

    assert submitted.stderr.splitlines() == ["warning: no names (another)"]


@pytest.mark.parametrize("command", [("delete",), ("datasets", "delete")], ids=" ".join)
def test_delete_has_json_too(run: Callable[..., Result], command: tuple[str, ...]) -> None:
    deleted = run(*command, "x_1", "--json", server=Server(httpx2.Response(204)))

    assert json.loads(deleted.stdout) == {"deleted": "x_1"}
