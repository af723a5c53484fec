"""The pages of jobs: all of them, one, its trials, and what it says of a high loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from lowloss.charts.columns import draw_column_importances
from lowloss.charts.hyperparameters import (
    MIN_COMPARED,
    draw_hyperparameters,
    draw_importances,
    draw_pair,
    draw_space,
    list_comparable,
)
from lowloss.charts.inline import script_source
from lowloss.charts.predictions import draw_predictions
from lowloss.charts.scores import has_far_worse
from lowloss.charts.searches import (
    draw_best_so_far,
    draw_curves,
    draw_scores,
    has_log_scale,
)
from lowloss.charts.timelines import draw_timeline
from lowloss.errors import StateConflict
from lowloss.pages.diagnosis import view_diagnosis
from lowloss.results import (
    Curve,
    Job,
    JobKind,
    JobSort,
    JobState,
    Trial,
    TrialState,
)
from lowloss.results.losses import FIRST_TRY, RECIPE
from lowloss.results.notes import describe_title, waits_for_any_worker
from lowloss.results.ranking import rank_trials
from lowloss.spec import Scope
from service.dashboard.history import describe_resources, list_history
from service.dashboard.pages import HEADERS, make_router, render_page, write_changes
from service.dashboard.parameters import ChosenCurves, Cursor, NothingIfEmpty
from service.dashboard.trials import (
    MAX_CURVES,
    SHOWN_CURVES,
    address_of_trials,
    count_states,
    describe_space,
    list_finalists,
)
from service.resources.callers import RequestCaller
from service.resources.own_ids import JobId
from service.resources.resources import Dependencies
from service.store.artifacts import find_artifacts, get_artifact
from service.store.blobs import load_blob
from service.store.database import Database
from service.store.datasets import list_names
from service.store.diagnoses import get_diagnosis
from service.store.events import list_job_events
from service.store.jobs import (
    Change,
    get_job,
    get_job_and_dataset_name,
    list_jobs,
    list_unfinished_jobs,
)
from service.store.trials import find_trials, list_curves
from service.store.workers import list_workers

router = make_router()

JOBS_PER_PAGE = 30
SHOWN_QUEUE = 100
SHOWN_WORKERS = 100
SHOWN_TRIALS = 10
"""How many of the best trials a job's own page lists."""
SHOWN_COLUMNS = 12
SHOWN_EVENTS = 200
REPORT_POLICY = "; ".join(
    (
        # A report shows names out of an uploaded table: it runs apart from this site, and no script
        # but that of charts.
        "sandbox allow-scripts",
        "default-src 'none'",
        f"script-src {script_source()}",
        "style-src 'unsafe-inline'",
    )
)


@router.get("/")
def show_jobs(
    request: Request,
    deps: Dependencies,
    caller: RequestCaller,
    *,
    q: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[JobState | None, NothingIfEmpty, Query()] = None,
    kind: Annotated[JobKind | None, NothingIfEmpty, Query()] = None,
    sort: Annotated[JobSort, Query()] = JobSort.newest,
    cursor: Cursor = None,
) -> Response:
    """List jobs."""
    with deps.database.reading() as session:
        page = list_jobs(
            session,
            caller.project,
            state=state,
            kind=kind,
            name=q.strip(),
            sort=sort,
            cursor=cursor,
            limit=JOBS_PER_PAGE,
        )
        names = list_names(session, {job.dataset for job in page.items})
    return render_page(
        request,
        "jobs",
        jobs=page.items,
        next=page.next,
        names=names,
        sparklines={job.id: draw_best_so_far(job.outcome.insights) for job in page.items},
        states=list(JobState),
        kinds=list(JobKind),
        sorts=list(JobSort),
        chosen={"q": q, "state": state or "", "kind": kind or "", "sort": sort},
    )


