"""/v1/jobs/{id}/continue and /priority."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from lowloss.results import JobState, TrialState
from service.store.database import Database
from service.store.events import list_events
from service.store.queue import finish_job, pause_running_job
from tests.builders.live_server import count_rows
from tests.builders.store import a_claim, a_dataset, a_job, a_trial


def a_parent(store: Database, *, state: JobState = JobState.succeeded, **given: Any) -> str:
    """A job in a state with a completed trial."""
    job_id = a_job(store, **given)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    with store.transaction() as session:
        if state is JobState.paused:
            pause_running_job(session, fence)
        elif state.is_finished:
            finish_job(session, fence, state=state, reason="because")
    return job_id


def test_child_has_its_parents_spec_with_the_changes(client: TestClient, store: Database) -> None:
    parent = a_parent(store, seed=7, name="houses", budget={"max_trials": 5, "max_epochs": 9})
    changes = {"budget": {"max_trials": 100}, "search_space": {"layers": 4}, "algorithm": "random"}

    answer = client.post(f"/v1/jobs/{parent}/continue", json=changes)

    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    spec = job["spec"]
    assert (spec["budget"]["max_trials"], spec["budget"]["max_epochs"]) == (100, 9)
    assert (spec["search_space"]["layers"], spec["algorithm"], spec["seed"]) == (4, "random", 8)
    assert spec["search_space"]["dropout"] == {
        "min": 0.0,
        "max": 0.5,
        "scale": "linear",
        "step": None,
    }
    assert (job["name"], job["state"], spec["warm_start_from"]) == ("houses", "queued", [parent])


@pytest.mark.parametrize("given", [{"seed": 7}, {"seed": 8, "validation": {"seed": 7}}])
def test_child_is_judged_on_the_rows_of_its_parent(
    client: TestClient, store: Database, given: dict[str, Any]
) -> None:
    parent = a_parent(store, **given)

    spec = client.post(f"/v1/jobs/{parent}/continue", json={"seed": 3}).json()["spec"]

    assert (spec["seed"], spec["validation"]["seed"]) == (3, 7)


def test_child_without_changes_is_the_same_search_with_new_draws(
    client: TestClient, store: Database
) -> None:
    parent = a_parent(store, seed=2**31 - 1)
    before = client.get(f"/v1/jobs/{parent}").json()["spec"]

    child = client.post(f"/v1/jobs/{parent}/continue", json={}).json()["spec"]

    changed = {name for name, value in child.items() if value != before[name]}
    # What `auto` means is decided as a job is queued; this parent was put there by hand.
    assert changed == {"seed", "warm_start_from", "validation", "pruning", "preprocessing"}
    assert (child["seed"], child["warm_start_from"]) == (0, [parent])


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"budgett": {}}, "unknown_field", "budgett"),
        ({"budget": {"max_trial": 3}}, "unknown_field", "budget.max_trial"),
        ({"budget": {"max_trials": 0}}, "invalid_request", "budget.max_trials"),
        ({"budget": None}, "invalid_request", "budget"),
        (
            {"search_space": {"layers": {"min": 3, "max": 1}}},
            "range_reversed",
            "search_space.layers",
        ),
        ({"dataset": "ds_2"}, "unknown_field", "dataset"),
        ({"algorithm": "best"}, "invalid_request", "algorithm"),
        ({"algorithm": None}, "invalid_request", "algorithm"),
        ({"pruning": {"reduction": 1}}, "invalid_request", "pruning.reduction"),
        ({"objective": "val_roc_auc"}, "objective_does_not_fit_task", "objective"),
    ],
)
def test_change_that_does_not_fit_is_refused_by_its_field(
    client: TestClient, store: Database, changes: dict[str, Any], code: str, field: str
) -> None:
    parent = a_parent(store)

    answer = client.post(f"/v1/jobs/{parent}/continue", json=changes)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["field"] == field
    assert answer.json()["fix"]
    assert count_rows(store)["jobs"] == 1


def test_pruning_of_a_child_is_changed_field_by_field_or_left_off(
    client: TestClient, store: Database
) -> None:
    parent = a_parent(store, pruning={"reduction": 4, "min_epochs": 5})

    later, none = (
        client.post(f"/v1/jobs/{parent}/continue", json={"pruning": change}).json()["spec"]
        for change in ({"min_epochs": 10}, None)
    )

    assert later["pruning"] == {"reduction": 4, "min_epochs": 10}
    assert none["pruning"] is None


def test_paused_job_may_have_a_child(client: TestClient, store: Database) -> None:
    parent = a_parent(store, state=JobState.paused)

    assert client.post(f"/v1/jobs/{parent}/continue", json={}).status_code == 202


def test_running_job_has_no_child_yet(client: TestClient, store: Database) -> None:
    parent = a_parent(store, state=JobState.running)

    answer = client.post(f"/v1/jobs/{parent}/continue", json={})

    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
    assert "pause it" in answer.json()["fix"]


def test_job_without_a_completed_trial_has_no_child(client: TestClient, store: Database) -> None:
    parent = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1, state=TrialState.diverged, score=None)
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.failed, reason="no_trial_completed")

    answer = client.post(f"/v1/jobs/{parent}/continue", json={})

    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")


def test_job_that_does_not_exist_has_no_child(client: TestClient) -> None:
    assert client.post("/v1/jobs/job_1/continue", json={}).json()["code"] == "job_not_found"


def test_key_makes_one_child_of_two_requests(client: TestClient, store: Database) -> None:
    parent, key = a_parent(store), {"Idempotency-Key": "monday"}

    first = client.post(f"/v1/jobs/{parent}/continue", json={}, headers=key)
    again = client.post(f"/v1/jobs/{parent}/continue", json={}, headers=key)
    other = client.post(f"/v1/jobs/{parent}/continue", json={"seed": 3}, headers=key)

    assert first.json()["id"] == again.json()["id"]
    assert other.json()["code"] == "idempotency_key_reused"


def test_job_to_learn_from_must_exist(client: TestClient, store: Database) -> None:
    spec = client.get(f"/v1/jobs/{a_parent(store)}").json()["spec"]

    answer = client.post("/v1/jobs", json=spec | {"warm_start_from": ["job_1"]})

    assert (answer.status_code, answer.json()["field"]) == (422, "warm_start_from")
    assert "job_1" in answer.json()["detail"]


def test_job_to_learn_from_must_have_a_score_or_still_find_one(
    client: TestClient, store: Database
) -> None:
    barren = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1, state=TrialState.diverged)
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.failed, reason="no_trial_completed")
    parent, waiting = a_parent(store), a_job(store)
    spec = client.get(f"/v1/jobs/{parent}").json()["spec"]

    refused = client.post("/v1/jobs", json=spec | {"warm_start_from": [parent, barren]})
    taken = client.post("/v1/jobs", json=spec | {"warm_start_from": [parent, waiting]})

    assert (refused.status_code, refused.json()["field"]) == (422, "warm_start_from")
    assert barren in refused.json()["detail"]
    assert taken.status_code == 202


def test_job_to_learn_from_is_named_once(client: TestClient, store: Database) -> None:
    parent = a_parent(store)
    spec = client.get(f"/v1/jobs/{parent}").json()["spec"]

    answer = client.post("/v1/jobs", json=spec | {"warm_start_from": [parent, parent]})

    assert (answer.status_code, answer.json()["field"]) == (422, "warm_start_from")
    assert answer.json()["fix"] == "name it once"


def test_child_of_a_deleted_dataset_needs_it_again(client: TestClient, store: Database) -> None:
    parent = a_parent(store)
    dataset = client.get(f"/v1/jobs/{parent}").json()["dataset"]
    client.delete(f"/v1/datasets/{dataset}")

    refused = client.post(f"/v1/jobs/{parent}/continue", json={})
    again = a_dataset(store)
    taken = client.post(f"/v1/jobs/{parent}/continue", json={})

    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_dataset")
    assert dataset in refused.json()["detail"]
    assert "upload the same table again" in refused.json()["fix"]
    assert again == dataset
    assert taken.status_code == 202


def test_child_may_turn_to_hyperband_whatever_its_parent_pruned(
    client: TestClient, store: Database
) -> None:
    parent = a_parent(store, pruning=None)

    child = client.post(f"/v1/jobs/{parent}/continue", json={"algorithm": "hyperband"})
    none = {"algorithm": "hyperband", "pruning": None}
    contradiction = client.post(f"/v1/jobs/{parent}/continue", json=none)

    assert child.status_code == 202
    assert child.json()["spec"]["pruning"] == {"reduction": 3, "min_epochs": 5}
    assert contradiction.status_code == 422


def test_waiting_job_is_made_urgent(client: TestClient, store: Database) -> None:
    job_id = a_job(store)

    answer = client.post(f"/v1/jobs/{job_id}/priority", json={"priority": 10})

    assert answer.status_code == 200
    assert answer.json()["spec"]["priority"] == 10


@pytest.mark.parametrize(
    ("body", "field"),
    [({"priority": 101}, "priority"), ({}, "priority"), ({"priority": True}, "priority")],
)
def test_priority_that_is_none_is_refused(
    client: TestClient, store: Database, body: dict[str, Any], field: str
) -> None:
    answer = client.post(f"/v1/jobs/{a_job(store)}/priority", json=body)

    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_running_job_is_to_be_paused_before_it_is_made_urgent(
    client: TestClient, store: Database
) -> None:
    job_id = a_job(store, state=JobState.running)

    answer = client.post(f"/v1/jobs/{job_id}/priority", json={"priority": 1})

    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
    assert "it is running" in answer.json()["detail"]
    assert answer.json()["fix"] == "pause it first"


def test_same_priority_again_changes_nothing(client: TestClient, store: Database) -> None:
    job_id = a_job(store, priority=5)

    client.post(f"/v1/jobs/{job_id}/priority", json={"priority": 5})

    with store.reading() as session:
        assert [event.kind for event in list_events(session, job_id, after=0, limit=9)] == [
            "job.queued"
        ]


def test_finished_job_has_no_priority(client: TestClient, store: Database) -> None:
    job_id = a_job(store, state=JobState.succeeded)

    answer = client.post(f"/v1/jobs/{job_id}/priority", json={"priority": 1})

    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
