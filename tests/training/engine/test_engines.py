"""What every engine does: one suite for `KerasEngine` and for cohorts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import pytest

from tests.builders.engines import a_cohort_engine
from tests.builders.slow import slow_but
from tests.builders.trainings import SEARCHED, a_plan, run, some_arrays, with_targets
from worker.engine.arrays import Arrays, Embedding, Fold, Loss
from worker.engine.bins import Bins
from worker.engine.keras.keras_engine import KerasEngine
from worker.engine.keras.network import forward
from worker.engine.plans import Epoch, Plan
from worker.engine.protocol import Engine, TakeCheckpoint, next_plans_from
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome

NewEngine = Callable[[Arrays], Engine]


@pytest.fixture(
    params=[pytest.param(KerasEngine, marks=pytest.mark.slow), a_cohort_engine],
    ids=["keras", "cohort"],
)
def new_engine(request: pytest.FixtureRequest) -> NewEngine:
    chosen: NewEngine = request.param
    return chosen


def data_loss(loss: Loss, y_M: np.ndarray, output_MC: np.ndarray) -> float:
    targets = y_M if loss is Loss.multiclass else y_M[:, None]
    return float(np.mean(keras.losses.get(loss.value)(targets, output_MC)))


@pytest.mark.parametrize("loss", slow_but(SEARCHED, fast=[Loss.multiclass]))
def test_training_learns_and_answers_with_its_best_weights(
    new_engine: NewEngine, loss: Loss
) -> None:
    arrays = some_arrays(loss)
    plan = a_plan(max_epochs=25, l1=1e-4, l2=1e-4)

    trained = run(new_engine(arrays), [plan])[1]

    losses = [epoch.val_loss for epoch in trained.epochs]
    output_MC = forward(trained.weights, "relu", arrays.output_activation, arrays.rows().x_val_MD)
    assert (trained.outcome, trained.reason) == (TrainingOutcome.completed, "max_epochs")
    assert [epoch.epoch for epoch in trained.epochs] == list(range(1, 26))
    assert losses[-1] < losses[0] / 2
    assert trained.best_epoch == int(np.argmin(losses)) + 1
    assert np.array_equal(output_MC, trained.val_output_MC)
    # Without penalties, and in the units of the targets.
    assert data_loss(loss, arrays.rows().y_val_M, output_MC) == pytest.approx(min(losses), rel=1e-4)
    assert all(epoch.penalised_loss > epoch.loss for epoch in trained.epochs)


def test_training_that_no_longer_improves_stops_early(new_engine: NewEngine) -> None:
    noise = np.random.default_rng(1).normal(size=90).astype(np.float32)
    plan = a_plan(patience=3, max_epochs=200)

    trained = run(new_engine(with_targets(some_arrays(), noise)), [plan])[1]

    assert trained.reason == "early_stopping"
    assert trained.best_epoch == len(trained.epochs) - 3


def test_diverged_training_is_a_result_and_the_next_one_trains(new_engine: NewEngine) -> None:
    wild = a_plan(optimizer="sgd", learning_rate=1e30, max_epochs=5)
    calm = a_plan(number=2, optimizer="sgd")

    ended = run(new_engine(some_arrays()), [wild, calm])

    assert (ended[1].outcome, ended[1].reason) == (TrainingOutcome.diverged, "loss_not_finite")
    assert (ended[1].best_epoch, ended[1].weights, ended[1].val_output_MC.size) == (None, (), 0)
    assert ended[2].outcome is TrainingOutcome.completed


def test_training_that_diverges_late_keeps_its_best_weights(new_engine: NewEngine) -> None:
    arrays = some_arrays()
    plan = a_plan(optimizer="sgd", learning_rate=0.9, widths=(4,), max_epochs=50, l2=0.3)

    trained = run(new_engine(arrays), [plan])[1]

    assert (trained.outcome, trained.reason) == (TrainingOutcome.diverged, "loss_not_finite")
    assert 1 < len(trained.epochs) < 50
    assert trained.best_epoch is not None
    assert data_loss(arrays.loss, arrays.rows().y_val_M, trained.val_output_MC) == pytest.approx(
        trained.epochs[trained.best_epoch - 1].val_loss, rel=1e-4
    )


def test_training_told_to_stop_keeps_its_best_weights(new_engine: NewEngine) -> None:
    def stop_the_first(plan: Plan, epoch: Epoch, _: TakeCheckpoint) -> bool:
        return plan.number != 1 or epoch.epoch < 2

    plans = [a_plan(number=number, seed=number, max_epochs=9) for number in (1, 2)]

    ended = run(new_engine(some_arrays()), plans, on_epoch=stop_the_first)

    assert (ended[1].outcome, ended[1].reason) == (TrainingOutcome.stopped, "stopped")
    assert len(ended[1].epochs) == 2
    assert ended[1].weights
    assert len(ended[2].epochs) == 9


def test_losses_are_in_the_unit_of_their_fold(new_engine: NewEngine) -> None:
    plain, halved = (
        run(new_engine(some_arrays(loss_unit=unit)), [a_plan()])[1] for unit in (1.0, 2.0)
    )

    assert [e.val_loss for e in plain.epochs] == [2 * e.val_loss for e in halved.epochs]
    assert [e.loss for e in plain.epochs] == [2 * e.loss for e in halved.epochs]


def test_same_plans_give_the_same_bits(new_engine: NewEngine) -> None:
    plans = [
        a_plan(number=n, seed=n, dropout=0.3, l2=1e-3, weight_decay=1e-3, clip_norm=1.0)
        for n in range(1, 6)
    ]

    first, again = (run(new_engine(some_arrays()), plans) for _ in range(2))

    assert len({trained.epochs for trained in first.values()}) == 5
    for number, trained in first.items():
        assert trained.epochs == again[number].epochs
        pairs = zip(trained.weights, again[number].weights, strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)


def folds_of(arrays: Arrays) -> tuple[Fold, ...]:
    """Other rows, weights, views and units of one copy of the data."""
    rows = np.arange(arrays.x_VND.shape[1])
    return (
        Fold(rows[:90], rows[90:]),
        Fold(rows[30:], rows[:30], y_shift=0.5, y_scale=2.0, loss_unit=0.25),
        Fold(rows[:47], rows[90:], view=1, weight_N=np.linspace(0.1, 1.9, 47, dtype=np.float32)),
    )


def test_every_plan_sees_its_fold(new_engine: NewEngine) -> None:
    arrays = some_arrays()
    x_VND = np.stack([arrays.x_VND[0], arrays.x_VND[0] ** 2])
    whole = dataclasses.replace(arrays, x_VND=x_VND, folds=folds_of(arrays)[1:])
    plans = [a_plan(number=n, fold=n - 1, max_epochs=4, l2=1e-3) for n in (1, 2)]

    ended = run(new_engine(whole), plans)

    for number, trained in ended.items():
        # The same rows as data of their own.
        seen = whole.rows(number - 1)
        x = np.concatenate([seen.x_train_ND, seen.x_val_MD])
        y = np.concatenate([seen.y_train_N, seen.y_val_M])
        order, count = np.arange(len(x)), len(seen.x_train_ND)
        unit = whole.folds[number - 1].loss_unit
        alone = Fold(order[:count], order[count:], seen.weight_train_N, loss_unit=unit)
        by_hand = Arrays(x[None], y, whole.loss, whole.outputs, (alone,))
        expected = run(KerasEngine(by_hand), [dataclasses.replace(plans[number - 1], fold=0)])
        for ours, theirs in zip(trained.epochs, expected[number].epochs, strict=True):
            assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-4)
            assert ours.penalised_loss == pytest.approx(theirs.penalised_loss, rel=1e-4)


def test_fold_without_validation_rows_trains_to_its_last_epoch(new_engine: NewEngine) -> None:
    arrays = some_arrays()
    fold = dataclasses.replace(arrays.folds[0], validation_M=np.empty(0, dtype=np.int64))
    plan = a_plan(max_epochs=6, patience=2)

    trained = run(new_engine(dataclasses.replace(arrays, folds=(fold,))), [plan])[1]

    watched = run(new_engine(arrays), [dataclasses.replace(plan, patience=99)])[1]
    assert (trained.reason, trained.best_epoch, len(trained.epochs)) == ("max_epochs", 6, 6)
    assert all(np.isnan(epoch.val_loss) for epoch in trained.epochs)
    assert [e.loss for e in trained.epochs] == [e.loss for e in watched.epochs]
    assert watched.best_epoch == 6
    pairs = zip(trained.weights, watched.weights, strict=True)
    assert all(np.allclose(one, other) for one, other in pairs)
    assert trained.val_output_MC.shape == (0, 1)


@pytest.mark.parametrize("loss", slow_but(SEARCHED, fast=[Loss.multiclass]))
def test_mixup_trains_alike_in_every_engine(loss: Loss) -> None:
    arrays = some_arrays(loss)
    weight_N = np.linspace(0.5, 1.5, len(arrays.folds[0].train_N), dtype=np.float32)
    fold = dataclasses.replace(arrays.folds[0], weight_N=weight_N)
    weighted = dataclasses.replace(arrays, folds=(fold,))
    plan = a_plan(max_epochs=4, mixup=0.4, batch_size=7)

    ours = run(a_cohort_engine(weighted), [plan])[1]
    theirs = run(KerasEngine(weighted), [plan])[1]

    plain = run(KerasEngine(weighted), [dataclasses.replace(plan, mixup=0.0)])[1]
    for one, other in zip(ours.epochs, theirs.epochs, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
        assert one.penalised_loss == pytest.approx(other.penalised_loss, rel=1e-4)
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-4)
    assert theirs.epochs[0].loss != plain.epochs[0].loss


def with_codes(arrays: Arrays) -> Arrays:
    """The same data with two columns of codes, the first of which shifts the target."""
    rng = np.random.default_rng(1)
    codes = np.stack([rng.integers(0, codes, arrays.y_N.size) for codes in (5, 40)], axis=1)
    x_VND = np.concatenate([arrays.x_VND, codes[None].astype(np.float32)], axis=2)
    y_N = arrays.y_N if arrays.loss is not Loss.mse else arrays.y_N + codes[:, 0]
    return dataclasses.replace(
        arrays,
        x_VND=x_VND,
        y_N=y_N.astype(np.float32),
        embeddings=(Embedding(5, 3), Embedding(41, 8)),
    )


@pytest.mark.parametrize(
    ("loss", "given"),
    [
        pytest.param(Loss.mse, {}, marks=pytest.mark.slow),
        pytest.param(Loss.binary, {"mixup": 0.5}, marks=pytest.mark.slow),
        (Loss.multiclass, {"optimizer": "adamw", "l1": 1e-3}),
    ],
    ids=str,
)
def test_embeddings_train_alike_in_every_engine(loss: Loss, given: dict[str, object]) -> None:
    arrays = with_codes(some_arrays(loss))
    plan = a_plan(max_epochs=4, l2=1e-3, weight_decay=1e-2, clip_norm=2.0, **given)

    ours = run(a_cohort_engine(arrays), [plan])[1]
    theirs = run(KerasEngine(arrays), [plan])[1]

    for one, other in zip(ours.epochs, theirs.epochs, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-3)
        assert one.penalised_loss == pytest.approx(other.penalised_loss, rel=1e-3)
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    for weight, same in zip(ours.weights, theirs.weights, strict=True):
        assert np.allclose(weight, same, atol=2e-3)
    assert np.allclose(ours.val_output_MC, theirs.val_output_MC, atol=2e-3)


def binned(arrays: Arrays) -> tuple[Arrays, Arrays]:
    """Data of two views, one of which has bins; and the same with these as columns."""
    views = np.stack([arrays.x_VND[0], arrays.x_VND[0]])
    bins = Bins(
        np.array([0, 0, 0, 1]),
        np.array([-1.0, 0.0, 0.5, -0.5], dtype=np.float32),
        np.array([1.0, 0.5, 2.0, 1.0], dtype=np.float32),
    )
    folds = (arrays.folds[0], dataclasses.replace(arrays.folds[0], view=1))
    with_bins = dataclasses.replace(arrays, x_VND=views, folds=folds, bins=(None, bins))
    columns = dataclasses.replace(arrays, x_VND=bins.encode(arrays.x_VND[0])[None])
    return with_bins, columns


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain", marks=pytest.mark.slow),
        pytest.param({"noise": 0.1}, id="noise", marks=pytest.mark.slow),
        pytest.param({"mixup": 0.4, "batch_size": 7}, id="mixup"),
    ],
)
@pytest.mark.parametrize("loss", slow_but([Loss.mse, Loss.multiclass], fast=[Loss.multiclass]))
def test_bins_train_as_if_they_were_columns(
    new_engine: NewEngine, loss: Loss, options: dict[str, object]
) -> None:
    with_bins, columns = binned(with_codes(some_arrays(loss)))
    plain = a_plan(number=1, max_epochs=4, l2=1e-3, **options)
    plans = [plain, dataclasses.replace(plain, number=2, fold=1)]

    ended = run(new_engine(with_bins), plans)

    expected = run(new_engine(columns), [plain])[1]
    assert ended[2].weights[0].shape == expected.weights[0].shape
    assert ended[2].weights[0].shape != ended[1].weights[0].shape
    for ours, theirs in zip(ended[2].epochs, expected.epochs, strict=True):
        assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-4)
        assert ours.penalised_loss == pytest.approx(theirs.penalised_loss, rel=1e-4)
    assert np.allclose(ended[2].val_output_MC, expected.val_output_MC, atol=1e-3)
    # A view without bins trains as it would alone.
    alone = run(new_engine(with_codes(some_arrays(loss))), [plain])[1]
    losses = [[epoch.val_loss for epoch in run.epochs] for run in (ended[1], alone)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_code_that_no_training_row_holds_keeps_its_zeros(new_engine: NewEngine) -> None:
    arrays = with_codes(some_arrays())
    arrays.x_VND[:, :, 4] += 1

    trained = run(new_engine(arrays), [a_plan(max_epochs=2)])[1]

    first, second = trained.weights[-2:]
    assert first.any(axis=1).all()
    assert not second[0].any()


def test_noise_is_added_to_training_rows_alone(new_engine: NewEngine) -> None:
    still = a_plan(max_epochs=3, learning_rate=1e-12)
    noisy = dataclasses.replace(still, number=2, noise=0.5)

    ended = run(new_engine(some_arrays()), [still, noisy])

    for calm, shaken in zip(ended[1].epochs, ended[2].epochs, strict=True):
        assert shaken.val_loss == pytest.approx(calm.val_loss, rel=1e-5)
        assert shaken.loss != pytest.approx(calm.loss, rel=1e-3)


def test_error_of_who_listens_ends_the_search(new_engine: NewEngine) -> None:
    def refuse(*_: object) -> bool:
        raise ValueError("the lease is lost")

    with pytest.raises(ValueError, match="the lease is lost"):
        run(new_engine(some_arrays()), [a_plan(), a_plan(number=2)], on_epoch=refuse)


def test_trial_that_cannot_be_trained_fails_and_the_search_goes_on(new_engine: NewEngine) -> None:
    unknown = a_plan(activation="no such activation")
    engine = new_engine(some_arrays())

    ended = list(
        engine.run(
            next_plans_from([unknown, a_plan(number=2)]),
            on_epoch=lambda *_: True,
            on_wait=lambda: True,
        )
    )

    failed = [result for result in ended if isinstance(result, FailedPlan)]
    trained = [result for result in ended if isinstance(result, TrainedPlan)]
    assert [result.plan.number for result in trained] == [2]
    assert [(result.plan.number, result.reason) for result in failed] == [(1, "ValueError")]
    assert "Traceback" in failed[0].error


def test_plans_are_asked_for_as_there_is_room(new_engine: NewEngine) -> None:
    asked: list[int] = []
    given = next_plans_from([a_plan(number=n, seed=n) for n in range(1, 13)])

    def next_plans(n: int) -> list[Plan]:
        some = given(n)
        asked.extend(plan.number for plan in some)
        return some

    results = new_engine(some_arrays()).run(
        next_plans, on_epoch=lambda *_: True, on_wait=lambda: True
    )
    ended = [next(results) for _ in range(3)]

    # What is asked for trains: 4 at a time in cohorts, 1 in Keras.
    assert len(asked) - len(ended) <= 4
    results.close()  # type: ignore[attr-defined]
