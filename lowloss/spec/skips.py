"""Skips of a network: what each Dense layer takes, and which merges do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lowloss.spec.extra_layers import Add, Concatenate, ExtraLayer, Merge, SkipStart
from lowloss.spec.recipe_layer import RecipeLayer
from lowloss.wording import counted


@dataclass(frozen=True)
class Width:
    """How many numbers come out of a layer: the columns of the network so many times, and units."""

    columns: int
    units: int

    def of(self, columns: int) -> int:
        """Return the number where the network sees so many columns."""
        return self.columns * columns + self.units


class SkipMisfitError(Exception):
    """No recipe can have such a merge; says why, and what to do."""

    def __init__(self, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fix = fix


@dataclass
class Passage:
    """A way along the chain: how many Dense layers it has passed, its width, and skips so far."""

    dense: int = 0
    width: Width = Width(columns=1, units=0)
    skips: dict[int, Width] = field(default_factory=dict)

    def enter(self, layer: RecipeLayer | ExtraLayer) -> None:
        """Go through the next layer."""
        match layer:
            case RecipeLayer():
                self.dense += 1
                self.width = Width(columns=0, units=layer.units)
            case SkipStart():
                self.skips[layer.skip] = self.width
            case Concatenate():
                skip, width = self.skips[layer.skip], self.width
                self.width = Width(skip.columns + width.columns, skip.units + width.units)

    def check(self, layer: RecipeLayer | ExtraLayer, columns: int | None = None) -> None:
        """Raise SkipMisfitError where no such layer may come next.

        Without `columns` it may where it would for some number of them.
        """
        if not isinstance(layer, Merge):
            return
        where = f"behind layer {self.dense}" if self.dense else "before the first layer"
        title = f"{layer.name} {where} takes skip {layer.skip}"
        if layer.skip not in self.skips:
            raise SkipMisfitError(
                f"{title}, which does not start before it",
                f'put {{"name": "skip_start", "skip": {layer.skip}}} where it starts',
            )
        if isinstance(layer, Add):
            self._check_units(title, self.skips[layer.skip], columns)

    def _check_units(self, title: str, skip: Width, columns: int | None) -> None:
        if columns is not None:
            units, skip_units = self.width.of(columns), skip.of(columns)
        elif self.width.columns == skip.columns:
            units, skip_units = self.width.units, skip.units
        else:
            return
        if units != skip_units:
            skip_size, size = counted(skip_units, "unit"), counted(units, "unit")
            raise SkipMisfitError(
                f"{title} of {skip_size}, and has {size} itself",
                "give both as many units, or concatenate them",
            )


def list_inputs(front: Sequence[ExtraLayer], layers: Sequence[RecipeLayer]) -> Iterator[Width]:
    """Yield how many numbers each Dense layer takes."""
    passage = Passage()
    for layer in _list_chain(front, layers):
        if isinstance(layer, RecipeLayer):
            yield passage.width
        passage.enter(layer)


def check_skips(
    front: Sequence[ExtraLayer], layers: Sequence[RecipeLayer], *, columns: int | None = None
) -> None:
    """Raise SkipMisfitError for the first merge that does not fit, as `Passage.check` does."""
    passage = Passage()
    for layer in _list_chain(front, layers):
        passage.check(layer, columns)
        passage.enter(layer)
    if passage.width != Width(columns=0, units=layers[-1].units):
        raise SkipMisfitError(
            "concatenate behind the output layer gives it further outputs",
            "concatenate before the output layer",
        )


def _list_chain(
    front: Sequence[ExtraLayer], layers: Sequence[RecipeLayer]
) -> Iterator[RecipeLayer | ExtraLayer]:
    yield from front
    for layer in layers:
        yield layer
        yield from layer.extra_layers
