"""All settings of a search space, counted: where a range has no end of values, some of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_tuner import HyperParameters
from keras_tuner.src.engine.hyperparameters import hp_types

from worker.search.cube import Side

SAMPLES = 10
"""Points of a range without steps, as many as KerasTuner takes."""


class Points:
    """The settings of a space by number, from 0; with those hyperparameters that exist in each."""

    def __init__(self, space: HyperParameters) -> None:
        self._blocks = _blocks(space.space)
        self.size = sum(block.size for block in self._blocks)

    def at(self, index: int) -> dict[str, Any]:
        """Return the setting of a number; the last digit of the number changes first."""
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
        return math.prod(len(values_of_name) for values_of_name in self.values)

    def at(self, index: int) -> dict[str, Any]:
        """Return the block's point of a number; its last digit changes first."""
        setting = {}
        for name, values in zip(reversed(self.names), reversed(self.values), strict=True):
            index, digit = divmod(index, len(values))
            setting[name] = values[digit]
        return dict(reversed(setting.items()))


def _blocks(space: Sequence[Any]) -> list[_Block]:
    parents = {condition.name for hp in space for condition in hp.conditions}
    choices = [[(hp.name, value) for value in _points(hp)] for hp in space if hp.name in parents]
    blocks = []
    for chosen in itertools.product(*choices):
        parent_values = dict(chosen)
        there = [
            hp for hp in space if all(parent_values[c.name] in c.values for c in hp.conditions)
        ]
        values = tuple(
            [parent_values[hp.name]] if hp.name in parent_values else _points(hp) for hp in there
        )
        blocks.append(_Block(tuple(hp.name for hp in there), values))
    return blocks


def _points(hp: Any) -> Sequence[Any]:
    if isinstance(hp, hp_types.Fixed):
        return [hp.value]
    side = Side(hp)
    if side.values is not None:
        return side.values
    return [side.value(sample / (SAMPLES - 1)) for sample in range(SAMPLES)]
