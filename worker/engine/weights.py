"""A network's weights, told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.engine.plans import FloatArray


@dataclass(frozen=True)
class Weights:
    """A network's weights, told apart: kernel and bias of each layer, and tables of embeddings."""

    layers: tuple[tuple[FloatArray, FloatArray], ...]
    tables: tuple[FloatArray, ...]


def told_apart(weights: Sequence[FloatArray]) -> Weights:
    """The parts of `TrainedTrial.weights`: a bias is a vector, and follows its kernel."""
    biases = [place for place, weight in enumerate(weights) if weight.ndim == 1]
    layers = tuple((weights[place - 1], weights[place]) for place in biases)
    return Weights(layers, tuple(weights[2 * len(layers) :]))
