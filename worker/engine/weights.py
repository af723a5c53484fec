"""A network's weights, told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.engine.array_types import FloatArray


@dataclass(frozen=True)
class LayerWeights:
    """A network's weights, told apart: kernel and bias of each layer, and tables of embeddings."""

    layers: tuple[tuple[FloatArray, FloatArray], ...]
    tables: tuple[FloatArray, ...]


def unflatten_weights(weights: Sequence[FloatArray]) -> LayerWeights:
    """Split `TrainedPlan.weights` into layers and tables: a bias is a vector, after its kernel."""
    biases = [index for index, weight in enumerate(weights) if weight.ndim == 1]
    layers = tuple((weights[index - 1], weights[index]) for index in biases)
    return LayerWeights(layers, tuple(weights[2 * len(layers) :]))
