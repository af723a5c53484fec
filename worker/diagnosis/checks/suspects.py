"""A suspect: a cause that a check names, with its evidence, before anything is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lowloss.results import Cause, Evidence
from lowloss.wording import list_first


@dataclass(frozen=True)
class Suspect:
    """A cause, and what speaks for it.

    `sentence` says what is there, without what it does to the loss. `strength` grows with how far
    the evidence lies beyond its threshold, in powers of ten. One that `is_certain` leaves nothing
    to learn, or makes the target unreachable, whatever else is right. One that `is_inert` cannot
    raise a loss, and is told of all the same.
    """

    cause: Cause
    sentence: str
    evidence: tuple[Evidence, ...]
    strength: float = 0.5
    is_certain: bool = False
    is_inert: bool = False
    columns: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()


def evidence(what: str, value: float | None, threshold: float | None = None) -> Evidence:
    """Build evidence from a measured value, rounded to four digits."""
    return Evidence(
        what=what,
        value=None if value is None else float(f"{value:.4g}"),
        threshold=None if threshold is None else float(threshold),
    )


def list_names(names: Sequence[str], limit: int = 5) -> str:
    """List names for a sentence."""
    return list_first(names, limit, repr)
