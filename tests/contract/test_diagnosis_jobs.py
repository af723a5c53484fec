"""Diagnoses in the queue: jobs of their own kind, the same on every database."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from lowloss.errors import DiagnosisNotReady
from lowloss.results import Cause, Job, JobKind, JobState, Verdict
from lowloss.spec import DEFAULT_PROJECT, DiagnosisSpec
from service.store.artifacts import list_artifacts
from service.store.database import Database
from service.store.diagnoses import get_diagnosis, read_diagnosis
from service.store.earlier_jobs import list_earlier_jobs
from service.store.jobs import get_job, list_jobs, record_outcome
from service.store.queue import finish_job, pause_running_job
from service.store.requests import cancel_job, resume_job
from tests.builders.diagnoses import a_diagnosis, a_recipe
from tests.builders.store import a_claim, a_diagnosis_job, a_job, add_diagnosis


def read(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return get_job(session, job_id)


def test_claim_hands_over_what_was_asked_for(database: Database) -> None:
    job_id = a_diagnosis_job(database, seed=7)

    claim = a_claim(database)

    assert claim.fence.job_id == job_id
    assert isinstance(claim.spec, DiagnosisSpec)
    assert (claim.spec.seed, claim.spec.recipe) == (7, a_recipe())


def test_several_targets_are_stored_and_read_as_they_were_named(database: Database) -> None:
    job_id = a_diagnosis_job(database, target=("low", "high"))

    assert read(database, job_id).spec.targets == ("low", "high")
    claim = a_claim(database)
    assert claim.spec.targets == ("low", "high")


def test_kinds_are_read_and_listed_apart(database: Database) -> None:
    search, diagnosis = a_job(database), a_diagnosis_job(database)

    with database.reading() as session:
        listed = {
            kind: [
                job.id
                for job in list_jobs(
                    session, DEFAULT_PROJECT, state=None, kind=kind, cursor=None, limit=9
                ).items
            ]
            for kind in (None, *JobKind)
        }

    assert listed[None] == [diagnosis, search]
    assert (listed[JobKind.search], listed[JobKind.diagnosis]) == ([search], [diagnosis])
    assert read(database, search).search.target == "y"
    with pytest.raises(TypeError, match="is a diagnosis"):
        _ = read(database, diagnosis).search


def test_time_left_is_that_of_the_budget(database: Database) -> None:
    job_id = a_diagnosis_job(database, budget={"max_seconds": 100})
    waiting = read(database, job_id).progress
    a_claim(database)

    running = read(database, job_id).progress

    assert (waiting.trials, waiting.seconds_left) == (0, None)
    assert running.seconds_left is not None
    assert 90 < running.seconds_left <= 100


def test_diagnosis_is_visible_once_its_job_is_settled(database: Database) -> None:
    job_id = a_diagnosis_job(database)
    fence = a_claim(database).fence
    add_diagnosis(database, fence)
    verdict = Verdict(sentence="It is the scale.", causes=(Cause.target_not_scaled,))
    with database.transaction() as session:
        found = verdict.model_dump(mode="json")
        record_outcome(session, fence, phase=None, diagnosis=found)
    with pytest.raises(DiagnosisNotReady, match="running"):
        get_diagnosis(database, job_id)

    with database.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled, reason="cancelled")

    assert get_diagnosis(database, job_id) == a_diagnosis()
    with database.reading() as session:
        assert [each.name for each in list_artifacts(session, job_id).items] == ["diagnosis.json"]
    assert read(database, job_id).outcome.diagnosis == verdict


def test_reason_why_a_diagnosis_is_missing_is_told(database: Database) -> None:
    job_id = a_diagnosis_job(database)
    fence = a_claim(database).fence
    with database.transaction() as session:
        missing = {"diagnosis.json": "the disk was full"}
        record_outcome(session, fence, phase=None, missing_artifacts=missing)
        finish_job(session, fence, state=JobState.succeeded)

    with pytest.raises(DiagnosisNotReady, match="the disk was full"):
        get_diagnosis(database, job_id)


def test_diagnosis_is_paused_resumed_and_cancelled(database: Database) -> None:
    job_id = a_diagnosis_job(database)
    fence = a_claim(database).fence
    with database.transaction() as session:
        pause_running_job(session, fence)
        resume_job(session, job_id)

    with database.transaction() as session:
        cancel_job(session, job_id)

    job = read(database, job_id)
    assert (job.state, job.reason) == (JobState.cancelled, "cancelled_before_it_was_diagnosed")


def test_diagnosis_is_no_job_to_learn_from(database: Database) -> None:
    job_id = a_diagnosis_job(database, state=JobState.succeeded)

    with database.reading() as session:
        assert list_earlier_jobs(session, [job_id]) == ()


def test_no_other_kind_can_be_stored(database: Database) -> None:
    a_job(database)

    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(text("UPDATE jobs SET kind = 'study'"))


@pytest.mark.parametrize("name", ["alone", "isolated_effect"])
def test_diagnosis_with_the_names_of_before_is_read(name: str) -> None:
    document = a_diagnosis().model_dump(mode="json")
    document["best_by"] = document.pop("best_model")
    document["remedied"] = document.pop("remedied_recipe")
    for finding in document["findings"]:
        finding["alone"] = finding.pop("isolated_effect")
        for alternative in finding["alternatives"]:
            alternative[name] = alternative.pop("effect")

    diagnosis = read_diagnosis(json.dumps(document).encode())

    assert diagnosis == a_diagnosis()


def test_experiments_of_before_they_had_a_mean_get_that_of_their_losses() -> None:
    document = a_diagnosis().model_dump(mode="json")
    for experiment in document["experiments"]:
        del experiment["loss"]

    diagnosis = read_diagnosis(json.dumps(document).encode())

    assert diagnosis == a_diagnosis()


def test_findings_of_before_they_had_a_state_are_read() -> None:
    document = a_diagnosis().model_dump(mode="json")
    *harmful, tried = document["findings"]
    untried = tried | {"cause": "constant_column", "effect": None, "isolated_effect": None}
    document["findings"] = [*harmful, tried | {"severity": "harmless"}]
    document["findings"].append(untried | {"severity": "harmless"})
    for finding in document["findings"]:
        del finding["evidence_state"]

    diagnosis = read_diagnosis(json.dumps(document).encode())

    assert [(each.severity, each.evidence_state) for each in diagnosis.findings[-2:]] == [
        ("none", "no_gain"),
        ("none", "not_tried"),
    ]
    assert {each.evidence_state for each in diagnosis.findings[:-2]} == {"confirmed"}
