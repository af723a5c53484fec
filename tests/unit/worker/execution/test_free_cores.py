"""Threads are limited to the cores that other processes leave free."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_info, threadpool_limits

from tests.builders.load import busy_processes
from worker.execution.free_cores import CpuTimes, FreeCores


def cores_used_by(*others: float, cores: int, own: float = 0.0) -> FreeCores:
    """Free cores of a machine on which others use so many cores, in one second after the other."""

    def times() -> Iterator[CpuTimes]:
        busy = own_seconds = 0.0
        yield CpuTimes(0.0, busy, own_seconds)
        for second, used in enumerate(others, start=1):
            busy, own_seconds = busy + used + own, own_seconds + own
            yield CpuTimes(float(second), busy, own_seconds)

    readings = times()
    return FreeCores(cores=cores, read=lambda: next(readings), sleep=lambda _: None)


@pytest.mark.parametrize(
    ("used", "free"),
    [(0.0, 8), (0.2, 8), (1.0, 7), (3.5, 4), (7.9, 1), (8.0, 1)],
)
def test_free_cores_are_those_that_others_do_not_use(used: float, free: int) -> None:
    assert cores_used_by(used, cores=8).count() == free


def test_own_work_does_not_count_as_that_of_others() -> None:
    assert cores_used_by(1.0, cores=4, own=2.9).count() == 3


def test_count_follows_the_load() -> None:
    free_cores = cores_used_by(0.0, 4.0, 2.0, cores=4)

    assert [free_cores.count() for _ in range(3)] == [4, 1, 2]


def test_sample_that_is_too_short_changes_nothing() -> None:
    readings = iter([CpuTimes(0.0, 0.0, 0.0), CpuTimes(1.0, 3.0, 0.0), CpuTimes(1.01, 4.0, 0.0)])
    free_cores = FreeCores(cores=4, read=lambda: next(readings), sleep=lambda _: None)

    assert [free_cores.count(), free_cores.count()] == [1, 1]


def test_limit_is_never_above_what_the_user_set() -> None:
    free_cores = cores_used_by(0.0, cores=2)

    with threadpool_limits(1), free_cores.limit_threads():
        assert {library["num_threads"] for library in threadpool_info()} == {1}


def test_limit_ends_with_the_block() -> None:
    with threadpool_limits(2):
        before = [library["num_threads"] for library in threadpool_info()]

        with cores_used_by(2.0, cores=2).limit_threads() as threads:
            within = {library["num_threads"] for library in threadpool_info()}

        assert [library["num_threads"] for library in threadpool_info()] == before
    assert (threads, within) == (1, {1})


def test_boosting_is_the_same_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    x_ND = rng.normal(size=(2_000, 6))
    y_N = x_ND[:, 0] + rng.normal(size=len(x_ND))

    def predict(threads: int) -> np.ndarray:
        with threadpool_limits(threads):
            model = HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(x_ND, y_N)
            return np.asarray(model.predict(x_ND))

    np.testing.assert_array_equal(predict(1), predict(2))


@pytest.mark.slow
def test_a_busy_machine_leaves_one_core() -> None:
    with busy_processes(6):
        assert FreeCores().count() == 1
