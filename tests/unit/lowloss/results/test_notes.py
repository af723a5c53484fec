"""What `lowloss status` and `lowloss watch` say of a job beside its progress."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from lowloss.cli.rendering.results import show_summary
from lowloss.cli.rendering.watch import watch_job
from lowloss.results import AttemptError, JobState, Outcome, Requested, TrialState
from lowloss.results.notes import describe_notes, describe_stage, describe_trial_end
from tests.builders.facts import some_trials
from tests.builders.scripted_server import NOON, Server, a_job, a_json, a_stream
from tests.builders.store import a_spec

BEST = Outcome(winner=3, best_of_search=5)


def an_error(error: str) -> AttemptError:
    return AttemptError(
        attempt=1, worker="w", started_at=NOON, ended_at=NOON, outcome="crashed", error=error
    )


@pytest.mark.parametrize(
    ("state", "given", "note"),
    [
        (JobState.queued, {"queue_position": 1}, "next in the queue"),
        (JobState.queued, {"queue_position": 4}, "number 4 in the queue"),
        (
            JobState.queued,
            {"lacks_worker": True},
            "no worker is running: start one with `lowloss worker`",
        ),
        (
            JobState.queued,
            {"lacks_worker": True, "spec": a_spec("ds", needs={"cores": 16, "executor": "ray"})},
            "it waits for a worker that has 16 cores and a Ray cluster: none that runs does",
        ),
        (
            JobState.queued,
            {"lacks_worker": True, "spec": a_spec("ds", needs={"memory_bytes": 64 * 10**9})},
            "it waits for a worker that has 64 GB of memory: none that runs does",
        ),
        (
            JobState.queued,
            {"lacks_worker": True, "spec": a_spec("ds", needs={"cores": 2, "executor": "local"})},
            "it waits for a worker that has 2 cores and trains on its own machine: none that "
            "runs does",
        ),
        (
            JobState.queued,
            {"retry_reason": "stopped"},
            "attempt 2, since the one before ended with its worker, which was stopped",
        ),
        (
            JobState.running,
            {"attempt": 2, "retry_reason": "lease_expired"},
            "attempt 2, since the one before lost its worker",
        ),
        (
            JobState.running,
            {"attempt": 2, "retry_reason": "crashed", "errors": (an_error("Trace:\nboom\n"),)},
            "attempt 2, since the one before crashed: boom",
        ),
        (
            JobState.running,
            {"requested": Requested.cancel, "phase": "export"},
            "cancel requested: it waits for its best model to be exported",
        ),
        (
            JobState.running,
            {"requested": Requested.pause, "phase": "search"},
            "pause requested: it waits for its trials to be left as they are",
        ),
        (
            JobState.running,
            {"requested": Requested.cancel},
            "cancel requested: it waits for its worker",
        ),
        (
            JobState.queued,
            {"requested": Requested.cancel},
            "cancel requested: it waits for a worker to export the best model",
        ),
        (
            JobState.succeeded,
            {"reason": "min_expected_improvement"},
            "the search ended early: the last trials gained too little, or too little was expected "
            "of another (budget.min_expected_improvement; null for all trials)",
        ),
        (
            JobState.running,
            {"outcome": BEST},
            "trial 3 is the best since the confirmation: on more seeds it does better than "
            "trial 5, which had the best score",
        ),
    ],
)
def test_job_says_what_is_to_be_known_of_it(
    state: JobState, given: dict[str, Any], note: str
) -> None:
    assert describe_notes(a_job(state, **given)) == [note]


def test_plain_job_has_no_notes() -> None:
    assert describe_notes(a_job()) == []


def test_stage_has_the_phase() -> None:
    assert describe_stage(a_job(phase="confirm")) == "running (confirm)"
    assert describe_stage(a_job(JobState.paused)) == "paused"


@pytest.mark.parametrize(
    ("state", "reason", "end"),
    [
        (TrialState.completed, None, ""),
        (TrialState.diverged, "diverged", ""),
        (TrialState.failed, "job_ended", "job ended"),
        (TrialState.failed, "no column_a in row 3", "no column_a in row 3"),
    ],
)
def test_end_of_a_trial_is_a_sentence_or_a_code_in_words(
    state: TrialState, reason: str | None, end: str
) -> None:
    trial = some_trials()[0].model_copy(update={"state": state, "reason": reason})

    assert describe_trial_end(trial) == end


def test_note_of_a_watched_job_is_printed_once() -> None:
    last = b'id: 9\nevent: job.finished\ndata: {"created_at": "2026-11-23T12:00:00Z"}\n\n'
    server = Server(
        a_json(a_job(JobState.queued, queue_position=2)),
        a_stream(last, content_type="text/event-stream"),
        *[a_json(a_job(JobState.succeeded))] * 2,
    )
    console = Console(file=io.StringIO(), width=100, markup=False)

    watch_job(server.client(), "job_1", console)

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("number 2 in the queue") == 1


def test_summary_says_that_the_confirmation_chose_another_trial() -> None:
    console = Console(file=io.StringIO(), width=200, markup=False)

    show_summary(a_job(JobState.succeeded, outcome=BEST), console)

    assert isinstance(console.file, io.StringIO)
    assert "trial 3 is the best since the confirmation" in console.file.getvalue()
