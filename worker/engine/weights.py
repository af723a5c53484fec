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
    """The parts of `TrainedTrial.weights`: a bias is a vector, and follows its kernel."""
    biases = [place for place, weight in enumerate(weights) if weight.ndim == 1]
    layers = tuple((weights[place - 1], weights[place]) for place in biases)
    return LayerWeights(layers, tuple(weights[2 * len(layers) :]))
