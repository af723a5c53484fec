"""The command line: what it asks, what it prints, and the codes that it ends with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from typer.core import TyperGroup
from typer.testing import Result

from lowloss import cli
from lowloss.cli.builtin import builtin_csv
from lowloss.results import (
    Baseline,
    Column,
    ColumnKind,
    Histogram,
    JobState,
    Outcome,
    Requested,
    Trial,
)
from tests.builders.scripted_server import (
    Answer,
    Server,
    a_dataset,
    a_job,
    a_json,
    a_page,
    a_stream,
    a_trial,
)

COMMANDS = (
    "serve",
    "worker",
    "submit",
    "continue",
    "diagnose",
    "diagnosis",
    "status",
    "watch",
    "jobs",
    "trials",
    "best",
    "download",
    "predict",
    "cancel",
    "pause",
    "resume",
    "priority",
    "delete",
    "datasets",
    "audit",
    "workers",
    "backup",
    "restore",
    "vacuum",
    "doctor",
    "projects",
    "tokens",
)
FINISHED = Outcome(
    rows={"train": 60, "validation": 20, "test": 1_020},
    baselines=(Baseline(name="ridge", metrics={}, test_metrics={"rmse": 58.5}),),
    test_metrics={"rmse": 55.25},
    remarks=("The winner is [within] noise.", "a lesser one"),
)


def a_finished_stream() -> Answer:
    data = b'id: 1\nevent: job.finished\ndata: {"created_at": "2026-11-23T12:00:00Z"}\n\n'
    return a_stream(data, content_type="text/event-stream")


def test_every_command_is_in_the_help(run: Callable[..., Result]) -> None:
    shown = run("--help").output

    group = typer.main.get_command(cli.app)
    assert isinstance(group, TyperGroup)
    assert set(group.commands) == set(COMMANDS)
    for name in COMMANDS:
        assert f"│ {name} " in shown


@pytest.mark.parametrize(
    "arguments", [(name,) for name in COMMANDS] + [("datasets", n) for n in ("add", "delete")]
)
def test_every_command_has_a_help_of_its_own(
    run: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    done = run(*arguments, "--help")

    assert done.exit_code == 0
    assert f"lowloss {' '.join(arguments)}" in done.output


def test_help_lists_the_exit_codes(run: Callable[..., Result]) -> None:
    shown = run("--help").output

    codes = (
        cli.FAILED,
        cli.REFUSED,
        cli.UNREACHABLE,
        cli.SERVER_FAILED,
        cli.INTERRUPTED,
    )
    assert codes == (1, 2, 3, 4, 130)
    for code in codes:
        assert f"\n {code} " in shown


@pytest.mark.parametrize("arguments", [(), ("datasets",)])
def test_no_command_shows_the_help(run: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    done = run(*arguments)

    assert "Usage:" in done.stdout
    assert done.exit_code == cli.REFUSED


def test_version_is_shown(run: Callable[..., Result]) -> None:
    done = run("--version")

    assert (done.stdout, done.exit_code) == ("0.1.0\n", 0)


def test_shells_are_offered_completion(run: Callable[..., Result]) -> None:
    assert "--install-completion" in run("--help").output


def test_importing_the_command_line_loads_neither_server_nor_worker() -> None:
    server = ("service", "fastapi", "sqlalchemy", "psycopg", "polars", "onnxruntime", "numpy")
    heavy = (*server, "worker", "tensorflow", "keras", "sklearn")
    program = f"import sys, lowloss.cli; print([m for m in {heavy} if m in sys.modules])"

    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    ).stdout

    assert shown.strip() == "[]"


def test_submit_sends_what_is_asked_for(run: Callable[..., Result], tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text('{"target": "old", "budget": {"max_trials": 5, "max_seconds": 9}, "seed": 1}')
    changes = [
        "budget.max_trials=20",
        "search_space.layers=2",
        "name=a=b",
        "budget.max_seconds=null",
    ]
    server = Server(a_json(a_job(), 202))

    done = run(
        "submit",
        "ds_1",
        *("--target", "price", "--spec", str(spec)),
        *(f"--set={change}" for change in changes),
        server=server,
    )

    assert (done.stdout, done.exit_code) == ("job_1\n", 0)
    assert json.loads(server.bodies[0]) == {
        "dataset": "ds_1",
        "target": "price",
        "budget": {"max_trials": 20, "max_seconds": None},
        "search_space": {"layers": 2},
        "name": "a=b",
        "seed": 1,
    }


def test_submit_uploads_a_file_first(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x,y\n1,2\n")
    server = Server(a_json(a_dataset(id="ds_new"), 201), a_json(a_job(), 202))

    run("submit", str(tmp_path / "a.csv"), "--target", "y", server=server)

    assert [method for method, _ in server.asked] == ["POST", "POST"]
    assert json.loads(server.bodies[1]) == {"dataset": "ds_new", "target": "y"}


def test_submit_uploads_a_builtin_table_with_its_target(run: Callable[..., Result]) -> None:
    server = Server(a_json(a_dataset(id="ds_iris"), 201), a_json(a_job(), 202))

    run("submit", "--builtin", "iris", server=server)

    assert server.bodies[0] == builtin_csv("iris")
    assert dict(server.requests[0].url.params) == {"name": "iris", "format": "csv"}
    assert json.loads(server.bodies[1]) == {"dataset": "ds_iris", "target": "target"}


@pytest.mark.parametrize(
    ("state", "code"), [(JobState.succeeded, 0), (JobState.failed, 1), (JobState.cancelled, 1)]
)
def test_watched_job_ends_with_its_result(
    run: Callable[..., Result], state: JobState, code: int
) -> None:
    ended = a_job(state, outcome=FINISHED)
    server = Server(
        a_json(a_job(), 202), a_json(a_job()), a_finished_stream(), a_json(ended), a_json(ended)
    )

    done = run("submit", "ds_1", "--watch", server=server)

    assert done.exit_code == code
    assert f"job_1 {state} after 1 min 1 s" in done.stdout
    assert "55.25" in done.stdout
    assert "58.5" in done.stdout
    assert "on 1,020 test rows that no trial saw" in done.stdout
    assert "what stands out:\n- The winner is [within] noise.\n- a lesser one" in done.stdout


def test_score_says_which_model_it_is_of(run: Callable[..., Result]) -> None:
    outcome = FINISHED.model_copy(update={"all_rows_refit": "complete"})

    done = run("best", "job_1", server=Server(a_json(a_job(JobState.succeeded, outcome=outcome))))

    assert "What the test rows measure is of the model before its last training" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "answers", "wanted"),
    [
        (("submit", "ds_1"), [a_job()], a_job()),
        (("status", "job_1"), [a_job()], a_job()),
        (("best", "job_1"), [a_job()], a_job().best),
        (("cancel", "job_1"), [a_job()], a_job()),
        (("pause", "job_1"), [a_job()], a_job()),
        (("resume", "job_1"), [a_job()], a_job()),
        (("priority", "job_1", "5"), [a_job()], a_job()),
        (("continue", "job_1"), [a_job()], a_job()),
        (("datasets", "show", "ds_1"), [a_dataset()], a_dataset()),
    ],
)
def test_json_is_all_that_is_printed(
    run: Callable[..., Result], arguments: tuple[str, ...], answers: list[BaseModel], wanted: Any
) -> None:
    done = run(*arguments, "--json", server=Server(*map(a_json, answers)))

    assert json.loads(done.stdout) == wanted.model_dump(mode="json")
    assert (done.stderr, done.exit_code) == ("", 0)


@pytest.mark.parametrize(
    ("arguments", "item"),
    [
        (("jobs",), a_job()),
        (("trials", "job_1"), a_trial()),
        (("datasets", "list"), a_dataset()),
    ],
)
def test_lists_are_json_arrays(
    run: Callable[..., Result], arguments: tuple[str, ...], item: BaseModel
) -> None:
    # Trials come behind their job.
    job = [a_json(a_job())] if isinstance(item, Trial) else []
    pages = a_page(item, following="c"), a_page(item)
    full = run(*arguments, "--json", server=Server(*job, *pages))
    empty = run(*arguments, "--json", server=Server(*job, a_page()))

    assert json.loads(full.stdout) == [item.model_dump(mode="json")] * 2
    assert json.loads(empty.stdout) == []


def test_watch_keeps_its_progress_out_of_the_json(run: Callable[..., Result]) -> None:
    ended = a_job(JobState.succeeded)
    server = Server(a_json(a_job()), a_finished_stream(), a_json(ended))

    done = run("watch", "job_1", "--json", server=server)

    assert json.loads(done.stdout)["state"] == "succeeded"
    assert "7/50 trials (2 failed)  best val_loss 0.31  2 min 5 s left" in done.stderr


def test_download_has_json_too(run: Callable[..., Result], tmp_path: Path) -> None:
    downloaded = run(
        "download", "job_1", "-o", str(tmp_path), "--json", server=Server(a_stream(b"-"))
    )

    assert json.loads(downloaded.stdout) == {"path": str(tmp_path / "model.keras")}


def test_status_of_a_running_job_is_one_line(run: Callable[..., Result]) -> None:
    done = run("status", "job_1", server=Server(a_json(a_job())))

    assert done.stdout == (
        "job_1 running  7/50 trials (2 failed)  best val_loss 0.31  2 min 5 s left\n"
    )


def test_pause_says_that_it_is_only_asked_for(run: Callable[..., Result]) -> None:
    done = run("pause", "job_1", server=Server(a_json(a_job(requested=Requested.pause), 202)))

    assert done.stdout == "job_1 running, pause requested: it waits for its worker\n"


def test_names_are_shown_as_they_are(run: Callable[..., Result]) -> None:
    """What looks like rich's markup is a column's name all the same."""
    names = ("[/red]", "[bold]x", ":smile:")
    profile = tuple(
        Column(name=name, kind=ColumnKind.numeric, missing=0, distinct=2) for name in names
    )

    done = run("datasets", "show", "ds_1", server=Server(a_json(a_dataset(profile=profile))))

    assert done.exit_code == 0
    for name in names:
        assert f"\n {name} " in done.stdout


@pytest.mark.parametrize(
    ("counts", "drawn"),
    [
        ((1, 0, 8), "▁ █"),
        ((5,), "█"),
        ((1000, 1), "█▁"),
        ((8, 8, 0, 0, 4, 4, 1, 0, 0, 0, 8), "█ ▄▁ █"),
    ],
)
def test_histograms_are_drawn_as_bars(
    run: Callable[..., Result], counts: tuple[int, ...], drawn: str
) -> None:
    histogram = Histogram(edges=tuple(range(len(counts) + 1)), counts=counts)
    column = Column(name="x", kind=ColumnKind.numeric, missing=0, distinct=9, histogram=histogram)

    done = run("datasets", "show", "ds_1", server=Server(a_json(a_dataset(profile=(column,)))))

    assert f"  {drawn} " in done.stdout


def test_ids_are_whole_however_narrow_the_terminal(run: Callable[..., Result]) -> None:
    job_id = "job_" + "0123456789abcdef" * 2

    done = run("jobs", server=Server(a_page(a_job(id=job_id, name="a long name " * 20))))

    assert job_id in done.stdout


def test_upload_passes_its_options_on(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"x;y\n1;2\n")
    server = Server(a_json(a_dataset(), 201))

    done = run(
        *("datasets", "add", str(tmp_path / "a.dat"), "--format", "csv", "--name", "n"),
        *("--delimiter", ";", "--decimal", ",", "--encoding", "cp1252"),
        *("--no-header", "--quote", "'", "--thousands", ".", "--skip-rows", "2"),
        *("--comment", "#", "--date-format", "%d/%m/%Y", "--null-value", "-1"),
        *("--null-value", "x", "--type", "a=b=category"),
        server=server,
    )

    assert done.exit_code == 0, done.output
    params = server.requests[0].url.params
    assert params.get_list("null_values") == ["-1", "x"]
    assert dict(params) == {
        "name": "n",
        "format": "csv",
        "delimiter": ";",
        "decimal": ",",
        "encoding": "cp1252",
        "header": "false",
        "quote": "'",
        "thousands": ".",
        "skip_rows": "2",
        "comment": "#",
        "date_format": "%d/%m/%Y",
        "null_values": params["null_values"],
        "types": '{"a=b":"category"}',
    }


def test_continued_job_is_asked_for_with_its_changes(run: Callable[..., Result]) -> None:
    server = Server(a_json(a_job(), 202))

    done = run(
        "continue", "job_1", "--set", "budget.max_trials=100", "--set", "seed=3", server=server
    )

    assert done.stdout == "job_1\n"
    assert server.asked == [("POST", "/v1/jobs/job_1/continue")]
    assert json.loads(server.requests[0].content) == {"budget": {"max_trials": 100}, "seed": 3}


def test_negative_priority_is_a_number(run: Callable[..., Result]) -> None:
    server = Server(a_json(a_job()))

    done = run("priority", "job_1", "-5", server=server)

    assert done.exit_code == 0
    assert json.loads(server.requests[0].content) == {"priority": -5}
