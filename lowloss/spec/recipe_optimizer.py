"""A recipe's optimizer, with all arguments of Keras that a training depends on."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lowloss.spec.keras_names import KerasName
from lowloss.spec.optimizers import OPTIMIZERS, OptimizerName, OptimizerRecord, find_optimizer
from lowloss.spec.parameters import Count, Number, Penalty, Rate, Share
from lowloss.spec.parts import Spec, wrong_value
from lowloss.spec.schedules import StepSchedule

FOR_ALL = frozenset({"clipnorm", "clipvalue", "gradient_accumulation_steps"})


class OptimizerArguments(Spec):
    """Keras's arguments that no cohort of the engine has; null for Keras's default.

    `momentum` is that of an optimizer without one of its own, such as RMSprop.
    """

    beta_1: Share | None = None
    beta_2: Share | None = None
    epsilon: Penalty | None = None
    rho: Share | None = None
    momentum: Share | None = None
    initial_accumulator_value: Penalty | None = None
    amsgrad: bool | None = None
    centered: bool | None = None
    clipnorm: Rate | None = None
    clipvalue: Rate | None = None
    gradient_accumulation_steps: Annotated[int, Field(ge=2), Number] | None = None


class RateDecay(Spec):
    """A learning rate that falls with every step: Keras's ExponentialDecay or InverseTimeDecay."""

    form: Literal["exponential", "inverse_time"] = "inverse_time"
    decay_steps: Count = 1
    decay_rate: Rate
    staircase: bool = False

    @property
    def keras_class(self) -> str:
        """The class of Keras's schedule."""
        return {"exponential": "ExponentialDecay", "inverse_time": "InverseTimeDecay"}[self.form]


class RecipeOptimizer(Spec):
    """An optimizer; `learning_rate` null means Keras's default for it.

    Only SGD takes `momentum`; with `nesterov`, true or false, it is `sgd_nesterov` or `sgd`.
    `clip_norm` is Keras's `global_clipnorm`. A number for `decay` is the argument of Keras 2. What
    stands in `arguments` may also stand beside the name.
    """

    name: Annotated[OptimizerName, KerasName] = "rmsprop"
    learning_rate: Rate | None = None
    schedule: StepSchedule = "constant"
    decay: RateDecay | None = None
    momentum: Annotated[float, Field(ge=0, lt=1), Number] = 0.0
    weight_decay: Penalty = 0.0
    clip_norm: Rate | None = None
    arguments: OptimizerArguments = OptimizerArguments()

    @model_validator(mode="before")
    @classmethod
    def _name_with_arguments(cls, fields: Any) -> Any:
        """Replace arguments that a record's name stands for by that name."""
        if not isinstance(fields, dict) or not isinstance(fields.get("name"), str):
            return fields
        nesterov = fields.get("nesterov")
        if not isinstance(nesterov, bool | None):
            raise wrong_value(
                "boolean_wanted", f"nesterov is {nesterov!r}", fix="give true or false"
            )
        record = find_optimizer(fields["name"].replace("_", ""), fields)
        if record is None:
            return fields
        rest = {name: fields[name] for name in fields if name not in record.arguments}
        return rest | {"name": record.name}

    @model_validator(mode="before")
    @classmethod
    def _gather_arguments(cls, fields: Any) -> Any:
        """Put arguments that stand beside the name where they belong."""
        if not isinstance(fields, dict) or not isinstance(fields.get("arguments", {}), dict):
            return fields
        names = OptimizerArguments.model_fields.keys() - {"momentum"}
        record = find_optimizer(str(fields.get("name")), fields)
        if record is not None and "momentum" in record.constants and fields.get("momentum"):
            names |= {"momentum"}
        beside = {name: fields[name] for name in fields if name in names}
        if not beside:
            return fields
        rest = {name: fields[name] for name in fields if name not in names}
        return rest | {"arguments": fields.get("arguments", {}) | beside}

    @field_validator("decay", mode="before")
    @classmethod
    def _expand_decay(cls, value: Any) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return ({"decay_rate": value} if value else None) if is_number else value

    @model_validator(mode="after")
    def _check_momentum(self) -> Self:
        if self.momentum and not self.record.takes_momentum:
            raise wrong_value(
                "momentum_does_not_fit",
                f"{self.name} takes no momentum",
                fix="leave it out, or use sgd",
                field="momentum",
            )
        return self

    @model_validator(mode="after")
    def _check_arguments(self) -> Self:
        names = self.record.constants.keys() | self.record.flags | FOR_ALL
        for name in self.arguments.model_dump(exclude_none=True):
            if name not in names:
                raise wrong_value(
                    "argument_does_not_fit", f"{self.name} takes no {name}", fix="leave it out"
                )
        clips = (self.clip_norm, self.arguments.clipnorm, self.arguments.clipvalue)
        if sum(clip is not None for clip in clips) > 1:
            raise wrong_value(
                "clips_do_not_fit",
                "Keras takes one of clip_norm, clipnorm and clipvalue",
                fix="leave the others out",
                field="clip_norm",
            )
        if self.decay is not None and self.schedule != "constant":
            raise wrong_value(
                "decay_does_not_fit",
                f"the learning rate falls by decay and by the schedule {self.schedule}",
                fix="leave one of them out",
                field="decay",
            )
        return self

    @property
    def keras_arguments(self) -> tuple[tuple[str, Any], ...]:
        """The arguments that differ from Keras's defaults."""
        defaults = {name: one.default for name, one in self.record.constants.items()}
        return tuple(
            (name, value)
            for name, value in self.arguments.model_dump(exclude_none=True).items()
            if value is not False and value != defaults.get(name)
        )

    @property
    def rate(self) -> float:
        """The learning rate: the recipe's, or else Keras's default."""
        return self.record.default_rate if self.learning_rate is None else self.learning_rate

    @property
    def record(self) -> OptimizerRecord:
        """What is known of the optimizer."""
        return OPTIMIZERS[self.name]
