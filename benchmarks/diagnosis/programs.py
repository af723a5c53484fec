"""All programs: sound ones, those with one fault, with two, and those of forums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

import numpy as np
import polars as pl

from benchmarks.diagnosis.architecture_faults import ARCHITECTURE_FAULTS
from benchmarks.diagnosis.data_faults import DATA_FAULTS
from benchmarks.diagnosis.faults import Fault
from benchmarks.diagnosis.forum import FORUM_FAULTS
from benchmarks.diagnosis.pairs import PAIRS
from benchmarks.diagnosis.program_table import ProgramTable
from benchmarks.diagnosis.questions import QUESTION_FAULTS
from benchmarks.diagnosis.sound import SERIES, seed_of, sound_recipe
from benchmarks.diagnosis.table_edits import applied
from benchmarks.diagnosis.tables import (
    CLASSIFICATIONS,
    REGRESSIONS,
    TABLES,
    frame_of,
)
from benchmarks.diagnosis.training_faults import TRAINING_FAULTS
from lowloss.spec import Recipe, Task

CONTROLS_PER_TABLE = 8
"""Sound programs of each table."""
FAULTS = {f.name: f for f in DATA_FAULTS + ARCHITECTURE_FAULTS + TRAINING_FAULTS}


class Kind(StrEnum):
    """What is known of a program."""

    control = "control"
    single = "single"
    pair = "pair"
    forum = "forum"
    mended = "mended"


class Half(StrEnum):
    """What a program is for: thresholds are chosen on one half, results told of the other."""

    tune = "tune"
    report = "report"


@dataclass(frozen=True)
class Setting:
    """What somebody trained: a table and a recipe; `others` are further columns to predict."""

    frame: pl.DataFrame
    target: str
    task: Task
    recipe: Recipe
    others: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.target, *self.others)

    def of_target(self, target: str) -> Setting:
        """Return the same of one of several targets alone, with its unit of the output."""
        recipe, units = self.recipe, self.recipe.output.units
        if units == len(self.targets):
            layers = [*recipe.layers[:-1], recipe.output.model_copy(update={"units": 1})]
            recipe = recipe.model_copy(update={"layers": tuple(layers)})
        frame = self.frame.drop([name for name in self.targets if name != target])
        return Setting(frame, target, self.task, recipe)


@dataclass(frozen=True)
class Program:
    """A table, the number of a sound recipe for it, and what is made wrong of both.

    One that is mended has the fix of its fault.
    """

    kind: Kind
    table: ProgramTable
    number: int
    faults: tuple[Fault, ...] = ()
    half: Half = Half.report

    @property
    def name(self) -> str:
        """Unique among all programs."""
        what = " + ".join(fault.name for fault in self.faults) or f"sound {self.number}"
        return f"{self.table.name}: {what}" + ", mended" * (self.kind is Kind.mended)

    @property
    def setting(self) -> Setting:
        """What is diagnosed."""
        return self._setting(self.faults, is_sound=self.kind is Kind.mended)

    @property
    def sound(self) -> Setting:
        """The best to be had of a recipe: sound, on the table as its faults left it."""
        return self._setting(self.faults, is_sound=True)

    @property
    def clean(self) -> Setting:
        """Sound, and without what is wrong in the data and no recipe can undo."""
        undone = tuple(fault for fault in self.faults if fault.is_undone)
        return self._setting(undone, is_sound=True)

    def alone(self, fault: Fault) -> Program:
        """Return the same with one fault alone."""
        return replace(self, kind=Kind.single, faults=(fault,))

    def _setting(self, faults: Sequence[Fault], *, is_sound: bool) -> Setting:
        recipe = sound_recipe(self.table, self.number)
        for fault in faults:
            recipe = (fault.sound if is_sound else fault.recipe)(recipe)
        edits = [fault.table for fault in faults if fault.table is not None]
        rng = np.random.default_rng(seed_of(self.table.name, self.number, "edits", SERIES))
        frame = applied(frame_of(self.table), self.table.target, edits, rng)
        table = self.table
        return Setting(frame, table.target, table.task, recipe, table.others)


@cache
def programs() -> tuple[Program, ...]:
    """Return all of them, those of one table together."""
    every = [*_halved(_controls()), *_halved(_singles()), *_halved(_pairs())]
    every += [*_forum(), *_mended()]
    order = list(TABLES)
    return tuple(sorted(every, key=lambda program: order.index(program.table.name)))


def _controls() -> list[Program]:
    return [
        Program(Kind.control, table, number)
        for table in REGRESSIONS + CLASSIFICATIONS
        for number in range(CONTROLS_PER_TABLE)
    ]


def _singles() -> list[Program]:
    return [
        _faulty(Kind.single, TABLES[table], (fault,))
        for fault in FAULTS.values()
        for table in fault.tables
    ]


def _pairs() -> list[Program]:
    return [
        _faulty(Kind.pair, TABLES[table], tuple(FAULTS[name] for name in names))
        for table, *names in PAIRS
    ]


def _forum() -> list[Program]:
    """Return questions that others asked: they count in neither half."""
    return [
        Program(Kind.forum, TABLES[table], 0, (fault,))
        for fault in FORUM_FAULTS + QUESTION_FAULTS
        for table in fault.tables
    ]


def _mended() -> list[Program]:
    """Return the questions with the fix that somebody named."""
    return [
        Program(Kind.mended, TABLES[table], 0, (fault,))
        for fault in QUESTION_FAULTS
        for table in fault.tables
    ]


def _faulty(kind: Kind, table: ProgramTable, faults: tuple[Fault, ...]) -> Program:
    """Yield programs, beginning with one of the table's controls."""
    drawn = seed_of(table.name, *(fault.name for fault in faults)) % CONTROLS_PER_TABLE
    return Program(kind, table, drawn, faults)


def _halved(to_halve: Iterable[Program]) -> Iterable[Program]:
    """Return programs of one cause, or one table's controls.

    Dealt out by the hashes of their names.
    """
    groups: dict[str, list[Program]] = {}
    for program in to_halve:
        group = program.faults[0].cause if program.faults else program.table.name
        groups.setdefault(group, []).append(program)
    for group, members in groups.items():
        ordered = sorted(members, key=lambda program: seed_of(program.name))
        first = seed_of(group, "half") % 2
        for index, program in enumerate(ordered, start=first):
            yield replace(program, half=list(Half)[index % 2])
