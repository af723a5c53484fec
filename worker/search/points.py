"""All settings of a search space, counted: where a range has no end of values, some of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from worker.search.sides import Side
from worker.search.space import Fixed, Setting, Space, exists

SAMPLES = 10
"""Points of a range without steps, as many as KerasTuner takes."""


class Points:
    """The settings of a space by number, from 0; with those hyperparameters that exist in each."""

    def __init__(self, space: Space) -> None:
        self._blocks = _blocks(space)
        self.size = sum(block.size for block in self._blocks)

    def at(self, index: int) -> Setting:
        """Return the setting of a number; the last digit of the number changes first."""
        for block in self._blocks:
            if index < block.size:
                return block.at(index)
            index -= block.size
        raise IndexError(index)


@dataclass(frozen=True)
class _Block:
    """The points that have the same hyperparameters: their names, and the values of each."""

    names: tuple[str, ...]
    values: tuple[Sequence[Any], ...]

    @property
    def size(self) -> int:
        return math.prod(len(values_of_name) for values_of_name in self.values)

    def at(self, index: int) -> Setting:
        """Return the block's point of a number; its last digit changes first."""
        setting = {}
        for name, values in zip(reversed(self.names), reversed(self.values), strict=True):
            index, digit = divmod(index, len(values))
            setting[name] = values[digit]
        return dict(reversed(setting.items()))


def _blocks(space: Space) -> list[_Block]:
    values = {entry.name: _points(entry) for entry in space.entries}
    depths = [[layers] for layers in values["layers"]] if space.has_absent else [values["layers"]]
    blocks = []
    for layers in depths:
        names = [entry.name for entry in space.entries if exists(entry, {"layers": layers[0]})]
        values_of_block = values | {"layers": layers}
        blocks.append(_Block(tuple(names), tuple(values_of_block[name] for name in names)))
    return blocks


def _points(entry: Side | Fixed) -> Sequence[Any]:
    if isinstance(entry, Fixed):
        return entry.values
    return entry.values or [entry.value(sample / (SAMPLES - 1)) for sample in range(SAMPLES)]
