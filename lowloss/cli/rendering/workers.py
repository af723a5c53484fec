"""Shows workers as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from lowloss.cli.rendering.lists import format_time, print_table
from lowloss.results import Worker
from lowloss.wording import DASH, format_bytes, make_printable


def show_workers(workers: Sequence[Worker], console: Console) -> None:
    """Show workers, what each runs, and when it was seen last; below, what they wait for."""
    rows = [
        (
            worker.id,
            make_printable(worker.name),
            _describe_state(worker),
            DASH if worker.job is None else make_printable(worker.job),
            _describe_offer(worker),
            worker.version,
            format_time(worker.started_at),
            format_time(worker.seen_at),
        )
        for worker in workers
    ]
    columns = ("id", "name", "state", "job", "cores,\nmemory", "version", "started", "last seen")
    spare = ("version", "started", "id", "cores,\nmemory")
    print_table(rows, console, columns=columns, wrapped="name", spare=spare)
    for worker in workers:
        if worker.is_alive and worker.waits_for:
            waits = f"{worker.name} waits for {worker.waits_for}"
            console.print(make_printable(waits), soft_wrap=True, markup=False)


def _describe_offer(worker: Worker) -> str:
    cores = f"{worker.cores}, Ray" if worker.executor == "ray" else worker.cores
    return f"{cores}\n{format_bytes(worker.memory_bytes)}"


def _describe_state(worker: Worker) -> str:
    if not worker.is_alive:
        return "not seen"
    return "waits" if worker.waits_for else "alive"
