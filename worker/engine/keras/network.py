"""Networks of stock Keras, built from plans; and what weights predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays, Embedding, Loss
from worker.engine.bins import Bins
from worker.engine.draws import draw_layers, initial_weights
from worker.engine.losses import activation
from worker.engine.optimizers import RULES
from worker.engine.plans import Plan
from worker.engine.weights import unflatten_weights

DATA_LOSS = "data_loss"
"""The data loss among Keras's metrics."""
PREDICT_ROWS = 8192
"""Rows that are put through the network at once when it predicts: 128 MiB at 4,096 units."""


def build_network(plan: Plan, arrays: Arrays) -> keras.Model:
    """Build a plan's network, with its initial weights."""
    return _build_layers(plan, arrays) if plan.layers else _build_plain(plan, arrays)


def _build_layers(plan: Plan, arrays: Arrays) -> keras.Model:
    """Build the layers that a plan names; kernels and biases begin as in any other network."""
    if arrays.embeddings:
        raise ValueError("no embeddings before layers of stock Keras")
    x = inputs = keras.Input((arrays.numbers_seen(has_bins=arrays.has_bins(plan)),))
    if len(unseen := arrays.folds[plan.fold].unseen_inputs):
        # Layers and skips would make something of what is 0 in every row.
        x = keras.ops.take(x, np.setdiff1d(np.arange(x.shape[1]), unseen), axis=1)
    skips: dict[int, Any] = {}
    for call in plan.layers:
        x = build_call(call)(x if call.takes is None else [skips[call.takes], x])
        if call.starts is not None:
            skips[call.starts] = x
    model = keras.Model(inputs, x)
    begin_network(model, plan)
    return model


def begin_network(model: keras.Model, plan: Plan) -> None:
    """Set the Dense layers of a plan's network to what they begin with."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    # What a kernel takes is not always what the layer before it gives: a skip may stand beside it.
    shapes = [tuple(layer.kernel.shape) for layer in dense]
    start = unflatten_weights(draw_layers(plan, shapes)).layers
    for layer, (kernel, bias) in zip(dense, start, strict=True):
        layer.kernel.assign(kernel)
        if layer.use_bias:
            layer.bias.assign(bias)


def _build_plain(plan: Plan, arrays: Arrays) -> keras.Model:
    """Build Dense → activation → Dropout for each width, and a Dense head; penalties on kernels."""
    penalties = [
        keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
        for l1, l2 in zip(plan.l1s, plan.l2s, strict=True)
    ]
    numbers = arrays.numbers_seen(has_bins=arrays.has_bins(plan))
    inputs = keras.Input((numbers + len(arrays.embeddings),))
    x = inputs[:, :numbers] if arrays.embeddings else inputs
    if plan.noise:
        x = keras.layers.GaussianNoise(plan.noise, seed=plan.seed % 2**31)(x)
    learned = [
        _learned(embedding, inputs[:, numbers + index])
        for index, embedding in enumerate(arrays.embeddings)
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
    for variable, value in zip(_plain_variables(model), initial_weights(plan, arrays), strict=True):
        variable.assign(value)
    return model


def _learned(embedding: Embedding, codes: Any) -> Any:
    """Return an embedding as a product with one-hot codes.

    The gradient of Keras's Embedding repeats a batch's codes, and so has a wrong norm to clip
    (Keras 3.15).
    """
    table = keras.layers.Dense(embedding.size, use_bias=False)
    return table(keras.ops.one_hot(keras.ops.cast(codes, "int32"), embedding.codes))


def network_variables(model: keras.Model, plan: Plan) -> list[Any]:
    """Return what is kept of a network, in the order of `TrainedPlan.weights`."""
    return list(model.weights) if plan.layers else _plain_variables(model)


def _plain_variables(model: keras.Model) -> list[Any]:
    """Return kernels and biases in turn, then tables; Keras's own order differs."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    layers: list[Any] = [v for layer in dense if layer.use_bias for v in layer.variables]
    return layers + [layer.kernel for layer in dense if not layer.use_bias]


def compile_network(model: keras.Model, plan: Plan, arrays: Arrays) -> None:
    """Attach the optimizer and the loss; the data loss is a metric without penalties or weights."""
    steps = arrays.steps(plan)
    labels = KerasTarget(arrays, is_mixed=plan.mixup > 0)
    model.compile(
        optimizer=_optimizer(plan, steps * plan.max_epochs),
        loss=labels.data_loss_function(),
        metrics=[labels.data_loss(), *_watched_metrics(plan)],
        # Measured on 16,000 rows of 26 columns, batch 32: the same numbers in 0.4 of the time of
        # single steps, and nothing more from 128; XLA took 2.5 times as long after a 3 times longer
        # compile.
        steps_per_execution=min(32, steps),
        jit_compile=False,
    )


def _watched_metrics(plan: Plan) -> list[str]:
    """Return what Keras measures beside the loss for early stopping, as scripts name it."""
    metric = None if plan.monitor is None else plan.monitor.metric
    return [] if metric is None else [metric]


def build_call(value: Any) -> Any:
    """Build what a call stands for; any other value stands for itself."""
    if isinstance(value, bool | int | float | str | tuple):
        return value
    options = {name: build_call(argument) for name, argument in value.options}
    return attrgetter(value.path)(keras)(*map(build_call, value.positional), **options)


