"""A suspect: a cause that a check names, with its evidence, before anything is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

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


def strongest(suspects: Iterable[Suspect]) -> Iterator[Suspect]:
    """Yield the strongest suspect of each cause, of one check that is made of each target."""
    by_cause: dict[Cause, Suspect] = {}
    for suspect in suspects:
        earlier = by_cause.get(suspect.cause)
        if earlier is None or suspect.strength > earlier.strength:
            by_cause[suspect.cause] = suspect
    yield from by_cause.values()


def merge_suspects(suspects: Iterable[Suspect]) -> dict[Cause, Suspect]:
    """Merge to one suspect a cause, upstream first: the strongest one's words, all evidence."""
    suspects_by_cause: dict[Cause, Suspect] = {}
    for suspect in suspects:
        earlier = suspects_by_cause.get(suspect.cause)
        if earlier is None:
            suspects_by_cause[suspect.cause] = suspect
            continue
        first, second = sorted([earlier, suspect], key=lambda suspect: -suspect.strength)
        new = [suspect for suspect in second.evidence if suspect not in first.evidence]
        # Two checks that agree are more than either.
        strength = first.strength + 0.2
        suspects_by_cause[suspect.cause] = replace(
            first,
            evidence=(*first.evidence, *new),
            strength=strength,
            columns=tuple(dict.fromkeys((*first.columns, *second.columns))),
            rows=tuple(dict.fromkeys((*first.rows, *second.rows))),
        )
    return {cause: suspects_by_cause[cause] for cause in Cause if cause in suspects_by_cause}
