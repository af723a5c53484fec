"""Keeps memory flat over many trainings in one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.framework import ops


@contextmanager
def forgotten_gradients() -> Iterator[None]:
    """Take back the gradients that TensorFlow registers inside the block.

    Keras's optimizers sum gradients over replicas by `all_reduce`, a custom gradient, and
    TensorFlow 2.21 keeps every custom gradient that was ever traced in a global registry, with the
    whole training step behind it: 6 MB a trial of a small network. So does a cohort's program.
    One thread at a time: the gradients of another would go, too.
    """
    registry = ops.gradient_registry._registry
    before = set(registry)
    try:
        yield
    finally:
        for name in set(registry) - before:
            if name.startswith("CustomGradient-"):
                del registry[name]
