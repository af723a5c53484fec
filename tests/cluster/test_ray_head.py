"""The head of a cluster: asked whether it answers, and explained where it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.builders.processes import free_port, wait_for
from worker.jobs.main import end_of_error
from worker.progress.protocol import Ending


def states_of_threads(pid: int) -> list[str]:
    """The state of each thread, a letter: that behind its name, which is in parentheses."""
    stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return [stat[stat.rindex(")") + 2] for stat in stats]


def cores_of(resources: Mapping[str, float]) -> float:
    return resources.get("CPU", 0.0)


@contextmanager
def suspended_head(cluster: Any) -> Iterator[None]:
    """A head that accepts connections, and does not answer."""
    (gcs,) = cluster.head_node.all_processes["gcs_server"]
    process = psutil.Process(gcs.process.pid)
    process.suspend()
    try:
        # On a busy machine a thread may answer once more before it stops.
        wait_for(lambda: set(states_of_threads(process.pid)) == {"T"}, what="the head to stop")
        yield
    finally:
        process.resume()


def test_head_that_stands_still_for_a_while_is_waited_for(cluster: Any, executor: Any) -> None:
    from worker.execution.ray.head import Head

    said, losses = list[str | None](), list[str]()
    head = Head(on_silence=said.append, on_loss=losses.append)

    with suspended_head(cluster):
        wait_for(lambda: said or None, seconds=20, what="its silence")
    wait_for(lambda: len(said) > 1 or None, seconds=20, what="its answer")
    head.close()

    assert said == [f"the Ray cluster at {cluster.address}: its head does not answer", None]
    assert losses == []


def test_actor_asks_the_head_for_its_own_node_alone(cluster: Any, executor: Any) -> None:
    from worker.execution.ray.head import Head

    said, losses = list[str | None](), list[str]()
    of_driver = Head(on_silence=said.append, on_loss=losses.append)
    of_actor = Head(on_silence=said.append, on_loss=losses.append, asks_for_own_node=True)
    of_driver.close()
    of_actor.close()

    assert sorted(map(cores_of, of_driver.resources_of_nodes)) == [0.0, 1.0, 1.0]
    assert list(map(cores_of, of_actor.resources_of_nodes)) == [0.0]
    assert of_actor.explain_loss() is None


def test_node_that_died_is_lost_before_its_head_knows(cluster: Any, executor: Any) -> None:
    from worker.execution.ray.head import Head

    losses = list[str]()
    head = Head(on_silence=lambda _: None, on_loss=losses.append)
    before = head.explain_loss()
    head.node_address = f"127.0.0.1:{free_port()}"

    wait_for(lambda: losses or None, seconds=20, what="the loss")
    head.close()

    assert before is None
    assert losses == [f"the Ray cluster at {cluster.address} is lost: this machine's node died"]


def test_head_that_is_gone_is_not_waited_for_where_its_address_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from worker.execution.ray.executor import find_head

    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_port()}")

    with pytest.raises(ConnectionError, match="there is no Ray cluster at"):
        find_head("auto")


def test_errors_while_the_head_is_silent_are_no_crashes(cluster: Any, executor: Any) -> None:
    from ray.exceptions import LocalRayletDiedError

    error = OSError("broken pipe")
    before = end_of_error(error, executor)
    of_node = end_of_error(LocalRayletDiedError(), executor)
    with suspended_head(cluster):
        # Before the head's thread can have asked in vain.
        silent = end_of_error(error, executor)

    assert before.ending is Ending.crashed
    assert of_node.ending is Ending.cluster_lost
    said = f"the Ray cluster at {cluster.address}: its head does not answer: broken pipe"
    assert (silent.ending, silent.error) == (Ending.cluster_lost, said)


@pytest.mark.slow
def test_head_that_stands_still_is_no_cluster_to_connect_to(cluster: Any) -> None:
    from worker.execution.ray.executor import find_head

    with (
        suspended_head(cluster),
        pytest.raises(ConnectionError, match=f"there is no Ray cluster at {cluster.address}: "),
    ):
        find_head(cluster.address)


def test_head_that_falls_silent_while_a_process_connects_is_lost(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray.exceptions import RpcError

    from worker.execution.ray import executor as ray_executor
    from worker.execution.ray.needs import ActorNeeds

    def fall_silent(**_: object) -> None:
        raise RpcError("timed out")

    losses = list[str]()
    monkeypatch.setattr(ray, "init", lambda **_: None)
    monkeypatch.setattr(ray_executor, "Head", fall_silent)

    with pytest.raises(ConnectionError, match="does not answer: timed out"):
        ray_executor.RayExecutor(cluster.address, ActorNeeds(1), on_loss=losses.append)
    said = f"the Ray cluster at {cluster.address} is lost: its head does not answer: timed out"
    assert losses == [said]
