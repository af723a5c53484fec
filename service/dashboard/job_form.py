"""What the form of a new job shows: the defaults, or the specification of the job it copies."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from lowloss.spec import Choice, Float, Int, JobSpec
from lowloss.spec.activations import ACTIVATIONS
from lowloss.spec.optimizers import OPTIMIZERS
from lowloss.wording import format_setting

RANGES = {
    "learning_rate": "How far a step goes. The most important one: too high and the loss jumps "
    "about, too low and it hardly falls.",
    "layers": "Hidden layers: none are a linear network, two or three are enough for most tables.",
    "width": "Units of a layer: the more, the more it can learn, noise included.",
    "l2": "Pulls weights towards 0, against overfitting.",
    "dropout": "The share of units left out in each step, against overfitting.",
    "patience": "Epochs without improvement until a training stops.",
}
"""The hyperparameters that have a range, and what they are about."""
TICKS = {
    "activation": "What a hidden unit makes of its sum. Of several that are ticked, the search "
    "tries all.",
    "optimizer": "How a step follows the gradient. Adam and its kin take most rates.",
}
"""The hyperparameters that are a choice, and what they are about."""
SEARCHED_ACTIVATIONS = tuple(name for name, record in ACTIVATIONS.items() if record.is_searched)
FIELDS = (
    *("name", "task", "objective", "algorithm", "seed", "priority", "features.exclude"),
    *("budget.max_seconds", "budget.max_trials", "budget.max_epochs", "budget.diagnosis_seconds"),
)
"""The fields of a JobSpec that the form has, beside those of the search space."""


@dataclass(frozen=True)
class RangeField:
    """A range of the form: its ends, and what else belongs to it, as JSON."""

    name: str
    about: str
    low: float
    high: float
    more: str


@dataclass(frozen=True)
class TickField:
    """A choice of the form: what it is about, all options, and those that are ticked."""

    name: str
    about: str
    options: tuple[str, ...]
    ticked: frozenset[str]


@dataclass(frozen=True)
class JobForm:
    """The values that the form begins with.

    `others` are the fields of the copied job that the form does not have, as JSON: they are sent as
    they are, and `unshown` names those of the search space.
    """

    spec: JobSpec
    is_copy: bool
    ranges: tuple[RangeField, ...]
    ticks: tuple[TickField, ...]
    batch_sizes: str | None
    others: str
    unshown: dict[str, str]


def make_form(copied: JobSpec | None) -> JobForm:
    """Return the form of a new job, or of a copy of another."""
    spec = copied or JobSpec(dataset="x", target="y")
    space = dict(spec.search_space)
    ranges = tuple(
        field for name, about in RANGES.items() if (field := _make_range(name, about, space[name]))
    )
    ticks: tuple[TickField, ...] = (
        _make_ticks("activation", SEARCHED_ACTIVATIONS, space["activation"]),
        _make_ticks("optimizer", tuple(OPTIMIZERS), space["optimizer"]),
    )
    batch_sizes = _list_values(space["batch_size"])
    in_form = {field.name for field in ranges} | {field.name for field in ticks}
    in_form |= set() if batch_sizes is None else {"batch_size"}
    others = {} if copied is None else _list_others(copied, in_form)
    unshown = {
        name: _describe(space[name]) for name in others.get("search_space", {}) if name in space
    }
    return JobForm(
        spec,
        copied is not None,
        ranges,
        ticks,
        None if batch_sizes is None else ", ".join(map(str, batch_sizes)),
        json.dumps(others, ensure_ascii=False),
        unshown,
    )


def _make_range(name: str, about: str, value: Any) -> RangeField | None:
    """Return a hyperparameter as a range; None for a choice of some values."""
    if isinstance(value, Choice):
        return None
    if not isinstance(value, Float | Int):
        return RangeField(name, about, value, value, "{}")
    more = value.model_dump(mode="json", exclude={"min", "max"}, exclude_defaults=True)
    return RangeField(name, about, value.min, value.max, json.dumps(more))


def _make_ticks(name: str, options: tuple[str, ...], value: Any) -> TickField:
    return TickField(name, TICKS[name], options, frozenset(_list_values(value) or ()))


def _list_values(value: Any) -> tuple[Any, ...] | None:
    """Return the values of a choice or of a fixed hyperparameter; None for a range."""
    if isinstance(value, Choice):
        return value.choices
    return None if isinstance(value, BaseModel) else (value,)


def _describe(value: Any) -> str:
    values = _list_values(value)
    if values is not None:
        return ", ".join(map(format_setting, values))
    return f"{format_setting(value.min)} to {format_setting(value.max)}"


def _list_others(spec: JobSpec, in_form: Collection[str]) -> dict[str, Any]:
    """Return the fields that differ from the defaults and that the form does not have."""
    fields = spec.model_dump(mode="json", exclude_defaults=True, exclude={"dataset", "target"})
    for path in (*FIELDS, *(f"search_space.{name}" for name in in_form)):
        part, _, name = path.rpartition(".")
        owner = fields.get(part, {}) if part else fields
        owner.pop(name, None)
    # What a server decided: a copy with another seed draws other rows.
    if spec.validation.seed == spec.seed:
        fields.get("validation", {}).pop("seed", None)
    return {name: value for name, value in fields.items() if value != {}}
