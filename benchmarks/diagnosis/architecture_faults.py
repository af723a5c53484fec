"""Faults of the network: its output and loss, its size, its activations and initial weights."""

from __future__ import annotations

from typing import Any

from benchmarks.diagnosis import recipe_edits as edits
from benchmarks.diagnosis import table_edits
from benchmarks.diagnosis.faults import Fault
from benchmarks.diagnosis.recipe_edits import both, hidden, output, stacked, with_fields
from lowloss.results import Cause

OVERFITTING_ROWS = 100
HEAD_AND_LOSS = frozenset({Cause.wrong_output, Cause.wrong_loss})
"""An output and a loss that fit one another but not the target: either is named rightly."""
INITIAL = frozenset({Cause.poor_initialisation})


def normal(sd: float) -> dict[str, Any]:
    """Begin kernels as a normal of this standard deviation."""
    return {"kernel_initializer": {"name": "random_normal", "scale": sd}}


def constant(value: float) -> dict[str, Any]:
    """Begin kernels as one number."""
    return {"kernel_initializer": {"name": "constant", "scale": value}}


def unlearnable(fault: str, activation: str, *tables: str) -> Fault:
    """Give a regression an output that cannot reach all of the target."""
    return Fault(fault, Cause.wrong_output, tables, output(activation))


OUTPUTS_AND_LOSSES = (
    unlearnable("relu output", "relu", "friedman", "wage panel"),
    unlearnable("sigmoid output", "sigmoid", "diamonds", "diabetes"),
    unlearnable("tanh output", "tanh", "house prices", "fourth power"),
    unlearnable("softmax over one unit", "softmax", "avocados", "diabetes"),
    Fault(
        "softmax over one unit, two classes",
        Cause.wrong_output,
        ("two moons", "breast cancer"),
        output("softmax", units=1, loss="binary_crossentropy"),
    ),
    Fault(
        "relu output of classes",
        Cause.wrong_output,
        ("breast cancer", "penguins"),
        output("relu"),
    ),
    Fault("linear output of classes", Cause.wrong_output, ("digits", "iris"), output("linear")),
    Fault(
        "one sigmoid for many classes",
        Cause.wrong_output,
        ("digits", "wine"),
        output("sigmoid", units=1, loss="binary_crossentropy"),
        also=HEAD_AND_LOSS,
    ),
    Fault(
        "squared error of class numbers",
        Cause.wrong_loss,
        ("iris", "digits"),
        output("linear", units=1, loss="mean_squared_error"),
        also=HEAD_AND_LOSS,
    ),
    Fault(
        "sigmoid and binary crossentropy over classes",
        Cause.wrong_loss,
        ("digits", "penguins"),
        both(output("sigmoid"), with_fields(loss="binary_crossentropy")),
        also=HEAD_AND_LOSS,
    ),
    Fault(
        "binary crossentropy of a regression",
        Cause.wrong_loss,
        ("friedman", "avocados"),
        output("sigmoid", loss="binary_crossentropy"),
        also=HEAD_AND_LOSS,
    ),
    Fault(
        "percentage error of a signed target",
        Cause.wrong_loss,
        ("friedman", "wage panel"),
        with_fields(loss="mean_absolute_percentage_error"),
    ),
    Fault(
        "logarithmic error of a signed target",
        Cause.wrong_loss,
        ("diabetes",),
        with_fields(loss="mean_squared_logarithmic_error"),
    ),
    Fault(
        "absolute error of skewed counts",
        Cause.wrong_loss,
        ("health visits",),
        with_fields(loss="mean_absolute_error"),
    ),
)
SIZES_AND_WEIGHTS = (
    Fault(
        "4 x 512 units on 100 rows",
        Cause.too_complex,
        ("diabetes", "breast cancer"),
        both(
            both(edits.unregularised, stacked(4, units=512)),
            with_fields(epochs=200, early_stopping=None, batch_size=32),
        ),
        table_edits.first_rows(OVERFITTING_ROWS),
    ),
    Fault("one hidden unit", Cause.too_simple, ("friedman", "digits"), stacked(1, units=1)),
    Fault("two hidden units", Cause.too_simple, ("fourth power",), stacked(1, units=2)),
    Fault("no hidden layer", Cause.too_simple, ("two moons", "house prices"), stacked(0)),
    Fault(
        "linear activations",
        Cause.wrong_activation,
        ("two moons", "friedman", "fourth power"),
        hidden(activation="linear"),
        also=frozenset({Cause.too_simple}),
    ),
    Fault(
        "5 sigmoid layers",
        Cause.wrong_activation,
        ("avocados", "breast cancer"),
        stacked(5, activation="sigmoid", kernel_initializer="glorot_uniform"),
        also=frozenset({Cause.vanishing_gradients, Cause.saturated_units}),
    ),
    Fault(
        "8 sigmoid layers",
        Cause.vanishing_gradients,
        ("friedman", "digits"),
        stacked(8, activation="sigmoid", kernel_initializer="glorot_uniform"),
    ),
    Fault(
        "6 tanh layers with tiny weights",
        Cause.vanishing_gradients,
        ("diamonds", "wine"),
        stacked(6, activation="tanh", **normal(0.003)),
        also=INITIAL,
    ),
    Fault(
        "tanh and weights of sd 5",
        Cause.saturated_units,
        ("friedman", "wage panel"),
        stacked(2, activation="tanh", **normal(5.0)),
    ),
    Fault(
        "tanh and weights of sd 50",
        Cause.saturated_units,
        ("two moons", "diabetes"),
        stacked(2, activation="tanh", **normal(50.0)),
    ),
    Fault(
        "negative weights on positive columns",
        Cause.dead_units,
        ("friedman", "breast cancer"),
        both(with_fields(scale_features="minmax"), hidden(activation="relu", **constant(-0.5))),
    ),
    Fault(
        "5 relu layers and weights of sd 1",
        Cause.exploding_gradients,
        ("diamonds", "digits"),
        stacked(5, activation="relu", units=64, **normal(1.0)),
    ),
    Fault(
        "weights of zero",
        Cause.poor_initialisation,
        ("avocados", "iris"),
        edits.every_layer(kernel_initializer="zeros"),
        also=frozenset({Cause.dead_units}),
    ),
    Fault(
        "weights of one",
        Cause.poor_initialisation,
        ("wage panel", "breast cancer"),
        edits.every_layer(kernel_initializer="ones"),
        also=frozenset({Cause.saturated_units, Cause.exploding_gradients}),
    ),
    Fault(
        "relu and weights of sd 5",
        Cause.poor_initialisation,
        ("house prices", "penguins"),
        hidden(activation="relu", **normal(5.0)),
        also=frozenset({Cause.saturated_units, Cause.exploding_gradients}),
    ),
)
ARCHITECTURE_FAULTS = OUTPUTS_AND_LOSSES + SIZES_AND_WEIGHTS
