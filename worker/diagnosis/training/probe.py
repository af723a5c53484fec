"""A look into a recipe's network: its first step's gradients, and what became of its units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from lowloss.spec.activations import ACTIVATIONS
from worker.diagnosis.thresholds import BEYOND
from worker.diagnosis.training.judging import JudgedVariant
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
    row, and of what squashing units are given that lies beyond ±5. `dead_layer` is the first hidden
    layer, from 1, all of whose units answer 0 to every row; 0 where there is none.
    """

    loss: float
    constant_loss: float
    step: float | None
    first_gradient: float
    last_gradient: float
    dead: float
    saturated: float
    dead_layer: int = 0


@dataclass(frozen=True)
class _Units:
    dead: float = 0.0
    saturated: float = 0.0
    dead_layer: int = 0


def probe_network(trainer: Trainer, variant: Variant, run: JudgedVariant | None) -> Probe | None:
    """Measure a recipe's network at its start, and after a `run`; None if refused.

    The gradients are Keras's own.
    """
    draw = trainer.data.draws[0 if run is None else run.draw]
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
    units = _Units()
    if run is not None and run.weights and not plan.layers:
        units = _look_into_units(run.weights, plan.activations, x_ND)
    return Probe(
        loss=float(loss),
        constant_loss=_constant(arrays.loss, targets),
        step=_step(variant, start, gradients),
        first_gradient=sizes[0],
        last_gradient=sizes[-1],
        dead=units.dead,
        saturated=units.saturated,
        dead_layer=units.dead_layer,
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


def _look_into_units(
    weights: Sequence[FloatArray], activations: tuple[str, ...], x_ND: FloatArray
) -> _Units:
    """Measure the hidden units of a trained network on some rows."""
    h = x_ND
    dead, squashed, dead_layer = [], [], 0
    *hidden, _ = unflatten_weights(weights).layers
    for number, ((kernel, bias), name) in enumerate(zip(hidden, activations, strict=True), start=1):
        preactivation_NW = h @ kernel + bias
        h = np.asarray(keras.activations.get(name)(keras.ops.convert_to_tensor(preactivation_NW)))
        if ACTIVATIONS[name].can_die:
            dead.append(np.all(h == 0, axis=0))
            dead_layer = dead_layer or number * bool(dead[-1].all())
        if ACTIVATIONS[name].is_squashing:
            squashed.append(np.abs(preactivation_NW).ravel() > BEYOND)
    return _Units(
        float(np.concatenate(dead).mean()) if dead else 0.0,
        float(np.concatenate(squashed).mean()) if squashed else 0.0,
        dead_layer,
    )
