"""Grid search: every point of a grid, none twice."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_tuner.src.engine.hyperparameters import hp_types

from lowloss.spec import JobSpec
from worker.search.cube import Side
from worker.search.oracles.store import StoreOracle

SAMPLES = 10
"""Points of a range without steps, as KerasTuner takes them."""


class GridOracle(StoreOracle):
    """All points of the grid, evenly spread from the first on.

    KerasTuner's walks from one corner, so that a budget smaller than the grid sees only that; here
    points come in strides of a golden section of the grid, and a search that ends early has been
    everywhere. No point waits for another's end.
    """

    def __init__(self, spec: JobSpec) -> None:
        super().__init__(spec)
        self._blocks = _blocks(self.hyperparameters.space)
        self._size = sum(block.size for block in self._blocks)
        self._stride = _stride(self._size)
        self._next = 0

    def suggest(self, number: int) -> dict[str, Any] | None:  # noqa: ARG002  # in order
        """The next point that no trial had."""
        while self._next < self._size:
            index = self._next * self._stride % self._size
            self._next += 1
            values = self._at(index)
            if not self._duplicate(values):
                return values
        return None

    def first_settings(self, spec: JobSpec) -> list[dict[str, Any]]:  # noqa: ARG002  # the grid
        """None: the grid is what was asked for."""
        return []

    def _at(self, index: int) -> dict[str, Any]:
        for block in self._blocks:
            if index < block.size:
                return block.at(index)
            index -= block.size
        raise IndexError(index)


@dataclass(frozen=True)
class _Block:
    """The points that share what others hang on: names, and the values of each."""

    names: tuple[str, ...]
    values: tuple[Sequence[Any], ...]

    @property
    def size(self) -> int:
        return math.prod(len(some) for some in self.values)

    def at(self, index: int) -> dict[str, Any]:
        """The point of a number, whose last digit changes first."""
        found = {}
        for name, some in zip(reversed(self.names), reversed(self.values), strict=True):
            index, place = divmod(index, len(some))
            found[name] = some[place]
        return dict(reversed(found.items()))


def _blocks(space: Sequence[Any]) -> list[_Block]:
    parents = {condition.name for hp in space for condition in hp.conditions}
    choices = [[(hp.name, value) for value in _points(hp)] for hp in space if hp.name in parents]
    blocks = []
    for chosen in itertools.product(*choices):
        given = dict(chosen)
        there = [hp for hp in space if all(given[c.name] in c.values for c in hp.conditions)]
        values = tuple([given[hp.name]] if hp.name in given else _points(hp) for hp in there)
        blocks.append(_Block(tuple(hp.name for hp in there), values))
    return blocks


def _points(hp: Any) -> Sequence[Any]:
    if isinstance(hp, hp_types.Fixed):
        return [hp.value]
    side = Side(hp)
    if side.values is not None:
        return side.values
    return [side.value(place / (SAMPLES - 1)) for place in range(SAMPLES)]


def _stride(size: int) -> int:
    """A step of about a golden section that leads through all of the grid before it repeats."""
    stride = max(1, round(size * (math.sqrt(5) - 1) / 2))
    while math.gcd(stride, size) > 1:
        stride += 1
    return stride
