"""What many trials in one process, unlucky rates and odd sizes do to the reference engine."""

from __future__ import annotations

import gc

import keras
import numpy as np
import pytest

from tests.builders.slow import slow_but
from tests.builders.trainings import Waiting, a_plan, holdout, some_arrays
from tests.training.engine.test_keras_engine import data_loss, train
from worker.engine.arrays import Loss
from worker.engine.keras import keras_engine, network
from worker.engine.results import TrainingOutcome


@pytest.mark.slow
def test_many_trials_leave_nothing_behind() -> None:
    plan, arrays = a_plan(max_epochs=1, widths=(4,), dropout=0.1, l2=1e-3), some_arrays()

    def live_objects() -> int:
        train(plan, arrays)
        gc.collect()
        return len(gc.get_objects())

    live_objects()  # what is made once and kept
    counts = [live_objects() for _ in range(4)]

    # A single graph that stays alive is 10,000 objects.
    assert max(counts) - counts[0] < 1_000


def test_training_that_diverges_late_keeps_its_best_weights() -> None:
    arrays = some_arrays()
    plan = a_plan(optimizer="sgd", learning_rate=3.0, widths=(), max_epochs=50)

    trained = train(plan, arrays)

    assert (trained.outcome, trained.reason) == (TrainingOutcome.diverged, "loss_not_finite")
    assert 1 < len(trained.epochs) < 50
    assert not np.isfinite(trained.epochs[-1].penalised_loss)
    assert trained.best_epoch == 1
    assert data_loss(arrays.loss, arrays.rows().y_val_M, trained.val_output_MC) == pytest.approx(
        trained.epochs[0].val_loss, rel=1e-4
    )


def test_training_that_diverges_at_once_has_no_weights() -> None:
    plan = a_plan(optimizer="sgd", learning_rate=1e30, max_epochs=5)

    trained = train(plan, some_arrays())

    assert trained.outcome is TrainingOutcome.diverged
    assert (trained.best_epoch, trained.weights, trained.val_output_MC.size) == (None, (), 0)


def test_one_epoch_over_a_single_batch_is_keras_own() -> None:
    # With all rows in one batch their order does not matter: Keras fed by arrays must agree.
    arrays = some_arrays(weight_N=np.linspace(0.1, 1.9, 90, dtype=np.float32))
    plan = a_plan(batch_size=90, max_epochs=1, l1=1e-3, l2=1e-2, clip_norm=0.5, weight_decay=0.1)
    rows = arrays.rows()
    model = network.build_network(plan, arrays)
    network.compile_network(model, plan, arrays)

    model.fit(
        rows.x_train_ND,
        rows.y_train_N[:, None],
        sample_weight=rows.weight_train_N,
        batch_size=90,
        verbose=0,
    )
    trained = train(plan, arrays)

    for ours, theirs in zip(trained.weights, model.get_weights(), strict=True):
        assert np.allclose(ours, theirs, atol=1e-6)


def test_engine_gives_a_sign_of_life_in_every_epoch() -> None:
    waiting = Waiting()
    plan = a_plan(batch_size=4, max_epochs=2, schedule="cosine")

    keras_engine.train(
        plan,
        some_arrays(),
        on_epoch=lambda *_: True,
        on_wait=waiting,
    )

    # 90 rows are 23 batches, which are one call of the compiled function an epoch.
    assert waiting.signs == 2


def test_validation_in_several_batches_weighs_every_row_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = train(a_plan(), some_arrays())
    monkeypatch.setattr(keras_engine, "PREDICT_ROWS", 7)
    monkeypatch.setattr(network, "PREDICT_ROWS", 7)

    parts = train(a_plan(), some_arrays())

    assert [e.val_loss for e in parts.epochs] == pytest.approx(
        [e.val_loss for e in whole.epochs], rel=1e-5
    )
    assert np.allclose(parts.val_output_MC, whole.val_output_MC, atol=1e-6)


@pytest.mark.slow
def test_wide_network_gives_the_same_bits_twice() -> None:
    # Large enough for TensorFlow to share a matrix product between threads.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 26)).astype(np.float32)
    arrays = holdout(x, x[:, 0], x[:500], x[:500, 0])
    plan = a_plan(widths=(256, 256), dropout=0.2, batch_size=256, max_epochs=2)

    first, again = train(plan, arrays), train(plan, arrays)

    assert first.epochs == again.epochs
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, again.weights, strict=True))


@pytest.mark.parametrize("loss", slow_but([Loss.binary, Loss.multiclass], fast=[Loss.multiclass]))
def test_class_weights_pull_the_answers(loss: Loss) -> None:
    arrays = some_arrays(loss)
    heavy = np.where(arrays.rows().y_train_N == 0, 0.01, 1.0).astype(np.float32)
    plan = a_plan(max_epochs=10)

    plain = train(plan, arrays)
    weighted = train(plan, some_arrays(loss, weight_N=heavy))

    if loss is Loss.binary:
        assert weighted.val_output_MC.mean() > plain.val_output_MC.mean() + 0.1
    else:
        assert weighted.val_output_MC[:, 0].mean() < plain.val_output_MC[:, 0].mean() - 0.1


def test_initial_kernels_have_the_spread_of_their_activation() -> None:
    x, y = np.zeros((4, 200), np.float32), np.zeros(4, np.float32)
    arrays = holdout(x, y, x, y)
    variances = {"relu": 2 / 200, "selu": 1 / 200, "tanh": 2 / (200 + 300)}

    for activation, variance in variances.items():
        model = network.build_network(a_plan(widths=(300,), activation=activation), arrays)
        kernel, bias = model.layers[1].get_weights()
        assert kernel.var() == pytest.approx(variance, rel=0.05)
        assert not bias.any()


def test_optimizers_have_the_defaults_of_keras() -> None:
    made = {
        name: network._optimizer(a_plan(optimizer=name, clip_norm=2.0), 10)
        for name in ("adam", "adamw", "rmsprop", "sgd")
    }

    assert {name: type(each) for name, each in made.items()} == {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
    }
    assert made["adam"].beta_1 == keras.optimizers.Adam().beta_1
    assert made["sgd"].momentum == 0.9
    assert made["adamw"].weight_decay == 0.0
    assert all(each.global_clipnorm == 2.0 for each in made.values())