@router.get("/queue")
def show_queue(request: Request, deps: Dependencies, caller: RequestCaller) -> Response:
    """Show which worker has which job, and which wait, in the order in which they are taken."""
    is_admin = caller.scope is Scope.admin
    with deps.database.reading() as session:
        jobs = list_unfinished_jobs(session, caller.project, limit=SHOWN_QUEUE + 1)
        workers = list_workers(session, cursor=None, limit=SHOWN_WORKERS).items
    shown = jobs[:SHOWN_QUEUE]
    return render_page(
        request,
        "queue",
        jobs=shown,
        running=[job for job in shown if job.state is JobState.running],
        waiting=[job for job in shown if job.state is not JobState.running],
        lacks_worker=any(map(waits_for_any_worker, shown))
        or not (jobs or any(worker.is_alive for worker in workers)),
        # What others' jobs are called is for admins.
        workers=workers if is_admin else (),
        # A job of another project has no page for this caller.
        titles={job.id: describe_title(job) for job in shown},
        is_cut=len(jobs) > SHOWN_QUEUE,
    )


@dataclass(frozen=True)
class ScoreToggles:
    """What the chart of scores shows; `log` null is by their spread."""

    log: bool | None
    pruned: bool
    outliers: bool


def read_toggles(
    *,
    log: Annotated[bool | None, Query()] = None,
    pruned: Annotated[bool, Query()] = True,
    outliers: Annotated[bool, Query()] = False,
) -> ScoreToggles:
    """Return what a request asks of the chart of scores."""
    return ScoreToggles(log, pruned, outliers)


@router.get("/jobs/{job_id}")
def show_job(
    request: Request,
    deps: Dependencies,
    job_id: JobId,
    *,
    toggles: Annotated[ScoreToggles, Depends(read_toggles)],
    curve: ChosenCurves = None,
) -> Response:
    """Show one job: how it stands, its best trial, and its files."""
    with deps.database.reading() as session:
        job, change, dataset_name = get_job_and_dataset_name(session, job_id)
        chosen = list_finalists(job) if curve is None else curve[:MAX_CURVES]
        trials = find_trials(session, job_id, curves_of=chosen)
        # A diagnosis has none, nor an order of them.
        ranked = rank_trials(job, trials) if trials else []
        curves = {trial.number: trial.curve for trial in trials if trial.curve}
        may_have_files = job.state.is_finished or job.outcome.model_ready_at
        artifacts = find_artifacts(session, job_id) if may_have_files else ()
        if curve is None and not job.state.is_finished:
            shown = ranked[:SHOWN_CURVES] + [t for t in trials if t.state is TrialState.running]
            curves = list_curves(session, job_id, [trial.number for trial in shown])
    page_values: dict[str, Any] = {"artifacts": artifacts, "dataset_name": dataset_name}
    page_values["events"] = _address_of_events(job, change)
    if job.kind is JobKind.diagnosis:
        return _show_diagnosis_job(request, deps.database, job, **page_values)
    if toggles.log is None:
        toggles = replace(toggles, log=has_log_scale(trials))
    return render_page(
        request,
        "job",
        job=job,
        trials=ranked[:SHOWN_TRIALS],
        counts=count_states(trials),
        **page_values,
        **_draw_charts(job, trials, curves, toggles),
        next_space=_propose(job),
        toggles=asdict(toggles),
        chosen=chosen if curve is not None else (),
        drawn=set(curves),
    )


def _propose(job: Job) -> dict[str, str] | None:
    """Return the search beyond the ends at which the best trials lie: in words, and as changes."""
    space = job.outcome.insights.next_space if job.outcome.insights else {}
    if not space:
        return None
    changes = {"search_space": space}
    return {"words": describe_space(space), "changes": write_changes(job, changes, "continued")}


