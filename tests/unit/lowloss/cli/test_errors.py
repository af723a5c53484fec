"""What goes wrong on the command line is one plain line and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from typer.testing import Result

from lowloss import cli
from lowloss.errors import (
    BestModelNotReady,
    DatasetNotFound,
    InternalError,
    InvalidRequest,
    JobFailed,
    JobNotFound,
    LowlossError,
    Problem,
    ServerUnreachable,
    UnknownField,
    WaitTimeout,
)
from lowloss.problem_codes import PROBLEMS
from lowloss.results import JobState
from tests.builders.scripted_server import Server, a_job, a_json, a_refusal


@pytest.mark.parametrize(
    ("arguments", "error", "line"),
    [
        (("download", "job_9"), JobNotFound.of("job_9"), "no job 'job_9' (lowloss jobs shows"),
        (
            ("datasets", "show", "ds_9"),
            DatasetNotFound.of("ds_9"),
            "no dataset 'ds_9' (lowloss datasets list shows",
        ),
    ],
)
def test_an_id_that_is_not_there_names_the_command_that_lists_them(
    run: Callable[..., Result], arguments: tuple[str, ...], error: Problem, line: str
) -> None:
    done = run(*arguments, server=Server(a_refusal(error)))

    assert f"error: there is {line} what there is)" in done.stderr
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("state", "code"),
    [(state, int(state in {JobState.failed, JobState.cancelled})) for state in JobState],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_status_has_the_exit_code_of_the_job(
    run: Callable[..., Result], state: JobState, code: int, options: tuple[str, ...]
) -> None:
    done = run("status", "job_1", *options, server=Server(a_json(a_job(state))))

    assert done.exit_code == code
    assert "job_1" in done.stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ServerUnreachable("gone"), 3),
        (WaitTimeout("late"), 3),
        (InternalError("broken"), 4),
        (InvalidRequest("wrong"), 2),
        (JobFailed("why", "because"), 1),
    ],
)
def test_exit_code_tells_the_kind_of_error(error: LowlossError, code: int) -> None:
    assert cli.exit_code(error) == code


def test_every_problem_has_an_exit_code_by_its_status() -> None:
    codes = {name: cli.exit_code(kind("why")) for name, kind in PROBLEMS.items()}

    assert codes == {name: 4 if kind.status >= 500 else 2 for name, kind in PROBLEMS.items()}


def test_refusal_is_a_line_for_each_fault_with_field_and_fix(run: Callable[..., Result]) -> None:
    faults = (
        {"field": "budgt", "detail": "there is\nno field", "fix": "did you mean?"},
        {"field": "seed", "detail": "-1 is too small", "fix": "give 0 or more"},
        {"detail": "nothing fits"},
    )
    problem = UnknownField("there is\nno field", field="budgt", fix="did you mean?", errors=faults)

    done = run("submit", "ds_1", "--target", "y", server=Server(a_refusal(problem)))

    assert done.stderr.splitlines() == [
        "error: budgt: there is no field (did you mean?)",
        "error: seed: -1 is too small (give 0 or more)",
        "error: nothing fits",
    ]
    assert done.stdout == ""
    assert done.exit_code == cli.REFUSED


def test_many_faults_are_cut_short(run: Callable[..., Result]) -> None:
    faults = tuple({"field": f"layers.{n}", "detail": "is wrong"} for n in range(30))
    problem = UnknownField("is wrong", field="layers.0", errors=faults)

    done = run("submit", "ds_1", "--target", "y", server=Server(a_refusal(problem)))

    lines = done.stderr.splitlines()
    assert lines[:2] == ["error: layers.0: is wrong", "error: layers.1: is wrong"]
    assert lines[-1] == "error: and 19 more"


def test_server_that_is_not_there_is_one_line(run: Callable[..., Result]) -> None:
    done = run("jobs", server=Server(*[httpx2.ConnectError("refused")] * 5))

    assert done.stderr.startswith("error: http://lowloss.test cannot be reached (refused)")
    assert done.stderr.count("\n") == 1
    assert done.exit_code == cli.UNREACHABLE


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--nope",), "No such option: --nope"),
        (("sumbit",), "Did you mean 'submit'?"),
        (("status",), "Missing argument 'JOB'. (lowloss status --help)"),
        (("jobs", "--state", "asleep"), "'asleep' is not one of 'queued'"),
        (("datasets", "add"), "PATH: there is nothing to upload (or use --builtin)"),
        (("datasets", "add", "/no/such.csv"), "/no/such.csv: No such file or directory"),
        (("datasets", "add", "--builtin", "titanic"), "there is no built-in table 'titanic'"),
        (("submit", "--set", "seed"), "--set: 'seed' has no = (write FIELD=VALUE)"),
        (("submit", "--set", "budget=3", "--set", "budget.max_trials=3"), "holds no fields"),
        (("submit", "--set", "budget.max_seconds=1e999"), "cannot be written as JSON"),
        (("submit", "--spec", "/no/such.json"), "/no/such.json: No such file or directory"),
        (("download", "job_1", "--to", "/no/such/place"), "/no/such: there is no such folder"),
    ],
)
def test_wrong_command_is_one_line(
    run: Callable[..., Result], arguments: tuple[str, ...], shown: str
) -> None:
    done = run(*arguments)

    assert done.stderr.startswith("error: ")
    assert shown in done.stderr
    assert done.stderr.count("\n") == 1
    assert (done.stdout, done.exit_code) == ("", cli.REFUSED)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{", b"[1]", b"3"])
def test_spec_that_is_no_json_object_is_refused(
    run: Callable[..., Result], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "spec.json").write_bytes(content)

    done = run("submit", "--spec", str(tmp_path / "spec.json"))

    assert done.stderr.startswith("error: --spec: ")
    assert done.exit_code == cli.REFUSED


def test_interrupt_has_its_own_code(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(request: httpx2.Request) -> httpx2.Response:
        raise KeyboardInterrupt

    done = run("jobs", server=Server(interrupt))

    assert (done.output, done.exit_code) == ("", cli.INTERRUPTED)


def test_best_before_any_trial_is_an_error(run: Callable[..., Result]) -> None:
    done = run("best", "job_1", server=Server(a_json(a_job(best=None))))

    assert done.stderr == "error: job_1: no trial has completed yet (the job is running)\n"
    assert done.exit_code == cli.FAILED


def test_model_that_is_not_ready_is_refused(run: Callable[..., Result], tmp_path: Path) -> None:
    done = run(
        "download",
        *("job_1", "--to", str(tmp_path)),
        server=Server(a_refusal(BestModelNotReady("the job is running", fix="wait for it"))),
    )

    assert done.stderr == "error: the job is running (wait for it)\n"
    assert done.exit_code == cli.REFUSED
