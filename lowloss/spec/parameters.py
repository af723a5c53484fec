"""Hyperparameters: fixed values, choices and ranges."""

from __future__ import annotations

import json
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from lowloss.spec.activations import Activation
from lowloss.spec.optimizers import OptimizerName
from lowloss.spec.parts import Spec, wrong_value
from lowloss.spec.schedules import Schedule

T = TypeVar("T")

Scaling = Literal["standard", "robust", "quantile", "piecewise", "none"]
Scale = Literal["linear", "log"]


def _check_range(low: float, high: float, scale: Scale, step: float | None) -> None:
    if low > high:
        raise wrong_value("range_reversed", f"min {low} is above max {high}", fix="swap them")
    if scale == "log" and low <= 0:
        raise wrong_value(
            "log_range_not_positive",
            f"min {low} is not positive, and a log scale has no zero",
            fix="raise min or use a linear scale",
        )
    if step is None:
        return
    if scale == "log":
        raise wrong_value(
            "step_does_not_fit",
            "a log scale takes no step",
            fix="remove step or use a linear scale",
        )
    steps = (high - low) / step if step > 0 else -1.0
    if steps < 0 or abs(steps - round(steps)) > 1e-9 * max(1.0, steps):
        raise wrong_value(
            "step_does_not_fit",
            f"step {step} does not lead from min {low} to max {high} in whole steps",
            fix="change step or max",
        )


class Float(Spec):
    """A range of real numbers, both ends included."""

    min: float
    max: float
    scale: Scale = "linear"
    step: float | None = None

    @model_validator(mode="after")
    def _check_is_range(self) -> Self:
        _check_range(self.min, self.max, self.scale, self.step)
        return self


class Int(Spec):
    """A range of whole numbers, both ends included."""

    min: int
    max: int
    scale: Scale = "linear"
    step: int | None = None

    @model_validator(mode="after")
    def _check_is_range(self) -> Self:
        _check_range(self.min, self.max, self.scale, self.step)
        return self


