"""Who tries tokens has to wait; who has one need not."""

from __future__ import annotations

import pytest

from lowloss.errors import TooManyRequests
from service.access.wrong_tokens import MAX_PEERS, MAX_WRONG, WINDOW_SECONDS, WrongTokens

PEER, OTHER = "192.0.2.7", "192.0.2.8"


class Clock:
    """A clock that a test sets."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def a_count(clock: Clock, wrong: int = MAX_WRONG, peer: str = PEER) -> WrongTokens:
    tokens = WrongTokens(clock)
    for _ in range(wrong):
        tokens.check(peer, "guess")
        tokens.count_wrong(peer)
    return tokens


def test_address_waits_after_some_wrong_tokens_until_the_first_is_a_minute_ago() -> None:
    clock = Clock()
    tokens = a_count(clock)
    clock.seconds += 20

    with pytest.raises(TooManyRequests) as caught:
        tokens.check(PEER, "another guess")

    assert caught.value.retry_after_s == WINDOW_SECONDS - 20
    clock.seconds += WINDOW_SECONDS - 20
    tokens.check(PEER, "another guess")


def test_others_and_those_with_a_few_wrong_tokens_do_not_wait() -> None:
    a_count(Clock(), MAX_WRONG - 1).check(PEER, "guess")
    a_count(Clock()).check(OTHER, "guess")


def test_token_that_was_right_is_looked_at_beside_wrong_ones_of_its_address() -> None:
    tokens = a_count(Clock())
    tokens.note_right(PEER, "right")

    tokens.check(PEER, "right")
    with pytest.raises(TooManyRequests):
        tokens.check(PEER, "wrong")


def test_addresses_of_one_ipv6_network_are_one() -> None:
    tokens = a_count(Clock(), peer="2001:db8::1")

    with pytest.raises(TooManyRequests):
        tokens.check("2001:db8::ffff", "guess")
    tokens.check("2001:db8:0:1::1", "guess")


def test_what_is_remembered_is_bounded() -> None:
    tokens = a_count(Clock())

    for number in range(MAX_PEERS + 1):
        tokens.count_wrong(f"peer {number}")
        tokens.note_right(f"peer {number}", "right")

    assert len(tokens._wrong_at) == MAX_PEERS
    assert len(tokens._right) == MAX_PEERS
    tokens.check(PEER, "guess")
