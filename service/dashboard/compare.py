"""Jobs side by side: what differs between them, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Request, Response

from lowloss.charts.axes import Axis
from lowloss.charts.plots import Line, Plot, draw_plot
from lowloss.errors import InvalidRequest
from lowloss.results import Job, JobKind
from lowloss.results.notes import describe_title
from lowloss.wording import format_number, format_setting, in_words
from service.dashboard.pages import make_router, render_page
from service.resources.callers import RequestCaller
from service.resources.resources import Dependencies
from service.store.jobs import get_jobs

router = make_router()

MAX_JOBS = 6
DASH = format_number(None)


@dataclass(frozen=True)
class Row:
    """What the jobs have in one respect; `differs` where they do not agree."""

    name: str
    cells: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the jobs do not agree."""
        return len(set(self.cells)) > 1


@router.get("/compare")
def compare_jobs(
    request: Request,
    deps: Dependencies,
    caller: RequestCaller,
    job: Annotated[list[str], Query(default_factory=list)],
) -> Response:
    """Show the first six of some searches side by side."""
    job_ids = list(dict.fromkeys(job))
    with deps.database.reading() as session:
        jobs = get_jobs(session, caller.project, job_ids[:MAX_JOBS])
    searches = [entry for entry in jobs if entry.kind is JobKind.search]
    if len(searches) < 2:
        raise InvalidRequest("there is nothing to compare", fix="tick two searches or more")
    return render_page(
        request,
        "compare",
        jobs=searches,
        missing=len(job_ids) - len(searches),
        results=list(_list_results(searches)),
        winners=list(_list_winners(searches)),
        specifications=[row for row in _list_specifications(searches) if row.differs],
        chart=_draw_searches(searches),
    )


def _draw_searches(jobs: Sequence[Job]) -> str:
    """Draw how the best scores of several searches fell, over their trials."""
    lines = [line for job in jobs if (line := _line_of(job)) is not None]
    ended = Axis("trials that ended", is_log=False)
    return draw_plot(Plot("The best score so far", ended, Axis("best score"), lines=lines))


def _line_of(job: Job) -> Line | None:
    """Return the best score of a search after each of its trials; None until it has ended."""
    insights = job.outcome.insights
    if insights is None or not insights.improvements:
        return None
    steps = {step.ended: step.score for step in insights.improvements}
    xs = range(min(steps), max(job.progress.trials_done, *steps) + 1)
    ys, best = [], 0.0
    for x in xs:
        best = steps.get(x, best)
        ys.append(best)
    return Line(describe_title(job), tuple(ys), tuple(xs), f"/jobs/{job.id}")


def _list_results(jobs: Sequence[Job]) -> Iterator[Row]:
    metrics = [job.outcome.test_metrics or {} for job in jobs]
    for name in dict.fromkeys(name for of_job in metrics for name in of_job):
        cells = tuple(format_number(of_job.get(name)) for of_job in metrics)
        yield Row(f"test {in_words(name)}", cells)
    scores = (job.best.score if job.best else None for job in jobs)
    yield Row("best score", tuple(map(format_number, scores)))
    yield Row("trials", tuple(str(job.progress.trials_done) for job in jobs))
    yield Row("seconds", tuple(format_number(job.progress.seconds) for job in jobs))


def _list_winners(jobs: Sequence[Job]) -> Iterator[Row]:
    winners = [dict(job.best.hyperparameters) if job.best else {} for job in jobs]
    for name in dict.fromkeys(name for winner in winners for name in winner):
        cells = (format_setting(winner[name]) if name in winner else DASH for winner in winners)
        yield Row(in_words(name), tuple(cells))


def _list_specifications(jobs: Sequence[Job]) -> Iterator[Row]:
    specs = [dict(_flatten(job.spec.model_dump(mode="json"))) for job in jobs]
    for name in dict.fromkeys(name for spec in specs for name in spec):
        yield Row(name, tuple(str(spec.get(name, DASH)) for spec in specs))


def _flatten(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields of nested objects by dotted names."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
