"""`report.html`: one page that holds all it needs, whatever names the table has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lowloss.charts.bars import Bar, draw_bars
from lowloss.charts.columns import draw_column_importances
from lowloss.charts.figures import Figure
from lowloss.charts.hyperparameters import (
    MIN_COMPARED,
    draw_hyperparameters,
    draw_importances,
    draw_pair,
    draw_space,
    list_comparable,
)
from lowloss.charts.plots import BROAD
from lowloss.charts.predictions import draw_predictions
from lowloss.charts.searches import draw_best_losses, draw_convergence, draw_scores
from lowloss.charts.timelines import draw_timeline
from lowloss.pages.diagnosis import DiagnosisView, view_diagnosis
from lowloss.results import (
    ExcludedColumn,
    Hyperparameters,
    SearchInsights,
    TableWarning,
    Trial,
)
from lowloss.results.losses import FIRST_TRY
from worker.artifacts.reports.columns import MAX_COLUMNS, ShownColumns, column_rows
from worker.artifacts.reports.comparison import (
    Contender,
    contenders,
    describe_baselines,
    describe_rows,
    metrics_shown,
    verdict,
)
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.pages import write_page
from worker.artifacts.reports.remarks import describe_region, remarks
from worker.artifacts.reports.usage import Usage, describe_output, usage

REPORT = "report.html"
TEMPLATE = "report.html.jinja"
MAX_TRIALS = 20
"""Trials that the table of the best shows."""
MAX_LISTED_TRIALS = 500
"""Trials that the table of all shows."""


@dataclass(frozen=True)
class Charts:
    """The charts of a page; those with nothing to draw are empty."""

    scores: Figure
    space: Figure
    hyperparameters: tuple[str, ...]
    pair: Figure
    timeline: Figure
    hyperparameter_importances: Figure
    convergence: tuple[Figure, ...]
    losses: tuple[Figure, ...]
    predictions: tuple[Figure, ...]
    column_importances: str
    regions: Figure


@dataclass(frozen=True)
class ReportPage:
    """What the template shows."""

    facts: Facts
    remarks: tuple[str, ...]
    contenders: tuple[Contender, ...]
    metrics: tuple[str, ...]
    verdict: str | None
    scored_rows: str
    baselines: str
    best_trials: tuple[Trial, ...]
    trials: tuple[Trial, ...]
    searched: tuple[str, ...]
    next_space: str | None
    min_compared: int | None
    columns: ShownColumns
    unimportant: int
    excluded: tuple[ExcludedColumn, ...]
    warnings: tuple[TableWarning, ...]
    charts: Charts
    usage: Usage
    output: str
    diagnosis: DiagnosisView | None


def write_report(path: Path, facts: Facts) -> None:
    """Write the page."""
    write_page(path, TEMPLATE, page=_page(facts))


def _page(facts: Facts) -> ReportPage:
    outcome = facts.job.outcome
    return ReportPage(
        facts=facts,
        remarks=remarks(facts),
        contenders=contenders(facts),
        metrics=metrics_shown(facts),
        verdict=verdict(facts),
        scored_rows=describe_rows(facts),
        baselines=describe_baselines(facts),
        best_trials=facts.ranked_trials[:MAX_TRIALS],
        trials=tuple(sorted(facts.trials, key=lambda trial: trial.number)[:MAX_LISTED_TRIALS]),
        searched=_searched(facts),
        next_space=_next_space(outcome.insights),
        min_compared=None if list_comparable(facts.trials) else MIN_COMPARED,
        columns=column_rows(facts),
        unimportant=max(0, len(facts.importances) - MAX_COLUMNS),
        excluded=outcome.excluded[:MAX_COLUMNS],
        warnings=facts.warnings[:MAX_COLUMNS],
        charts=_draw_charts(facts),
        usage=usage(facts),
        output=describe_output(facts),
        diagnosis=None if facts.diagnosis is None else view_diagnosis(facts.diagnosis, FIRST_TRY),
    )


def _draw_charts(facts: Facts) -> Charts:
    job, outcome = facts.job, facts.job.outcome
    compared = list_comparable(facts.trials)
    return Charts(
        scores=draw_scores(job, facts.trials, size=BROAD),
        space=draw_space(job, compared),
        hyperparameters=tuple(draw_hyperparameters(job, compared)),
        pair=draw_pair(job, compared),
        timeline=draw_timeline(facts.trials, now=_end_of(facts)),
        hyperparameter_importances=draw_importances(outcome.insights if compared else None),
        convergence=tuple(draw_convergence(job, facts.trials)),
        losses=tuple(draw_best_losses(job, facts.trials, facts.curves)),
        predictions=tuple(draw_predictions(outcome.test_predictions, facts.target.name)),
        column_importances=draw_column_importances(facts.importances[:MAX_COLUMNS]),
        regions=_draw_regions(facts),
    )


def _end_of(facts: Facts) -> datetime:
    """Return when the last trial ended: a report is written once none runs."""
    ends = (trial.finished_at or trial.started_at for trial in facts.trials)
    return max(ends, default=facts.job.created_at)


def _draw_regions(facts: Facts) -> Figure:
    bars = [
        Bar(
            name=describe_region(region),
            value=region.failed / region.trials,
            shown=f"{region.failed} of {region.trials}",
        )
        for region in facts.regions
    ]
    return Figure(
        draw_bars("The share of trials that diverged or failed", bars, longest=1.0),
        "Where trials diverged or failed: how many of those there.",
    )


def _searched(facts: Facts) -> tuple[str, ...]:
    """Return the hyperparameters in which trials differ."""
    settings = [trial.hyperparameters for trial in facts.trials]
    return tuple(
        key for key in Hyperparameters.model_fields if len({getattr(s, key) for s in settings}) > 1
    )


def _next_space(insights: SearchInsights | None) -> str | None:
    """Format the space that leads beyond the edges as JSON, a hyperparameter a line."""
    if insights is None or not insights.next_space:
        return None
    lines = (f'    "{name}": {json.dumps(piece)}' for name, piece in insights.next_space.items())
    return '{\n  "search_space": {\n' + ",\n".join(lines) + "\n  }\n}"
