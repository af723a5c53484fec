"""Each cause in a recipe's own curve and network: named where it is, and not where it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lowloss.results import Cause
from lowloss.spec import Recipe
from tests.builders.recipes import SOUND, a_network
from tests.builders.trainings import a_plan
from worker.diagnosis.checks.curves import check_curves
from worker.diagnosis.training.judging import JudgedVariant, Score
from worker.diagnosis.training.probe import Probe
from worker.engine.plans import Epoch
from worker.engine.results import TrainedPlan, TrainingOutcome

FALLING = [2.0 * 0.8**epoch + 0.1 for epoch in range(60)]
SOUND_NETWORK = a_network(32, **SOUND)
PLAIN = a_network(32, optimizer="adam", epochs=60)
DEEP = a_network(32, 32, 32, optimizer="adam", epochs=60)
SOUND_PROBE: dict[str, Any] = {
    "loss": 1.2,
    "constant_loss": 1.0,
    "step": 0.005,
    "first_gradient": 0.01,
    "last_gradient": 0.02,
    "dead": 0.05,
    "saturated": 0.0,
}


def a_run(
    loss: Sequence[float], val_loss: Sequence[float], *, is_finite: bool = True
) -> JudgedVariant:
    pairs = zip(loss, val_loss, strict=True)
    epochs = tuple(Epoch(n + 1, one, two, one) for n, (one, two) in enumerate(pairs))
    trained = TrainedPlan(
        plan=a_plan(),
        outcome=TrainingOutcome.completed if is_finite else TrainingOutcome.diverged,
        reason="max_epochs",
        epochs=epochs,
        best_epoch=1,
        weights=(),
        val_output_MC=np.empty((0, 1), dtype=np.float32),
        seconds=1.0,
        program="",
    )
    score = Score(0.1) if is_finite else None
    return JudgedVariant(0, score, 0.1 if is_finite else math.inf, trained)


def named(
    recipe: Recipe, curve: Sequence[float], held: Sequence[float] | None = None, **probe: Any
) -> set[Cause]:
    run = a_run(curve, curve if held is None else held)
    return {each.cause for each in check_curves(recipe, [run], Probe(**SOUND_PROBE | probe))}


def rising_after(epoch: int) -> list[float]:
    return FALLING[:epoch] + [FALLING[epoch - 1] * 1.05**n for n in range(60 - epoch)]


def test_sound_curve_has_no_suspects() -> None:
    assert named(SOUND_NETWORK, FALLING) == set()


def test_rise_after_an_early_best_epoch_wants_early_stopping() -> None:
    assert Cause.no_early_stopping in named(PLAIN, FALLING, rising_after(15))
    assert Cause.no_early_stopping not in named(PLAIN, FALLING, FALLING)


def test_last_weights_are_suspect_where_early_stopping_keeps_them() -> None:
    stopping = {"patience": 10, "restore_best_weights": False}
    recipe = SOUND_NETWORK.with_changes({"early_stopping": stopping})

    assert Cause.best_weights_not_restored in named(recipe, FALLING, rising_after(50))
    assert Cause.best_weights_not_restored not in named(SOUND_NETWORK, FALLING, rising_after(50))


def test_gap_to_the_held_rows_wants_regularisation() -> None:
    above = [2 * loss for loss in FALLING]

    assert Cause.regularisation_missing in named(PLAIN, FALLING, above)
    assert Cause.augmentation_missing in named(PLAIN, FALLING, above)
    assert Cause.regularisation_missing not in named(PLAIN, FALLING)


def test_loss_that_still_falls_wants_more_epochs() -> None:
    still = [2.0 * 0.97**epoch for epoch in range(60)]

    assert Cause.too_few_epochs in named(PLAIN, still)
    assert Cause.too_few_epochs not in named(PLAIN, FALLING)


def test_loss_that_hardly_falls_speaks_for_a_low_learning_rate() -> None:
    flat = [2.0 - 0.001 * epoch for epoch in range(60)]

    assert Cause.learning_rate_too_low in named(PLAIN, flat)
    assert Cause.learning_rate_too_low not in named(PLAIN, FALLING)


def test_loss_that_goes_up_and_down_speaks_for_a_high_learning_rate() -> None:
    shaky = [1.0 + 0.5 * (epoch % 2) for epoch in range(60)]

    assert Cause.learning_rate_too_high in named(PLAIN, shaky)
    assert Cause.learning_rate_too_high not in named(PLAIN, FALLING)


def test_divergence_speaks_for_a_high_learning_rate_and_exploding_gradients() -> None:
    run = a_run([1.0, math.nan], [1.0, math.nan], is_finite=False)

    found = {each.cause for each in check_curves(PLAIN, [run], None)}

    assert found == {Cause.learning_rate_too_high, Cause.exploding_gradients}


@pytest.mark.parametrize(
    ("cause", "recipe", "probe"),
    [
        (Cause.dead_units, PLAIN, {"dead": 0.9}),
        (Cause.saturated_units, PLAIN, {"saturated": 0.8}),
        (Cause.vanishing_gradients, DEEP, {"first_gradient": 1e-8}),
        (Cause.exploding_gradients, PLAIN, {"loss": 1e5}),
        (Cause.learning_rate_too_low, PLAIN, {"step": 1e-6}),
        (Cause.learning_rate_too_high, PLAIN, {"step": 2.0}),
    ],
)
def test_network_shows_its_cause(cause: Cause, recipe: Recipe, probe: dict[str, Any]) -> None:
    assert cause in named(recipe, FALLING, **probe)
    assert cause not in named(recipe, FALLING)


def test_a_whole_layer_of_dead_units_is_told_of_the_worst_training() -> None:
    recipe = a_network(32, 3, optimizer="adam", epochs=60)
    run = a_run(FALLING, FALLING)

    (dead,) = check_curves(recipe, [run] * 3, Probe(**SOUND_PROBE | {"dead_layer": 2}))

    assert dead.cause is Cause.dead_units
    assert dead.sentence == (
        "After the worst of 3 trainings every unit of hidden layer 2 answers 0 to every row, so all "
        "answers are the same"
    )


def test_losses_below_0_are_no_shares_of_one_another() -> None:
    """Binary crossentropy of the numbers of many classes has no least loss."""
    negative = [-(2.0**epoch) for epoch in range(60)]

    assert named(PLAIN, negative) == set()
    assert named(PLAIN, negative, held=[-0.1] * 60) == set()
