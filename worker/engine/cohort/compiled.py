"""A function of tensors as one XLA program."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from worker.engine.gradients import forgotten_gradients


class CompileTimer:
    """Counts the seconds in which at least one program compiles; threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._began = 0.0
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """Until now, what compiles at this moment included."""
        with self._lock:
            return self._seconds + (self._clock() - self._began if self._running else 0.0)

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Count the time within."""
        with self._lock:
            if not self._running:
                self._began = self._clock()
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._seconds += self._clock() - self._began


class Compiled:
    """A function of tensors as one XLA program; `timer` counts its first call, which compiles.

    Called as TensorFlow 2.21 calls it inside, without a look at every argument, which takes 0.6 ms
    for 45 tensors: most of a small table's epoch.
    """

    def __init__(self, function: Callable[..., Any], timer: CompileTimer | None = None) -> None:
        self._function = tf.function(function, jit_compile=True, autograph=False)
        self._traced: Any = None
        self._is_compiled = False
        self._timer = CompileTimer() if timer is None else timer
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        """Call it; compiled at the first call, for the shapes that come then."""
        if self._is_compiled:
            return self._call(arguments)
        with self._timer.measure():
            answer = self._call(arguments)
        self._is_compiled = True
        return answer

    def _call(self, arguments: tuple[Any, ...]) -> Any:
        with self._lock:
            if self._traced is None:
                with forgotten_gradients():
                    self._traced = self._function.get_concrete_function(*arguments)
        return self._traced._call_flat(tf.nest.flatten(arguments), self._traced.captured_inputs)
