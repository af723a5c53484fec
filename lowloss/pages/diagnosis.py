"""What a page shows of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.charts.diagnoses import draw_diagnosis
from lowloss.charts.figures import Figure
from lowloss.pages.changes import write_change
from lowloss.results import Diagnosis, EvidenceState, Experiment
from lowloss.results.losses import (
    ShownLoss,
    describe_causes,
    describe_metric,
    list_losses,
    list_targets,
)
from lowloss.wording import capitalize, format_loss

UNSETTLED = frozenset({EvidenceState.not_tried, EvidenceState.unconfirmed})


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
        return describe_metric(self.diagnosis)

    @property
    def causes_heading(self) -> str:
        """What stands above the causes."""
        return "What is wrong, and what to do" if self.diagnosis.harmful else "No cause was found"

    @property
    def no_cause(self) -> str:
        """Why no cause is named; for a diagnosis that names none."""
        if not self.diagnosis.runs:
            return f"{capitalize(self.recipe_name)} was not trained: nothing could be measured."
        if any(finding.evidence_state in UNSETTLED for finding in self.diagnosis.others):
            return "What is suspect is not settled: it stands below."
        return "No change that was tried lowers the loss by what matters."

    @property
    def lead(self) -> tuple[str, str] | None:
        """The gravest cause and its remedy, in few words; None where there is none to name."""
        finding = next(iter(self.diagnosis.harmful), None)
        if finding is None or finding.remedy is None:
            return None
        return capitalize(describe_causes(finding)), finding.remedy.text.rstrip(".")

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
        change=write_change(experiment.change) if experiment.change else "",
    )
