"""The reference engine: one trial at a time through stock Keras `fit`.

N training rows, M validation rows, D features, C outputs.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.engine.draws import initial_weights
from worker.engine.gradients import forgotten_gradients
from worker.engine.keras_callbacks import DATA_LOSS, Draws, Stopping, Watch, Weights
from worker.engine.losses import activation
from worker.engine.plans import (
    Arrays,
    Embedding,
    Epoch,
    FailedTrial,
    FloatArray,
    FoldRows,
    Loss,
    NextPlans,
    OnBatch,
    OnEpoch,
    Plan,
    TakeCheckpoint,
    TrainedTrial,
    failed,
)
from worker.engine.weights import told_apart

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
    fold, rows = arrays.folds[plan.fold], arrays.rows(plan.fold)
    keras.backend.clear_session()
    keras.utils.set_random_seed(plan.seed)  # of dropout and noise
    with _no_advice():
        model = build_network(plan, arrays)
        compile_network(model, plan, arrays)
        state = Weights(model, _variables(model))
        stopping = Stopping(plan, fold, state)
        watch = Watch(plan, fold, stopping, state, on_epoch=on_epoch, on_batch=on_batch)
        if plan.checkpoint is not None:
            state.restore(plan.checkpoint, arrays.steps(plan))
        if watch.reason is None:
            _fit(model, plan, arrays, stopping, watch)
    weights: tuple[FloatArray, ...] = ()
    val_output_MC = np.empty((0, arrays.outputs), dtype=np.float32)
    if watch.best_epoch is not None:
        kept = watch.checkpoint
        weights = watch.best_weights() if kept is None else kept.best_weights
        val_output_MC = forward(weights, plan.activations, arrays.output_activation, rows.x_val_MD)
    return TrainedTrial(
        plan=plan,
        outcome=watch.outcome,
        reason=str(watch.reason),
        epochs=tuple(watch.epochs),
        best_epoch=watch.best_epoch,
        weights=weights,
        val_output_MC=val_output_MC,
        seconds=watch.seconds,
        program=PROGRAM,
        checkpoint=watch.checkpoint,
    )


@contextmanager
def _no_advice() -> Iterator[None]:
    """Without what Keras says of softmax or categorical crossentropy over one unit: it is meant."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are using a softmax over axis", UserWarning)
        warnings.filterwarnings("ignore", "In loss categorical_crossentropy", SyntaxWarning)
        yield


def _fit(model: keras.Model, plan: Plan, arrays: Arrays, stopping: Stopping, watch: Watch) -> None:
    """Keras's `fit`, from where the plan stands to its end."""
    fold, rows = arrays.folds[plan.fold], arrays.rows(plan.fold)
    draws = Draws(plan, len(rows.x_train_ND), arrays.steps(plan))
    labels = _Labels(arrays, is_mixed=plan.mixup > 0)
    with forgotten_gradients():
        model.fit(
            _training_batches(rows, labels, plan.batch_size, draws),
            validation_data=_validation_batches(rows, labels) if fold.is_validated else None,
            initial_epoch=len(watch.epochs),
            epochs=plan.max_epochs,
            shuffle=False,
            # The watch comes last: what stopping makes of an epoch is known then.
            callbacks=[draws, stopping, watch] if fold.is_validated else [draws, watch],
            verbose=0,
        )


def build_network(plan: Plan, arrays: Arrays) -> keras.Model:
    """Dense → activation → Dropout for each width, and a Dense head; penalties on kernels."""
    penalties = [
        keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
        for l1, l2 in zip(plan.l1s, plan.l2s, strict=True)
    ]
    inputs = keras.Input((arrays.features,))
    x = inputs[:, : arrays.numbers] if arrays.embeddings else inputs
    if plan.noise:
        x = keras.layers.GaussianNoise(plan.noise, seed=plan.seed % 2**31)(x)
    learned = [
        _learned(embedding, inputs[:, arrays.numbers + place])
        for place, embedding in enumerate(arrays.embeddings)
    ]
    if learned:
        x = keras.layers.Concatenate()([x, *learned])
    for layer, width in enumerate(plan.widths):
        x = keras.layers.Dense(width, kernel_regularizer=penalties[layer])(x)
        x = keras.layers.Activation(plan.activations[layer])(x)
        if rate := plan.dropouts[layer]:
            x = keras.layers.Dropout(rate, seed=(plan.seed + layer) % 2**31)(x)
    head = keras.layers.Dense(
        arrays.outputs, activation=arrays.output_activation, kernel_regularizer=penalties[-1]
    )
    model = keras.Model(inputs, head(x))
    for variable, value in zip(_variables(model), initial_weights(plan, arrays), strict=True):
        variable.assign(value)
    return model


