"""The reference engine: one trial at a time through stock Keras `fit`.

N training rows, M validation rows, D features, C outputs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine.draws import initial_weights, row_order
from worker.engine.gradients import forgotten_gradients
from worker.engine.plans import (
    Arrays,
    Epoch,
    FailedTrial,
    FloatArray,
    FoldRows,
    Loss,
    NextPlans,
    OnBatch,
    OnEpoch,
    Outcome,
    Plan,
    TrainedTrial,
    failed,
)
from worker.engine.update_rules import MOMENTUM

HEADS = {Loss.mse: "linear", Loss.binary: "sigmoid", Loss.multiclass: "softmax"}
DATA_LOSS = "data_loss"
PROGRAM = "keras_fit"
PREDICT_ROWS = 8192
"""Rows that are put through the network at once when it predicts: 128 MiB at 4,096 units."""


@dataclass(frozen=True)
class KerasEngine:
    """Trains plans one after the other."""

    arrays: Arrays

    def run(
        self, next_plans: NextPlans, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> Iterator[TrainedTrial | FailedTrial]:
        """Train plans until there are none; yields each training as it ends."""
        while plans := next_plans(1):
            told = _Told(on_epoch, on_batch)
            try:
                yield train(plans[0], self.arrays, on_epoch=told.epoch, on_batch=told.batch)
            except Exception as error:
                if told.is_raised:
                    # Not of the trial: the job is to end.
                    raise
                yield failed(plans[0], error)


def train(plan: Plan, arrays: Arrays, *, on_epoch: OnEpoch, on_batch: OnBatch) -> TrainedTrial:
    """Train one plan to its end, or until `on_epoch` answers False."""
    started = time.monotonic()
    fold, rows = arrays.folds[plan.fold], arrays.rows(plan.fold)
    keras.backend.clear_session()
    # Initial weights and dropout follow from the seed, as the order of rows does.
    keras.utils.set_random_seed(plan.seed)
    model = build_network(plan, arrays)
    compile_network(model, plan, arrays)
    watch = _Watch(plan, fold.loss_unit, on_epoch, on_batch)
    stopping = keras.callbacks.EarlyStopping(
        monitor=f"val_{DATA_LOSS}", mode="min", patience=plan.patience, restore_best_weights=True
    )
    order = _RowOrder(plan.seed, len(rows.x_train_ND))
    with forgotten_gradients():
        model.fit(
            _training_batches(rows, arrays.loss, plan.batch_size, order),
            validation_data=_validation_batches(rows, arrays.loss),
            epochs=plan.max_epochs,
            shuffle=False,
            callbacks=[order, watch, stopping],
            verbose=0,
        )
    weights: tuple[FloatArray, ...] = ()
    val_output_MC = np.empty((0, arrays.outputs), dtype=np.float32)
    if watch.best_epoch is not None:
        if stopping.best_weights is not None:
            model.set_weights(stopping.best_weights)
        weights = tuple(model.get_weights())
        val_output_MC = forward(weights, plan.activation, arrays.loss, rows.x_val_MD)
    return TrainedTrial(
        plan=plan,
        outcome=watch.outcome,
        reason=watch.reason(stopping.stopped_epoch > 0),
        epochs=tuple(watch.epochs),
        best_epoch=watch.best_epoch,
        weights=weights,
        val_output_MC=val_output_MC,
        seconds=time.monotonic() - started,
        program=PROGRAM,
    )


def build_network(plan: Plan, arrays: Arrays) -> keras.Model:
    """Dense → activation → Dropout for each width, and a Dense head; penalties on kernels."""
    penalty = keras.regularizers.L1L2(plan.l1, plan.l2) if plan.l1 or plan.l2 else None
    x = inputs = keras.Input((arrays.features,))
    for layer, width in enumerate(plan.widths):
        x = keras.layers.Dense(width, kernel_regularizer=penalty)(x)
        x = keras.layers.Activation(plan.activation)(x)
        if plan.dropout:
            x = keras.layers.Dropout(plan.dropout, seed=(plan.seed + layer) % 2**31)(x)
    head = HEADS[arrays.loss]
    outputs = keras.layers.Dense(arrays.outputs, activation=head, kernel_regularizer=penalty)(x)
    model = keras.Model(inputs, outputs)
    model.set_weights(initial_weights(plan, arrays.features, arrays.outputs))
    return model


def compile_network(model: keras.Model, plan: Plan, arrays: Arrays) -> None:
    """Attach the optimizer and the loss; the data loss is a metric without penalties or weights."""
    steps = arrays.steps(plan)
    model.compile(
        optimizer=_optimizer(plan, steps * plan.max_epochs),
        loss=arrays.loss.value,
        metrics=[_data_loss(arrays.loss)],
        # Measured on 16,000 rows of 26 columns, batch 32: the same numbers in 0.4 of the time of
        # single steps, and nothing more from 128; XLA took 2.5 times as long after a 3 times longer
        # compile.
        steps_per_execution=min(32, steps),
        jit_compile=False,
    )


def forward(
    weights: tuple[FloatArray, ...], activation: str, loss: Loss, x_ND: FloatArray
) -> FloatArray:
    """[N, C] What a network of these weights answers, without its dropout."""
    activate = keras.activations.get(activation)
    head = keras.activations.get(HEADS[loss])
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    parts = []
    for start in range(0, len(x_ND), PREDICT_ROWS):
        h = keras.ops.convert_to_tensor(x_ND[start : start + PREDICT_ROWS])
        for kernel, bias in layers[:-1]:
            h = activate(keras.ops.matmul(h, kernel) + bias)
        kernel, bias = layers[-1]
        parts.append(np.asarray(head(keras.ops.matmul(h, kernel) + bias), dtype=np.float32))
    return np.concatenate(parts) if parts else np.empty((0, weights[-1].size), dtype=np.float32)


class _Told:
    """Passes on what an engine tells, and knows whether an error is the listener's."""

    def __init__(self, on_epoch: OnEpoch, on_batch: OnBatch) -> None:
        self.is_raised = False
        self._on_epoch, self._on_batch = on_epoch, on_batch

    def epoch(self, plan: Plan, epoch: Epoch) -> bool:
        """Pass on an epoch."""
        with self._watched():
            return self._on_epoch(plan, epoch)

    def batch(self) -> None:
        """Pass on a sign of life."""
        with self._watched():
            self._on_batch()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.is_raised = True
            raise


