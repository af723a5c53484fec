"""The ways in which the networks of a search may see the columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from lowloss.spec import Choice, JobSpec, Scaling


@dataclass(frozen=True)
class InputChoice:
    """How numbers are scaled, and how many inputs are kept; all where `select_features` is None."""

    scale_features: Scaling
    select_features: int | None = None


def input_choices(spec: JobSpec) -> tuple[InputChoice, ...]:
    """Return what a search may choose from; those that keep all inputs come first."""
    counts, scalings = _selections(spec), _scalings(spec)
    return tuple(InputChoice(scaling, count) for count in counts for scaling in scalings)


def _scalings(spec: JobSpec) -> tuple[Scaling, ...]:
    match spec.preprocessing.scale_features:
        case Choice(choices=choices):
            return choices
        case fixed:
            assert fixed in get_args(Scaling)
            return (fixed,)


def _selections(spec: JobSpec) -> tuple[int | None, ...]:
    match spec.preprocessing.selection:
        case Choice(choices=choices):
            return tuple(sorted(choices, key=lambda count: count is not None))
        case fixed:
            return (fixed,)
