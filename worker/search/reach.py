"""The largest network that a search space allows, which decides what its programs are."""

from __future__ import annotations

from lowloss.spec import Float, SearchSpace
from worker.engine.cohort.buckets import Reach, pad
from worker.engine.cohort.shape import OPTIONS
from worker.search.space import is_width_per_layer, possible_values


def reach_of_space(space: SearchSpace) -> Reach:
    """Return the largest network that the space allows, and the options that its programs need."""
    options = frozenset(option for option in OPTIONS if _may_be_used(getattr(space, option)))
    widths, depths = possible_values(space.width), possible_values(space.layers)
    paddings = len({pad(width) for width in widths})
    is_per_layer = is_width_per_layer(space)
    shapes = sum(paddings ** (depth if is_per_layer else min(depth, 1)) for depth in depths)
    for parameter in (space.batch_size, space.activation, space.optimizer):
        shapes *= len(possible_values(parameter))
    return Reach(max(depths), max(widths), options, shapes)


def _may_be_used(parameter: object) -> bool:
    """Return whether an option may have a value other than none or 0."""
    return parameter.max > 0 if isinstance(parameter, Float) else any(possible_values(parameter))
