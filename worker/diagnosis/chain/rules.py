"""What a remedy is made of: a change in words, and what it depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lowloss.spec import Recipe
from worker.diagnosis.chain.changes import MakeChange
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.training.data import DiagnosisData


@dataclass(frozen=True)
class RemedyRule:
    """A change in words, and as what it makes of a recipe."""

    text: str
    make: MakeChange


@dataclass(frozen=True)
class RemedyContext:
    """What the remedies of a cause depend on.

    `is_stopped_early`: whether early stopping ended the recipe's trainings so far.
    """

    data: DiagnosisData
    recipe: Recipe
    suspect: Suspect | None
    is_stopped_early: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the suspect names."""
        return self.suspect.columns if self.suspect else ()


MakeRules = Callable[[RemedyContext], list[RemedyRule]]
