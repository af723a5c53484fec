"""A job's search space, in KerasTuner's names; and its settings as our hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_tuner import HyperParameters

from lowloss.results import Hyperparameters
from lowloss.spec import Choice, Float, Int, JobSpec, SearchSpace, WidthRange
from worker.search.sides import Side

NULLS: dict[str, Any] = {"clip_norm": 0.0, "select_features": 0}
"""What stands for null: KerasTuner takes none, and choices of one type alone."""
Setting = dict[str, Any]
"""The values of one trial as KerasTuner has them, by name."""


@dataclass(frozen=True)
class Fixed:
    """A hyperparameter with one value, in networks of `min_layers` hidden layers or more."""

    name: str
    value: Any
    min_layers: int = 0

    @property
    def values(self) -> tuple[Any, ...]:
        """The one value."""
        return (self.value,)

    def allows(self, value: Any) -> bool:
        """Return whether the hyperparameter has a value."""
        return bool(value == self.value)


@dataclass(frozen=True)
class Space:
    """Everything that a search may choose: how features are scaled, too.

    Layer i's width is `width_i`, which exists only where `layers` is i at least; one width for all
    layers is `width`, which a linear network does not have. An entry that depends on `layers` comes
    after it.
    """

    entries: tuple[Side | Fixed, ...]

    @classmethod
    def of(cls, spec: JobSpec) -> Space:
        """Return the space of a job."""
        space = spec.search_space
        entries = [
            _entry(name, value) for name, value in parameters(spec).items() if name != "width"
        ]
        depths = possible_values(space.layers)
        names = [f"width_{layer}" for layer in range(1, max(depths) + 1)]
        if names and not is_width_per_layer(space):
            names = ["width"]
        for layer, name in enumerate(names, start=1):
            min_layers = layer if layer > min(depths) else 0
            entries.append(_entry(name, space.width, min_layers))
        return cls(tuple(entries))

    @property
    def sides(self) -> list[Side]:
        """The hyperparameters that may vary."""
        return [entry for entry in self.entries if isinstance(entry, Side)]

    @property
    def has_absent(self) -> bool:
        """Whether some settings lack hyperparameters of others."""
        return any(entry.min_layers for entry in self.entries)

    def choose(self, pick: Callable[[Side], Any]) -> Setting:
        """Return a setting of what `pick` picks; what does not exist there is not asked for."""
        setting: Setting = {}
        for entry in self.entries:
            if exists(entry, setting):
                setting[entry.name] = entry.value if isinstance(entry, Fixed) else pick(entry)
        return setting

    def has(self, setting: Mapping[str, Any]) -> bool:
        """Return whether a setting is one of the space's."""
        entries = {entry.name: entry for entry in self.entries if exists(entry, setting)}
        return entries.keys() == setting.keys() and all(
            entry.allows(setting[name]) for name, entry in entries.items()
        )

    def nearest(self, values: Mapping[str, Any]) -> Setting:
        """Return the setting that is nearest to values; their `width` is that of every layer."""
        encoded_values = {name: _without_none(name, value) for name, value in values.items()}
        return self.choose(
            lambda side: side.nearest(encoded_values[hyperparameter_name(side.name)])
        )


def exists(entry: Side | Fixed, setting: Mapping[str, Any]) -> bool:
    """Return whether a setting, of which `layers` is known, has a hyperparameter."""
    return not entry.min_layers or bool(setting.get("layers", 0) >= entry.min_layers)


def define_space(space: Space) -> HyperParameters:
    """Define a space as KerasTuner's hyperparameters."""
    hp = HyperParameters()
    depths = next((entry.values for entry in space.entries if entry.name == "layers"), None) or ()
    for entry in space.entries:
        if entry.min_layers:
            with hp.conditional_scope("layers", [d for d in depths if d >= entry.min_layers]):
                _define(hp, entry)
        else:
            _define(hp, entry)
    return hp


