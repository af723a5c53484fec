"""Questions that people asked in forums, as faults of the tables that they asked them about."""

from __future__ import annotations

from typing import Any

from benchmarks.diagnosis.faults import Fault
from benchmarks.diagnosis.recipe_edits import Edit, both, optimizer, output, with_fields
from lowloss.results import Cause
from lowloss.spec import Recipe

UNSCALED = frozenset({Cause.target_not_scaled, Cause.features_not_scaled})
HEAD_AND_LOSS = frozenset({Cause.wrong_output, Cause.wrong_loss})


def plain(activation: str, loss: str, *, units: int = 1, **fields: Any) -> Edit:
    """Return what a beginner writes: two layers of 64 relu units, Adam, nothing scaled."""
    hidden = {"units": 64, "activation": "relu"}
    layers = [hidden, hidden, {"units": units, "activation": activation}]
    adam = {"name": "adam", "learning_rate": 0.001}
    written = {"layers": layers, "loss": loss, "optimizer": adam, "epochs": 100, **fields}
    return lambda _: Recipe.model_validate({"validation_split": 0.2} | written)


FORUM_FAULTS = (
    Fault(
        "y = x^4, nothing scaled",
        Cause.target_not_scaled,
        ("fourth power",),
        plain("linear", "mean_squared_error"),
        also=UNSCALED,
    ),
    Fault(
        "softmax over one unit in a regression",
        Cause.wrong_output,
        ("diamonds",),
        plain("softmax", "mean_squared_error", scale_features="standard", scale_target="standard"),
    ),
    Fault(
        "sigmoid for a target of thousands",
        Cause.wrong_output,
        ("house prices",),
        plain("sigmoid", "mean_squared_error", scale_features="standard"),
        also=frozenset({Cause.target_not_scaled}),
    ),
    Fault("epochs=0", Cause.too_few_epochs, ("wage panel",), with_fields(epochs=0)),
    Fault(
        "relu output of a signed target",
        Cause.wrong_output,
        ("diabetes",),
        plain("relu", "mean_squared_error", scale_features="standard", scale_target="standard"),
    ),
    Fault(
        "plain sgd at 0.1 on raw columns",
        Cause.learning_rate_too_high,
        ("diabetes",),
        both(plain("linear", "mean_squared_error"), optimizer("sgd", 0.1)),
        also=UNSCALED | {Cause.exploding_gradients},
    ),
    Fault(
        "69 sigmoids, binary crossentropy",
        Cause.wrong_loss,
        ("69 classes",),
        both(output("sigmoid"), with_fields(loss="binary_crossentropy")),
        also=HEAD_AND_LOSS,
    ),
    Fault(
        "one sigmoid for 69 classes, binary crossentropy",
        Cause.wrong_output,
        ("69 classes",),
        output("sigmoid", units=1, loss="binary_crossentropy"),
        also=HEAD_AND_LOSS,
    ),
)
"""They count in neither half."""
