"""Scales of charts: where values stand, and at which numbers the ticks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowloss.charts.scales import is_spread, make_scale

FINITE = st.floats(min_value=-1e12, max_value=1e12)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((0.0, 10.0), [0, 2, 4, 6, 8, 10]),
        ((0.13, 0.37), [0.15, 0.2, 0.25, 0.3, 0.35]),
        ((1e6, 5e6), [1e6, 2e6, 3e6, 4e6, 5e6]),
        ((-3.0, 3.0), [-3, -2, -1, 0, 1, 2, 3]),
    ],
)
def test_ticks_stand_at_round_numbers(values: tuple[float, float], ticks: list[float]) -> None:
    scale = make_scale(values, start=0, end=100)

    shown = scale.ticks(6 if len(ticks) > 5 else 5)

    assert shown == pytest.approx(ticks)


def test_ticks_of_a_log_scale_are_powers_of_ten() -> None:
    scale = make_scale((1e-5, 1e-1), start=0, end=100, is_log=True)

    assert scale.ticks(5) == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 1e-1])


def test_narrow_log_scale_has_ticks_too() -> None:
    scale = make_scale((0.044, 0.17), start=0, end=100, is_log=True)

    assert len(scale.ticks(5)) >= 2


@given(st.lists(FINITE, min_size=1, max_size=20), st.integers(1, 10))
def test_every_value_and_tick_is_within_the_scale(values: list[float], count: int) -> None:
    scale = make_scale(values, start=10, end=90)

    ticks = scale.ticks(count)

    assert all(10 <= scale.position(value) <= 90 for value in values)
    assert all(scale.low - 1e-6 * abs(scale.low) <= tick for tick in ticks)
    assert ticks == sorted(ticks)


@given(st.lists(st.floats(min_value=1e-9, max_value=1e9), min_size=1, max_size=20))
def test_log_scale_keeps_the_order(values: list[float]) -> None:
    scale = make_scale(values, start=0, end=1000, is_log=True)

    positions = [scale.position(value) for value in sorted(values)]

    assert positions == sorted(positions)
    assert scale.ticks(5) == sorted(scale.ticks(5))


@pytest.mark.parametrize(
    ("values", "spread"),
    [((1.0, 100.0), True), ((1.0, 2.0), False), ((0.0, 100.0), False), ((), False)],
)
def test_values_far_apart_are_shown_by_their_logarithm(
    values: tuple[float, ...], *, spread: bool
) -> None:
    assert is_spread(values) is spread
