"""The search space in KerasTuner's terms, and its values in ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras_tuner import HyperParameters

from lowloss.results import Hyperparameters
from lowloss.spec import Choice, CountRange, Float, Int, JobSpec, SearchSpace, WidthRange
from lowloss.spec.activations import usual_initializers
from worker.data.prepare import scalings
from worker.engine.cohort.buckets import Reach, pad
from worker.engine.cohort.shape import OPTIONS
from worker.engine.plans import Plan

NO_CLIPPING = 0.0
"""Stands for a null `clip_norm`: KerasTuner takes no null, and no real norm is 0."""


def define_space(spec: JobSpec) -> HyperParameters:
    """Define a space as KerasTuner's hyperparameters. A fixed value is a `Fixed`.

    Layer i's width is `width_i`, which exists only where `layers` is i at least; one width for all
    layers is `width`.
    """
    hp, space = HyperParameters(), spec.search_space
    for name, value in parameters(spec).items():
        if name != "width":
            _define(hp, name, value)
    if not _is_per_layer(space):
        _define(hp, "width", space.width)
        return hp
    depths = possible_depths(space)
    for layer in range(1, max(depths) + 1):
        if layer <= min(depths):
            _define(hp, f"width_{layer}", space.width)
        else:
            with hp.conditional_scope("layers", [d for d in depths if d >= layer]):
                _define(hp, f"width_{layer}", space.width)
    return hp


def parameters(spec: JobSpec) -> dict[str, Any]:
    """Return everything that a search may choose, by name: how features are scaled, too.

    A range whose ends differ by their last digits is fixed: Optuna 5 divides by its width.
    """
    values_by_name = {name: getattr(spec.search_space, name) for name in SearchSpace.model_fields}
    values_by_name |= {"scale_features": spec.preprocessing.scale_features}
    return {
        name: value.min
        if isinstance(value, Float) and math.isclose(value.min, value.max)
        else value
        for name, value in values_by_name.items()
    }


def possible_depths(space: SearchSpace) -> list[int]:
    """Return the numbers of layers that the space allows, in order."""
    match space.layers:
        case Choice(choices=choices):
            return sorted(choices)
        case CountRange() as layers:
            return list(range(layers.min, layers.max + 1, layers.step or 1))
        case layers:
            return [layers]


def reach_of_space(space: SearchSpace) -> Reach:
    """Return the largest network that the space allows, and the options that its programs need."""
    options = frozenset(option for option in OPTIONS if _may_be_used(getattr(space, option)))
    paddings = len(
        {
            pad(width)
            for width in range(_smallest_value(space.width), _largest_value(space.width) + 1)
        }
    )
    depths = possible_depths(space)
    widths = sum(paddings**depth if _is_per_layer(space) else paddings for depth in depths)
    static = (space.batch_size, space.activation, space.optimizer)
    shapes = widths * math.prod(_count_values(value) for value in static)
    return Reach(max(depths), _largest_value(space.width), options, shapes)


def nearest_setting(spec: JobSpec, setting: Mapping[str, Any]) -> dict[str, Any]:
    """Return KerasTuner's values that are nearest to a setting, as far as the space allows.

    Its `width` is that of every layer.
    """
    space, ranges = spec.search_space, parameters(spec)
    values = {name: _nearest(ranges[name], value) for name, value in setting.items()}
    width = values.pop("width")
    if not _is_per_layer(space):
        return values | {"width": width}
    return values | {f"width_{layer}": width for layer in range(1, values["layers"] + 1)}


def to_hyperparameters(values: dict[str, Any]) -> Hyperparameters:
    """Convert KerasTuner's values to our hyperparameters."""
    layers = int(values["layers"])
    widths = tuple(
        int(values["width"] if "width" in values else values[f"width_{layer}"])
        for layer in range(1, layers + 1)
    )
    fields = {name: values[name] for name in Hyperparameters.model_fields if name != "widths"}
    if fields["clip_norm"] == NO_CLIPPING:
        fields["clip_norm"] = None
    return Hyperparameters(**fields | {"widths": widths})


