"""A look into a recipe's network: its first step's gradients, and what became of its units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from lowloss.spec.activations import ACTIVATIONS
from worker.diagnosis.thresholds import BEYOND
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import CannotTrainError, Variant
from worker.engine.array_types import FloatArray
from worker.engine.keras.network import KerasTarget, build_network
from worker.engine.optimizers import RULES, Step
from worker.engine.weights import unflatten_weights

ROWS = 1024


@dataclass(frozen=True)
class Probe:
    """What was measured of a network, on some training rows.

    `step` is the median over layers of the first update's mean size over the weights'; None where
    no gradient is finite. Gradients are mean absolute values of the first and the last kernel.
    `dead` and `saturated` are of the trained network: shares of hidden units that answer 0 to every
    row, and of what squashing units are given that lies beyond ±5.
    """

    loss: float
    constant_loss: float
    step: float | None
    first_gradient: float
    last_gradient: float
    dead: float
    saturated: float


def probe_network(
    trainer: Trainer, variant: Variant, weights: Sequence[FloatArray]
) -> Probe | None:
    """Measure a recipe's network at its start, and with its trained `weights`; None if refused.

    The gradients are Keras's own.
    """
    draw = trainer.data.draws[0]
    try:
        plan, arrays = trainer.plan(variant, draw)
    except CannotTrainError:
        return None
    rows = arrays.rows(plan.fold)
    x_ND, y_N = rows.x_train_ND[:ROWS], rows.y_train_N[:ROWS]
    model = build_network(plan, arrays)
    target = KerasTarget(arrays, is_mixed=False)
    targets, loss_of = target.of(y_N), target.data_loss_function()
    kernels = [v for v in model.trainable_variables if len(v.shape) == 2]
    start = [np.asarray(kernel) for kernel in kernels]
    with tf.GradientTape() as tape:
        # Layers of stock Keras may do otherwise in training, as batch normalisation does.
        output = model(x_ND, training=bool(plan.layers))
        loss = keras.ops.mean(keras.losses.get(loss_of)(targets, output))
    gradients = [np.asarray(g) for g in tape.gradient(loss, [v.value for v in kernels])]
    sizes = [float(np.abs(g).mean()) for g in gradients]
    # Units of layers that no cohort has are not looked into.
    has_units = bool(weights) and not plan.layers
    dead, saturated = _units(weights, plan.activations, x_ND) if has_units else (0.0, 0.0)
    return Probe(
        loss=float(loss),
        constant_loss=_constant(arrays.loss, targets),
        step=_step(variant, start, gradients),
        first_gradient=sizes[0],
        last_gradient=sizes[-1],
        dead=dead,
        saturated=saturated,
    )


def _constant(loss: str, targets: FloatArray) -> float:
    """Return the loss of the mean target, or 1 where that has no meaning."""
    if loss not in {"mean_squared_error", "mean_absolute_error", "huber", "log_cosh"}:
        return 1.0
    mean = np.broadcast_to(targets.mean(axis=0), targets.shape)
    return float(keras.ops.mean(keras.losses.get(loss)(targets, mean))) or 1.0


def _step(
    variant: Variant, kernels: Sequence[FloatArray], gradients: Sequence[FloatArray]
) -> float | None:
    """Return how far a first step moves weights, as a share of their size: a median.

    With momentum it is what steps in one direction grow to.
    """
    optimizer = variant.recipe.optimizer
    ratios = []
    for kernel, gradient in zip(kernels, gradients, strict=True):
        size = float(np.abs(kernel).mean())
        moved = _first_move(optimizer.name, gradient) / (1 - optimizer.momentum)
        if optimizer.record.is_adaptive:
            # RMSprop's first step is larger than the later ones, which go by about the rate.
            moved = min(1.0, moved)
        if size > 0 and np.isfinite(moved) and moved > 0:
            ratios.append(optimizer.rate * moved / size)
    return float(np.median(ratios)) if ratios else None


def _first_move(optimizer: str, gradient: FloatArray) -> float:
    """Return how far a first step without momentum moves weights on average, at a rate of 1."""
    rule = RULES[optimizer]
    moments = [[tf.fill((1, *gradient.shape), tf.constant(value))] for value in rule.moments]
    zeros, one = tf.zeros((1, *gradient.shape)), tf.ones((1, 1, 1))
    first_step = Step(one, one, tf.zeros((1, 1, 1)))
    (moved,), _ = rule.update([zeros], [tf.constant(gradient[None])], moments, first_step)
    return float(np.abs(moved).mean())


def _units(
    weights: Sequence[FloatArray], activations: tuple[str, ...], x_ND: FloatArray
) -> tuple[float, float]:
    """Return the shares of dead hidden units, and of squashing units' inputs that are far out."""
    h = x_ND
    dead, squashed = [], []
    *hidden, _ = unflatten_weights(weights).layers
    for (kernel, bias), name in zip(hidden, activations, strict=True):
        preactivation_NW = h @ kernel + bias
        h = np.asarray(keras.activations.get(name)(keras.ops.convert_to_tensor(preactivation_NW)))
        if ACTIVATIONS[name].can_die:
            dead.append(np.all(h == 0, axis=0))
        if ACTIVATIONS[name].is_squashing:
            squashed.append(np.abs(preactivation_NW).ravel() > BEYOND)
    return (
        float(np.concatenate(dead).mean()) if dead else 0.0,
        float(np.concatenate(squashed).mean()) if squashed else 0.0,
    )
