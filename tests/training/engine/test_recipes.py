"""What recipes ask for beyond a search: both engines train it, to the numbers of stock Keras."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from lowloss.spec import Activation
from lowloss.spec.activations import LayerActivation
from lowloss.spec.initializers import INITIALIZERS
from tests.builders.engines import a_cohort, a_cohort_engine, train_epoch
from tests.builders.slow import slow_but
from tests.builders.trainings import a_plan, holdout, run, some_arrays, with_targets
from worker.engine.arrays import Arrays, Fold, Loss
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.program import Program, Programs
from worker.engine.cohort.shape import LAYER_PENALTIES, Shape
from worker.engine.draws import initial_weights
from worker.engine.keras.keras_engine import KerasEngine
from worker.engine.keras.network import build_network, forward
from worker.engine.losses import row_loss
from worker.engine.plans import Plan
from worker.engine.protocol import Engine
from worker.engine.results import TrainedPlan
from worker.engine.weights import unflatten_weights

NewEngine = Callable[[Arrays], Engine]
FURTHER = tuple(name for name in get_args(LayerActivation) if name not in get_args(Activation))
"""Activations that no search has."""
HEADS = ("linear", "sigmoid", "softmax")


@pytest.fixture(
    params=[pytest.param(KerasEngine, marks=pytest.mark.slow), a_cohort_engine],
    ids=["keras", "cohort"],
)
def new_engine(request: pytest.FixtureRequest) -> NewEngine:
    chosen: NewEngine = request.param
    return chosen


def arrays_of(loss: Loss, head: str | None, outputs: int = 1, labels: int = 3) -> Arrays:
    """A target of class indices for crossentropies and several outputs, else a positive number."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 3)).astype(np.float32)
    signal = x[:, 0] - 0.5 * x[:, 1]
    is_of_classes = outputs > 1 or loss.value.endswith("crossentropy")
    ranks = np.argsort(np.argsort(signal)) * labels // len(signal)
    y = (ranks if is_of_classes else np.exp(signal)).astype(np.float32)
    arrays = holdout(x[:60], y[:60], x[60:], y[60:], loss=loss, outputs=outputs)
    return dataclasses.replace(arrays, head=head)


def losses_of(trained: TrainedPlan) -> np.ndarray:
    """[epochs, 3]"""
    return np.array([(e.loss, e.val_loss, e.penalised_loss) for e in trained.epochs])


def train_in_both(arrays: Arrays, plans: list[Plan], reach: Reach) -> dict[int, TrainedPlan]:
    """Train plans in cohorts and in stock Keras, and hold the one against the other."""
    ours = run(a_cohort_engine(arrays, reach=reach), plans)
    theirs = run(KerasEngine(arrays), plans)
    for number, trained in ours.items():
        assert trained.program.startswith("cohort")
        stock = theirs[number]
        assert np.allclose(losses_of(trained), losses_of(stock), rtol=1e-3, atol=1e-6)
        for one, other in zip(trained.weights, stock.weights, strict=True):
            assert np.allclose(one, other, rtol=1e-2, atol=1e-4)
        assert np.allclose(trained.val_output_MC, stock.val_output_MC, rtol=1e-2, atol=1e-4)
    return ours


PAIRS = {f"{loss.name}.{head}": (loss, head) for loss in Loss for head in HEADS}


def targets_of(y_N: np.ndarray, outputs: int) -> dict[str, np.ndarray]:
    """What each loss compares. Sparse ones must be classes, others of one output may be any."""
    columns = y_N[:, None] if outputs == 1 else (y_N[:, None] == np.arange(outputs))
    return {
        name: y_N % outputs if loss is Loss.multiclass else columns.astype(np.float32)
        for name, (loss, _) in PAIRS.items()
    }


def measured_by_keras(z_NC: np.ndarray, targets: dict[str, np.ndarray]) -> dict[str, float]:
    """What Keras measures of every loss over every head, whose logits are z."""
    outputs = z_NC.shape[1]
    inputs = keras.Input((outputs,))
    heads = {
        name: keras.layers.Dense(outputs, head, False, "identity", name=name)(inputs)
        for name, (_, head) in PAIRS.items()
    }
    model = keras.Model(inputs, heads)
    model.compile(loss={name: loss.value for name, (loss, _) in PAIRS.items()})
    found = model.evaluate(z_NC, targets, batch_size=len(z_NC), verbose=0, return_dict=True)
    return {name: found[f"{name}_loss"] for name in PAIRS}


