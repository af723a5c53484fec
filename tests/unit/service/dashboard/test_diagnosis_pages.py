"""The page of a search's diagnosis, and what its job's page says of it."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lowloss.results import Diagnosis, JobState, Verdict
from lowloss.spec import Recipe
from service.store.database import Database
from service.store.jobs import record_outcome
from service.store.queue import finish_job
from tests.builders.diagnoses import a_diagnosis, a_recipe, a_sound_diagnosis
from tests.builders.store import (
    a_claim,
    a_dataset,
    a_diagnosis_job,
    a_diagnosis_spec,
    a_job,
    a_job_of,
    a_profile,
    a_trial,
    add_diagnosis,
)

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


def recipe_of(text: str) -> Any:
    return json.loads(
        unescape(text.split('name="recipe"')[1].split(">", 1)[1].split("<", maxsplit=1)[0])
    )


def test_form_of_a_diagnosis_offers_to_select_inputs(client: TestClient, store: Database) -> None:
    form = client.get("/diagnose", params={"dataset": a_dataset(store)}).text

    assert '<input type="number" data-path="select_features"' in form
    assert '<select data-path="missing"><option value="">kept, as NaN</option><option>mean<' in form


def test_diagnosis_is_gone_on_from(client: TestClient, store: Database) -> None:
    diagnosis = a_diagnosis(remedied_recipe=a_recipe(scale_target="standard"))
    job = a_diagnosis_job(store, name="why", budget={"max_seconds": 7}, seed=3)
    fence = a_claim(store).fence
    add_diagnosis(store, fence, diagnosis)
    causes = tuple(finding.cause for finding in diagnosis.harmful)
    verdict = Verdict(sentence="It is high.", causes=causes).model_dump(mode="json")
    with store.transaction() as session:
        record_outcome(session, fence, phase=None, diagnosis=verdict)
        finish_job(session, fence, state=JobState.succeeded)

    shown = client.get(f"/jobs/{job}").text
    for link in (
        f"/diagnose?from={job}",
        f"/diagnose?from={job}&amp;remedied=true",
        "/new?dataset=",
    ):
        assert f'href="{link}' in shown
    assert f"/jobs/{job}/history" in shown
    assert "The specification" in shown

    clone = client.get(f"/diagnose?from={job}").text
    spec = client.get(f"/v1/jobs/{job}").json()["spec"]
    assert Recipe.model_validate(recipe_of(clone)) == Recipe.model_validate(spec["recipe"])
    assert "data-follows" not in clone
    assert 'value="7"' in clone
    copied = json.loads(unescape(clone.split('data-copied="')[1].split('"')[0]))
    assert copied == {"name": "why", "budget": {"max_seconds": 7.0}, "seed": 3}
    remedied = client.get(f"/diagnose?from={job}&remedied=true").text
    assert recipe_of(remedied)["scale_target"] == "standard"
    # Another target, and the table read anew, keep that it is the remedied one.
    (by_target,) = re.findall(r'data-go="([^"]+)"', remedied)
    (by_reading,) = re.findall(r'data-next="([^"]+dataset=\{id\}[^"]*)"', remedied)
    address = unescape(by_reading).replace("{id}", client.get(f"/v1/jobs/{job}").json()["dataset"])
    for later in (unescape(by_target) + "y", address):
        assert recipe_of(client.get(later).text)["scale_target"] == "standard"
    assert "remedied" not in clone


def test_clone_of_several_targets_has_them_ticked(client: TestClient, store: Database) -> None:
    feature = a_profile()[0].model_copy(update={"name": "z"})
    dataset = a_dataset(store, profile=(*a_profile(), feature))
    first, second = (column.name for column in a_profile())
    job = a_job_of(store, a_diagnosis_spec(dataset, target=(first, second)))

    clone = client.get(f"/diagnose?from={job}").text

    assert f'data-more-target="{second}" checked' in clone
    assert f'data-more-target="{first}" checked' not in clone
    assert "Begin a search" not in client.get(f"/jobs/{job}").text
