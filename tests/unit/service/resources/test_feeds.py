"""A feed hands out each event once and in order, also where numbers have gaps."""

from __future__ import annotations

import asyncio

from service.resources.feeds import EventFeed, FeedEvent

NUMBERS = (1, 2, 7, 8, 30)


async def read_all(feed: EventFeed, after: int) -> list[int]:
    events, numbers = await feed.read_after(after), []
    while events:
        numbers += [event.number for event in events]
        events = await feed.read_after(numbers[-1])
    return numbers


def test_follower_in_a_gap_gets_what_comes_after_it_from_memory() -> None:
    reads: list[int] = []

    def read(_job_id: str, after: int) -> list[FeedEvent]:
        reads.append(after)
        return [FeedEvent(number, b"", is_last=False) for number in NUMBERS if number > after]

    async def follow() -> dict[int, list[int]]:
        feed = EventFeed("job_1", read)
        await read_all(feed, 0)
        return {after: await read_all(feed, after) for after in (0, 1, 2, 5, 7, 29, 30)}

    seen = asyncio.run(follow())

    assert seen == {after: [n for n in NUMBERS if n > after] for after in seen}
    assert reads == [0]