class Choice(Spec, Generic[T]):
    """A finite set of values."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the name of a choice of some values, for JSON Schema."""
        names = (name for kind, name in CHOICE_NAMES if kind is params[0])
        return next(names, None) or super().model_parametrized_name(params)

    choices: Annotated[tuple[T, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _check_no_repeats(self) -> Self:
        if len(set(self.choices)) != len(self.choices):
            raise wrong_value(
                "choices_repeat", "a choice is listed twice", fix="list each value once"
            )
        return self


def _find_form(value: object) -> str:
    """Return which form of a hyperparameter a value has: fixed, choice or range."""
    if isinstance(value, Choice) or (isinstance(value, dict) and "choices" in value):
        return "choice"
    return "range" if isinstance(value, Float | Int | dict) else "fixed"


def _find_form_or_auto(value: object) -> str:
    """Return which form a hyperparameter has that may also be decided by the server."""
    return "auto" if isinstance(value, str) else _find_form(value)


def _check_auto(value: object) -> object:
    if value == "auto":
        return value
    raise wrong_value(
        "selection_wanted",
        f"{json.dumps(value)} is not accepted",
        fix='give "auto", a number above 0, null for all inputs, or {"choices": […]}',
    )


def _reject_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise wrong_value(
            "number_wanted", "a number is wanted here, not true or false", fix="give a number"
        )
    return value


# A bound stands before this: behind it, it would not be a bound of a number in the JSON Schema.
Number = BeforeValidator(_reject_boolean)
Rate = Annotated[float, Field(gt=0), Number]
Penalty = Annotated[float, Field(ge=0), Number]
Share = Annotated[float, Field(ge=0, lt=1), Number]
Deviation = Annotated[float, Field(ge=0, le=1), Number]
"""Of noise: Keras's GaussianNoise takes no larger one."""
Dropout = Share
Mixup = Annotated[float, Field(ge=0, le=10), Number]
Count = Annotated[int, Field(ge=1), Number]
Depth = Annotated[int, Field(ge=0), Number]
"""Hidden layers; 0 are a linear network."""

OptionalRate = Rate | None
OptionalCount = Count | None
CHOICE_NAMES: tuple[tuple[Any, str], ...] = (
    (Rate, "RateChoice"),
    (OptionalRate, "OptionalRateChoice"),
    (Penalty, "PenaltyChoice"),
    (Dropout, "DropoutChoice"),
    (Mixup, "MixupChoice"),
    (Count, "CountChoice"),
    (OptionalCount, "OptionalCountChoice"),
    (Depth, "DepthChoice"),
    (Activation, "ActivationChoice"),
    (OptimizerName, "OptimizerChoice"),
    (Schedule, "ScheduleChoice"),
    (Scaling, "ScalingChoice"),
)


class RateRange(Float):
    """A range of positive numbers."""

    @model_validator(mode="after")
    def _check_is_positive(self) -> Self:
        if self.min <= 0:
            raise wrong_value(
                "range_outside_domain", f"min {self.min} is not above 0", fix="raise it"
            )
        return self


class PenaltyRange(Float):
    """A range of numbers from 0 up."""

    min: Penalty


class DropoutRange(Float):
    """A range of dropout rates, from 0 to below 1."""

    min: Dropout
    max: Dropout


class MixupRange(Float):
    """A range of mixup's alpha, from 0 to 10."""

    min: Mixup
    max: Mixup


class CountRange(Int):
    """A range of whole numbers from 1 up."""

    min: Count


class DepthRange(Int):
    """A range of numbers of hidden layers, from 0 up."""

    min: Depth


class WidthRange(CountRange):
    """A range of layer widths: drawn for each layer, or once for all."""

    per_layer: bool = True


Fixed, Choices, Range = Tag("fixed"), Tag("choice"), Tag("range")
Form = Discriminator(_find_form)
RateParameter = Annotated[
    Annotated[Rate, Fixed] | Annotated[Choice[Rate], Choices] | Annotated[RateRange, Range], Form
]
ClipParameter = Annotated[
    Annotated[OptionalRate, Fixed]
    | Annotated[Choice[OptionalRate], Choices]
    | Annotated[RateRange, Range],
    Form,
]
PenaltyParameter = Annotated[
    Annotated[Penalty, Fixed]
    | Annotated[Choice[Penalty], Choices]
    | Annotated[PenaltyRange, Range],
    Form,
]
DropoutParameter = Annotated[
    Annotated[Dropout, Fixed]
    | Annotated[Choice[Dropout], Choices]
    | Annotated[DropoutRange, Range],
    Form,
]
MixupParameter = Annotated[
    Annotated[Mixup, Fixed] | Annotated[Choice[Mixup], Choices] | Annotated[MixupRange, Range],
    Form,
]
CountParameter = Annotated[
    Annotated[Count, Fixed] | Annotated[Choice[Count], Choices] | Annotated[CountRange, Range], Form
]
DepthParameter = Annotated[
    Annotated[Depth, Fixed] | Annotated[Choice[Depth], Choices] | Annotated[DepthRange, Range], Form
]
WidthParameter = Annotated[
    Annotated[Count, Fixed] | Annotated[Choice[Count], Choices] | Annotated[WidthRange, Range], Form
]
ActivationParameter = Annotated[
    Annotated[Activation, Fixed] | Annotated[Choice[Activation], Choices], Form
]
OptimizerParameter = Annotated[
    Annotated[OptimizerName, Fixed] | Annotated[Choice[OptimizerName], Choices], Form
]
ScheduleParameter = Annotated[
    Annotated[Schedule, Fixed] | Annotated[Choice[Schedule], Choices], Form
]
ScalingParameter = Annotated[Annotated[Scaling, Fixed] | Annotated[Choice[Scaling], Choices], Form]
SelectionParameter = Annotated[
    Annotated[Literal["auto"], BeforeValidator(_check_auto), Tag("auto")]
    | Annotated[OptionalCount, Fixed]
    | Annotated[Choice[OptionalCount], Choices],
    Discriminator(_find_form_or_auto),
]