@pytest.mark.parametrize("outputs", slow_but([1, 4], fast=[4]))
# Which is what is tested here.
@pytest.mark.filterwarnings("ignore:You are using a softmax:UserWarning:keras")
@pytest.mark.filterwarnings("ignore:In loss categorical_:SyntaxWarning")
def test_every_loss_of_every_head_is_what_keras_measures(outputs: int) -> None:
    rng = np.random.default_rng(0)
    z_NC = rng.normal(scale=8, size=(40, outputs)).astype(np.float32)
    # Labels of one output are far outside of [0, 1].
    targets = targets_of(np.arange(40, dtype=np.float32) % (69 if outputs == 1 else 4), outputs)

    def of_every_row(z_1NC: Any, given: dict[str, Any]) -> dict[str, Any]:
        return {name: row_loss(*PAIRS[name], z_1NC, y)[0] for name, y in given.items()}

    ours = tf.function(of_every_row, jit_compile=True)(
        z_NC[None], {name: as_given(name, y) for name, y in targets.items()}
    )

    for name, value in measured_by_keras(z_NC, targets).items():
        mean = float(np.mean(ours[name]))
        assert mean == pytest.approx(value, rel=1e-5, abs=1e-6, nan_ok=True), name


def as_given(name: str, y: np.ndarray) -> Any:
    """Targets as a program has them: [1, N], or one-hot codes [1, N, C]."""
    is_sparse = PAIRS[name][0] is Loss.multiclass
    many = y[:, 0] if not is_sparse and y.shape[1] == 1 else y
    return tf.constant(many[None], tf.int32 if is_sparse else tf.float32)


@pytest.mark.parametrize(
    ("loss", "head", "outputs", "labels"),
    slow_but(
        [
            (Loss.binary, "sigmoid", 1, 69),
            (Loss.binary, "sigmoid", 8, 8),
            (Loss.huber, "softplus", 1, 1),
        ],
        fast=[(Loss.huber, "softplus", 1, 1)],
    ),
    ids=str,
)
def test_losses_and_heads_train_alike_in_both_engines(
    loss: Loss, head: str | None, outputs: int, labels: int
) -> None:
    arrays = arrays_of(loss, head, outputs, labels)
    plan = a_plan(max_epochs=4, l2=1e-3, mixup=0.3 if outputs > 1 else 0.0)

    trained = train_in_both(arrays, [plan], Reach(1, 1, frozenset()))[1]

    assert trained.epochs[-1].loss < trained.epochs[0].loss


def test_softmax_over_one_unit_trains_and_learns_nothing(new_engine: NewEngine) -> None:
    # Plain steps: Adam would make whole ones of rounding errors (0.99999994 for 1).
    plan = a_plan(max_epochs=2, optimizer="sgd", momentum=0.0)
    arrays = arrays_of(Loss.mse, "softmax")

    trained = run(new_engine(arrays), [plan])[1]

    first, second = trained.epochs
    assert first.val_loss == pytest.approx(second.val_loss, rel=1e-6)
    assert trained.val_output_MC == pytest.approx(1.0, abs=1e-6)
    for weight, begun in zip(trained.weights, initial_weights(plan, arrays), strict=True):
        assert weight == pytest.approx(begun, abs=1e-6)


def layered(**given: Any) -> Plan:
    """Every layer with an activation and penalties of its own."""
    names = given["activation"]
    strengths = [10.0 ** -(2 + layer % 3) for layer in range(len(names) + 1)]
    values = {"widths": tuple(range(len(names) + 5, 5, -1)), "max_epochs": 5, "optimizer": "sgd"}
    return a_plan(**values | {"l1": tuple(strengths), "l2": tuple(strengths[::-1])} | given)


def test_activations_and_penalties_of_each_layer_are_keras_own() -> None:
    # The shorter network is padded to the longer.
    plans = [layered(activation=FURTHER), layered(number=2, seed=2, activation=FURTHER[:3])]

    ours = train_in_both(arrays_of(Loss.mse, None), plans, Reach(len(FURTHER), 1, frozenset()))

    assert len({trained.program for trained in ours.values()}) == 1
    assert LAYER_PENALTIES in ours[1].program


@pytest.mark.slow
def test_padding_stays_zero_behind_every_activation() -> None:
    count = len(FURTHER)
    state = a_cohort(widths=(32,) * count, slots=2, activation=FURTHER, optimizer="sgd")
    state.start(a_plan(widths=(5,), activation=FURTHER[:1], l2=(0.1, 0.2), max_epochs=9))
    state.start(a_plan(number=2, widths=(5,) * count, activation=FURTHER, dropout=0.3))

    for _ in range(2):
        train_epoch(state)

    *hidden, head, _ = [tensor.numpy() for tensor in state.values.state.parameters]
    assert all(np.isfinite(tensor).all() for tensor in [*hidden, head])
    assert np.any(head[:, :5] != 0)
    assert not head[:, 5:].any()
    assert not any(tensor[:, :, 5:].any() for tensor in hidden)
    assert not any(tensor[0].any() for tensor in hidden[2:])