def _learned(embedding: Embedding, codes: Any) -> Any:
    """A table as a product with one-hot codes.

    The gradient of Keras's Embedding repeats a batch's codes, and so has a wrong norm to clip
    (Keras 3.15).
    """
    table = keras.layers.Dense(embedding.size, use_bias=False)
    return table(keras.ops.one_hot(keras.ops.cast(codes, "int32"), embedding.codes))


def _variables(model: keras.Model) -> list[Any]:
    """Kernels and biases in turn, then tables: Keras's own order has what stands first first."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    layers: list[Any] = [v for layer in dense if layer.use_bias for v in layer.variables]
    return layers + [layer.kernel for layer in dense if not layer.use_bias]


def compile_network(model: keras.Model, plan: Plan, arrays: Arrays) -> None:
    """Attach the optimizer and the loss; the data loss is a metric without penalties or weights."""
    steps = arrays.steps(plan)
    labels = _Labels(arrays, is_mixed=plan.mixup > 0)
    model.compile(
        optimizer=_optimizer(plan, steps * plan.max_epochs),
        loss=labels.loss.value,
        metrics=[labels.data_loss()],
        # Measured on 16,000 rows of 26 columns, batch 32: the same numbers in 0.4 of the time of
        # single steps, and nothing more from 128; XLA took 2.5 times as long after a 3 times longer
        # compile.
        steps_per_execution=min(32, steps),
        jit_compile=False,
    )


def forward(
    weights: Sequence[FloatArray], activations: str | Sequence[str], head: str, x_ND: FloatArray
) -> FloatArray:
    """[N, C] What a network of these weights answers, without its dropout.

    `activations` are of all hidden layers, or one each; `head` that of the output layer.
    """
    *hidden, (kernel, bias) = told_apart(weights).layers
    names = [activations] * len(hidden) if isinstance(activations, str) else activations
    functions = [activation(name) for name in names]
    answer = activation(head)
    parts = []
    for start in range(0, len(x_ND), PREDICT_ROWS):
        h = keras.ops.convert_to_tensor(_embedded(weights, x_ND[start : start + PREDICT_ROWS]))
        for (hidden_kernel, hidden_bias), activate in zip(hidden, functions, strict=True):
            h = activate(keras.ops.matmul(h, hidden_kernel) + hidden_bias)
        parts.append(np.asarray(answer(keras.ops.matmul(h, kernel) + bias), dtype=np.float32))
    return np.concatenate(parts) if parts else np.empty((0, bias.size), dtype=np.float32)


def _embedded(weights: Sequence[FloatArray], x_ND: FloatArray) -> FloatArray:
    """[N, inputs] Numbers as they are, and each code's numbers from its table."""
    tables = told_apart(weights).tables
    if not tables:
        return x_ND
    numbers = x_ND.shape[1] - len(tables)
    codes_NE = x_ND[:, numbers:].astype(np.int64)
    learned = [table[codes_NE[:, place]] for place, table in enumerate(tables)]
    return np.concatenate([x_ND[:, :numbers], *learned], axis=1)


class _Told:
    """Passes on what an engine tells, and knows whether an error is the listener's."""

    def __init__(self, on_epoch: OnEpoch, on_batch: OnBatch) -> None:
        self.is_raised = False
        self._on_epoch, self._on_batch = on_epoch, on_batch

    def epoch(self, plan: Plan, epoch: Epoch, checkpoint: TakeCheckpoint) -> bool:
        """Pass on an epoch."""
        with self._watched():
            return self._on_epoch(plan, epoch, checkpoint)

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


