"""When a gain is sure: on every draw, or on all but one that hardly counts."""

from __future__ import annotations

import pytest

from worker.diagnosis.chain.gains import Gain


@pytest.mark.parametrize(
    ("falls", "is_sure"),
    [
        ((), False),
        ((0.1,), True),
        ((-0.1,), False),
        ((0.2, 0.1, 0.3), True),
        ((0.45, 0.4, -0.05), True),
        ((0.1, 0.1, -0.05), False),
        ((0.5, -0.01), False),
        ((0.5, -0.01, -0.01), False),
        ((0.1, 0.1, 0.1, -0.05), True),
        ((0.1, 0.1, -0.05, -0.05), False),
    ],
)
def test_gain_is_sure_where_draws_agree(falls: tuple[float, ...], is_sure: bool) -> None:
    assert Gain(falls).is_sure is is_sure