def starting_weights(plan: Plan, arrays: Arrays) -> tuple[FloatArray, ...]:
    """Return the weights that a plan's network begins with, in the order of its training's."""
    if not plan.layers:
        return tuple(initial_weights(plan, arrays))
    variables = network_variables(build_network(plan, arrays), plan)
    return tuple(np.asarray(variable) for variable in variables)


def predict(
    plan: Plan, arrays: Arrays, weights: Sequence[FloatArray], x_ND: FloatArray
) -> FloatArray:
    """Return what a plan's network of these weights predicts [N, C], as it does after training."""
    if not plan.layers:
        return forward(weights, plan.activations, arrays.output_activation, x_ND)
    model = build_network(plan, arrays)
    for variable, value in zip(network_variables(model, plan), weights, strict=True):
        variable.assign(value)
    parts = [
        np.asarray(model(x_ND[start : start + PREDICT_ROWS], training=False), dtype=np.float32)
        for start in range(0, len(x_ND), PREDICT_ROWS)
    ]
    return np.concatenate(parts) if parts else np.empty((0, arrays.outputs), dtype=np.float32)


def forward(
    weights: Sequence[FloatArray],
    activations: str | Sequence[str],
    head: str,
    x_ND: FloatArray,
    *,
    bins: Bins | None = None,
) -> FloatArray:
    """Return what a network of these weights predicts [N, C], without its dropout.

    `activations` are of all hidden layers, or one each; `head` that of the output layer. A network
    that sees `bins` is given the columns that have them, and encodes some rows at a time.
    """
    *hidden, (kernel, bias) = unflatten_weights(weights).layers
    names = [activations] * len(hidden) if isinstance(activations, str) else activations
    functions = [activation(name) for name in names]
    answer = activation(head)
    parts = []
    for start in range(0, len(x_ND), PREDICT_ROWS):
        part_ND = x_ND[start : start + PREDICT_ROWS]
        seen_ND = part_ND if bins is None else bins.encode(part_ND)
        h = keras.ops.convert_to_tensor(_embedded(weights, seen_ND))
        for (hidden_kernel, hidden_bias), activate in zip(hidden, functions, strict=True):
            h = activate(keras.ops.matmul(h, hidden_kernel) + hidden_bias)
        parts.append(np.asarray(answer(keras.ops.matmul(h, kernel) + bias), dtype=np.float32))
    return np.concatenate(parts) if parts else np.empty((0, bias.size), dtype=np.float32)


def _embedded(weights: Sequence[FloatArray], x_ND: FloatArray) -> FloatArray:
    """Return numbers as they are, and each code's numbers from its table [N, inputs]."""
    tables = unflatten_weights(weights).tables
    if not tables:
        return x_ND
    numbers = x_ND.shape[1] - len(tables)
    codes_NE = x_ND[:, numbers:].astype(np.int64)
    learned = [table[codes_NE[:, index]] for index, table in enumerate(tables)]
    return np.concatenate([x_ND[:, :numbers], *learned], axis=1)


@dataclass(frozen=True)
class KerasTarget:
    """The target as Keras takes it: class indices [N] where the loss is of those, else [N, 1].

    One column a class where the loss compares one-hot codes, or class indices are mixed; several
    targets are columns as they are.
    """

    arrays: Arrays
    is_mixed: bool

    @property
    def loss(self) -> Loss:
        """Keras's loss."""
        is_soft = self.is_mixed and self.arrays.loss is Loss.multiclass
        return Loss.categorical if is_soft else self.arrays.loss

    def data_loss_function(self) -> Any:
        """Return the loss as Keras takes it."""
        arguments = dict(self.arrays.loss_arguments)
        if not arguments:
            return self.loss.value
        function = keras.losses.get(self.loss.value)
        return lambda y_true, y_pred: function(y_true, y_pred, **arguments)

    def data_loss(self) -> keras.metrics.Metric:
        """Return the loss as a metric, without penalties or weights."""
        if self.arrays.loss_arguments:
            return keras.metrics.MeanMetricWrapper(self.data_loss_function(), name=DATA_LOSS)
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
        """Return targets in that shape."""
        if self.arrays.is_one_hot or (self.is_mixed and self.arrays.loss is Loss.multiclass):
            is_class_NC: NDArray[np.bool_] = y_N[:, None] == np.arange(self.arrays.outputs)
            return is_class_NC.astype(np.float32)
        is_ready = self.arrays.loss is Loss.multiclass or self.arrays.has_targets
        return y_N if is_ready else y_N[:, None]


def _optimizer(plan: Plan, steps: int) -> keras.Optimizer:
    rate: Any = plan.learning_rate
    if plan.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(plan.learning_rate, decay_steps=max(1, steps))
    if plan.rate_schedule is not None:
        rate = build_call(plan.rate_schedule)
    rule = RULES[plan.optimizer]
    momentum = {"momentum": plan.momentum} if rule.takes_momentum else {}
    return rule.keras(
        learning_rate=rate,
        # AdamW alone would take a decay of its own where it is told none.
        weight_decay=plan.weight_decay,
        global_clipnorm=plan.clip_norm,
        **momentum,
        **dict(plan.optimizer_arguments),
    )