def test_every_layer_drops_out_at_its_own_rate(new_engine: NewEngine) -> None:
    # Linear means of what is left of 64 ones, and then of 4: their variances are known.
    ones = np.ones((540, 1), np.float32)
    arrays = holdout(ones, ones[:, 0], ones[:9], ones[:9, 0])
    means = tuple(INITIALIZERS["constant"].with_scale(1 / count) for count in (1, 64, 4))
    given: dict[str, Any] = {"widths": (64, 4), "activation": "linear", "initializers": means}
    given |= {"learning_rate": 1e-12, "max_epochs": 3, "batch_size": 90}
    rates = [(0.75, 0.0), (0.0, 0.75)]
    plans = [a_plan(number=n, dropout=rate, **given) for n, rate in enumerate(rates)]

    ended = run(new_engine(arrays), plans)

    losses = [np.mean([e.loss for e in ended[number].epochs]) for number in (0, 1)]
    assert losses == pytest.approx([3 / 64, 3 / 4], rel=0.15)
    assert ended[1].epochs[-1].val_loss == pytest.approx(0, abs=1e-9)


def test_momentum_is_each_plans_own_and_0_is_plain_sgd() -> None:
    plans = [
        a_plan(number=n, optimizer="sgd", momentum=momentum, max_epochs=5)
        for n, momentum in enumerate((0.0, 0.5, 0.9))
    ]

    ours = train_in_both(some_arrays(), plans, Reach(1, 1, frozenset()))

    assert len({trained.program for trained in ours.values()}) == 1
    assert len({trained.epochs for trained in ours.values()}) == 3


def test_network_without_hidden_layers_trains_beside_others() -> None:
    arrays = some_arrays(Loss.multiclass)
    plans = [a_plan(number=1, widths=(), l2=1e-3, max_epochs=5), a_plan(number=2)]

    ours = train_in_both(arrays, plans, Reach(2, 8, frozenset()))

    assert [weight.shape for weight in ours[1].weights] == [(3, 3), (3,)]
    assert "no hidden layers" in ours[1].program


@pytest.mark.parametrize("name", INITIALIZERS)
def test_kernels_begin_as_keras_begins_them(name: str) -> None:
    x_VND, fold = np.zeros((1, 2, 300), np.float32), Fold(np.arange(1), np.arange(1, 2))
    arrays = Arrays(x_VND, x_VND[0, :, 0], Loss.mse, 40, (fold,))
    record = INITIALIZERS[name]
    value = {"constant": 0.7}.get(name, 0.3 if record.argument else None)
    plan = a_plan(widths=(500,), initializers=(record.with_scale(value), record))
    given: dict[str, Any] = {
        "random_normal": {"stddev": 0.3},
        "truncated_normal": {"stddev": 0.3},
        "random_uniform": {"minval": -0.3, "maxval": 0.3},
        "constant": {"value": 0.7},
        "variance_scaling": {"scale": 0.3},
        "orthogonal": {"gain": 0.3},
        "identity": {"gain": 0.3},
    }

    layers = unflatten_weights(initial_weights(plan, arrays)).layers

    # The largest of Keras's own draws differs by more than is allowed now and then.
    keras.utils.set_random_seed(1)
    stock = [getattr(keras.initializers, _class_name(name))(**given.get(name, {}))((300, 500))]
    stock += [getattr(keras.initializers, _class_name(name))()((500, 40))]
    for (kernel, bias), theirs in zip(layers, map(np.asarray, stock), strict=True):
        assert kernel.shape == theirs.shape
        assert not bias.any()
        mean, sd, most = (float(v) for v in (theirs.mean(), theirs.std(), np.abs(theirs).max()))
        assert kernel.mean() == pytest.approx(mean, abs=0.04 * sd + 1e-6)
        assert kernel.std() == pytest.approx(sd, rel=0.02, abs=1e-6)
        assert np.abs(kernel).max() == pytest.approx(most, rel=0.15, abs=1e-6)


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def test_keras_network_has_each_layers_own_values() -> None:
    plan = a_plan(activation=("tanh", "linear"), dropout=(0.0, 0.5), l1=(0.0, 0.1, 0.0), l2=0.0)

    layers: list[Any] = build_network(plan, some_arrays()).layers

    kinds = keras.layers
    activations = [each.activation for each in layers if isinstance(each, kinds.Activation)]
    rates = [each.rate for each in layers if isinstance(each, kinds.Dropout)]
    penalties = [each.kernel_regularizer for each in layers if isinstance(each, kinds.Dense)]
    assert [activation.__name__ for activation in activations] == ["tanh", "linear"]
    assert rates == [0.5]
    assert [penalty is not None for penalty in penalties] == [False, True, False]


