"""A Ray cluster on this machine: a head that trains nothing, and two nodes of one core.

It goes with its file: its processes take part of the processor as long as it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders.processes import wait_for
from tests.cluster.processes import count_actors, start_cluster

pytest.importorskip("ray", reason="`make ray` installs it")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    started = start_cluster()
    yield started
    started.shutdown()


@pytest.fixture(scope="module")
def executor(cluster: Any) -> Iterator[Any]:
    """An executor, whose actors stay from test to test; a process connects once."""
    from worker.execution.ray.executor import RayExecutor
    from worker.execution.ray.needs import ActorNeeds

    made = RayExecutor(cluster.address, ActorNeeds(cores=1))
    yield made
    made.close()
    wait_for(lambda: not count_actors() or None, what="the actors' ends")
