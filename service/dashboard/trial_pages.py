"""The pages of a search's trials: all of them, and one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from lowloss.charts.hyperparameters import draw_hyperparameters
from lowloss.charts.searches import draw_curves, draw_losses
from lowloss.results import Curve, TrialState
from lowloss.results.ranking import rank_trials
from service.dashboard.pages import make_router, render_page, write_changes
from service.dashboard.parameters import ChosenCurves, NothingIfEmpty, TrialPath
from service.dashboard.trials import (
    MAX_CURVES,
    SHOWN_CURVES,
    TrialOrder,
    address_of_trials,
    compare_trials,
    order_trials,
    search_around,
    train_alone,
    write_code,
)
from service.resources.own_ids import JobId
from service.resources.resources import Dependencies
from service.store.datasets import find_dataset_of_job
from service.store.jobs import get_job
from service.store.trials import find_trials, get_trial_among_all, list_curves

router = make_router()

TRIALS_PER_PAGE = 100


@router.get("/jobs/{job_id}/trials")
def show_trials(
    request: Request,
    deps: Dependencies,
    job_id: JobId,
    *,
    order: Annotated[TrialOrder, Query()] = TrialOrder.score,
    state: Annotated[TrialState | None, NothingIfEmpty, Query()] = None,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    curve: ChosenCurves = None,
) -> Response:
    """List the trials of a search, and the curves of those that are chosen."""
    with deps.database.reading() as session:
        job = get_job(session, job_id)
        trials = find_trials(session, job_id)
        best = [trial.number for trial in rank_trials(job, trials)[:SHOWN_CURVES]]
        curves = list_curves(session, job_id, best if curve is None else curve[:MAX_CURVES])
    listed = [trial for trial in order_trials(job, trials, order) if state in {None, trial.state}]
    compared = [trial for trial in listed if trial.number in curves]
    first = (page - 1) * TRIALS_PER_PAGE
    return render_page(
        request,
        "trials",
        job=job,
        trials=listed[first : first + TRIALS_PER_PAGE],
        total=len(listed),
        page=page,
        pages=max(1, -(-len(listed) // TRIALS_PER_PAGE)),
        order=order,
        orders=list(TrialOrder),
        state=state or "",
        states=list(TrialState),
        curves=draw_curves(curves, address=address_of_trials(job)),
        drawn=set(curves),
        compared=compared,
        differences=compare_trials(compared),
    )


@router.get("/jobs/{job_id}/trials/{number}")
def show_trial(request: Request, deps: Dependencies, job_id: JobId, number: TrialPath) -> Response:
    """Show one trial: its hyperparameters, its curve, and its place among the others."""
    with deps.database.reading() as session:
        job = get_job(session, job_id)
        trial, trials = get_trial_among_all(session, job_id, number)
        dataset = find_dataset_of_job(session, job_id)
    ranked = [entry.number for entry in rank_trials(job, trials)]
    return render_page(
        request,
        "trial",
        job=job,
        trial=trial,
        rank=ranked.index(number) + 1 if number in ranked else None,
        scored=len(ranked),
        around=write_changes(job, search_around(trial), f"around trial {number}"),
        again=write_changes(job, train_alone(trial, job.search), f"trial {number} again"),
        code=write_code(job, trial, dataset, deps.settings.limits) if dataset else "",
        losses=draw_losses(trial, trial.curve or Curve()),
        slices=draw_hyperparameters(job, trials, chosen=trial),
    )
