"""/v1/jobs/{id}/trials."""

from __future__ import annotations

from fastapi.testclient import TestClient

from lowloss.results import TrialState
from service.store.database import Database
from tests.builders.store import a_claim, a_job, a_trial


def test_trials_are_listed_by_number_and_one_has_its_curve(
    client: TestClient, store: Database
) -> None:
    job_id = a_job(store)
    fence = a_claim(store).fence
    for number in (1, 2, 3):
        a_trial(store, fence, number, score=1.0 / number)
    a_trial(store, fence, 4, state=TrialState.diverged)
    address = f"/v1/jobs/{job_id}/trials"

    first = client.get(address, params={"limit": 3}).json()
    rest = client.get(address, params={"limit": 3, "cursor": first["next"]}).json()
    one = client.get(f"{address}/2").json()

    assert [trial["number"] for trial in first["items"] + rest["items"]] == [1, 2, 3, 4]
    assert rest["items"][0]["reason"] == "loss_not_finite"
    assert rest["next"] is None
    assert first["items"][0]["curve"] is None
    assert one["curve"]["val_loss"] == [0.5]
    missing = client.get(f"{address}/9")
    assert (missing.status_code, missing.json()["code"]) == (404, "trial_not_found")