def to_hyperparameters(setting: Setting) -> Hyperparameters:
    """Convert a setting to our hyperparameters."""
    layers = int(setting["layers"])
    widths = tuple(
        int(setting["width"] if "width" in setting else setting[f"width_{layer}"])
        for layer in range(1, layers + 1)
    )
    fields = {name: setting[name] for name in Hyperparameters.model_fields if name != "widths"}
    fields |= {name: None for name, null in NULLS.items() if fields[name] == null}
    return Hyperparameters(**fields | {"widths": widths})


def to_setting(hyperparameters: Hyperparameters, space: SearchSpace) -> Setting:
    """Convert our hyperparameters to a setting: the inverse of `to_hyperparameters`."""
    setting = hyperparameters.model_dump(exclude={"widths"})
    setting |= {name: _without_none(name, setting[name]) for name in NULLS}
    widths = hyperparameters.widths
    if widths and not is_width_per_layer(space):
        return setting | {"width": widths[0]}
    return setting | {f"width_{layer}": width for layer, width in enumerate(widths, start=1)}


def parameters(spec: JobSpec) -> dict[str, Any]:
    """Return everything that a search may choose, by its name in the specification.

    A range whose ends differ by their last digits is fixed: Optuna 5 divides by its width.
    """
    values_by_name = {name: getattr(spec.search_space, name) for name in SearchSpace.model_fields}
    values_by_name |= {
        "scale_features": spec.preprocessing.scale_features,
        "select_features": spec.preprocessing.selection,
    }
    return {
        name: value.min
        if isinstance(value, Float) and math.isclose(value.min, value.max)
        else value
        for name, value in values_by_name.items()
    }


def varying_sides(spec: JobSpec) -> dict[str, Side]:
    """Return the hyperparameters that have more than one value, by name."""
    sides = {
        name: Side(name, value)
        for name, value in parameters(spec).items()
        if isinstance(value, Choice | Float | Int)
    }
    return {name: side for name, side in sides.items() if side.values is None or side.values[1:]}


def hyperparameter_name(name: str) -> str:
    """Return the name of a hyperparameter in the specification."""
    return "width" if name.startswith("width_") else name


def value_of(hyperparameters: Hyperparameters, name: str) -> Any:
    """Return a hyperparameter's value; that of `width` is the widest layer's, None without one."""
    if name == "width":
        return max(hyperparameters.widths, default=None)
    return getattr(hyperparameters, name)


def possible_values(parameter: Any) -> Sequence[Any]:
    """Return the values of a parameter that has no range of real numbers."""
    return _entry("", parameter).values or ()


def is_width_per_layer(space: SearchSpace) -> bool:
    """Return whether each layer has a width of its own."""
    match space.width:
        case WidthRange(per_layer=per_layer):
            return per_layer
        case Choice():
            return True
        case _:
            return False


def _entry(name: str, value: Any, min_layers: int = 0) -> Side | Fixed:
    match value:
        case Choice(choices=choices):
            choices = tuple(_without_none(name, choice) for choice in choices)
            return Side(name, Choice[Any](choices=choices), min_layers)
        case Float() | Int():
            return Side(name, value, min_layers)
        case fixed:
            return Fixed(name, _without_none(name, fixed), min_layers)


def _define(hp: HyperParameters, entry: Side | Fixed) -> None:
    if isinstance(entry, Fixed):
        hp.Fixed(entry.name, entry.value)
        return
    match entry.parameter:
        case Choice(choices=choices):
            hp.Choice(entry.name, list(choices), ordered=False)
        case Float(min=low, max=high, scale=scale, step=step):
            hp.Float(entry.name, low, high, sampling=scale, step=step)
        case Int(min=low, max=high, scale=scale, step=step):
            hp.Int(entry.name, low, high, sampling=scale, step=step)


def _without_none(name: str, value: Any) -> Any:
    return NULLS.get(name, 0.0) if value is None else value
