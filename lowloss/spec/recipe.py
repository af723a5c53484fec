"""A recipe: what somebody trained, as Keras names it. What is left out is as in Keras."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from lowloss.spec.parameters import Dropout, Mixup, Number, Penalty, Rate, Schedule
from lowloss.spec.parts import Spec, Text

LayerActivation = Literal[
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
    "tanh",
    "sigmoid",
    "hard_sigmoid",
    "exponential",
    "softmax",
]
LossName = Literal[
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "poisson",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
]
CROSSENTROPIES = frozenset(
    {"binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"}
)
InitializerName = Literal[
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "zeros",
    "ones",
    "constant",
]
OptimizerName = Literal["adam", "adamw", "rmsprop", "sgd"]
RecipeScaling = Literal["none", "standard", "minmax", "robust", "quantile"]

ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "logcosh": "log_cosh",
    "bce": "binary_crossentropy",
    "swish": "silu",
    "adam_w": "adamw",
    "re_lu": "relu",
    "leaky_re_lu": "leaky_relu",
}
"""Other names that Keras knows a loss, an activation or an optimizer by."""
DEFAULT_RATES = {"adam": 0.001, "adamw": 0.001, "rmsprop": 0.001, "sgd": 0.01}
SCALES = {
    "random_normal": 0.05,
    "truncated_normal": 0.05,
    "random_uniform": 0.05,
    "constant": 0.0,
}
"""Keras's defaults of what `scale` means for an initializer."""


def snake(name: str) -> str:
    """A Keras class's name as that of its function: MeanSquaredError as mean_squared_error."""
    if name.islower():
        return name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _keras_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    name = snake(value)
    return ALIASES.get(name, name)


KerasName = BeforeValidator(_keras_name)


class Initializer(Spec):
    """How a kernel begins.

    `scale` is the standard deviation of a normal, the limit of a uniform, or the constant; Keras's
    own default where it is null. The others follow from the layer's sizes, and take none.
    """

    name: Annotated[InitializerName, KerasName]
    scale: float | None = None

    @model_validator(mode="after")
    def _takes_a_scale(self) -> Self:
        if self.scale is not None and self.name not in SCALES:
            raise PydanticCustomError(
                "scale_does_not_fit", "{name} takes no scale: leave it out", {"name": self.name}
            )
        return self


class RecipeLayer(Spec):
    """A Dense layer, its activation, and the Dropout after it; biases begin at zero."""

    units: Annotated[int, Number, Field(ge=1)]
    activation: Annotated[LayerActivation, KerasName] = "linear"
    kernel_initializer: Initializer = Initializer(name="glorot_uniform")
    l1: Penalty = 0.0
    l2: Penalty = 0.0
    dropout: Dropout = 0.0

    @field_validator("kernel_initializer", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("activation", mode="before")
    @classmethod
    def _none_is_linear(cls, value: Any) -> Any:
        return "linear" if value is None else value


class RecipeOptimizer(Spec):
    """An optimizer; `learning_rate` is Keras's default for it where it is null.

    `momentum` is of SGD alone, `clip_norm` Keras's `global_clipnorm`.
    """

    name: Annotated[OptimizerName, KerasName] = "rmsprop"
    learning_rate: Rate | None = None
    schedule: Schedule = "constant"
    momentum: Annotated[float, Number, Field(ge=0, lt=1)] = 0.0
    weight_decay: Penalty = 0.0
    clip_norm: Rate | None = None

    @model_validator(mode="after")
    def _has_momentum_alone(self) -> Self:
        if self.momentum and self.name != "sgd":
            raise PydanticCustomError(
                "momentum_does_not_fit",
                "{name} takes no momentum: leave it out, or use sgd",
                {"name": self.name},
            )
        return self

    @property
    def rate(self) -> float:
        """The learning rate, whoever set it."""
        return DEFAULT_RATES[self.name] if self.learning_rate is None else self.learning_rate


class RecipeEarlyStopping(Spec):
    """Keras's EarlyStopping on `val_loss`."""

    patience: Annotated[int, Number, Field(ge=0)] = 0
    restore_best_weights: bool = False


class Recipe(Spec):
    """One training: the columns' treatment, the network, and how it was fitted.

    The last of `layers` is the output layer. `missing`: what becomes of missing numbers: `keep`
    feeds NaN to the network, `mean` the column's mean and an indicator. `class_weight`: `balanced`
    weighs every class the same. `noise` is the standard deviation of Gaussian noise added to each
    scaled feature, `mixup` the alpha of mixup. `exclude` are columns that the network does not see.
    """

    scale_features: RecipeScaling = "none"
    scale_target: Literal["none", "standard", "minmax"] = "none"
    missing: Literal["keep", "mean"] = "keep"
    exclude: tuple[Text, ...] = ()
    class_weight: Literal["none", "balanced"] = "none"
    noise: Penalty = 0.0
    mixup: Mixup = 0.0
    layers: Annotated[tuple[RecipeLayer, ...], Field(min_length=1, max_length=100)]
    loss: Annotated[LossName, KerasName]
    optimizer: RecipeOptimizer = RecipeOptimizer()
    batch_size: Annotated[int, Number, Field(ge=1)] = 32
    epochs: Annotated[int, Number, Field(ge=0)] = 1
    validation_split: Annotated[float, Number, Field(ge=0, lt=1)] = 0.0
    early_stopping: RecipeEarlyStopping | None = None

    @field_validator("optimizer", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def hidden(self) -> tuple[RecipeLayer, ...]:
        """All layers but the output layer."""
        return self.layers[:-1]

    @property
    def output(self) -> RecipeLayer:
        """The output layer."""
        return self.layers[-1]

    @property
    def is_classifier(self) -> bool:
        """Whether its loss is one of classes."""
        return self.loss in CROSSENTROPIES

    def changed(self, change: dict[str, Any]) -> Recipe:
        """The recipe with some fields changed; of an object, those that are given.

        A `layers` among them is the whole list. Raises pydantic's ValidationError.
        """
        given = self.model_dump(mode="json")
        for name, value in change.items():
            is_part = isinstance(value, dict) and isinstance(given[name], dict)
            given[name] = given[name] | value if is_part else value
        return Recipe.model_validate(given)
