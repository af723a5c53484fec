"""How many requests of a kind a project may send in a minute."""

from __future__ import annotations

import pytest

from lowloss.errors import TooManyRequests
from service.resources.rates import Rated, Rates


def test_minute_begins_with_each_request() -> None:
    now = 100.0
    rates = Rates(lambda: now)
    for seconds in (0, 10, 20):
        now = 100.0 + seconds
        rates.take("vision", Rated.uploads, 3)

    now = 159.5
    with pytest.raises(TooManyRequests) as caught:
        rates.take("vision", Rated.uploads, 3)

    assert caught.value.retry_after_s == 1
    now = 160.0
    rates.take("vision", Rated.uploads, 3)
    with pytest.raises(TooManyRequests):
        rates.take("vision", Rated.uploads, 3)


def test_kinds_and_projects_are_counted_by_themselves() -> None:
    rates = Rates(lambda: 0.0)

    for project in ("default", "vision"):
        for kind in Rated:
            rates.take(project, kind, 1)
    rates.take("free", Rated.uploads, None)


def test_limit_of_nothing_refuses_all() -> None:
    with pytest.raises(TooManyRequests) as caught:
        Rates(lambda: 0.0).take("vision", Rated.submits, 0)

    assert caught.value.retry_after_s == 60


def test_lowered_limit_waits_until_as_few_are_a_minute_old() -> None:
    now = 0.0
    rates = Rates(lambda: now)
    for seconds in range(5):
        now = float(seconds)
        rates.take("vision", Rated.uploads, 5)

    with pytest.raises(TooManyRequests) as caught:
        rates.take("vision", Rated.uploads, 2)

    # Those of seconds 3 and 4 may stay; that of second 3 must be over for another one.
    assert caught.value.retry_after_s == 59
