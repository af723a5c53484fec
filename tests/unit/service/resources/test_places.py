"""Places for parsers: one token does not take them all."""

from __future__ import annotations

import asyncio
import threading

import pytest

from service.access.callers import caller_of_setting
from service.resources.places import Places


@pytest.mark.parametrize("clients", [2, 0])
def test_second_token_has_a_place_beside_a_first_one_that_asks_for_many(clients: int) -> None:
    begun, end = threading.Semaphore(0), threading.Event()

    def work() -> None:
        begun.release()
        end.wait(20)

    async def scenario() -> str:
        places = Places(2, clients=clients)
        first, second = (caller_of_setting(number) for number in range(2))
        if not clients:
            # Both were here before: that is how tokens of the store become known.
            for caller in (first, second):
                await places.run(caller, int)
        tasks = [asyncio.create_task(places.run(first, work)) for _ in range(5)]
        await asyncio.to_thread(begun.acquire)
        answer = await asyncio.wait_for(places.run(second, lambda: "served"), 20)
        end.set()
        await asyncio.gather(*tasks)
        return answer

    assert asyncio.run(scenario()) == "served"


def test_only_token_may_take_every_place() -> None:
    barrier = threading.Barrier(2, timeout=20)

    async def scenario() -> list[int]:
        places = Places(2, clients=1)
        caller = caller_of_setting(0)
        return await asyncio.gather(*(places.run(caller, barrier.wait) for _ in range(2)))

    assert sorted(asyncio.run(scenario())) == [0, 1]


def test_places_say_how_many_are_busy_and_how_many_wait() -> None:
    begun, end = threading.Semaphore(0), threading.Event()

    def work() -> None:
        begun.release()
        end.wait(20)

    async def scenario() -> list[tuple[int, int]]:
        places = Places(2, clients=1)
        seen = [(places.busy, places.waiting)]
        caller = caller_of_setting(0)
        tasks = [asyncio.create_task(places.run(caller, work)) for _ in range(5)]
        for _ in range(2):
            await asyncio.to_thread(begun.acquire)
        seen.append((places.busy, places.waiting))
        end.set()
        await asyncio.gather(*tasks)
        return [*seen, (places.busy, places.waiting)]

    assert asyncio.run(scenario()) == [(0, 0), (2, 3), (0, 0)]
