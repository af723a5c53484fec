"""A suspect: a cause that a check names, with its evidence, before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.results import Cause, Evidence


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
    """What was measured, with as many digits as are worth telling."""
    return Evidence(
        what=what, value=None if value is None else float(f"{value:.4g}"), threshold=threshold
    )


def list_names(names: tuple[str, ...] | list[str], most: int = 5) -> str:
    """Names as a sentence lists them."""
    shown = ", ".join(repr(name) for name in names[:most])
    more = len(names) - most
    return shown if more <= 0 else f"{shown} and {more} more"
