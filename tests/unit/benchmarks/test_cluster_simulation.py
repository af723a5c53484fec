"""The simulation of a search on many actors, where its answer is known."""

from __future__ import annotations

import pytest

from benchmarks.cluster_simulation import Costs, RecordedTrial, simulate

FREE = Costs(0.0, 0.0)
ALIKE = [RecordedTrial(seconds=10.0, reports=5)]


@pytest.mark.parametrize("actors", [1, 4, 20])
def test_trials_that_are_alike_keep_all_actors_busy(actors: int) -> None:
    simulated = simulate(ALIKE, trials=20, actors=actors, costs=FREE)

    assert simulated.seconds == pytest.approx(200 / actors)
    assert simulated.efficiency == pytest.approx(1.0)


def test_actors_wait_for_the_last_of_them() -> None:
    simulated = simulate(ALIKE, trials=21, actors=20, costs=FREE)

    assert simulated.seconds == pytest.approx(20.0)
    assert simulated.efficiency == pytest.approx(21 / 40)


def test_one_actor_waits_for_each_answer() -> None:
    simulated = simulate(ALIKE, trials=2, actors=1, costs=Costs(report_s=0.5, trial_s=1.0))

    # Of each trial one proposal, and four reports before its last part.
    assert simulated.seconds == pytest.approx(2 * (10 + 1.0 + 4 * 0.5))


def test_driver_that_is_always_busy_is_the_limit() -> None:
    costs = Costs(report_s=0.1, trial_s=0.1)

    simulated = simulate(ALIKE, trials=1000, actors=1000, costs=costs)

    assert simulated.driver_share == pytest.approx(1.0, abs=0.05)
    assert simulated.seconds == pytest.approx(1000 * 5 * 0.1, rel=0.05)
