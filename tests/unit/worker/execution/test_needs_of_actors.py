"""What an actor needs: how many a node has room for, and in words."""

from __future__ import annotations

import pytest

from worker.execution.ray.needs import ActorNeeds

NODE = {"CPU": 8.0, "GPU": 2.0, "memory": 16e9, "fast": 0.3}


@pytest.mark.parametrize(
    ("needs", "room", "words"),
    [
        (ActorNeeds(2), 4, "2 cores"),
        (ActorNeeds(0.5), 16, "0.5 cores"),
        (ActorNeeds(16), 0, "16 cores"),
        (ActorNeeds(1, gpus=0.25), 8, "1 cores and 0.25 GPUs"),
        (ActorNeeds(1, memory_bytes=3_000_000_000), 5, "1 cores and 3,000,000,000 bytes of memory"),
        (
            ActorNeeds(1, gpus=1, resources={"fast": 0.1}),
            2,
            "1 cores, 1 GPUs and 0.1 of the resource fast",
        ),
        (ActorNeeds(1, resources={"fast": 0.1}), 3, "1 cores and 0.1 of the resource fast"),
        (ActorNeeds(1, resources={"none": 1}), 0, "1 cores and 1 of the resource none"),
    ],
)
def test_node_has_room_for_as_many_actors_as_its_scarcest_resource_allows(
    needs: ActorNeeds, room: int, words: str
) -> None:
    assert needs.count_room(NODE) == room
    assert str(needs) == words


@pytest.mark.parametrize(("cores", "threads"), [(0.5, 1), (1.5, 1), (4, 4)])
def test_actor_trains_in_whole_cores(cores: float, threads: int) -> None:
    assert ActorNeeds(cores).threads == threads
