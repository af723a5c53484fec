"""Keeps memory flat over many trainings in one process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorflow.python.framework import ops


class _RecordingRegistry(dict[str, Any]):
    """TensorFlow's gradients by name; a thread can record what it registers."""

    def __init__(self, gradients: dict[str, Any]) -> None:
        super().__init__(gradients)
        self.recorded = threading.local()

    def __setitem__(self, name: str, gradient: Any) -> None:
        getattr(self.recorded, "names", []).append(name)
        super().__setitem__(name, gradient)


_registry = _RecordingRegistry(ops.gradient_registry._registry)
ops.gradient_registry._registry = _registry


@contextmanager
def forgotten_gradients() -> Iterator[None]:
    """Take back the gradients that this thread registers with TensorFlow inside the block.

    TensorFlow 2.21 keeps every custom gradient that was ever traced in a global registry, with the
    whole training step behind it: 6 MB of a small network, for each program, or each training by
    Keras's `fit`.
    """
    names = _registry.recorded.names = list[str]()
    try:
        yield
    finally:
        _registry.recorded.names = []
        for name in names:
            if name.startswith("CustomGradient-"):
                del _registry[name]
