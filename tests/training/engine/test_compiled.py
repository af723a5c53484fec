"""The time that compiles take is counted once, however many there are at a time."""

from __future__ import annotations

from worker.engine.cohort.compiled import CompileTimer


def test_compiles_at_the_same_time_count_once() -> None:
    now = [10.0]
    timer = CompileTimer(clock=lambda: now[0])

    with timer.measure():
        now[0] += 2
        with timer.measure():
            now[0] += 3
        now[0] += 1
        within = timer.seconds
    now[0] += 100

    assert within == 6
    assert timer.seconds == 6
