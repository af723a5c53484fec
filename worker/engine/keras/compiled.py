"""Compiled networks of stock Keras, which trainings share that differ in little."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from worker.engine.arrays import Arrays
from worker.engine.keras.network import begin_network, build_network, compile_network
from worker.engine.plans import Plan

MAX_NETWORKS = 24
"""Of a few megabytes each."""


@dataclass(frozen=True)
class _Compiled:
    """A compiled model, and the values that its variables and its optimizer's begin with."""

    model: keras.Model
    start: tuple[tuple[Any, Any], ...]


@dataclass
class CompiledNetworks:
    """Networks of plans of `layers`, compiled once for other seeds, rows and learning rates.

    Keras takes about 3 s of a core to trace a training step, which is what a short training costs.
    """

    _compiled: dict[Hashable, _Compiled] = field(default_factory=dict)

    def prepare(self, plan: Plan, arrays: Arrays) -> keras.Model:
        """Return the network of a plan, compiled and as it begins."""
        key = _key(plan, arrays)
        if key not in self._compiled:
            if len(self._compiled) == MAX_NETWORKS:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[key] = _compile(plan, arrays)
        compiled = self._compiled[key]
        for variable, value in compiled.start:
            variable.assign(value)
        begin_network(compiled.model, plan)
        if _has_constant_rate(plan):
            compiled.model.optimizer.learning_rate = plan.learning_rate
        _seed(compiled.model, plan.seed)
        return compiled.model


def _compile(plan: Plan, arrays: Arrays) -> _Compiled:
    model = build_network(plan, arrays)
    compile_network(model, plan, arrays)
    model.optimizer.build(model.trainable_variables)
    variables = [*model.weights, *model.optimizer.variables]
    return _Compiled(model, tuple((v, np.asarray(v).copy()) for v in variables))


def _seed(model: keras.Model, seed: int) -> None:
    """Set the random numbers of all layers, each its own: Keras keeps them as integers."""
    states = [v for v in model.non_trainable_variables if "int" in str(v.dtype)]
    for index, state in enumerate(states):
        state.assign(np.array([(seed + index) % 2**31, 0], dtype=str(state.dtype)))


def _has_constant_rate(plan: Plan) -> bool:
    return plan.schedule == "constant" and plan.rate_schedule is None


def _key(plan: Plan, arrays: Arrays) -> Hashable:
    """Return what a training step is traced for."""
    is_constant = _has_constant_rate(plan)
    steps = arrays.steps(plan)
    alike = replace(
        plan,
        number=0,
        seed=0,
        fold=0,
        patience=0,
        plateau=None,
        rate_falls=(),
        batch_size=0 if is_constant else plan.batch_size,
        learning_rate=0.0 if is_constant else plan.learning_rate,
        max_epochs=0 if is_constant else plan.max_epochs,
    )
    loss = (arrays.loss, arrays.loss_arguments)
    inputs = arrays.inputs(has_bins=arrays.has_bins(plan))
    unseen = tuple(arrays.folds[plan.fold].unseen_inputs.tolist())
    shape = (inputs, unseen, arrays.outputs, loss, min(32, steps), is_constant or steps)
    return alike, shape
