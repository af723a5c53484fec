"""The reference engine: stock Keras training, repeatable, with honest losses."""

from __future__ import annotations

import dataclasses
from typing import get_args

import keras
import numpy as np
import pytest

from lowloss.spec import Activation
from tests.builders.slow import slow_but
from tests.builders.trainings import SEARCHED, a_plan, holdout, some_arrays, with_targets
from worker.engine.arrays import Arrays, Loss
from worker.engine.keras import keras_engine, network
from worker.engine.keras.callbacks import Draws
from worker.engine.plans import Epoch, Plan
from worker.engine.protocol import TakeCheckpoint
from worker.engine.results import TrainedPlan, TrainingOutcome

ACTIVATIONS = list(get_args(Activation))


def train(plan: Plan, arrays: Arrays) -> TrainedPlan:
    return keras_engine.train(plan, arrays, on_epoch=lambda *_: True, on_wait=lambda: True)


@pytest.mark.parametrize("loss", slow_but(SEARCHED, fast=[Loss.mse]))
def test_training_learns_and_answers_with_its_best_weights(loss: Loss) -> None:
    arrays = some_arrays(loss)

    trained = train(a_plan(max_epochs=25), arrays)

    losses = [epoch.val_loss for epoch in trained.epochs]
    assert trained.outcome is TrainingOutcome.completed
    assert losses[-1] < losses[0] / 2
    assert trained.best_epoch == int(np.argmin(losses)) + 1
    assert data_loss(loss, arrays.rows().y_val_M, trained.val_output_MC) == pytest.approx(
        min(losses), rel=1e-4
    )


def data_loss(loss: Loss, y: np.ndarray, output: np.ndarray) -> float:
    targets = y if loss is Loss.multiclass else y[:, None]
    return float(np.mean(keras.losses.get(loss.value)(targets, output)))


@pytest.mark.parametrize("optimizer", slow_but(["adamw", "sgd"], fast=["adamw"]))
def test_same_plan_gives_the_same_bits(optimizer: str) -> None:
    plan = a_plan(optimizer=optimizer, dropout=0.3, l2=1e-3, weight_decay=1e-3, clip_norm=1.0)

    first, again = train(plan, some_arrays()), train(plan, some_arrays())
    other = train(dataclasses.replace(plan, seed=8), some_arrays())

    assert first.epochs == again.epochs != other.epochs
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, again.weights, strict=True))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_is_what_keras_predicts(activation: str) -> None:
    plan, arrays = a_plan(activation=activation), some_arrays()
    model = network.build_network(plan, arrays)

    weights = tuple(model.get_weights())

    ours = network.forward(weights, activation, arrays.output_activation, arrays.rows().x_val_MD)
    assert np.allclose(ours, model.predict(arrays.rows().x_val_MD, verbose=0), atol=1e-6)


def test_validation_loss_has_no_penalties_and_no_weights() -> None:
    arrays = some_arrays(weight_N=np.linspace(0.1, 1.9, 90, dtype=np.float32))
    plan = a_plan(l1=0.01, l2=0.01)

    trained = train(plan, arrays)

    last = trained.epochs[-1]
    output = network.forward(
        trained.weights, "relu", arrays.output_activation, arrays.rows().x_val_MD
    )
    assert data_loss(arrays.loss, arrays.rows().y_val_M, output) == pytest.approx(
        min(e.val_loss for e in trained.epochs), rel=1e-4
    )
    assert last.penalised_loss > last.loss


def test_penalties_are_of_kernels_and_never_of_biases() -> None:
    model = network.build_network(a_plan(l2=1.0), some_arrays())
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([np.ones_like(kernel), np.full_like(bias, 100.0)])

    penalty = float(sum(model.losses))

    assert penalty == pytest.approx(3 * 8 + 8 * 4 + 4 * 1)


def test_losses_are_in_the_unit_that_the_job_fixes() -> None:
    plain, halved = (train(a_plan(), some_arrays(loss_unit=unit)) for unit in (1.0, 2.0))

    assert [e.val_loss for e in plain.epochs] == [2 * e.val_loss for e in halved.epochs]


def test_early_stopping_ends_a_training_that_no_longer_improves() -> None:
    noise = np.random.default_rng(1).normal(size=90).astype(np.float32)

    trained = train(a_plan(patience=3, max_epochs=200), with_targets(some_arrays(), noise))

    assert trained.reason == "early_stopping"
    assert trained.best_epoch == len(trained.epochs) - 3


def test_training_without_early_stopping_says_so() -> None:
    assert train(a_plan(), some_arrays()).reason == "max_epochs"


def test_diverged_training_is_a_result_with_a_reason() -> None:
    trained = train(a_plan(optimizer="sgd", learning_rate=1e9, max_epochs=9), some_arrays())

    assert (trained.outcome, trained.reason) == (TrainingOutcome.diverged, "loss_not_finite")
    assert len(trained.epochs) < 9


def test_training_told_to_stop_keeps_its_best_weights() -> None:
    seen: list[Epoch] = []

    def stop_after_two(_: Plan, epoch: Epoch, __: TakeCheckpoint) -> bool:
        seen.append(epoch)
        return len(seen) < 2

    trained = keras_engine.train(
        a_plan(max_epochs=50), some_arrays(), on_epoch=stop_after_two, on_wait=lambda: True
    )

    assert (trained.outcome, trained.reason, len(trained.epochs)) == (
        TrainingOutcome.stopped,
        "stopped",
        2,
    )
    assert trained.best_epoch is not None
    assert trained.weights


def test_every_epoch_sees_every_row_once_in_its_own_order() -> None:
    draws = Draws(a_plan(seed=3), rows=50, steps=4)
    x, y = np.arange(50, dtype=np.float32)[:, None], np.zeros(50, np.float32)
    arrays = holdout(x, y, x[:1], y[:1])
    labels = network.KerasTarget(arrays, is_mixed=False)
    batches = keras_engine._training_batches(arrays.rows(), labels, 16, draws)
    epochs = []

    for epoch in range(2):
        draws.on_epoch_begin(epoch)
        epochs.append([x.numpy()[:, 0].tolist() for x, _ in batches])

    assert [len(batch) for batch in epochs[0]] == [16, 16, 16, 2]
    seen = [[row for batch in epoch for row in batch] for epoch in epochs]
    assert sorted(seen[0]) == sorted(seen[1]) == list(range(50))
    assert seen[0] != seen[1]


def test_cosine_schedule_ends_near_zero() -> None:
    plan = a_plan(schedule="cosine", max_epochs=2)
    model = network.build_network(plan, some_arrays())
    network.compile_network(model, plan, some_arrays())

    rate = model.optimizer._learning_rate

    assert float(rate(0)) == pytest.approx(plan.learning_rate)
    assert float(rate(12)) == pytest.approx(0, abs=1e-6)
