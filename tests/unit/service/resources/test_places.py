"""Places for parsers: one token does not take them all."""

from __future__ import annotations

import asyncio
import threading

from fastapi import Request

from service.access.auth import CLIENT
from service.resources.places import Places


def test_second_token_has_a_place_beside_a_first_one_that_asks_for_many() -> None:
    begun, end = threading.Semaphore(0), threading.Event()

    def work() -> None:
        begun.release()
        end.wait(20)

    async def scenario() -> str:
        places = Places(2, clients=2)
        first, second = (Request({"type": "http", CLIENT: number}) for number in range(2))
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
        request = Request({"type": "http"})
        return await asyncio.gather(*(places.run(request, barrier.wait) for _ in range(2)))

    assert sorted(asyncio.run(scenario())) == [0, 1]
