"""The state of a cohort's slots on the device: weights and moments, written and read slot by slot.

Tensors are [K, fan in, fan out], padded to the program's shape: a network fills the corner of its
own shape, and the rest is zero.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays
from worker.engine.cohort.program import Best, Program, State
from worker.engine.cohort.slots import Slot
from worker.engine.optimizers import RULES, Parameters
from worker.engine.plans import Checkpoint, Plan
from worker.engine.weights import unflatten_weights


class SlotValues:
    """The tensors of a program's slots, and the weights of each slot's best epoch."""

    def __init__(self, program: Program, arrays: Arrays) -> None:
        self.state: State
        self.best: Best
        self.state, self.best = program.start()
        self._layers = len(program.shape.widths) + 1
        self._first_moments = RULES[program.shape.optimizer].moments
        self._arrays = arrays

    def write(
        self, k: int, weights: Sequence[FloatArray], moments: Sequence[Sequence[FloatArray]] = ()
    ) -> None:
        """Put weights and moments into a slot; where there are none it begins. No best ones yet."""
        moment_weights = moments or [[] for _ in self.state.moments]
        triples = zip(self.state.moments, moment_weights, self._first_moments, strict=True)
        self.state = self.state._replace(
            parameters=self._filled(self.state.parameters, k, weights),
            moments=[
                self._filled(tensors, k, slot_moments, beyond=first)
                for tensors, slot_moments, first in triples
            ],
        )
        self.best = self.best._replace(loss=_with_value(self.best.loss, k, math.inf))

    def write_checkpoint(self, k: int, slot: Slot, checkpoint: Checkpoint) -> None:
        """Fill a slot with what a training goes on from."""
        self.write(k, checkpoint.weights, checkpoint.moments)
        if slot.best_epoch is not None and slot.fold.is_validated:
            loss = slot.epochs[slot.best_epoch - 1].val_loss * slot.fold.loss_unit
            self.best = Best(
                self._filled(self.best.parameters, k, checkpoint.best_weights),
                _with_value(self.best.loss, k, loss),
            )

    def checkpoint(self, k: int, slot: Slot) -> Checkpoint:
        """Return what a slot's training can go on from."""
        return Checkpoint(
            epochs=tuple(slot.epochs),
            best_epoch=slot.best_epoch,
            waited=slot.waited,
            seconds=slot.seconds,
            weights=self._read(k, slot.plan, self.state.parameters),
            moments=tuple(self._read(k, slot.plan, moment) for moment in self.state.moments),
            best_weights=self.best_weights(k, slot),
        )

    def best_weights(self, k: int, slot: Slot) -> tuple[FloatArray, ...]:
        """Return a slot's best weights, or its last without validation rows.

        None where none was good.
        """
        if slot.best_epoch is None:
            return ()
        source = self.best if slot.fold.is_validated else self.state
        return self._read(k, slot.plan, source.parameters)

    def _filled(
        self, tensors: Parameters, k: int, weights: Sequence[FloatArray], *, beyond: float = 0.0
    ) -> Parameters:
        """Return tensors whose slot k holds these weights, and one value beyond their shapes."""
        arrays = [tensor.numpy().copy() for tensor in tensors]
        for array in arrays:
            array[k] = beyond
        layers = len(unflatten_weights(weights).layers)
        for index, weight in zip(self._weight_indices(layers), weights, strict=True):
            matrix = weight if weight.ndim == 2 else weight[None, :]
            arrays[index][k, : matrix.shape[0], : matrix.shape[1]] = matrix
        return [tf.constant(array) for array in arrays]

    def _read(self, k: int, plan: Plan, tensors: Parameters) -> tuple[FloatArray, ...]:
        """Cut a slot's values out of tensors, at its weights' true shapes."""
        inputs = self._arrays.inputs(has_bins=self._arrays.has_bins(plan))
        sizes = [inputs, *plan.widths, self._arrays.outputs]
        # Cut by numpy, in place: TensorFlow takes 0.2 ms for each slice.
        slot_values = [tensors[index].numpy()[k] for index in self._weight_indices(len(sizes) - 1)]
        cut: list[FloatArray] = []
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            cut += [
                slot_values[2 * layer][:fan_in, :fan_out],
                slot_values[2 * layer + 1][0, :fan_out],
            ]
        cut += slot_values[2 * (len(sizes) - 1) :]
        return tuple(np.array(weight, dtype=np.float32) for weight in cut)

    def _weight_indices(self, layers: int) -> list[int]:
        """Return the positions of a network's weights: its head is the program's head."""
        if not layers:
            return []
        count = 2 * self._layers
        tables = range(count, count + len(self._arrays.embeddings))
        return [*range(2 * (layers - 1)), count - 2, count - 1, *tables]


def _with_value(tensor: Any, k: int, value: float) -> Any:
    """Return a tensor [K] with another value of slot k."""
    array = tensor.numpy().copy()
    array[k] = value
    return tf.constant(array)
