"""A watched job: a bar on a terminal, lines in a log."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console
from typer.testing import Result

from lowloss.cli.rendering import results as render
from lowloss.cli.rendering import watch
from lowloss.cli.rendering.results import describe_progress
from lowloss.cli.rendering.watch import watch_job
from lowloss.results import (
    Confirmation,
    Consumed,
    Edge,
    HyperparameterImportance,
    JobState,
    Outcome,
    SearchInsights,
)
from lowloss.wording import DASH, MINUS, format_duration, format_number
from tests.builders.scripted_server import Server, a_diagnosis_job, a_job, a_json, a_stream

SSE = {"content_type": "text/event-stream"}


def an_event(number: int, kind: str, data: str = "") -> bytes:
    return (
        f"id: {number}\nevent: {kind}\n"
        f'data: {{{data}"created_at": "2026-11-23T12:00:00Z"}}\n\n'.encode()
    )


LAST = an_event(99, "job.finished")


def a_console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, markup=False)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_log_has_a_line_for_each_phase_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(render, "LOG_SECONDS", 0.0)
    search = an_event(1, "job.phase", '"phase": "search", ')
    server = Server(
        a_json(a_job(JobState.queued)),
        a_stream(search, LAST, **SSE),
        a_json(a_job()),
        *[a_json(a_job(JobState.succeeded))] * 2,
    )
    console = a_console()

    job = watch_job(server.client(), "job_1", console)

    assert job.state is JobState.succeeded
    begins = [line.split()[0] for line in shown(console).splitlines()]
    assert begins == ["queued", "search", "succeeded"]


def test_job_that_is_watched_late_is_not_read_once_an_event() -> None:
    events = [an_event(number, "epoch") for number in range(1, 500)]
    server = Server(
        a_json(a_job()), a_stream(*events, LAST, **SSE), *[a_json(a_job(JobState.succeeded))] * 20
    )

    watch_job(server.client(), "job_1", a_console())

    assert len(server.requests) < 20


def test_job_that_has_ended_is_not_followed() -> None:
    server = Server(a_json(a_job(JobState.failed)))

    job = watch_job(server.client(), "job_1", a_console())

    assert job.state is JobState.failed
    assert len(server.requests) == 1


def test_terminal_has_a_bar() -> None:
    server = Server(a_json(a_job()), a_stream(LAST, **SSE), a_json(a_job(JobState.succeeded)))
    console = a_console(terminal=True)

    watch_job(server.client(), "job_1", console)

    assert "━" in shown(console)
    assert "7/50 trials (2 failed)  best val_loss 0.31  2 min 5 s left" in shown(console)


def test_seconds_of_a_diagnosis_go_on_by_themselves() -> None:
    times, console = [100.0], a_console(terminal=True)

    with render.progress_bar(console, clock=lambda: times[-1]) as show:
        show(a_diagnosis_job(), "experiments")
        times.append(115.0)

    assert "experiments" in shown(console)
    assert "35 s of about 1 min" in shown(console)


def test_diagnosis_is_watched_to_its_end() -> None:
    phase = an_event(1, "job.phase", '"phase": "experiments", ')
    ended = a_json(a_diagnosis_job(JobState.succeeded))
    server = Server(a_json(a_diagnosis_job()), a_stream(phase, LAST, **SSE), ended)
    console = a_console()

    job = watch_job(server.client(), "job_1", console)

    assert job.state is JobState.succeeded
    assert shown(console).splitlines() == [
        "running    20 s of about 1 min",
        "succeeded  20 s of about 1 min",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, DASH), (0.4, "0 s"), (59.6, "1 min"), (3_725, "1 h 2 min")]
)
def test_time_is_told_as_people_do(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, DASH),
        (0.0, "0"),
        (54.123456, "54.12"),
        (1.5e-7, "1.5e" + MINUS + "07"),
        (12_345.6, "12,346"),
    ],
)
def test_numbers_have_four_digits(value: float | None, text: str) -> None:
    assert format_number(value) == text


def test_job_without_a_best_trial_has_a_standing() -> None:
    assert (
        describe_progress(a_job(best=None)) == "7/50 trials (2 failed)  no best yet  2 min 5 s left"
    )


def test_summary_says_how_close_the_choice_was() -> None:
    confirmations = tuple(
        Confirmation(trial=trial, scores=(0.5, 0.6, 0.7), mean=0.6, sd=0.1) for trial in (22, 4)
    )
    outcome = Outcome(confirmations=confirmations, within_noise=True)
    console = a_console()

    render.show_summary(a_job(JobState.succeeded, outcome=outcome), console)

    told = "trial 22 has the best mean val_loss of the top 2 trials over 3 seeds"
    assert f"{told}; the next best is within seed noise of it\n" in shown(console)


def test_summary_says_that_one_seed_confirms_nothing() -> None:
    confirmations = tuple(
        Confirmation(trial=trial, scores=(0.5,), mean=0.5, sd=0.0) for trial in (22, 4)
    )
    console = a_console()

    render.show_summary(
        a_job(JobState.succeeded, outcome=Outcome(confirmations=confirmations)), console
    )

    told = "trial 22 has the best val_loss of the top 2 trials, of one seed each: it was not"
    assert f"{told} confirmed on others\n" in shown(console)


def test_summary_and_best_say_what_mattered_and_how_to_go_on(run: Callable[..., Result]) -> None:
    edge = Edge(name="width", end="max", limit=256, value=256, proposal={"min": 128, "max": 384})
    insights = SearchInsights(
        importances=(HyperparameterImportance(name="learning_rate", share=0.62),),
        edges=(edge,),
        consumed=Consumed(epochs=1, trial_seconds=1.0, rows=1, cpu_seconds=1.0),
    )
    job = a_job(JobState.succeeded, outcome=Outcome(insights=insights))
    console = a_console()

    render.show_summary(job, console)
    best = run("best", "job_1", server=Server(a_json(job)))

    for told in (
        "what mattered in the search: learning_rate (62 %)",
        "the best trials lie at the max of width",
        """lowloss continue job_1 --set 'search_space.width={"min": 128, "max": 384}'""",
    ):
        assert told in shown(console)
        assert told in best.stdout
