"""/v1/jobs: submit, read, list, cancel, pause, resume."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lowloss.results import JobState
from lowloss.spec import JobSpec
from service.app import create_app
from service.settings import Settings
from service.store.database import Database
from tests.builders.live_server import count_rows, upload
from tests.builders.store import a_dataset, a_job
from tests.unit.service.api.conftest import URL


def test_submitted_job_is_queued(client: TestClient, store: Database) -> None:
    spec = {"name": "houses", "dataset": a_dataset(store), "target": "y"}

    answer = client.post("/v1/jobs", json=spec)

    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert (job["name"], job["state"], job["task"]) == ("houses", "queued", "regression")
    # What `auto` and null mean is decided at once.
    folds = {"validation": {"strategy": "kfold", "folds": 5, "seed": 0}}
    decided = folds | {"pruning": {"reduction": 3, "min_epochs": 5}}
    decided["preprocessing"] = {"select_features": None}
    assert JobSpec.model_validate(job["spec"]) == JobSpec.model_validate(spec | decided)
    assert client.get(answer.headers["location"]).json()["id"] == job["id"]


def test_submitted_job_says_what_it_leaves_out_and_what_it_decides(client: TestClient) -> None:
    rows = [f"{i},{i / 7:.4f},always,{(i * 5) % 13}" for i in range(60)]
    dataset = upload(client, "\n".join(["id,x,same,bikes", *rows]).encode()).json()

    job = client.post("/v1/jobs", json={"dataset": dataset["id"], "target": "bikes"}).json()

    assert job["task"] == "regression"
    assert [entry["column"] for entry in job["outcome"]["excluded"]] == ["id", "same"]
    assert [warning["code"] for warning in job["outcome"]["warnings"]] == ["counts_as_regression"]
    assert client.get(f"/v1/jobs/{job['id']}").json()["outcome"] == job["outcome"]


SUITABLE: dict[str, Any] = {"target": "y"}


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"budgett": {}}, "unknown_field", "budgett"),
        ({"budget": {"max_trial": 3}}, "unknown_field", "budget.max_trial"),
        ({"search_space": {"layrs": 3}}, "unknown_field", "search_space.layrs"),
        (
            {"search_space": {"width": {"min": 1, "max": 8, "stepp": 1}}},
            "unknown_field",
            "search_space.width.stepp",
        ),
        ({"target": None}, "invalid_request", "target"),
        ({"name": "x" * 201}, "invalid_request", "name"),
        ({"name": "a\0b"}, "invalid_request", "name"),
        ({"name": "\ud800"}, "invalid_request", "name"),
        ({"task": "ranking"}, "invalid_request", "task"),
        ({"algorithm": "magic"}, "invalid_request", "algorithm"),
        ({"pruning": {"reduction": 1}}, "invalid_request", "pruning.reduction"),
        ({"warm_start_from": ["job_1"]}, "invalid_request", "warm_start_from"),
        ({"dataset": "ds_nowhere"}, "unknown_dataset", "dataset"),
        ({"target": "z"}, "unknown_target", "target"),
        ({"features": {"include": ["z"]}}, "unknown_feature", "features.include"),
        ({"features": {"exclude": ["z"]}}, "unknown_feature", "features.exclude"),
        ({"features": {"exclude": ["x"]}}, "no_features", "features"),
        ({"task": "binary"}, "task_does_not_fit_target", "task"),
        ({"objective": "val_roc_auc"}, "objective_does_not_fit_task", "objective"),
        ({"objective": "val_luck"}, "invalid_request", "objective"),
        ({"budget": {"max_trials": 0}}, "invalid_request", "budget.max_trials"),
        ({"budget": {"max_seconds": 0}}, "invalid_request", "budget.max_seconds"),
        ({"budget": {"max_epochs": 0}}, "invalid_request", "budget.max_epochs"),
        ({"budget": {"max_trials": True}}, "invalid_request", "budget.max_trials"),
        ({"budget": {"max_trials": 10**9}}, "limit_exceeded", "budget.max_trials"),
        ({"search_space": {"width": 10**9}}, "limit_exceeded", "search_space.width"),
        (
            {"search_space": {"layers": {"min": 3, "max": 1}}},
            "range_reversed",
            "search_space.layers",
        ),
        (
            {"search_space": {"l2": {"min": 0, "max": 1, "scale": "log"}}},
            "log_range_not_positive",
            "search_space.l2",
        ),
        (
            {"search_space": {"width": {"min": 16, "max": 60, "step": 16}}},
            "step_does_not_fit",
            "search_space.width",
        ),
        (
            {"search_space": {"activation": {"min": 1, "max": 2}}},
            "invalid_request",
            "search_space.activation",
        ),
        (
            {"search_space": {"optimizer": {"choices": ["adam", "eve"]}}},
            "invalid_request",
            "search_space.optimizer.choices.1",
        ),
        ({"search_space": {"dropout": 1.0}}, "invalid_request", "search_space.dropout"),
        ({"search_space": 3}, "invalid_request", "search_space"),
        (
            {"validation": {"fraction": 0.6, "test_fraction": 0.6}},
            "invalid_request",
            "validation.fraction",
        ),
        ({"seed": -1}, "invalid_request", "seed"),
    ],
)
def test_wrong_job_spec_is_refused_names_the_field_and_creates_nothing(
    client: TestClient, store: Database, *, given: dict[str, Any], code: str, field: str
) -> None:
    spec = {"dataset": a_dataset(store)} | SUITABLE | given
    before = count_rows(store)

    # The client's own encoder refuses a lone surrogate; a stranger's may not.
    answer = client.post(
        "/v1/jobs", content=json.dumps(spec), headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["field"]) == (code, field)
    assert problem["detail"]
    assert problem["fix"]
    assert "errors" not in problem
    assert count_rows(store) == before


def test_misspelt_field_is_answered_with_the_one_that_was_meant(client: TestClient) -> None:
    spec = {"dataset": "d", "target": "y", "search_space": {"learning_rte": 0.1}}

    problem = client.post("/v1/jobs", json=spec).json()

    assert problem["fix"] == "did you mean 'learning_rate'?"


def test_all_faults_of_a_job_spec_are_listed(client: TestClient) -> None:
    spec = {"target": "y", "seed": -1, "task": "ranking", "nmae": "x"}

    problem = client.post("/v1/jobs", json=spec).json()

    listed = {(error["code"], error["field"]) for error in problem["errors"]}
    assert listed == {
        ("invalid_request", "dataset"),
        ("invalid_request", "seed"),
        ("invalid_request", "task"),
        ("unknown_field", "nmae"),
    }
    task = next(error for error in problem["errors"] if error["field"] == "task")
    assert "'auto'" in task["fix"]
    assert "'binary'" in task["fix"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "invalid_json"),
        (b"dataset=1", "application/json", 400, "invalid_json"),
        (b"\xff\xfe{}", "application/json", 400, "invalid_json"),
        (b"[" * 100_000, "application/json", 400, "invalid_json"),
        (b'{"seed": ' + b"1" * 5000 + b"}", "application/json", 400, "invalid_json"),
        (b"", "application/json", 422, "invalid_request"),
        (b"[]", "application/json", 422, "invalid_request"),
        (b'{"dataset": "d", "target": "y"}', "text/plain", 422, "invalid_request"),
    ],
)
def test_body_that_is_no_json_object_is_refused(
    client: TestClient, store: Database, *, body: bytes, content_type: str, status: int, code: str
) -> None:
    before = count_rows(store)

    answer = client.post("/v1/jobs", content=body, headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["fix"]
    assert count_rows(store) == before


def test_field_whose_name_is_no_text_is_refused(client: TestClient) -> None:
    body = json.dumps({"dataset": "d", "target": "y", "\ud800": 1})

    answer = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_body_over_the_limit_is_refused(client: TestClient, settings: Settings) -> None:
    body = b'{"name": "' + b"x" * settings.max_body_bytes + b'"}'
    headers = {"Content-Type": "application/json"}

    def pieces() -> Any:
        yield body[:1000]
        yield body[1000:]

    declared = client.post("/v1/jobs", content=body, headers=headers)
    streamed = client.post("/v1/jobs", content=pieces(), headers=headers)

    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_resend_with_the_same_key_gets_the_first_answer(
    client: TestClient, store: Database
) -> None:
    spec = {"dataset": a_dataset(store), "target": "y"}
    headers = {"Idempotency-Key": "monday"}
    first = client.post("/v1/jobs", json=spec, headers=headers)
    client.post(f"/v1/jobs/{first.json()['id']}/cancel")
    client.delete(f"/v1/datasets/{spec['dataset']}")

    again = client.post("/v1/jobs", json=spec | {"name": ""}, headers=headers)

    assert again.status_code == 202
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert count_rows(store)["jobs"] == 1


def test_key_of_another_request_is_refused(client: TestClient, store: Database) -> None:
    spec = {"dataset": a_dataset(store), "target": "y"}
    headers = {"Idempotency-Key": "monday"}
    client.post("/v1/jobs", json=spec, headers=headers)

    answer = client.post("/v1/jobs", json=spec | {"seed": 1}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert count_rows(store)["jobs"] == 1


def test_refused_request_does_not_use_up_its_key(client: TestClient, store: Database) -> None:
    spec = {"dataset": a_dataset(store), "target": "z"}
    headers = {"Idempotency-Key": "monday"}
    client.post("/v1/jobs", json=spec, headers=headers)

    answer = client.post("/v1/jobs", json=spec | {"target": "y"}, headers=headers)

    assert answer.status_code == 202


def test_too_long_key_is_refused(client: TestClient, store: Database) -> None:
    spec = {"dataset": a_dataset(store), "target": "y"}

    answer = client.post("/v1/jobs", json=spec, headers={"Idempotency-Key": "k" * 201})

    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    assert count_rows(store)["jobs"] == 0


def test_simultaneous_requests_with_one_key_make_one_job(database_url: str, tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, database_url=database_url))
    store: Database = app.state.resources.database
    spec = {"dataset": a_dataset(store), "target": "y"}
    together = threading.Barrier(8)

    with TestClient(app, URL, raise_server_exceptions=False) as client:

        def submit(_: int) -> Any:
            together.wait(30)
            return client.post("/v1/jobs", json=spec, headers={"Idempotency-Key": "once"})

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(submit, range(8)))
        rows = count_rows(store)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (rows["jobs"], rows["idempotency_keys"]) == (1, 1)


def test_list_is_filtered_by_state_and_read_page_by_page(
    client: TestClient, store: Database
) -> None:
    done = a_job(store, state=JobState.succeeded)
    waiting = [a_job(store) for _ in range(3)]

    first = client.get("/v1/jobs", params={"state": "queued", "limit": 2}).json()
    rest = client.get(
        "/v1/jobs", params={"state": "queued", "limit": 2, "cursor": first["next"]}
    ).json()
    finished = client.get("/v1/jobs", params={"state": "succeeded"}).json()

    assert [job["id"] for job in first["items"] + rest["items"]] == waiting[::-1]
    assert rest["next"] is None
    assert [job["id"] for job in finished["items"]] == [done]


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/v1/jobs?limit=0", "limit"),
        ("/v1/jobs?limit=201", "limit"),
        ("/v1/jobs?limit=many", "limit"),
        ("/v1/jobs?state=asleep", "state"),
        ("/v1/jobs?cursor=nonsense", "cursor"),
        ("/v1/jobs?cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgIngiXQ==", "cursor"),
        ("/v1/jobs?stat=queued", "stat"),
        ("/v1/jobs/JOB?wait=61", "wait"),
        ("/v1/jobs/JOB?wait=nan", "wait"),
        ("/v1/jobs/job%00", "job_id"),
        ("/v1/jobs/JOB/trials?cursor=x", "cursor"),
        ("/v1/jobs/JOB/trials?cursor=99999999999", "cursor"),
        ("/v1/jobs/JOB/trials/first", "number"),
        (f"/v1/jobs/JOB/trials/{10**30}", "number"),
    ],
)
def test_wrong_parameter_is_named(
    client: TestClient, store: Database, *, address: str, field: str
) -> None:
    answer = client.get(address.replace("JOB", a_job(store)))

    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert answer.json()["fix"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/trials",
        "/trials/1",
        "/events",
        "/artifacts",
        "/artifacts/x",
        "/best-model",
        "/diagnosis",
    ],
)
def test_unknown_job_is_not_found(client: TestClient, *, address: str) -> None:
    answer = client.get(f"/v1/jobs/job_nowhere{address}")

    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert answer.json()["fix"]


def test_waiting_job_is_paused_resumed_and_cancelled(client: TestClient, store: Database) -> None:
    address = f"/v1/jobs/{a_job(store)}"

    states = [
        client.post(f"{address}/{verb}").json()["state"] for verb in ("pause", "resume", "cancel")
    ]

    assert states == ["paused", "queued", "cancelled"]


def test_running_job_is_asked_to_end(client: TestClient, store: Database) -> None:
    job_id = a_job(store, state=JobState.running)

    answer = client.post(f"/v1/jobs/{job_id}/cancel")

    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["requested"]) == ("running", "cancel")


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_finished_job_changes_no_more(client: TestClient, store: Database, *, verb: str) -> None:
    job_id = a_job(store, state=JobState.succeeded)

    answer = client.post(f"/v1/jobs/{job_id}/{verb}")

    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
    assert client.post(f"/v1/jobs/job_nowhere/{verb}").status_code == 404


def test_finished_job_is_deleted_at_once(client: TestClient, store: Database) -> None:
    address = f"/v1/jobs/{a_job(store, state=JobState.succeeded)}"
    # Twice: the second poll is answered from memory.
    client.get(address)
    client.get(address)

    answers = [client.delete(address), client.get(address), client.delete(address)]

    assert [answer.status_code for answer in answers] == [204, 404, 404]
    assert client.get("/v1/jobs").json()["items"] == []


def test_job_that_runs_is_not_deleted(client: TestClient, store: Database) -> None:
    job_id = a_job(store, state=JobState.running)

    answer = client.delete(f"/v1/jobs/{job_id}")

    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
    assert f"POST /v1/jobs/{job_id}/cancel" in answer.json()["fix"]
