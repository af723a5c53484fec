"""A recipe: one training in Keras's names. Fields left out have Keras's defaults."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from lowloss.spec.extra_layers import ExtraLayers, Merge, SkipStart
from lowloss.spec.keras_names import KerasName
from lowloss.spec.losses import LOSSES, LossName, LossRecord
from lowloss.spec.parameters import Mixup, Number, Penalty, Rate, Share
from lowloss.spec.parts import Spec, Text, wrong_value
from lowloss.spec.recipe_layer import RecipeLayer
from lowloss.spec.recipe_optimizer import RecipeOptimizer
from lowloss.spec.schedules import Plateau
from lowloss.spec.skips import SkipMisfitError, check_skips, list_inputs
from lowloss.spec.stopping import MONITORS, Monitor, StopMonitor

RecipeScaling = Literal["none", "standard", "minmax", "robust", "quantile", "piecewise"]


ValuesByName = dict[str, tuple[object, ...]]
VERBOSE: ValuesByName = {"verbose": (0, 1, 2)}
STOPPING_DEFAULTS: ValuesByName = VERBOSE | {"baseline": (None,), "start_from_epoch": (0,)}
PLATEAU_DEFAULTS: ValuesByName = VERBOSE | {"monitor": ("val_loss",), "mode": ("auto", "min")}
"""Arguments of Keras's callbacks that change nothing, with the values that a recipe takes."""


def _drop_harmless_arguments(value: dict[str, Any], defaults: ValuesByName) -> dict[str, Any]:
    """Return a callback's other arguments; raise ValueError for a value that would change it."""
    for name, allowed in defaults.items():
        if name in value and value[name] not in allowed:
            listed = " or ".join(map(repr, allowed))
            raise wrong_value(
                "callback_does_not_fit",
                f"{name} {value[name]!r} is not supported",
                fix=f"leave {name} out, or give {listed}",
            )
    return {name: one for name, one in value.items() if name not in defaults}


