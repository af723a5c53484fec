"""Reads while another process has SQLite's write lock."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from sqlalchemy import text

from service.store.database import Database
from tests.builders.live_server import serving
from tests.builders.store import a_dataset, a_job

SUBMITS = 60
"""More than the threads of the server and the connections of its database."""


def test_jobs_are_read_while_submits_wait_for_the_lock(app: FastAPI, store: Database) -> None:
    job_id = a_job(store)
    body = {"dataset": a_dataset(store, b"x,y\n1,2\n3,4\n"), "target": "y"}

    async def scenario() -> list[int]:
        async with serving(app) as client:
            with store.transaction() as session:
                # A transaction takes the lock with its first statement.
                session.execute(text("UPDATE jobs SET seconds = seconds"))
                submits = [
                    asyncio.create_task(client.post("/v1/jobs", json=body)) for _ in range(SUBMITS)
                ]
                while not app.state.resources.writers.statistics().tasks_waiting:
                    await asyncio.sleep(0.01)
                # The lock is held until they are answered: none of them may wait for it.
                reads = await asyncio.gather(
                    client.get(f"/v1/jobs/{job_id}"), client.get("/v1/jobs"), client.get("/readyz")
                )
                assert not any(submit.done() for submit in submits)
            answers = [*reads, *await asyncio.gather(*submits)]
            return [answer.status_code for answer in answers]

    statuses = asyncio.run(scenario())

    assert statuses == [200] * 3 + [202] * SUBMITS
