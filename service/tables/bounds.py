"""Holds what a stranger asks for against this server's limits."""

from __future__ import annotations

from collections.abc import Iterable

from lowloss.errors import LimitExceeded
from lowloss.spec import Choice, Float, Int

Bounded = tuple[str, object, float]
"""A field, its value, and the most that is allowed of it."""


def check_bounds(bounded: Iterable[Bounded]) -> None:
    """Raise LimitExceeded for the first value that is over its limit."""
    for field, value, limit in bounded:
        largest = _largest(value)
        if largest > limit:
            raise LimitExceeded(
                f"{largest:g} is over this server's limit of {limit:g}",
                field=field,
                fix=f"use at most {limit:g}",
            )


def _largest(value: object) -> float:
    if isinstance(value, Choice):
        return max(_largest(choice) for choice in value.choices)
    if isinstance(value, Float | Int):
        return float(value.max)
    return float(value)  # type: ignore[arg-type]  # a fixed number
