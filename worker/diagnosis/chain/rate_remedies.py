"""Remedies of steps that are too large, too small or too few."""

from __future__ import annotations

from worker.diagnosis.chain.changes import (
    MIN_PATIENCE,
    raise_epochs,
    scale_learning_rate,
    set_fields,
)
from worker.diagnosis.chain.rules import RemedyContext, RemedyRule
from worker.diagnosis.thresholds import SHORT_PATIENCE

MAX_EPOCHS, MAX_STEPS = 600, 10_000
"""Epochs that a remedy may ask for, or steps where these are more: of few rows they cost little."""
MAX_RATE, MAX_ADAPTIVE_RATE = 1.0, 0.1
"""The largest learning rates that a remedy may ask for."""


def slower(case: RemedyContext) -> list[RemedyRule]:
    """Return rules for a lower learning rate."""
    powers = (1, 2, 3) if case.suspect else (1,)
    return [
        RemedyRule(f"Divide the learning rate by {10**k}", scale_learning_rate(10.0**-k))
        for k in powers
    ]


def faster(case: RemedyContext) -> list[RemedyRule]:
    """Return rules for a higher learning rate: one that falls too soon is kept first of all."""
    powers = (1, 2, 3, 4) if case.suspect else (1,)
    optimizer = case.recipe.optimizer
    record = optimizer.record
    # Adadelta's own rate is 1: what is usual is never too high to try.
    highest = max(MAX_ADAPTIVE_RATE, record.usual_rates[1]) if record.is_adaptive else MAX_RATE
    higher = [
        RemedyRule(f"Multiply the learning rate by {10**k}", scale_learning_rate(10.0**k))
        for k in powers
        if optimizer.rate * 10**k <= highest
    ]
    if optimizer.decay is None:
        return higher
    text = f"Keep the learning rate: leave {optimizer.decay.keras_class} out"
    return [RemedyRule(text, set_fields(optimizer={"decay": None})), *higher]


def _wait_longer(case: RemedyContext) -> list[RemedyRule]:
    """Return the rule for more patience, where early stopping may have too little."""
    stopping = case.recipe.early_stopping
    if stopping is None or not case.recipe.stops_early or stopping.patience >= MIN_PATIENCE:
        return []
    if not (case.is_stopped_early or stopping.patience < SHORT_PATIENCE):
        return []
    text = f"Wait for {MIN_PATIENCE} epochs without a gain, and put the best weights back"
    patience = {"patience": MIN_PATIENCE, "restore_best_weights": True}
    return [RemedyRule(text, set_fields(early_stopping=patience))]


def longer(case: RemedyContext) -> list[RemedyRule]:
    """Return rules for more epochs; where early stopping ends the training, for more patience."""
    epochs, waits = case.recipe.epochs, _wait_longer(case)
    if waits or case.is_stopped_early:
        return waits
    if case.suspect is None:
        return [RemedyRule(f"Train for {epochs * 3} epochs", raise_epochs(epochs * 3))]
    limit, steps = MAX_EPOCHS, case.recipe.count_steps(len(case.data.draws[0].fit_rows))
    if not case.recipe.needs_keras:
        limit = max(limit, MAX_STEPS // steps)
    epoch_counts = {min(limit, max(epochs * 5, 50)), min(limit, max(epochs * 20, 200))}
    return [
        RemedyRule(f"Train for {count} epochs", raise_epochs(count))
        for count in sorted(epoch_counts)
    ]
