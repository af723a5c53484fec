"""A diagnosis as a page of its own, and as a section of a search's report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal

from markupsafe import Markup

from lowloss.results import Diagnosis, Experiment, Finding, Severity
from lowloss.wording import describe_score
from worker.artifacts.reports.charts_diagnosis import before_and_after, cause_chart, has_same_units
from worker.artifacts.reports.effects import describe_loss
from worker.artifacts.reports.pages import write_page
from worker.artifacts.reports.words import DASH, name, number

TEMPLATE = "diagnosis.html.jinja"
RECIPE, FIRST_TRY = "the recipe", "the first try"


@dataclass(frozen=True)
class ShownLoss:
    """One of the losses on top: whose it is, and what there is to say of it."""

    label: str
    text: str
    remark: str = ""


@dataclass(frozen=True)
class TrainedRun:
    """An experiment's line in a table."""

    name: str
    mean: str
    runs: int
    diverged: int
    change: str


@dataclass(frozen=True)
class DiagnosisView:
    """What the templates show; charts are None where there is nothing to draw."""

    diagnosis: Diagnosis
    harmful: tuple[Finding, ...]
    others: tuple[Finding, ...]
    losses: tuple[ShownLoss, ...]
    experiments: tuple[TrainedRun, ...]
    curves: Markup | None
    causes: Markup | None

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
    def has_same_units(self) -> bool:
        """Whether the two curves can be compared."""
        return has_same_units(self.diagnosis)

    @property
    def runs(self) -> int:
        """How many runs the recipe's loss is the mean of."""
        return self.experiments[0].runs if self.experiments else 0


@dataclass(frozen=True)
class DiagnosisPage:
    """A page of its own."""

    title: str
    view: DiagnosisView


def write_diagnosis(path: Path, diagnosis: Diagnosis, *, title: str) -> None:
    """Write the page of a job that is a diagnosis."""
    write_page(path, TEMPLATE, page=DiagnosisPage(title, view(diagnosis, RECIPE)))


def harmful_findings(diagnosis: Diagnosis) -> tuple[Finding, ...]:
    """Return the findings that raise the loss, the first to remedy first."""
    return tuple(finding for finding in diagnosis.findings if finding.severity is not Severity.none)


def view(diagnosis: Diagnosis, recipe_name: str) -> DiagnosisView:
    """Collect what a page shows of a diagnosis; `recipe_name` is the name of its recipe there."""
    harmful = harmful_findings(diagnosis)
    others = tuple(entry for entry in diagnosis.findings if entry not in harmful)
    return DiagnosisView(
        diagnosis=diagnosis,
        harmful=harmful,
        others=others,
        losses=tuple(_losses(diagnosis, recipe_name)),
        experiments=tuple(_trained(entry) for entry in diagnosis.experiments),
        curves=before_and_after(diagnosis, recipe_name),
        causes=cause_chart(harmful + others),
    )


def _losses(diagnosis: Diagnosis, recipe_name: str) -> Iterator[ShownLoss]:
    floor = diagnosis.noise_floor

    def score(whose: Literal["recipe", "remedied", "best", "constant"]) -> str:
        value = getattr(diagnosis.familiar, whose, None)
        if diagnosis.familiar is None or value is None:
            return ""
        return describe_score(diagnosis.familiar.metric, value)

    recipe = describe_loss(diagnosis.loss, runs=diagnosis.runs, refusal=diagnosis.refusal)
    yield ShownLoss(recipe_name, recipe, score("recipe"))
    if diagnosis.remedied_recipe != diagnosis.recipe:
        remedied = describe_loss(diagnosis.remedied_loss, runs=diagnosis.remedied_runs)
        yield ShownLoss("with the remedies", remedied, score("remedied"))
    by = f"by {name(diagnosis.best_model)}"
    remark = ", ".join(filter(None, [score("best"), by]))
    yield ShownLoss("best reached", number(diagnosis.best), remark)
    constant = score("constant")
    yield ShownLoss("best constant answer", number(diagnosis.constant), constant)
    if floor is not None and floor.estimate is not None:
        yield ShownLoss("noise floor", number(floor.estimate), "estimated from rows that are alike")
    if floor is not None and floor.conflicting:
        yield ShownLoss("certain noise", number(floor.conflicting), "from rows that conflict")


def _trained(experiment: Experiment) -> TrainedRun:
    losses = [loss for loss in experiment.losses if loss is not None]
    return TrainedRun(
        name=experiment.name,
        mean=number(fmean(losses)) if losses else DASH,
        runs=len(experiment.losses),
        diverged=len(experiment.losses) - len(losses),
        change=json.dumps(experiment.change, ensure_ascii=False) if experiment.change else "",
    )
