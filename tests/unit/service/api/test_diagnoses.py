"""/v1/diagnoses and /v1/jobs/{id}/diagnosis."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from lowloss.results import Diagnosis, JobState
from lowloss.spec import DiagnosisSpec
from service.store.database import Database
from service.store.queue import finish_job
from tests.builders.diagnoses import a_diagnosis
from tests.builders.live_server import a_csv, count_rows, upload
from tests.builders.store import a_claim, a_dataset, a_diagnosis_job, a_job, add_diagnosis

RECIPE: dict[str, Any] = {"layers": [{"units": 1}], "loss": "mse"}


def a_body(store: Database, **given: Any) -> dict[str, Any]:
    return {"dataset": a_dataset(store), "target": "y", "recipe": RECIPE} | given


def test_submitted_diagnosis_is_a_queued_job_of_its_kind(
    client: TestClient, store: Database
) -> None:
    body = a_body(store, name="why?", budget={"max_seconds": 5})

    answer = client.post("/v1/diagnoses", json=body)

    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert (job["kind"], job["name"], job["state"]) == ("diagnosis", "why?", "queued")
    assert job["links"]["diagnosis"] == f"/v1/jobs/{job['id']}/diagnosis"
    assert job["progress"]["trials"] == 0
    assert DiagnosisSpec.model_validate(job["spec"]) == DiagnosisSpec.model_validate(body)
    assert client.get(answer.headers["location"]).json() == job | {"progress": job["progress"]}


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"recipe": RECIPE | {"epoch": 3}}, "unknown_field", "recipe.epoch"),
        ({"recipe": {"loss": "mse"}}, "invalid_request", "recipe.layers"),
        ({"recipe": RECIPE | {"layers": []}}, "invalid_request", "recipe.layers"),
        ({"recipe": RECIPE | {"loss": "dice"}}, "invalid_request", "recipe.loss"),
        (
            {"recipe": RECIPE | {"layers": [{"units": 8, "activaton": "relu"}, {"units": 1}]}},
            "unknown_field",
            "recipe.layers.0.activaton",
        ),
        (
            {"recipe": RECIPE | {"layers": [{"units": 10**9}]}},
            "limit_exceeded",
            "recipe.layers.0.units",
        ),
        ({"recipe": RECIPE | {"exclude": ["z"]}}, "unknown_feature", "recipe.exclude"),
        ({"recipe": RECIPE | {"exclude": ["x"]}}, "no_features", "recipe.exclude"),
        ({"budget": {"max_seconds": 10**9}}, "limit_exceeded", "budget.max_seconds"),
        ({"budget": {"max_seconds": 0}}, "invalid_request", "budget.max_seconds"),
        ({"dataset": "ds_nowhere"}, "unknown_dataset", "dataset"),
        ({"target": "z"}, "unknown_target", "target"),
        ({"target": ["y", "z"]}, "unknown_target", "target"),
        ({"target": ["y", "y"]}, "invalid_request", "target"),
        ({"target": ["y", 3]}, "invalid_request", "target.1"),
        ({"target": []}, "invalid_request", "target"),
        ({"task": "binary"}, "task_does_not_fit_target", "task"),
        ({"search_space": {}}, "unknown_field", "search_space"),
    ],
)
def test_wrong_diagnosis_is_refused_by_its_field_and_creates_nothing(
    client: TestClient, store: Database, *, given: dict[str, Any], code: str, field: str
) -> None:
    body = a_body(store) | given
    before = count_rows(store)

    answer = client.post("/v1/diagnoses", json=body)

    problem = answer.json()
    assert answer.status_code == 422
    assert (problem["code"], problem["field"]) == (code, field)
    assert problem["fix"]
    assert count_rows(store) == before


def test_diagnosis_of_several_targets_is_named_by_them_on_its_page(client: TestClient) -> None:
    rows = "\n".join(f"{n},{n * 7 % 13},{n * 5 % 11}" for n in range(60))
    dataset = upload(client, f"x,low,high\n{rows}\n".encode()).json()["id"]
    body = {"dataset": dataset, "target": ["low", "high"], "recipe": RECIPE}

    answer = client.post("/v1/diagnoses", json=body)

    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["spec"]["target"], job["task"]) == (["low", "high"], "regression")
    for page in (f"/jobs/{job['id']}", "/", f"/datasets/{dataset}"):
        text = client.get(page, headers={"Accept": "text/html"}).text
        assert "Diagnosis of low, high" in text
        assert "low, high" in text


def test_search_for_several_targets_is_refused(client: TestClient, store: Database) -> None:
    answer = client.post("/v1/jobs", json={"dataset": a_dataset(store), "target": ["y", "x"]})

    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (422, "target")
    assert problem["detail"] == "a search predicts one column"


def test_recipe_that_cannot_learn_is_no_error(client: TestClient) -> None:
    softmax = {
        "layers": [{"units": 1, "activation": "softmax"}],
        "loss": "categorical_crossentropy",
        "epochs": 0,
        "early_stopping": {"patience": 3},
    }

    dataset = upload(client, a_csv()).json()["id"]
    body = {"dataset": dataset, "target": "y", "recipe": softmax}

    answer = client.post("/v1/diagnoses", json=body)

    assert answer.status_code == 202


def test_resend_with_the_same_key_makes_one_diagnosis(client: TestClient, store: Database) -> None:
    body, headers = a_body(store), {"Idempotency-Key": "monday"}
    first = client.post("/v1/diagnoses", json=body, headers=headers)

    again = client.post("/v1/diagnoses", json=body, headers=headers)
    other = client.post("/v1/diagnoses", json=body | {"seed": 1}, headers=headers)

    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert count_rows(store)["jobs"] == 1


@pytest.mark.parametrize("is_search", [False, True])
def test_diagnosis_of_an_ended_job_is_read(
    client: TestClient, store: Database, *, is_search: bool
) -> None:
    job_id = a_job(store) if is_search else a_diagnosis_job(store)
    fence = a_claim(store).fence
    add_diagnosis(store, fence)
    address = f"/v1/jobs/{job_id}/diagnosis"
    early = client.get(address)
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    answer = client.get(address)

    assert (early.status_code, early.json()["code"]) == (409, "diagnosis_not_ready")
    assert "running" in early.json()["detail"]
    assert answer.status_code == 200
    assert Diagnosis.model_validate(answer.json()) == a_diagnosis()
    artifact = client.get(f"/v1/jobs/{job_id}/artifacts/diagnosis.json")
    assert artifact.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("state", "given", "said"),
    [
        (JobState.failed, {}, "failed without a diagnosis: because"),
        (JobState.cancelled, {}, "cancelled without a diagnosis"),
        (JobState.succeeded, {"budget": {"diagnosis_seconds": 0}}, "diagnosis_seconds is 0"),
    ],
)
def test_job_that_ended_without_a_diagnosis_says_why(
    client: TestClient, store: Database, *, state: JobState, given: dict[str, Any], said: str
) -> None:
    job_id = a_job(store, state=state, **given)

    problem = client.get(f"/v1/jobs/{job_id}/diagnosis").json()

    assert problem["code"] == "diagnosis_not_ready"
    assert said in problem["detail"]
    assert problem["fix"]


def test_list_is_filtered_by_kind(client: TestClient, store: Database) -> None:
    search, diagnosis = a_job(store), a_diagnosis_job(store)

    def listed(**asked: str) -> list[str]:
        return [job["id"] for job in client.get("/v1/jobs", params=asked).json()["items"]]

    assert listed() == [diagnosis, search]
    assert listed(kind="diagnosis") == [diagnosis]
    assert listed(kind="search", state="queued") == [search]
    assert client.get("/v1/jobs?kind=study").json()["field"] == "kind"


@pytest.mark.parametrize(
    ("method", "address", "code"),
    [
        ("GET", "trials", "state_conflict"),
        ("GET", "trials/1", "state_conflict"),
        ("POST", "continue", "state_conflict"),
        ("GET", "best-model", "best_model_not_ready"),
        ("POST", "predict", "best_model_not_ready"),
    ],
)
def test_what_only_a_search_has_is_refused_of_a_diagnosis(
    client: TestClient, store: Database, *, method: str, address: str, code: str
) -> None:
    job_id = a_diagnosis_job(store, state=JobState.succeeded)
    body = {"POST continue": {}, "POST predict": {"rows": [{"x": 1}]}}.get(f"{method} {address}")

    answer = client.request(method, f"/v1/jobs/{job_id}/{address}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert "is a diagnosis" in answer.json()["detail"]
    assert f"/v1/jobs/{job_id}/diagnosis" in answer.json()["fix"]


def test_nobody_learns_from_a_diagnosis(client: TestClient, store: Database) -> None:
    diagnosis = a_diagnosis_job(store, state=JobState.succeeded)
    spec = {"dataset": a_dataset(store), "target": "y", "warm_start_from": [diagnosis]}

    problem = client.post("/v1/jobs", json=spec).json()

    assert (problem["code"], problem["field"]) == ("invalid_request", "warm_start_from")
    assert "is a diagnosis" in problem["detail"]


def test_waiting_diagnosis_is_paused_resumed_and_cancelled_at_once(
    client: TestClient, store: Database
) -> None:
    address = f"/v1/jobs/{a_diagnosis_job(store)}"

    answers = [client.post(f"{address}/{verb}").json() for verb in ("pause", "resume", "cancel")]

    assert [job["state"] for job in answers] == ["paused", "queued", "cancelled"]
    assert answers[-1]["reason"] == "cancelled_before_it_was_diagnosed"


def test_running_diagnosis_is_asked_to_end(client: TestClient, store: Database) -> None:
    job_id = a_diagnosis_job(store, state=JobState.running)

    job = client.post(f"/v1/jobs/{job_id}/cancel").json()

    assert (job["state"], job["requested"]) == ("running", "cancel")
