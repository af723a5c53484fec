"""What `lowloss datasets` says of a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import Result

from lowloss.results import (
    NOT_A_FEATURE,
    Column,
    ColumnKind,
    ExcludedColumn,
    Outcome,
    TableWarning,
)
from lowloss.spec import JobSpec
from tests.builders.scripted_server import Server, a_dataset, a_job, a_json

TIMES = (
    "time: up to 10 min (budget.max_seconds), then about 30 s (budget.diagnosis_seconds) for its "
    "diagnosis, and some seconds for its files"
)


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
        TIMES,
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
        f"{path} was uploaded before: lowloss datasets show ds_1 has its warnings",
        TIMES,
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

    assert submitted.stderr.splitlines() == ["warning: no names (another)", TIMES]


@pytest.mark.parametrize(
    ("budget", "line"),
    [
        ({}, TIMES),
        ({"diagnosis_seconds": 0}, "time: up to 10 min (budget.max_seconds), and some seconds for"),
        ({"max_seconds": None}, ""),
    ],
)
def test_submit_says_how_long_a_job_may_take_with_its_diagnosis(
    run: Callable[..., Result], budget: dict[str, Any], line: str
) -> None:
    spec = JobSpec.model_validate({"dataset": "ds_1", "target": "y", "budget": budget})
    job = a_json(a_job(spec=spec), 202)

    plain = run("submit", "ds_1", "--target", "y", server=Server(job))
    as_json = run("submit", "ds_1", "--target", "y", "--json", server=Server(job))

    assert plain.stdout == "job_1\n"
    assert plain.stderr.startswith(line)
    assert (plain.stderr == "") == (line == "")
    assert as_json.stderr == ""


@pytest.mark.parametrize("name", ["nofile.csv", "ds_houses.csv", "houses", "."])
def test_a_table_that_is_no_file_is_told_from_a_dataset(
    run: Callable[..., Result], name: str
) -> None:
    server = Server()

    done = run("submit", name, server=server)

    what = "is no file" if name == "." else "is not there"
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: DATASET: the file {name!r} {what} (give a table's file")
    assert not server.requests


@pytest.mark.parametrize(
    ("columns", "is_listed"), [(50, True), (51, False)], ids=["few columns", "many columns"]
)
def test_upload_of_many_columns_counts_them_and_says_what_lists_them(
    run: Callable[..., Result], tmp_path: Path, columns: int, is_listed: bool
) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("1,2\n")
    profile = tuple(
        Column(
            name=f"c{i}", kind=ColumnKind.numeric if i else ColumnKind.date, missing=0, distinct=2
        )
        for i in range(columns)
    )
    dataset = a_dataset(profile=profile)

    added = run("datasets", "add", str(path), server=Server(a_json(dataset, 201)))
    shown = run("datasets", "show", "ds_1", server=Server(a_json(dataset, 200)))

    assert ("c40" in added.stdout) == is_listed
    assert ("columns: 50 numeric, 1 date" in added.stdout) == (not is_listed)
    assert ("lowloss datasets show ds_1 lists them" in added.stdout) == (not is_listed)
    assert "c40" in shown.stdout


@pytest.mark.parametrize("command", [("delete",), ("datasets", "delete")], ids=" ".join)
def test_delete_has_json_too(run: Callable[..., Result], command: tuple[str, ...]) -> None:
    deleted = run(*command, "x_1", "--json", server=Server(httpx2.Response(204)))

    assert json.loads(deleted.stdout) == {"deleted": "x_1"}
