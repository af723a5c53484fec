"""The page of a search's diagnosis, and what its job's page says of it."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from lowloss.results import Diagnosis, JobState, Verdict
from service.store.database import Database
from service.store.jobs import record_outcome
from service.store.queue import finish_job
from tests.builders.diagnoses import a_diagnosis, a_sound_diagnosis
from tests.builders.store import a_claim, a_diagnosis_job, a_job, a_trial, add_diagnosis

HIGH, NOT_HIGH = "Why a first try&#39;s loss is high", "How a first try does"


@pytest.mark.parametrize(
    ("diagnosis", "heading", "other"),
    [(a_diagnosis(), HIGH, NOT_HIGH), (a_sound_diagnosis(), NOT_HIGH, HIGH)],
)
def test_loss_is_called_high_only_where_a_cause_was_found(
    client: TestClient, store: Database, *, diagnosis: Diagnosis, heading: str, other: str
) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    add_diagnosis(store, fence, diagnosis)
    causes = tuple(finding.cause for finding in diagnosis.harmful)
    verdict = Verdict(sentence=diagnosis.verdict, causes=causes)
    with store.transaction() as session:
        record_outcome(session, fence, phase=None, diagnosis=verdict.model_dump(mode="json"))
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)

    of_job = client.get(f"/jobs/{job}").text
    of_diagnosis = client.get(f"/jobs/{job}/diagnosis").text

    for text in (of_job, of_diagnosis):
        assert (heading in text, other in text) == (True, False)
    assert ("No cause was found" in of_diagnosis) == (not causes)


def test_diagnosis_of_a_recipe_is_the_page_of_its_job_and_of_no_first_try(
    client: TestClient, store: Database
) -> None:
    job = a_diagnosis_job(store)
    early = client.get(f"/jobs/{job}/diagnosis", follow_redirects=False)
    assert (early.status_code, early.headers["location"]) == (303, f"/jobs/{job}")
    fence = a_claim(store).fence
    add_diagnosis(store, fence, a_diagnosis())
    verdict = Verdict(sentence="It is high.", causes=()).model_dump(mode="json")
    with store.transaction() as session:
        record_outcome(session, fence, phase=None, diagnosis=verdict)
        finish_job(session, fence, state=JobState.succeeded)

    response = client.get(f"/jobs/{job}/diagnosis", follow_redirects=False)

    assert (response.status_code, response.headers["location"]) == (303, f"/jobs/{job}")
    shown = client.get(f"/jobs/{job}").text
    assert "for the recipe" in shown
    assert "first try" not in shown
