"""Jobs side by side: what differs between them, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Request, Response

from lowloss.charts.axes import Axis
from lowloss.charts.figures import Figure
from lowloss.charts.plots import Line, Plot, draw_plot
from lowloss.errors import InvalidRequest
from lowloss.results import Job, JobKind
from lowloss.results.notes import describe_title
from lowloss.spec import Direction, Objective, Task
from lowloss.wording import (
    format_duration,
    format_metric_cells,
    format_number,
    format_option,
    format_setting,
    in_words,
    list_first,
)
from service.dashboard.pages import make_router, render_page
from service.resources.callers import RequestCaller
from service.resources.resources import Dependencies
from service.store.datasets import list_names
from service.store.jobs import get_jobs

router = make_router()

MAX_JOBS = 6
DASH = format_number(None)
IN_TARGET_UNITS = frozenset({"rmse", "mae", "median_absolute_error"})


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
        names = list_names(session, {entry.dataset for entry in jobs})
    searches = [entry for entry in jobs if entry.kind is JobKind.search]
    if len(searches) < 2:
        raise InvalidRequest("there is nothing to compare", fix="tick two searches or more")
    titles = _tell_apart(searches)
    return render_page(
        request,
        "compare",
        jobs=searches,
        titles=titles,
        missing=len(job_ids) - len(searches),
        differences=list(_list_differences(searches, titles)),
        results=list(_list_results(searches)),
        winners=list(_list_winners(searches)),
        specifications=[row for row in _list_specifications(searches, names) if row.differs],
        figures=_draw_searches(searches, titles),
    )


def describe_score_of(job: Job) -> str:
    """Say what a search's scores are of; those of two searches compare where this is the same."""
    objective, spec = job.search.objective, job.search
    name = in_words(objective.value)
    if objective is Objective.val_loss and job.task is not Task.regression:
        return f"{name} (log loss)"
    if objective is Objective.val_loss:
        logarithm = "logarithm of the " if spec.preprocessing.log_target is True else ""
        return f"{name} (squared error of the standardised {logarithm}target)"
    if objective.metric in IN_TARGET_UNITS:
        return f"{name} in units of {spec.target}"
    return name


def _tell_apart(jobs: Sequence[Job]) -> dict[str, str]:
    """Return the title of each job by its id; equal ones with the ids."""
    counts = Counter(map(describe_title, jobs))
    return {
        job.id: title if counts[title := describe_title(job)] == 1 else f"{title} ({job.id})"
        for job in jobs
    }


def _list_differences(jobs: Sequence[Job], titles: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence on each thing that keeps scores of these searches from comparing."""
    by_score = _group_by_score(jobs)
    if len(by_score) > 1:
        groups = "; ".join(
            f"{score}: {list_first([titles[job.id] for job in group], MAX_JOBS)}"
            for score, group in by_score.items()
        )
        yield (
            "They are ranked by different metrics, which have a chart each and do not compare: "
            f"{groups}."
        )
    if len({job.search.target for job in jobs}) > 1:
        yield "Their targets differ: a better score may only be of an easier target."
    if len({job.dataset for job in jobs}) > 1:
        yield "Their tables differ: each is scored on rows of its own."
    elif (
        len(
            {
                (job.search.validation.model_dump_json(exclude={"seed"}), job.search.split_seed)
                for job in jobs
            }
        )
        > 1
    ):
        yield "They validate and test on different rows: small differences may be chance."


def _group_by_score(jobs: Sequence[Job]) -> dict[str, list[Job]]:
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(describe_score_of(job), []).append(job)
    return groups


def _draw_searches(jobs: Sequence[Job], titles: Mapping[str, str]) -> list[Figure]:
    """Draw how the best scores of searches fell, over their trials: one chart for each metric."""
    return [_draw_group(score, group, titles) for score, group in _group_by_score(jobs).items()]


def _draw_group(score: str, jobs: Sequence[Job], titles: Mapping[str, str]) -> Figure:
    lines = [line for job in jobs if (line := _line_of(job, titles[job.id])) is not None]
    better = "lower" if jobs[0].search.objective.direction is Direction.min else "higher"
    ended = Axis("trials that ended", is_log=False)
    label = f"The best {score} so far"
    return Figure(
        draw_plot(Plot(label, ended, Axis("best score"), lines=lines)),
        f"{label} of each search, by trials that ended; {better} is better.",
    )


def _line_of(job: Job, title: str) -> Line | None:
    """Return the best score of a search after each of its trials; None until it has ended."""
    insights = job.outcome.insights
    if insights is None or not insights.improvements:
        return None
    steps = {step.ended: step.score for step in insights.improvements}
    best = steps[min(steps)]
    xs, ys = [float(min(steps))], [best]
    # A score stays the best until the trial that beats it.
    for x in sorted(steps)[1:]:
        xs += [x, x]
        ys += [best, best := steps[x]]
    xs.append(max(job.progress.trials_done, *steps))
    ys.append(best)
    return Line(title, tuple(ys), tuple(xs), f"/jobs/{job.id}")


def _list_results(jobs: Sequence[Job]) -> Iterator[Row]:
    metrics = [job.outcome.test_metrics or {} for job in jobs]
    for name in dict.fromkeys(name for of_job in metrics for name in of_job):
        cells = format_metric_cells([of_job.get(name) for of_job in metrics], name)
        yield Row(f"test {in_words(name)}", tuple(cells))
    for score, group in _group_by_score(jobs).items():
        best = [job.best.score if job.best and job in group else None for job in jobs]
        yield Row(f"best {score}", tuple(format_metric_cells(best, group[0].search.objective)))
    if any(job.outcome.all_rows_refit for job in jobs):
        refits = tuple(_describe_refit(job) for job in jobs)
        yield Row("trained on the test rows, after their score", refits)
    yield Row("trials", tuple(str(job.progress.trials_done) for job in jobs))
    yield Row("time", tuple(format_duration(job.progress.seconds) for job in jobs))


def _describe_refit(job: Job) -> str:
    return "yes" if job.outcome.all_rows_refit == "complete" else "no"


def _list_winners(jobs: Sequence[Job]) -> Iterator[Row]:
    winners = [dict(job.best.hyperparameters) if job.best else {} for job in jobs]
    for name in dict.fromkeys(name for winner in winners for name in winner):
        cells = (format_setting(winner[name]) if name in winner else DASH for winner in winners)
        yield Row(in_words(name), tuple(cells))


def _list_specifications(jobs: Sequence[Job], names: Mapping[str, str]) -> Iterator[Row]:
    """Yield all fields of the specifications; a dataset by its name where that tells them apart."""
    are_distinct = len(set(names.values())) == len(names)
    specs = [dict(_flatten(job.spec.model_dump(mode="json"))) for job in jobs]
    for name in dict.fromkeys(name for spec in specs for name in spec):
        values = [spec.get(name, DASH) for spec in specs]
        if name == "dataset" and are_distinct:
            values = [names.get(value, value) for value in values]
        words = in_words(name.replace(".", ": ").replace("warm_start_from", "learns from"))
        yield Row(words, tuple(map(format_option, values)))


def _flatten(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields of nested objects by dotted names."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
