"""A table of trainings that happened, which answers for settings near them.

S settings, E epochs.

Every answer is the curve of a training, but not of the setting that was asked for: of the nearest
tabulated one of the same depth, batch size and scaling, in a cube of the other hyperparameters. No
training answers twice in a search, but where the same setting is asked for again: who asks around
a good one gets its neighbours, as trainings of it would differ, too. A search sees steps where
there is a slope, the noise of one seed, and no better setting than were tabulated. That holds for
all algorithms alike. Patience alone is exact: every training was recorded with the longest, and is
cut where a shorter one would end it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowloss.spec import Choice, CountRange, Float, Int, SearchSpace
from lowloss.spec.activations import usual_initializers
from worker.engine.plans import Plan

Floats = NDArray[np.float64]
Kind = tuple[int, int, int]
"""What must match: layers, batch size, and the fold, which says how features are scaled."""
WEIGHTS = {"learning_rate": 3.0, "dropout": 1.0, "l2": 0.5}
WIDTH_WEIGHT = 0.5
"""The sides of the cube: by these, a setting's nearest neighbour tells most of its own loss."""


@dataclass(frozen=True)
class Curve:
    """What one training measured: its validation loss by epoch, and what an epoch costs.

    Where it diverged its last loss is not finite.
    """

    val_loss_E: Floats
    epoch_seconds: float


@dataclass(frozen=True)
class Lookup:
    """The trainings of one table; `val_loss_SE` is NaN after a training's end.

    `epoch_seconds_S` is the engine's estimate for one core, `cpu_seconds` what all of them took,
    compiles counted.
    """

    space: SearchSpace
    plans: tuple[Plan, ...]
    epochs_S: NDArray[np.int64]
    val_loss_SE: Floats
    epoch_seconds_S: Floats
    cpu_seconds: float

    def nearest(self, plan: Plan, tried: Collection[int] = ()) -> int:
        """Return the tabulated setting that is nearest to a plan, of those that were not tried yet.

        Once all of its kind were, it is the nearest of them again.
        """
        numbers, coordinates = self._of_kind[kind_of(plan)]
        away = ((coordinates - self._coordinates(plan)) ** 2).sum(axis=1)
        by_distance = [int(setting) for setting in numbers[np.argsort(away, kind="stable")]]
        return next((s for s in by_distance if s not in tried), by_distance[0])

    def curve(self, setting: int, plan: Plan, after_epoch: int = 0) -> Curve:
        """Return the curve of a tabulated setting, until the plan's patience or epochs end it.

        Where a training goes on from an epoch, its patience counts from there.
        """
        curve_E = self.val_loss_SE[setting, : self.epochs_S[setting]]
        end = after_epoch + end_of(
            curve_E[after_epoch:], plan.patience, max_epochs=plan.max_epochs - after_epoch
        )
        return Curve(curve_E[:end], float(self.epoch_seconds_S[setting]))

    @cached_property
    def best_S(self) -> Floats:
        """Every setting's least validation loss; infinite where it diverged."""
        last_S = self.val_loss_SE[np.arange(len(self.plans)), self.epochs_S - 1]
        return np.where(np.isfinite(last_S), np.nanmin(self.val_loss_SE, axis=1), np.inf)

    @cached_property
    def mean_seconds(self) -> float:
        """What the training of a random setting costs, its patience random, too."""
        patience = self.space.patience
        assert isinstance(patience, CountRange)
        return float(
            np.mean(
                [
                    len(self.curve(setting, replace(plan, patience=longest)).val_loss_E) * seconds
                    for setting, plan in enumerate(self.plans)
                    for seconds in (self.epoch_seconds_S[setting],)
                    for longest in range(patience.min, patience.max + 1)
                ]
            )
        )

    @property
    def cpu_per_second(self) -> float:
        """How much more trainings took than the engine estimates."""
        return self.cpu_seconds / float((self.epochs_S * self.epoch_seconds_S).sum())

    @cached_property
    def _of_kind(self) -> dict[Kind, tuple[NDArray[np.int64], Floats]]:
        kinds: dict[Kind, list[int]] = {}
        for setting, plan in enumerate(self.plans):
            kinds.setdefault(kind_of(plan), []).append(setting)
        return {
            kind: (
                np.array(settings),
                np.array([self._coordinates(self.plans[setting]) for setting in settings]),
            )
            for kind, settings in kinds.items()
        }

    def _coordinates(self, plan: Plan) -> Floats:
        coordinates = [
            weight * _share(getattr(self.space, name), getattr(plan, name))
            for name, weight in WEIGHTS.items()
        ]
        widths = [WIDTH_WEIGHT * _share(self.space.width, width) for width in plan.widths]
        return np.array(coordinates + widths)

    def save(self, path: Path) -> None:
        """Write an NPZ, all of it or nothing."""
        partial = path.with_suffix(".partial.npz")
        np.savez_compressed(
            partial,
            space=self.space.model_dump_json(),
            plans=np.array([json.dumps(asdict(plan)) for plan in self.plans]),
            epochs=self.epochs_S,
            val_loss=self.val_loss_SE,
            epoch_seconds=self.epoch_seconds_S,
            cpu_seconds=self.cpu_seconds,
        )
        partial.rename(path)


class Answers:
    """What a lookup answers one search: the same setting always the same, others another's."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._of_setting: dict[Plan, int] = {}

    def answer(self, plan: Plan, after_epoch: int = 0) -> Curve:
        """Return the curve of the nearest training that answered for no other setting yet."""
        key = replace(plan, number=0, seed=0, patience=0, max_epochs=0)
        if key not in self._of_setting:
            tried = set(self._of_setting.values())
            self._of_setting[key] = self._lookup.nearest(plan, tried)
        return self._lookup.curve(self._of_setting[key], plan, after_epoch)


def load(path: Path) -> Lookup:
    """Read what `save` wrote."""
    with np.load(path) as saved:
        return Lookup(
            space=SearchSpace.model_validate_json(str(saved["space"])),
            plans=tuple(_plan(json.loads(str(plan))) for plan in saved["plans"]),
            epochs_S=saved["epochs"],
            val_loss_SE=saved["val_loss"],
            epoch_seconds_S=saved["epoch_seconds"],
            cpu_seconds=float(saved["cpu_seconds"]),
        )


def kind_of(plan: Plan) -> Kind:
    """Return what a tabulated setting must share with a plan to answer for it."""
    return len(plan.widths), plan.batch_size, plan.fold


def end_of(val_loss_E: Sequence[float] | Floats, patience: int, *, max_epochs: int) -> int:
    """Return the epoch that early stopping ends a training with, as the engine has it."""
    best, best_epoch = np.inf, 0
    for epoch, loss in enumerate(val_loss_E, start=1):
        if loss < best:
            best, best_epoch = loss, epoch
        if epoch - best_epoch >= patience or epoch >= max_epochs:
            return epoch
    return len(val_loss_E)


def _plan(fields: dict[str, Any]) -> Plan:
    # What JSON holds as a list is a tuple here.
    tuples = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    initializers = usual_initializers([fields["activation"]] * len(fields["widths"]))
    return Plan(**fields | tuples | {"initializers": initializers})


def _share(parameter: object, value: float) -> float:
    """Return where a value lies between the ends of its range, 0 to 1."""
    match parameter:
        case Float() | Int():
            ends = np.array([parameter.min, parameter.max, value], dtype=np.float64)
            low, high, at = np.log(ends) if parameter.scale == "log" else ends
            return float((at - low) / (high - low)) if high > low else 0.0
        case Choice(choices=choices):
            return choices.index(value) / max(1, len(choices) - 1)
        case _:
            return 0.0
