"""The losses, one record each: what a specification, Keras code and the checks say of them.

The engine computes Keras's own function of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

SMOOTHING: Mapping[str, float] = {"label_smoothing": 0.0}


@dataclass(frozen=True)
class LossRecord:
    """A loss of Keras.

    It is of classes or of numbers; one of classes compares probabilities, or else margins: answers
    below 0 and above it. `arguments` are those that users may choose, with Keras's defaults.
    """

    name: str
    keras_class: str
    is_of_classes: bool = False
    has_margins: bool = False
    arguments: Mapping[str, float] = field(default_factory=dict)


_RECORDS = (
    LossRecord("mean_squared_error", "MeanSquaredError"),
    LossRecord("mean_absolute_error", "MeanAbsoluteError"),
    LossRecord("mean_absolute_percentage_error", "MeanAbsolutePercentageError"),
    LossRecord("mean_squared_logarithmic_error", "MeanSquaredLogarithmicError"),
    LossRecord("huber", "Huber", arguments={"delta": 1.0}),
    LossRecord("log_cosh", "LogCosh"),
    LossRecord("poisson", "Poisson"),
    LossRecord("binary_crossentropy", "BinaryCrossentropy", True, arguments=SMOOTHING),
    LossRecord("categorical_crossentropy", "CategoricalCrossentropy", True, arguments=SMOOTHING),
    LossRecord("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", True),
    LossRecord("binary_focal_crossentropy", "BinaryFocalCrossentropy", True, arguments=SMOOTHING),
    LossRecord(
        "categorical_focal_crossentropy", "CategoricalFocalCrossentropy", True, arguments=SMOOTHING
    ),
    LossRecord("kl_divergence", "KLDivergence", True),
    LossRecord("hinge", "Hinge", True, has_margins=True),
    LossRecord("squared_hinge", "SquaredHinge", True, has_margins=True),
    LossRecord("categorical_hinge", "CategoricalHinge", True, has_margins=True),
)
LOSSES: Mapping[str, LossRecord] = {record.name: record for record in _RECORDS}

if TYPE_CHECKING:
    LossName = str
else:
    LossName = Literal[tuple(LOSSES)]
