"""A function of tensors as one XLA program."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from worker.engine.gradients import forgotten_gradients


class Compiled:
    """A function of tensors as one XLA program.

    Called as TensorFlow 2.21 calls it inside, without a look at every argument, which takes 0.6 ms
    for 45 tensors: most of a small table's epoch.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = tf.function(function, jit_compile=True, autograph=False)
        self._traced: Any = None
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        """Call it; compiled at the first call, for the shapes that come then."""
        with self._lock:
            if self._traced is None:
                with forgotten_gradients():
                    self._traced = self._function.get_concrete_function(*arguments)
        return self._traced._call_flat(tf.nest.flatten(arguments), self._traced.captured_inputs)