def test_values_for_another_number_of_layers_are_refused() -> None:
    for wrong in ({"activation": ("relu",)}, {"dropout": (0.1,) * 3}, {"l2": (0.1, 0.1)}):
        with pytest.raises(ValueError, match="another number of layers"):
            a_plan(**wrong)


def test_without_early_stopping_the_checkpoint_has_the_last_weights(
    new_engine: NewEngine,
) -> None:
    noise = np.random.default_rng(1).normal(size=90).astype(np.float32)
    arrays = with_targets(some_arrays(), noise)
    plan = a_plan(learning_rate=0.1, max_epochs=12, patience=13)

    trained = run(new_engine(arrays), [plan])[1]

    losses = [epoch.val_loss for epoch in trained.epochs]
    assert (len(losses), trained.reason) == (12, "max_epochs")
    assert trained.best_epoch == int(np.argmin(losses)) + 1 < 12
    assert trained.checkpoint is not None
    rows = arrays.rows()
    for weights, loss in ((trained.weights, min(losses)), (trained.checkpoint.weights, losses[-1])):
        output_M1 = forward(weights, plan.activation, "linear", rows.x_val_MD)
        mse = float(np.mean((output_M1[:, 0] - rows.y_val_M) ** 2))
        assert mse == pytest.approx(loss, rel=1e-4)


def test_patience_of_0_waits_for_the_first_epoch_that_is_no_better(new_engine: NewEngine) -> None:
    plans = [a_plan(number=n, patience=n, learning_rate=0.1, max_epochs=60) for n in (0, 1)]

    zero, one = run(new_engine(some_arrays()), plans).values()

    assert zero.reason == "early_stopping"
    assert len(zero.epochs) > 1
    assert zero.epochs == one.epochs


def test_engines_that_share_programs_compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[Shape] = []
    train = Program._train

    def counted(program: Program, *given: Any) -> Any:
        traced.append(program.shape)
        return train(program, *given)

    monkeypatch.setattr(Program, "_train", counted)
    programs, plan = Programs(), a_plan(max_epochs=2)
    first = some_arrays()
    second = with_targets(first, first.y_N[:90] ** 2)

    shared = [run(a_cohort_engine(a, programs=programs), [plan])[1] for a in (first, second)]

    assert len(traced) == 1
    for arrays, trained in zip((first, second), shared, strict=True):
        expected = run(KerasEngine(arrays), [plan])[1]
        assert np.allclose(losses_of(trained), losses_of(expected), rtol=1e-4)


def test_programs_differ_where_they_are_compiled_for_something_else() -> None:
    programs, shape, arrays = Programs(), Shape(1, (32,), 16, "relu", "adam"), some_arrays()
    fold = arrays.folds[0]

    def with_fold(**given: Any) -> Arrays:
        return dataclasses.replace(arrays, folds=(dataclasses.replace(fold, **given),))

    others = [
        dataclasses.replace(arrays, loss=Loss.huber),
        dataclasses.replace(arrays, head="tanh"),
        dataclasses.replace(arrays, outputs=2),
        with_fold(weight_N=np.ones(90, np.float32)),
        some_arrays(rows=600),
    ]
    # Up to 512 rows, all numbers of rows, folds and views are one program's.
    same = [
        with_fold(y_shift=1.0),
        with_fold(train_N=fold.train_N[1:]),
        with_fold(validation_M=fold.validation_M[1:]),
        dataclasses.replace(arrays, x_VND=np.repeat(arrays.x_VND, 2, axis=0)),
        dataclasses.replace(arrays, folds=(fold, with_fold(train_N=fold.train_N[:9]).folds[0])),
        some_arrays(rows=400),
    ]

    kept = programs.get(shape, arrays, is_resident=True)

    assert all(programs.get(shape, each, is_resident=True) is kept for each in same)
    found = [programs.get(shape, each, is_resident=True) for each in others]
    found += [programs.get(shape, arrays, is_resident=False)]
    found += [programs.get(dataclasses.replace(shape, slots=2), arrays, is_resident=True)]
    assert len({id(program) for program in [kept, *found]}) == len(others) + 3


def test_least_recently_used_program_goes_first() -> None:
    programs, arrays = Programs(max_programs=2), some_arrays()

    def get(batch_size: int) -> Program:
        return programs.get(Shape(1, (32,), batch_size, "relu", "adam"), arrays, is_resident=True)

    first, second = get(1), get(2)
    assert get(1) is first
    get(3)

    assert get(1) is first
    assert get(2) is not second
