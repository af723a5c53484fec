"""`lowloss workers`."""

from __future__ import annotations

from collections.abc import Callable

from typer.testing import Result

from lowloss.results import Worker
from tests.builders.scripted_server import NOON, Server, a_page

Run = Callable[..., Result]


def a_worker(
    *, is_alive: bool = True, job: str | None = "job_1", waits_for: str | None = None
) -> Worker:
    return Worker(
        id="wrk_1",
        name="box-7",
        version="1.0",
        cores=2,
        memory_bytes=8_000_000_000,
        job=job,
        waits_for=waits_for,
        started_at=NOON,
        seen_at=NOON,
        is_alive=is_alive,
    )


def test_workers_are_listed_with_what_each_runs(run: Run) -> None:
    shown = run("workers", server=Server(a_page(a_worker())))

    for part in ("box-7", "alive", "job_1"):
        assert part in shown.stdout
    assert shown.stderr == ""


def test_worker_is_listed_with_what_it_waits_for(run: Run) -> None:
    reason = "its Ray cluster: this machine is no node of one: `ray start` makes it one"
    waiting = a_worker(job=None, waits_for=reason)

    shown = run("workers", server=Server(a_page(waiting))).stdout

    assert shown.endswith(f"\nbox-7 waits for {reason}\n")
    assert "alive" not in shown


def test_list_without_a_live_worker_says_how_to_start_one(run: Run) -> None:
    dead = run("workers", server=Server(a_page(a_worker(is_alive=False, job=None))))
    none = run("workers", server=Server(a_page()))

    assert "not seen" in dead.stdout
    for shown in (dead, none):
        assert "start one with `lowloss worker`" in shown.stderr
