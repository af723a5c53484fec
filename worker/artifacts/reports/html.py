"""`report.html`: one page that holds all it needs, whatever names the table has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from lowloss.results import (
    DivergedRegion,
    ExcludedColumn,
    Hyperparameters,
    Importance,
    SearchInsights,
    TableWarning,
    Trial,
)
from lowloss.spec import Task
from worker.artifacts.reports.charts_model import binary_charts, confusion_chart, regression_charts
from worker.artifacts.reports.charts_search import (
    convergence_chart,
    curve_charts,
    hyperparameter_charts,
    search_chart,
)
from worker.artifacts.reports.columns import MAX_COLUMNS, ShownColumns, column_rows
from worker.artifacts.reports.comparison import (
    Contender,
    contenders,
    describe_rows,
    metrics_shown,
    verdict,
)
from worker.artifacts.reports.confusion import Confusion, confusion
from worker.artifacts.reports.diagnosis import FIRST_TRY, DiagnosisView, view
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.pages import write_page
from worker.artifacts.reports.remarks import describe_region, remarks
from worker.artifacts.reports.usage import Usage, describe_output, usage

REPORT = "report.html"
TEMPLATE = "report.html.jinja"
MAX_TRIALS = 20
"""Trials that the table of the best shows."""
MAX_LABELS = 20
"""Classes up to which the confusion matrix is a table; with more it is a chart."""


@dataclass(frozen=True)
class Charts:
    """The charts of a page; None where there is nothing to draw."""

    search: Markup
    space: Markup | None
    convergence: Markup | None
    curves: Markup | None
    model: Markup | None
    confusion: Markup | None


@dataclass(frozen=True)
class ReportPage:
    """What the template shows."""

    facts: Facts
    remarks: tuple[str, ...]
    contenders: tuple[Contender, ...]
    metrics: tuple[str, ...]
    verdict: str | None
    scored_rows: str
    best_trials: tuple[Trial, ...]
    searched: tuple[str, ...]
    regions: tuple[tuple[DivergedRegion, str], ...]
    next_space: str | None
    importances: tuple[Importance, ...]
    columns: ShownColumns
    excluded: tuple[ExcludedColumn, ...]
    warnings: tuple[TableWarning, ...]
    confusion: Confusion | None
    charts: Charts
    usage: Usage
    output: str
    diagnosis: DiagnosisView | None


def write_report(path: Path, facts: Facts) -> None:
    """Write the page."""
    write_page(path, TEMPLATE, page=_page(facts))


def _page(facts: Facts) -> ReportPage:
    is_few = len(facts.labels) <= MAX_LABELS
    matrix = confusion(facts) if facts.labels else None
    return ReportPage(
        facts=facts,
        remarks=remarks(facts),
        contenders=contenders(facts),
        metrics=metrics_shown(facts),
        verdict=verdict(facts),
        scored_rows=describe_rows(facts),
        best_trials=facts.ranked_trials[:MAX_TRIALS],
        searched=_searched(facts),
        regions=tuple((region, describe_region(region)) for region in facts.regions),
        next_space=_next_space(facts.job.outcome.insights),
        importances=facts.importances[:MAX_COLUMNS],
        columns=column_rows(facts),
        excluded=facts.job.outcome.excluded[:MAX_COLUMNS],
        warnings=facts.warnings[:MAX_COLUMNS],
        confusion=matrix,
        charts=Charts(
            search=search_chart(facts),
            space=hyperparameter_charts(facts),
            convergence=convergence_chart(facts),
            curves=curve_charts(facts),
            model=_model_charts(facts),
            confusion=None if matrix is None or is_few else confusion_chart(matrix.shares_CC),
        ),
        usage=usage(facts),
        output=describe_output(facts),
        diagnosis=None if facts.diagnosis is None else view(facts.diagnosis, FIRST_TRY),
    )


def _model_charts(facts: Facts) -> Markup | None:
    match facts.job.task:
        case Task.regression:
            return regression_charts(facts.predictions)
        case Task.binary:
            return binary_charts(facts.predictions)
        case Task.multiclass:
            return None


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
