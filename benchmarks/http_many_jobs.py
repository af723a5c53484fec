"""Lists and trials beside 100 and beside 100,000 jobs, with 10 million points of curves."""

from __future__ import annotations

import time

from sqlalchemy import Table, text

from service.store.database import Database
from service.store.schema import CurveRow, JobRow, TrialRow
from tests.builders.server_process import ServerProcess

FEW, MANY = 100, 100_000
POINTS_A_CURVE = 50
"""Epochs of each job's trial: a loss and a validation loss an epoch."""
POLLS = 300
COPY = """
WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})
INSERT INTO {table} ({names}) SELECT {values} FROM {table}, numbers WHERE {key} = :job
"""


def measure_many_jobs(server: ServerProcess, store: Database, job_id: str) -> dict[str, object]:
    """Return the latencies beside few and many copies of a job that has ended, and their ratio."""
    copy_job(store, job_id, 1, FEW)
    few = _measure(server, job_id)
    copy_job(store, job_id, FEW + 1, MANY)
    many = _measure(server, job_id)
    ratios = {name: round(many[name] / few[name], 2) for name in few if name.endswith("p99_ms")}
    return {f"{FEW}_jobs": few, f"{MANY}_jobs": many, "ratios": ratios}


def copy_job(store: Database, job_id: str, first: int, last: int) -> None:
    """Copy a job with its trials and their curves, under numbered ids."""
    with store.transaction() as session:
        for row, key in ((JobRow, "id"), (TrialRow, "job_id"), (CurveRow, "job_id")):
            table = row.__table__
            assert isinstance(table, Table)
            names = [f'"{column.name}"' for column in table.columns]
            values = [
                "'job_' || printf('%020d', n)" if name == f'"{key}"' else f"{table}.{name}"
                for name in names
            ]
            statement = COPY.format(
                first=first,
                last=last,
                table=table,
                names=", ".join(names),
                values=", ".join(values),
                key=key,
            )
            session.execute(text(statement), {"job": job_id})


def _measure(server: ServerProcess, job_id: str) -> dict[str, float]:
    """Return latencies of a list of jobs, its filter by state, and a list of trials."""
    figures = {}
    paths = {
        "list": "/v1/jobs",
        "list_of_a_state": "/v1/jobs?state=succeeded",
        "trials": f"/v1/jobs/{job_id}/trials",
    }
    with server.client() as client:
        for name, path in paths.items():
            latencies = []
            for _ in range(POLLS):
                started_at = time.perf_counter()
                client.get(path).raise_for_status()
                latencies.append(time.perf_counter() - started_at)
            latencies.sort()
            figures[f"{name}_p50_ms"] = round(1000 * latencies[POLLS // 2], 2)
            figures[f"{name}_p99_ms"] = round(1000 * latencies[int(0.99 * POLLS)], 2)
    return figures