def _draw_charts(
    job: Job, trials: Sequence[Trial], curves: Mapping[int, Curve], toggles: ScoreToggles
) -> dict[str, Any]:
    """Draw a search, and how its model predicts."""
    address, outcome = address_of_trials(job), job.outcome
    # A trial that waits for its job's next attempt is not being trained.
    is_running = job.state is JobState.running
    trained = [t for t in trials if is_running or t.state is not TrialState.running]
    compared = list_comparable(trials)
    # Charts of completed trials have limits of their own.
    completed_have_far_worse = has_far_worse(job, rank_trials(job, trials))
    log, outliers = toggles.log, toggles.outliers
    return {
        "scores": draw_scores(job, trials, address=address, **asdict(toggles)),
        "has_far_worse": has_far_worse(job, trials) or completed_have_far_worse,
        "completed_have_far_worse": completed_have_far_worse,
        "space": draw_space(job, compared, address=address, log=log, outliers=outliers),
        "slices": draw_hyperparameters(job, compared, log=log, outliers=outliers),
        "pair": draw_pair(job, compared, address=address),
        "min_compared": MIN_COMPARED if trials and not compared else None,
        "timeline": draw_timeline(trained, now=datetime.now(UTC), address=address),
        "importances": draw_importances(outcome.insights if compared else None),
        "curves": draw_curves(curves, address=address),
        "used": describe_resources(job),
        "predictions": draw_predictions(outcome.test_predictions, job.search.target),
        "columns": draw_column_importances(outcome.importances[:SHOWN_COLUMNS]),
    }


def _show_diagnosis_job(
    request: Request, database: Database, job: Job, **page_values: Any
) -> Response:
    """Show what a job that is a diagnosis has so far."""
    is_done = job.outcome.diagnosis is not None
    view = view_diagnosis(get_diagnosis(database, job.id), RECIPE) if is_done else None
    return render_page(request, "diagnosis", job=job, view=view, **page_values)


@router.get("/jobs/{job_id}/history")
def show_history(request: Request, deps: Dependencies, job_id: JobId) -> Response:
    """Show what happened to a job, the last first."""
    with deps.database.reading() as session:
        job = get_job(session, job_id)
        events = list_job_events(session, job_id, limit=SHOWN_EVENTS + 1)
    return render_page(
        request,
        "history",
        job=job,
        entries=list_history(job, events[:SHOWN_EVENTS]),
        is_cut=len(events) > SHOWN_EVENTS,
    )


@router.get("/jobs/{job_id}/diagnosis")
def show_diagnosis(request: Request, deps: Dependencies, job_id: JobId) -> Response:
    """Show why the loss of a search's first try is high."""
    with deps.database.reading() as session:
        job = get_job(session, job_id)
        # That of a job that diagnoses is its own page: of the user's recipe, not of a first try.
        if job.kind is JobKind.diagnosis:
            return RedirectResponse(f"/jobs/{job_id}", status_code=303)
    diagnosis = get_diagnosis(deps.database, job_id)
    return render_page(
        request,
        "diagnosis",
        job=job,
        artifacts=(),
        view=view_diagnosis(diagnosis, FIRST_TRY),
        events="",
    )


@router.get("/jobs/{job_id}/files/{name}")
def show_file(
    deps: Dependencies, job_id: JobId, name: Annotated[str, Path(max_length=200)]
) -> Response:
    """Show a report of a job: it may run the script of charts alone, and not reach this server."""
    with deps.database.reading() as session:
        artifact = get_artifact(session, job_id, name)
    if artifact.media_type.partition(";")[0] != "text/html":
        raise StateConflict(f"{name} is no page", fix="download it")
    headers = HEADERS | {
        "Content-Security-Policy": REPORT_POLICY,
        # A page in a sandbox with another value is none (HTML, "create navigation params").
        "Cross-Origin-Opener-Policy": "unsafe-none",
    }
    content = load_blob(deps.database, artifact.sha256)
    return Response(content, 200, headers, artifact.media_type)


def _address_of_events(job: Job, change: Change) -> str:
    """Return where the page hears of the events that come after it was made; none for the rest."""
    return "" if job.state.is_finished else f"{job.links.events}?after={change.events}"