def _training_batches(rows: FoldRows, labels: _Labels, batch_size: int, draws: Draws) -> Any:
    """The training rows in the epoch's order, batch by batch; the last may be smaller.

    Keras would make the same of bare arrays, at three times the cost an epoch for a small table.
    """
    count, numbers = len(rows.x_train_ND), labels.arrays.numbers
    columns = [rows.x_train_ND, labels.of(rows.y_train_N)]
    if rows.weight_train_N is not None:
        columns.append(rows.weight_train_N)
    tensors = [tf.constant(column) for column in columns]

    def batch(number: Any) -> tuple[Any, ...]:
        start = tf.cast(number * batch_size, tf.int32)
        chosen = draws.rows_N[start : tf.minimum(start + batch_size, count)]
        batches = tuple(tf.gather(tensor, chosen) for tensor in tensors)
        if not draws.is_mixed:
            return batches
        share = draws.share_S[number]
        # No code lies between two: that of the larger share stays.
        of_columns = tf.where(tf.range(labels.arrays.features) < numbers, share, tf.round(share))
        # Every row with the next one of its batch, and the last with the first.
        shares = (of_columns, *(share for _ in batches[1:]))
        pairs = zip(shares, batches, strict=True)
        return tuple(each * own + (1 - each) * tf.roll(own, -1, axis=0) for each, own in pairs)

    return _plainly(tf.data.Dataset.range(math.ceil(count / batch_size)).map(batch))


def _validation_batches(rows: FoldRows, labels: _Labels) -> Any:
    columns = (rows.x_val_MD, labels.of(rows.y_val_M))
    return _plainly(tf.data.Dataset.from_tensor_slices(columns).batch(PREDICT_ROWS).cache())


def _plainly(batches: Any) -> Any:
    """Without the threads and tuning that only pay for data that is slow to read."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.experimental_optimization.apply_default_optimizations = False
    return batches.with_options(options)


@dataclass(frozen=True)
class _Labels:
    """The target as Keras takes it: class indices [N] where the loss is of those, else [N, 1].

    One column a class where the loss compares one-hot codes, or class indices are mixed.
    """

    arrays: Arrays
    is_mixed: bool

    @property
    def loss(self) -> Loss:
        """Keras's loss."""
        is_soft = self.is_mixed and self.arrays.loss is Loss.multiclass
        return Loss.categorical if is_soft else self.arrays.loss

    def data_loss(self) -> keras.metrics.Metric:
        """The same as a metric, without penalties or weights."""
        match self.loss:
            case Loss.categorical:
                return keras.metrics.CategoricalCrossentropy(name=DATA_LOSS)
            case Loss.mse:
                return keras.metrics.MeanSquaredError(name=DATA_LOSS)
            case Loss.binary:
                return keras.metrics.BinaryCrossentropy(name=DATA_LOSS)
            case Loss.multiclass:
                return keras.metrics.SparseCategoricalCrossentropy(name=DATA_LOSS)
            case other:
                return keras.metrics.MeanMetricWrapper(
                    keras.losses.get(other.value), name=DATA_LOSS
                )

    def of(self, y_N: FloatArray) -> FloatArray:
        """Targets in that shape."""
        if self.arrays.is_one_hot or (self.is_mixed and self.arrays.loss is Loss.multiclass):
            is_class_NC: NDArray[np.bool_] = y_N[:, None] == np.arange(self.arrays.outputs)
            return is_class_NC.astype(np.float32)
        return y_N if self.arrays.loss is Loss.multiclass else y_N[:, None]


def _optimizer(plan: Plan, steps: int) -> keras.Optimizer:
    rate: Any = plan.learning_rate
    if plan.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(plan.learning_rate, decay_steps=max(1, steps))
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
            return keras.optimizers.SGD(momentum=plan.momentum, **given)
    raise ValueError(f"unknown optimizer {plan.optimizer!r}")