class _RowOrder(keras.callbacks.Callback):
    """A new order of the training rows for every epoch: a function of seed and epoch alone."""

    def __init__(self, seed: int, rows: int) -> None:
        super().__init__()
        self.rows_N = tf.Variable(np.arange(rows, dtype=np.int32))
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Draw the epoch's order."""
        self.rows_N.assign(row_order(self._seed, epoch + 1, self.rows_N.shape[0]))


def _training_batches(rows: FoldRows, loss: Loss, batch_size: int, order: _RowOrder) -> Any:
    """The training rows in the epoch's order, batch by batch; the last may be smaller.

    Keras would make the same of bare arrays, at three times the cost an epoch for a small table.
    """
    count = len(rows.x_train_ND)
    columns = [rows.x_train_ND, _labels(rows.y_train_N, loss)]
    if rows.weight_train_N is not None:
        columns.append(rows.weight_train_N)
    tensors = [tf.constant(column) for column in columns]

    def batch(number: Any) -> tuple[Any, ...]:
        start = tf.cast(number * batch_size, tf.int32)
        chosen = order.rows_N[start : tf.minimum(start + batch_size, count)]
        return tuple(tf.gather(tensor, chosen) for tensor in tensors)

    return _plainly(tf.data.Dataset.range(math.ceil(count / batch_size)).map(batch))


def _validation_batches(rows: FoldRows, loss: Loss) -> Any:
    columns = (rows.x_val_MD, _labels(rows.y_val_M, loss))
    return _plainly(tf.data.Dataset.from_tensor_slices(columns).batch(PREDICT_ROWS).cache())


def _plainly(batches: Any) -> Any:
    """Without the threads and tuning that only pay for data that is slow to read."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.experimental_optimization.apply_default_optimizations = False
    return batches.with_options(options)


def _labels(y_N: FloatArray, loss: Loss) -> FloatArray:
    """The target in the shape that Keras's loss takes: [N] for classes, else [N, 1]."""
    return y_N if loss is Loss.multiclass else y_N[:, None]


def _optimizer(plan: Plan, steps: int) -> keras.Optimizer:
    rate: Any = plan.learning_rate
    if plan.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(plan.learning_rate, decay_steps=steps)
    given = {
        "learning_rate": rate,
        "weight_decay": plan.weight_decay or None,
        "global_clipnorm": plan.clip_norm,
    }
    match plan.optimizer:
        case "adam":
            return keras.optimizers.Adam(**given)
        case "adamw":
            # Without a decay Keras's AdamW would take its own default.
            return keras.optimizers.AdamW(**given | {"weight_decay": plan.weight_decay})
        case "rmsprop":
            return keras.optimizers.RMSprop(**given)
        case "sgd":
            return keras.optimizers.SGD(momentum=MOMENTUM, **given)
    raise ValueError(f"unknown optimizer {plan.optimizer!r}")


def _data_loss(loss: Loss) -> keras.metrics.Metric:
    match loss:
        case Loss.mse:
            return keras.metrics.MeanSquaredError(name=DATA_LOSS)
        case Loss.binary:
            return keras.metrics.BinaryCrossentropy(name=DATA_LOSS)
        case Loss.multiclass:
            return keras.metrics.SparseCategoricalCrossentropy(name=DATA_LOSS)


class _Watch(keras.callbacks.Callback):
    """Records epochs, passes them on, and ends a training that diverged or was stopped."""

    def __init__(self, plan: Plan, unit: float, on_epoch: OnEpoch, on_batch: OnBatch) -> None:
        super().__init__()
        self.epochs: list[Epoch] = []
        self.best_epoch: int | None = None
        self.outcome = Outcome.completed
        self._best_loss = math.inf
        self._plan = plan
        self._unit = unit
        self._on_epoch = on_epoch
        self._on_batch = on_batch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """A sign of life."""
        self._on_batch()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Take in what Keras measured; epochs count from 1 here."""
        found = Epoch(
            epoch=epoch + 1,
            loss=float(logs[DATA_LOSS]) / self._unit,
            val_loss=float(logs[f"val_{DATA_LOSS}"]) / self._unit,
            penalised_loss=float(logs["loss"]) / self._unit,
        )
        self.epochs.append(found)
        goes_on = self._on_epoch(self._plan, found)
        if not all(map(math.isfinite, (found.loss, found.val_loss, found.penalised_loss))):
            self.outcome = Outcome.diverged
            self.model.stop_training = True
            return
        # The number that EarlyStopping compares, not yet divided: both name the same epoch.
        if logs[f"val_{DATA_LOSS}"] < self._best_loss:
            self._best_loss = logs[f"val_{DATA_LOSS}"]
            self.best_epoch = found.epoch
        if not goes_on:
            self.outcome = Outcome.stopped
            self.model.stop_training = True

    def reason(self, stopped_early: bool) -> str:
        """Why the training ended."""
        match self.outcome:
            case Outcome.diverged:
                return "loss_not_finite"
            case Outcome.stopped:
                return "stopped"
            case Outcome.completed:
                return "early_stopping" if stopped_early else "max_epochs"
