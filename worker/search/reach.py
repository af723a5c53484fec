"""The largest network that a search space allows, which decides what its programs are."""

from __future__ import annotations

import math

from lowloss.spec import Choice, Float, Int, SearchSpace
from worker.engine.cohort.buckets import Reach, pad
from worker.engine.cohort.shape import OPTIONS
from worker.search.space import is_width_per_layer, possible_depths


def reach_of_space(space: SearchSpace) -> Reach:
    """Return the largest network that the space allows, and the options that its programs need."""
    options = frozenset(option for option in OPTIONS if _may_be_used(getattr(space, option)))
    narrowest, widest = _ends(space.width)
    paddings = len({pad(width) for width in range(narrowest, widest + 1)})
    depths = possible_depths(space)
    widths = sum(paddings**depth if is_width_per_layer(space) else paddings for depth in depths)
    static = (space.batch_size, space.activation, space.optimizer)
    shapes = widths * math.prod(_count_values(value) for value in static)
    return Reach(max(depths), widest, options, shapes)


def _ends(value: int | Choice[int] | Int) -> tuple[int, int]:
    """Return the smallest and the largest value of a whole-number parameter."""
    match value:
        case Choice(choices=choices):
            return min(choices), max(choices)
        case Int(min=low, max=high):
            return low, high
        case fixed:
            return fixed, fixed


def _count_values(value: object) -> int:
    """Count the values of a parameter that programs are compiled for."""
    match value:
        case Choice(choices=choices):
            return len(choices)
        case Int():
            return value.max - value.min + 1
        case _:
            return 1


def _may_be_used(value: object) -> bool:
    """Return whether an option may have a value other than none or 0."""
    match value:
        case Choice(choices=choices):
            return any(choices)
        case Float():
            return value.max > 0
        case fixed:
            return bool(fixed)
