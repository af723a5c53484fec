"""What a page shows of a diagnosis."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lowloss.charts.diagnoses import draw_diagnosis
from lowloss.charts.figures import Figure
from lowloss.results import Diagnosis, Experiment
from lowloss.results.losses import ShownLoss, describe_metric, list_losses, list_targets
from lowloss.wording import format_loss


@dataclass(frozen=True)
class TrainedRun:
    """An experiment's line in a table."""

    name: str
    mean: str
    recipe_mean: str
    runs: int
    diverged: int
    change: str


@dataclass(frozen=True)
class DiagnosisView:
    """A diagnosis with what is drawn, written and counted of it."""

    diagnosis: Diagnosis
    recipe_name: str
    losses: tuple[ShownLoss, ...]
    experiments: tuple[TrainedRun, ...]
    figures: tuple[Figure, ...]
    targets: tuple[str, ...]

    @property
    def metric(self) -> str:
        """What the losses are."""
        return describe_metric(self.diagnosis.metric)

    @property
    def is_remedied(self) -> bool:
        """Whether there is a remedied recipe at all."""
        return self.diagnosis.remedied_recipe != self.diagnosis.recipe

    @property
    def is_judged_on_training(self) -> bool:
        """Whether the rows are too few to hold any back: all train, and all judge."""
        rows = self.diagnosis.rows
        return bool(rows) and rows.get("train") == rows.get("judge") and "validation" not in rows

    @property
    def runs(self) -> int:
        """How many runs the recipe's loss is the mean of."""
        return self.experiments[0].runs if self.experiments else 0


def view_diagnosis(diagnosis: Diagnosis, recipe_name: str) -> DiagnosisView:
    """Collect what a page shows of a diagnosis; `recipe_name` is the name of its recipe there."""
    return DiagnosisView(
        diagnosis=diagnosis,
        recipe_name=recipe_name,
        losses=tuple(list_losses(diagnosis, recipe_name)),
        experiments=tuple(_trained(entry) for entry in diagnosis.experiments),
        figures=tuple(draw_diagnosis(diagnosis, recipe_name)),
        targets=tuple(list_targets(diagnosis, recipe_name)),
    )


def _trained(experiment: Experiment) -> TrainedRun:
    return TrainedRun(
        name=experiment.name,
        mean=format_loss(experiment.loss),
        recipe_mean=format_loss(experiment.recipe_loss),
        runs=len(experiment.losses),
        diverged=experiment.losses.count(None),
        change=json.dumps(experiment.change, ensure_ascii=False) if experiment.change else "",
    )