def to_values(hyperparameters: Hyperparameters, space: SearchSpace) -> dict[str, Any]:
    """Convert our hyperparameters to KerasTuner's values: the inverse of `to_hyperparameters`."""
    values = hyperparameters.model_dump(exclude={"widths"})
    if values["clip_norm"] is None:
        values["clip_norm"] = NO_CLIPPING
    if not _is_per_layer(space):
        return values | {"width": hyperparameters.widths[0]}
    return values | {f"width_{i}": w for i, w in enumerate(hyperparameters.widths, start=1)}


def to_plan(number: int, seed: int, hyperparameters: Hyperparameters, spec: JobSpec) -> Plan:
    """Build the plan of a trial, on the first fold that is scaled its way."""
    fields = hyperparameters.model_dump(exclude={"layers", "widths", "scale_features"})
    first = scalings(spec).index(hyperparameters.scale_features) * spec.validation.fold_count
    max_epochs = spec.budget.max_epochs
    activations = [hyperparameters.activation] * hyperparameters.layers
    return Plan(
        number,
        seed,
        hyperparameters.widths,
        max_epochs=max_epochs,
        fold=first,
        initializers=usual_initializers(activations),
        **fields,
    )


def hyperparameters_of(plan: Plan, spec: JobSpec) -> Hyperparameters:
    """Return a plan's hyperparameters: the inverse of `to_plan`."""
    here = Hyperparameters.model_fields.keys() - {"layers", "scale_features"}
    return Hyperparameters(
        layers=len(plan.widths),
        scale_features=scalings(spec)[plan.fold // spec.validation.fold_count],
        **{name: getattr(plan, name) for name in here},
    )


def step_value(low: float, high: float, step: float, index: int) -> float:
    """Return the value `index` steps above the lowest; rounding never leads above the highest."""
    return min(low + index * step, high)


def trial_seed(job_seed: int, number: int, repeat: int = 0) -> int:
    """Return the seed of a trial, or of a repeat of it: the same on every machine."""
    entropy = [job_seed, number, repeat]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)


def _is_per_layer(space: SearchSpace) -> bool:
    match space.width:
        case WidthRange(per_layer=per_layer):
            return per_layer
        case Choice():
            return True
        case _:
            return False


def _largest_value(value: object) -> int:
    """Return the largest value of a whole-number parameter."""
    match value:
        case Choice(choices=choices):
            return int(max(choices))
        case Int():
            return value.max
        case fixed:
            return int(fixed)  # type: ignore[call-overload,no-any-return]


def _smallest_value(value: object) -> int:
    """Return the smallest value of a whole-number parameter."""
    match value:
        case Choice(choices=choices):
            return int(min(choices))
        case Int():
            return value.min
        case fixed:
            return int(fixed)  # type: ignore[call-overload,no-any-return]


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


def _define(hp: HyperParameters, name: str, value: object) -> None:
    match value:
        case Choice(choices=choices):
            hp.Choice(name, [NO_CLIPPING if c is None else c for c in choices], ordered=False)
        case Float():
            step = {} if value.step is None else {"step": value.step}
            hp.Float(name, value.min, value.max, sampling=value.scale, **step)
        case Int():
            step = {} if value.step is None else {"step": value.step}
            hp.Int(name, value.min, value.max, sampling=value.scale, **step)
        case None:
            hp.Fixed(name, NO_CLIPPING)
        case fixed:
            hp.Fixed(name, fixed)


def _nearest(value: object, value_near: Any) -> Any:
    """Return the value of a parameter's range that is nearest to the one wanted."""
    match value:
        case Choice(choices=choices):
            if value_near in choices:
                return _without_none(value_near)
            numbers = [c for c in choices if isinstance(c, int | float)]
            is_number = isinstance(value_near, int | float)
            nearest = (
                min(numbers, key=lambda c: abs(c - value_near)) if numbers and is_number else None
            )
            return _without_none(choices[0] if nearest is None else nearest)
        case Float() | Int():
            near = value.min if value_near is None else min(max(value_near, value.min), value.max)
            if value.step is None:
                return near
            index = round((near - value.min) / value.step)
            return step_value(value.min, value.max, value.step, index)
        case fixed:
            return _without_none(fixed)


def _without_none(value: Any) -> Any:
    return NO_CLIPPING if value is None else value
