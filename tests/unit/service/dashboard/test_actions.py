"""What a job's page lets one do with it."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient

from lowloss.results import JobState
from service.store.database import Database
from service.store.queue import finish_job, pause_running_job
from service.store.requests import pause_job, resume_job
from tests.builders.store import a_claim, a_job, a_trial


def test_job_whose_pause_is_awaited_has_buttons_to_resume_and_to_cancel_it(
    client: TestClient, store: Database
) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    with store.transaction() as session:
        pause_job(session, job)

    assert _buttons(client, job) == ["resume", "cancel"]


def test_paused_job_is_resumed_and_one_that_has_ended_continued(
    client: TestClient, store: Database
) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    with store.transaction() as session:
        pause_running_job(session, fence)
    paused = _buttons(client, job)
    with store.transaction() as session:
        resume_job(session, job)
    fence = a_claim(store).fence
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    assert paused == ["resume", "cancel", "priority"]
    assert _buttons(client, job) == ["continue"]


def _buttons(client: TestClient, job: str) -> list[str]:
    """Return what the forms of a job's page do with it."""
    return re.findall(rf'data-action="/v1/jobs/{job}/(\w+)"', client.get(f"/jobs/{job}").text)