class RecipeEarlyStopping(Spec):
    """Keras's EarlyStopping, with its names and defaults."""

    monitor: Monitor = "val_loss"
    mode: Literal["auto", "min", "max"] = "auto"
    min_delta: Penalty = 0.0
    patience: Annotated[int, Field(ge=0), Number] = 0
    restore_best_weights: bool = False

    @model_validator(mode="before")
    @classmethod
    def _use_one_name(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        fields = _drop_harmless_arguments(value, STOPPING_DEFAULTS)
        monitor = fields.get("monitor", "val_loss")
        if not isinstance(monitor, str) or monitor not in MONITORS:
            listed = ", ".join(map(repr, dict.fromkeys(MONITORS.values())))
            raise wrong_value(
                "callback_does_not_fit",
                f"monitor {monitor!r} is not supported",
                fix=f"leave monitor out, or give one of {listed}",
            )
        usual = "max" if "acc" in monitor else "min"
        mode = {"mode": "auto"} if fields.get("mode") == usual else {}
        return fields | {"monitor": MONITORS[monitor]} | mode

    @property
    def record(self) -> StopMonitor:
        """What it watches. Keras takes the largest of what is called an accuracy."""
        is_high = self.mode == "max" or (self.mode == "auto" and "acc" in self.monitor)
        return StopMonitor(self.monitor, "max" if is_high else "min", self.min_delta)


class RecipePlateau(Spec):
    """Keras's ReduceLROnPlateau on `val_loss`, with its names and defaults."""

    factor: Annotated[float, Field(gt=0, lt=1), Number] = 0.1
    patience: Annotated[int, Field(ge=0), Number] = 10
    min_delta: Penalty = 1e-4
    cooldown: Annotated[int, Field(ge=0), Number] = 0
    min_lr: Penalty = 0.0

    @model_validator(mode="before")
    @classmethod
    def _drop_defaults(cls, value: Any) -> Any:
        return (
            _drop_harmless_arguments(value, PLATEAU_DEFAULTS) if isinstance(value, dict) else value
        )

    @classmethod
    def of(cls, plateau: Plateau) -> RecipePlateau:
        """Return the callback that lets a rate fall so."""
        return cls(
            factor=plateau.factor,
            patience=plateau.patience,
            min_delta=plateau.min_delta,
            cooldown=plateau.cooldown,
            min_lr=plateau.min_rate,
        )

    @property
    def record(self) -> Plateau:
        """How it lets the rate fall. Keras looks at patience after it has counted: 0 is as 1."""
        patience = max(1, self.patience)
        return Plateau(self.factor, patience, self.min_delta, self.cooldown, self.min_lr)


class Recipe(Spec):
    """One training: the preprocessing of the columns, the network, and how it was fitted.

    The last of `layers` is the output layer. `missing` says how missing numbers are fed: `keep`
    feeds NaN to the network, `mean` the column's mean and an indicator. `select_features` keeps so
    many inputs: those with the largest F statistic by the training rows (scikit-learn's
    SelectKBest). `encode_labels`: whether classes that are numbers are counted from 0 before
    training, as texts are in any case; else the loss gets the numbers as they are. `class_weight`:
    `balanced` gives every class the same weight. `noise` is the standard deviation of Gaussian
    noise added to each scaled feature, `mixup` the alpha of mixup. `huber_delta` is where Huber's
    loss becomes linear. `exclude` names columns that the network does not see; `categorical` those
    whose whole numbers are codes of categories, or `all` such columns: each value has a column of
    its own. `front_layers` stand before the first Dense layer. `validation_rows` are drawn at
    random, or the table's `last`: so Keras's own `validation_split` takes them. `shuffle`: whether
    each epoch sees the training rows in another order, else in the table's. `select_features` needs
    `missing` to be `mean`. `reduce_lr_on_plateau` has nothing to go by without a validation split.
    `inputs` is how many numbers a row had where the network was built, if that is known: it is
    built anew for what the table has, and a diagnosis tells where that are others.
    """

    scale_features: RecipeScaling = "none"
    scale_target: Literal["none", "standard", "minmax"] = "none"
    select_features: Annotated[int, Field(ge=1), Number] | None = None
    missing: Literal["keep", "mean"] = "keep"
    exclude: tuple[Text, ...] = ()
    categorical: tuple[Text, ...] | Literal["all"] = ()
    encode_labels: bool = False
    class_weight: Literal["none", "balanced"] = "none"
    noise: Penalty = 0.0
    mixup: Mixup = 0.0
    front_layers: ExtraLayers = ()
    layers: Annotated[tuple[RecipeLayer, ...], Field(min_length=1, max_length=100)]
    loss: Annotated[LossName, KerasName]
    label_smoothing: Share = 0.0
    huber_delta: Rate = 1.0
    optimizer: RecipeOptimizer = RecipeOptimizer()
    batch_size: Annotated[int, Field(ge=1), Number] = 32
    epochs: Annotated[int, Field(ge=0), Number] = 1
    validation_split: Annotated[float, Field(ge=0, lt=1), Number] = 0.0
    validation_rows: Literal["random", "last"] = "random"
    shuffle: bool = True
    early_stopping: RecipeEarlyStopping | None = None
    reduce_lr_on_plateau: RecipePlateau | None = None
    inputs: Annotated[int, Field(ge=1), Number] | None = None

    @field_validator("layers")
    @classmethod
    def _check_skips(
        cls, layers: tuple[RecipeLayer, ...], info: ValidationInfo
    ) -> tuple[RecipeLayer, ...]:
        if "front_layers" not in info.data:
            return layers  # They have an error of their own.
        try:
            check_skips(info.data["front_layers"], layers)
        except SkipMisfitError as misfit:
            raise wrong_value("skip_does_not_fit", misfit.detail, fix=misfit.fix) from misfit
        return layers

    @field_validator("optimizer", mode="before")
    @classmethod
    def _expand_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_smoothing(self) -> Self:
        if self.label_smoothing and "label_smoothing" not in self.loss_record.arguments:
            names = [name for name, one in LOSSES.items() if "label_smoothing" in one.arguments]
            raise wrong_value(
                "smoothing_does_not_fit",
                f"{self.loss} smooths no labels",
                fix=f"leave label_smoothing out, or use one of {', '.join(names)}",
                field="label_smoothing",
            )
        return self

    @model_validator(mode="after")
    def _check_selection(self) -> Self:
        if self.select_features is not None and self.missing == "keep":
            raise wrong_value(
                "selection_does_not_fit",
                "inputs are not selected among missing numbers",
                fix="set missing to mean, or leave select_features out",
                field="select_features",
            )
        return self

    @model_validator(mode="after")
    def _check_plateau(self) -> Self:
        is_scheduled = self.optimizer.schedule != "constant" or self.optimizer.decay is not None
        if self.reduce_lr_on_plateau is not None and is_scheduled:
            raise wrong_value(
                "plateau_does_not_fit",
                "a learning rate falls by a schedule or by ReduceLROnPlateau, not by both",
                fix="leave reduce_lr_on_plateau or the optimizer's schedule and decay out",
                field="reduce_lr_on_plateau",
            )
        return self

    @property
    def loss_record(self) -> LossRecord:
        """What is known of the loss."""
        return LOSSES[self.loss]

    @property
    def loss_arguments(self) -> tuple[tuple[str, float], ...]:
        """The loss's arguments that differ from Keras's defaults."""
        values = {"label_smoothing": self.label_smoothing, "delta": self.huber_delta}
        defaults = self.loss_record.arguments
        return tuple((name, values[name]) for name in defaults if values[name] != defaults[name])

    @property
    def hidden(self) -> tuple[RecipeLayer, ...]:
        """All layers except the output layer."""
        return self.layers[:-1]

    @property
    def output(self) -> RecipeLayer:
        """The output layer."""
        return self.layers[-1]

    @property
    def extra_layers(self) -> ExtraLayers:
        """All layers but Dense ones, their activations and the Dropout after them."""
        return self.front_layers + sum((layer.extra_layers for layer in self.layers), ())

    @property
    def keras_parts(self) -> tuple[str, ...]:
        """What only stock Keras trains, in words: the engine's cohorts have no such parts."""
        parts = [
            layer.keras_class for layer in self.extra_layers if not isinstance(layer, SkipStart)
        ]
        if self.output.dropout:
            parts.append("Dropout behind the output layer")
        if not all(layer.use_bias for layer in self.layers):
            parts.append("Dense layers without biases")
        if self.optimizer.decay is not None:
            parts.append(self.optimizer.decay.keras_class)
        keras_class = self.optimizer.record.keras_class
        parts += [f"{keras_class}'s {name}" for name, _ in self.optimizer.keras_arguments]
        if (monitor := self.stop_monitor) is not None and not monitor.is_usual:
            parts.append(f"EarlyStopping on {monitor.name}")
        return tuple(dict.fromkeys(parts))

    @property
    def needs_keras(self) -> bool:
        """Whether stock Keras alone trains it."""
        return bool(self.keras_parts)

    @property
    def has_skips(self) -> bool:
        """Whether some layer takes, beside what comes before it, what an earlier one gives."""
        return any(isinstance(layer, Merge) for layer in self.extra_layers)

    def count_inputs(self, columns: int) -> tuple[int, ...]:
        """Count what each Dense layer takes where the network sees so many columns."""
        return tuple(width.of(columns) for width in list_inputs(self.front_layers, self.layers))

    def count_steps(self, rows: int) -> int:
        """Return the steps of an epoch on so many training rows: its last batch may be short."""
        return math.ceil(rows / self.batch_size)

    @property
    def stop_monitor(self) -> StopMonitor | None:
        """What ends the training early; None where nothing does, for want of rows to go by."""
        if self.early_stopping is None:
            return None
        monitor = self.early_stopping.record
        return None if monitor.is_validation and not self.validation_split else monitor

    @property
    def stops_early(self) -> bool:
        """Whether early stopping has something to go by."""
        return self.stop_monitor is not None

    @property
    def stops_on_validation_loss(self) -> bool:
        """Whether the training ends where the validation loss falls no more."""
        monitor = self.stop_monitor
        return monitor is not None and (monitor.name, monitor.mode) == ("val_loss", "min")

    @property
    def validates_on_last_rows(self) -> bool:
        """Whether the last rows validate, as with Keras's own `validation_split`."""
        return self.validation_split > 0 and self.validation_rows == "last"

    @property
    def is_classifier(self) -> bool:
        """Whether the loss is one of classes."""
        return self.loss_record.is_of_classes

    def with_changes(self, change: dict[str, Any]) -> Recipe:
        """Return the recipe with some fields changed; raise pydantic's ValidationError.

        An object's fields that `change` leaves out stay; `layers` replaces the whole list.
        """
        fields = self.model_dump(mode="json")
        for name, value in change.items():
            is_part = isinstance(value, dict) and isinstance(fields[name], dict)
            fields[name] = fields[name] | value if is_part else value
        return Recipe.model_validate(fields)
