"""Faults of how a network is fitted."""

from __future__ import annotations

from benchmarks.diagnosis.faults import Fault
from benchmarks.diagnosis.recipe_edits import (
    both,
    every_layer,
    hidden,
    optimizer,
    rate_times,
    stacked,
    stopping,
    unregularised,
    with_fields,
)
from lowloss.results import Cause

DIVERGED = frozenset({Cause.exploding_gradients})
"""Steps so long that weights run away: their gradients do, too."""

TRAINING_FAULTS = (
    Fault(
        "adam at 0.3",
        Cause.learning_rate_too_high,
        ("friedman", "digits"),
        optimizer("adam", 0.3),
    ),
    Fault(
        "adam at 3",
        Cause.learning_rate_too_high,
        ("diamonds", "two moons"),
        optimizer("adam", 3.0),
    ),
    Fault(
        "sgd with momentum at 1",
        Cause.learning_rate_too_high,
        ("wage panel", "penguins"),
        optimizer("sgd", 1.0, momentum=0.9),
        also=DIVERGED,
    ),
    Fault(
        "learning rate / 100",
        Cause.learning_rate_too_low,
        ("friedman", "digits"),
        rate_times(0.01),
    ),
    Fault(
        "learning rate / 10000",
        Cause.learning_rate_too_low,
        ("avocados", "two moons"),
        rate_times(0.0001),
    ),
    Fault("0 epochs", Cause.too_few_epochs, ("diabetes", "iris"), with_fields(epochs=0)),
    Fault("1 epoch", Cause.too_few_epochs, ("fourth power", "penguins"), with_fields(epochs=1)),
    Fault("3 epochs", Cause.too_few_epochs, ("house prices", "two moons"), with_fields(epochs=3)),
    Fault(
        "all rows in a batch, 40 epochs",
        Cause.batch_size,
        ("friedman", "penguins"),
        with_fields(batch_size=5_000, epochs=40),
    ),
    Fault(
        "batches of 512, 30 epochs",
        Cause.batch_size,
        ("diamonds", "digits"),
        with_fields(batch_size=512, epochs=30),
    ),
    Fault(
        "plain sgd at 0.001",
        Cause.optimizer,
        ("fourth power", "digits"),
        optimizer("sgd", 0.001),
    ),
    Fault(
        "plain sgd at 0.0001",
        Cause.optimizer,
        ("house prices", "breast cancer"),
        optimizer("sgd", 0.0001),
    ),
    Fault("l1 of 0.1", Cause.l1_too_strong, ("friedman", "digits"), every_layer(l1=0.1)),
    Fault("l1 of 1", Cause.l1_too_strong, ("diamonds", "iris"), every_layer(l1=1.0)),
    Fault("l2 of 1", Cause.l2_too_strong, ("avocados", "two moons"), every_layer(l2=1.0)),
    Fault("l2 of 10", Cause.l2_too_strong, ("house prices", "wine"), every_layer(l2=10.0)),
    Fault("dropout of 0.8", Cause.dropout_too_strong, ("friedman", "digits"), hidden(dropout=0.8)),
    Fault(
        "dropout of 0.95",
        Cause.dropout_too_strong,
        ("avocados", "penguins"),
        hidden(dropout=0.95),
    ),
    Fault(
        "2 x 256 units without regularisation",
        Cause.regularisation_missing,
        ("diabetes", "pension plans"),
        both(
            both(unregularised, stacked(2, units=256)),
            with_fields(epochs=200, early_stopping=None),
        ),
    ),
    Fault(
        "400 epochs without early stopping",
        Cause.no_early_stopping,
        ("wage panel", "two moons", "loan applications"),
        both(unregularised, with_fields(epochs=400, early_stopping=None)),
    ),
    Fault(
        "last weights kept",
        Cause.best_weights_not_restored,
        ("diabetes", "loan applications", "pension plans"),
        both(unregularised, both(with_fields(epochs=300), stopping(60, restores=False))),
    ),
    Fault(
        "early stopping without validation rows",
        Cause.no_validation_split,
        ("diabetes", "breast cancer", "wage panel"),
        both(unregularised, with_fields(epochs=400, validation_split=0.0)),
    ),
)
