"""Checks the values of a request against this server's limits."""

from __future__ import annotations

from collections.abc import Iterable

from lowloss.errors import LimitExceeded
from lowloss.spec import Choice, Float, Int

BoundedField = tuple[str, object, float]
"""A field, its value, and the value's limit."""


def check_bounds(fields: Iterable[BoundedField]) -> None:
    """Raise LimitExceeded for the first value that is over its limit."""
    for field, value, limit in fields:
        largest = find_largest(value)
        if largest > limit:
            raise LimitExceeded(
                f"{largest:g} is over this server's limit of {limit:g}",
                field=field,
                fix=f"use at most {limit:g}",
            )


def find_largest(value: object) -> float:
    """Return the largest number that a fixed value, choices or a range allow."""
    if isinstance(value, Choice):
        return max(find_largest(choice) for choice in value.choices)
    if isinstance(value, Float | Int):
        return float(value.max)
    return float(value)  # type: ignore[arg-type]  # a fixed number
