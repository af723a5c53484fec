"""Describes a job's events, and what it used, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lowloss.results import Event, Job
from lowloss.results.notes import ENDINGS, SEARCH_ENDS
from lowloss.wording import counted, format_duration, format_number, in_words
from service.dashboard.reading_form import use_form_words
from service.store.events import EventKind

ENDS = SEARCH_ENDS | {"max_trials": "all its trials were tried (budget.max_trials)"}


@dataclass(frozen=True)
class HistoryEntry:
    """A line of a job's history: when it happened, how long after the job was submitted, what."""

    time: datetime
    after_s: float
    words: str


def list_history(job: Job, events: Sequence[Event]) -> list[HistoryEntry]:
    """Describe events, newest first; of equal ones in a row the first that happened."""
    entries: list[HistoryEntry] = []
    for event in events:
        after_s = (event.created_at - job.created_at).total_seconds()
        entry = HistoryEntry(event.created_at, after_s, describe_event(event))
        if entries and entries[-1].words == entry.words:
            entries.pop()
        entries.append(entry)
    return entries


def describe_event(event: Event) -> str:
    """Describe an event that is not of one trial, in a few words."""
    data, words = event.data, in_words(event.kind.rpartition(".")[2])
    match event.kind:
        case EventKind.job_started:
            words = f"a worker took it (attempt {data['attempt']})"
        case EventKind.job_phase:
            within = f" of the {in_words(data['within'])}" if "within" in data else ""
            words = f"phase{within}: {in_words(data['phase'])}"
        case EventKind.job_requested:
            words = f"{data['requested']} requested"
        case EventKind.job_priority:
            words = f"priority set to {data['priority']}"
        case EventKind.job_retried:
            words = f"attempt {data['attempt']} {ENDINGS.get(data['outcome'], data['outcome'])}"
            words += f": {data['error']}" if data.get("error") else ""
        case EventKind.job_finished:
            reason = data.get("reason") or ""
            why = ENDS.get(reason, in_words(reason))
            why = use_form_words(why)
            words = f"{data['state']}: {why}" if why else str(data["state"])
        case EventKind.best_changed:
            words = _describe_best(data)
        case EventKind.model_ready:
            trial = data.get("trial")
            model = "its model" if trial is None else f"a model, the network of trial {trial},"
            words = f"{model} can be downloaded, and predicts"
    return words


def describe_resources(job: Job) -> list[tuple[str, str]]:
    """Return what a job used, as far as it is known: a name and words each."""
    outcome, rows = job.outcome, job.outcome.rows or {}
    used = [(f"{part} rows", f"{count:,}") for part, count in rows.items()]
    if outcome.executor == "ray":
        nodes = "" if outcome.nodes is None else f", {counted(outcome.nodes, 'node')}"
        used.append(("trained on", f"a Ray cluster{nodes}"))
    # Of a cluster there are none before its first actor has started.
    if outcome.threads:
        used.append(("training threads", str(outcome.threads)))
    if outcome.open_trials is not None:
        used.append(("trials at a time", f"up to {outcome.open_trials}"))
    if job.progress.epochs:
        used.append(("epochs", f"{job.progress.epochs:,}"))
    if outcome.trainings is not None:
        used.append(("networks of the diagnosis", f"{outcome.trainings:,}"))
    if outcome.insights is not None:
        consumed = outcome.insights.consumed
        used.append(("rows trained on", f"{consumed.rows:,}"))
        used.append(("processor time", format_duration(consumed.cpu_seconds)))
    return used


def _describe_best(data: dict[str, Any]) -> str:
    if data.get("reason") == "confirmation":
        return f"more seeds chose trial {data['trial']}, not {data['previous']}"
    return f"trial {data['trial']} is the best so far: {format_number(data['score'])}"
