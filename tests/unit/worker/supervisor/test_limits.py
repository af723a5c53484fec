"""When a job is asked to finish, and when it is ended."""

from __future__ import annotations

import math
from typing import Any

import pytest

from lowloss.spec import DiagnosisSpec, JobSpec, Task
from service.store.queue import Claim, Fence
from tests.builders.store import a_diagnosis_spec, a_spec
from worker.supervisor.limits import is_overdue, time_limits


def a_claim(
    spec: JobSpec | DiagnosisSpec, *, seconds: float = 0.0, must_finish: bool = False
) -> Claim:
    return Claim(Fence("job_1", "worker-1", 1), spec, Task.regression, seconds, must_finish)


def a_search(**budget: Any) -> JobSpec:
    return a_spec("ds_1", budget=budget)


def test_search_is_asked_to_finish_after_its_diagnosis_and_some_grace() -> None:
    limits = time_limits(a_claim(a_search(max_seconds=600, diagnosis_seconds=30)), 1000.0)

    assert limits.finish_at == 1000.0 + 600 + 3 * 30 + 60
    assert limits.end_at == limits.finish_at + 900


def test_what_earlier_attempts_took_counts() -> None:
    claim = a_claim(a_search(max_seconds=600, diagnosis_seconds=0), seconds=400.0)

    assert time_limits(claim, 0.0).finish_at == 200 + 60
    assert not is_overdue(claim)


def test_long_job_gets_as_long_again_to_finish() -> None:
    limits = time_limits(a_claim(a_search(max_seconds=7200)), 0.0)

    assert limits.end_at - limits.finish_at == 7200


@pytest.mark.parametrize("seconds", [10.0, 11.0, 5000.0])
def test_job_whose_time_is_used_up_is_to_finish_at_once(seconds: float) -> None:
    claim = a_claim(a_search(max_seconds=10), seconds=seconds)

    assert is_overdue(claim)
    assert time_limits(claim, 7.0).finish_at == 7.0
    assert time_limits(claim, 7.0).end_at == 907.0


def test_diagnosis_may_take_its_longest_time_and_has_none_beside_it() -> None:
    spec = a_diagnosis_spec("ds_1", budget={"max_seconds": 60, "max_extension": 2})

    assert time_limits(a_claim(spec), 0.0).finish_at == 2 * 60 + 60


def test_job_without_a_limit_is_never_overdue() -> None:
    claim = a_claim(a_search(max_seconds=None), seconds=1e9)

    assert not is_overdue(claim)
    assert time_limits(claim, 0.0).finish_at == math.inf


@pytest.mark.parametrize("max_seconds", [None, 600])
def test_job_that_is_to_finish_is_asked_to_at_once(max_seconds: float | None) -> None:
    limits = time_limits(a_claim(a_search(max_seconds=max_seconds), must_finish=True), 7.0)

    assert limits.finish_at == 7.0
    assert limits.end_at == (math.inf if max_seconds is None else 907.0)


def test_attempt_that_is_to_finish_at_once_is_the_last_that_may_run_out_of_time() -> None:
    search = a_search(max_seconds=600)

    assert is_overdue(a_claim(search, must_finish=True))
    assert not is_overdue(a_claim(search))
