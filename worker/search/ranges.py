"""The hyperparameters that vary: a trial's values, where those lie, and Optuna's distributions."""

from __future__ import annotations

import math
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from lowloss.results import Hyperparameters
from lowloss.spec import Choice, Float, Int, JobSpec
from worker.search.space import parameters

Searched = Choice[Any] | Float | Int
"""A hyperparameter that varies."""


def searched(spec: JobSpec) -> dict[str, Searched]:
    """Return the hyperparameters that vary, by name."""
    return {name: parameter for name, parameter in parameters(spec).items() if _varies(parameter)}


def value_of(hyperparameters: Hyperparameters, name: str) -> Any:
    """Return a hyperparameter's value; that of `width` is the widest layer's."""
    return max(hyperparameters.widths) if name == "width" else getattr(hyperparameters, name)


def position_of(parameter: Float | Int, value: float) -> float:
    """Return where in its range a value lies, from 0 to 1 on the range's scale."""
    low, high = float(parameter.min), float(parameter.max)
    if parameter.scale == "log":
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def distribution_of(parameter: Searched) -> BaseDistribution:
    """Return Optuna's distribution of a hyperparameter that varies.

    Real numbers have no step there: where rounding errors make it miss the range's end, Optuna 5
    moves that end, and refuses the values there.
    """
    match parameter:
        case Choice(choices=choices):
            return CategoricalDistribution(choices)
        case Int():
            is_log, step = parameter.scale == "log", parameter.step or 1
            return IntDistribution(parameter.min, parameter.max, log=is_log, step=step)
        case Float():
            return FloatDistribution(parameter.min, parameter.max, log=parameter.scale == "log")


def _varies(parameter: object) -> bool:
    match parameter:
        case Choice(choices=choices):
            return len(choices) > 1
        case Float(min=low, max=high) | Int(min=low, max=high):
            return low < high
        case _:
            return False
