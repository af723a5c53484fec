"""What a job may take of the machine's memory is what its engine goes by."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from service.machine import measure_memory
from service.settings import Settings
from tests.builders.outages import QuietChannel
from tests.builders.trainings import some_arrays
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.cohort_engine import Machine
from worker.execution import local
from worker.jobs.main import make_executor
from worker.progress.channel import Channel


@pytest.mark.parametrize(
    ("job_bytes", "machine_bytes"),
    [
        (8 * 10**8, 10**9),
        (None, measure_memory()),
        pytest.param(10**15, measure_memory(), id="more than there is"),
    ],
)
def test_engine_goes_by_the_memory_of_a_job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job_bytes: int | None, machine_bytes: int
) -> None:
    machines: list[Machine] = []
    monkeypatch.setattr(
        local, "CohortEngine", lambda _arrays, _reach, machine, **_: machines.append(machine)
    )
    settings = Settings(data_dir=tmp_path, job_memory_bytes=job_bytes)

    executor = make_executor(settings, cast("Channel", QuietChannel()))
    executor.build_engine(some_arrays(), Reach(1, 8, frozenset()), trials=1)

    assert machines[0].memory_bytes == pytest.approx(machine_bytes, rel=1e-6)
