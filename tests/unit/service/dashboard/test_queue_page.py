"""The page of the queue: what runs where, what waits, and the workers."""

from __future__ import annotations

from dataclasses import replace

from fastapi.testclient import TestClient

from lowloss.results import JobState
from service.store.database import Database
from service.store.workers import Activity, Offer, WorkerProcess, record_worker
from tests.builders.store import a_claim, a_job, a_trial


def test_queue_shows_what_runs_where_and_what_waits_in_its_order(
    client: TestClient, store: Database
) -> None:
    a_job(store, name="first one")
    a_job(store, name="urgent", priority=5)
    a_job(store, name="second one")
    a_trial(store, a_claim(store, "box-7").fence, 1)

    text = client.get("/queue").text

    running, waiting = text.split("<h2>Waiting</h2>")
    assert "urgent" in running
    assert "box-7" in running
    assert waiting.index("first one") < waiting.index("second one")
    assert "next in the queue" in waiting
    assert "number 2 in the queue" in waiting
    assert "No worker is running" in text


def test_queue_shows_admins_the_workers(client: TestClient, store: Database) -> None:
    job = a_job(store, name="a job of ours")
    with store.transaction() as session:
        process = WorkerProcess("wrk_1", "box-7", "1.0", Offer(2, 8_000_000_000))
        record_worker(session, process, Activity("job_of_another_project"))
        waiting = Activity(waits_for="its <Ray> cluster")
        record_worker(session, replace(process, id="wrk_2"), waiting)
        record_worker(session, replace(process, id="wrk_3"), Activity(job))

    text = client.get("/queue").text
    workers = text.partition("<h2>Workers</h2>")[2]
    assert "No worker is running" not in text
    for part in ("box-7", "alive", "job_of_another_project", "8 GB", "its &lt;Ray&gt; cluster"):
        assert part in workers
    # A job of another project is no page of this caller.
    assert f'<a href="/jobs/{job}">a job of ours</a>' in workers
    assert 'href="/jobs/job_of_another_project"' not in workers
    token = {"name": "t", "project": "default"}
    admin = client.post("/v1/tokens", json=token | {"scope": "admin"}).json()["secret"]
    headers = {"Authorization": f"Bearer {admin}"}
    reader = client.post("/v1/tokens", json=token | {"scope": "read"}, headers=headers).json()
    headers = {"Authorization": f"Bearer {reader['secret']}"}
    assert "job_of_another_project" not in client.get("/queue", headers=headers).text


def test_queue_without_a_worker_says_how_to_start_one(client: TestClient, store: Database) -> None:
    empty = client.get("/queue").text
    assert "No job runs, and none waits" in empty
    assert "lowloss worker</code> starts one" in empty

    a_job(store, name="alone")

    for address in ("/queue", "/"):
        text = client.get(address).text
        assert text.count("lowloss worker</code> starts one") == 1
        assert "`" not in text


def test_queue_of_a_paused_job_does_not_miss_a_worker(client: TestClient, store: Database) -> None:
    a_job(store, name="at rest", state=JobState.paused)

    text = client.get("/queue").text

    assert "paused, until it is resumed" in text
    assert "No worker is running" not in text


def test_job_that_needs_more_than_workers_have_says_so(client: TestClient, store: Database) -> None:
    job_id = a_job(store, needs={"cores": 64})
    with store.transaction() as session:
        process = WorkerProcess("wrk_1", "box-7", "1.0", Offer(2, 8_000_000_000))
        record_worker(session, process, Activity())

    pages = [client.get(path).text for path in ("/", "/queue", f"/jobs/{job_id}")]

    assert all(
        "waits for a worker that has 64 cores: none that runs does" in text for text in pages
    )
    assert not any("No worker is running" in text for text in pages)
