"""Builders of what tests need, with sane values for all that a test does not care about."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text, update

from lowloss.results import (
    Column,
    ColumnKind,
    Curve,
    Diagnosis,
    Hyperparameters,
    JobState,
    TableFormat,
    TrialState,
)
from lowloss.spec import DEFAULT_PROJECT, DiagnosisSpec, JobSpec, Task
from service.settings import Limits
from service.store.artifacts import NewArtifact, add_artifact
from service.store.blobs import hash_file, write_blob
from service.store.database import Database, utc_now
from service.store.datasets import NewDataset, add_dataset
from service.store.diagnoses import DIAGNOSIS
from service.store.queue import (
    Claim,
    Fence,
    claim_job,
    enqueue_job,
    finish_job,
    pause_running_job,
)
from service.store.schema import JobRow
from service.store.trials import TrialEnd, finish_trial, start_trial
from tests.builders.diagnoses import a_diagnosis, a_recipe

LEASE_SECONDS = 30.0


def a_profile() -> tuple[Column, ...]:
    """Two numeric columns: a feature `x` and a target `y`."""
    return tuple(
        Column(name=name, kind=ColumnKind.numeric, missing=0, distinct=50, mean=0.0, sd=1.0)
        for name in ("x", "y")
    )


def a_blob(database: Database, data: bytes = b"x,y\n1,2\n") -> str:
    """Stored bytes; answers their SHA-256."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bytes"
        path.write_bytes(data)
        sha256 = hash_file(path)
        write_blob(database, path, sha256=sha256)
    return sha256


def a_dataset(database: Database, data: bytes = b"x,y\n1,2\n", **given: Any) -> str:
    """A visible dataset; answers its id."""
    sha256 = a_blob(database, data)
    values: dict[str, Any] = {
        "project": DEFAULT_PROJECT,
        "name": "table",
        "sha256": sha256,
        "format": TableFormat.csv,
        "options": {},
        "size_bytes": len(data),
        "rows": 50,
        "columns": 2,
        "profile": a_profile(),
    }
    new = NewDataset(**values | given)
    with database.transaction() as session:
        add_dataset(session, new)
    return new.id


def a_spec(dataset: str, **given: Any) -> JobSpec:
    """A job specification with the target `y`."""
    return JobSpec.model_validate({"dataset": dataset, "target": "y"} | given)


def a_diagnosis_spec(dataset: str, **given: Any) -> DiagnosisSpec:
    """A diagnosis of a plain network with the target `y`."""
    values = {"dataset": dataset, "target": "y", "recipe": a_recipe()}
    return DiagnosisSpec.model_validate(values | given)


def a_job(
    database: Database,
    *,
    state: JobState = JobState.queued,
    max_attempts: int = 3,
    **given: Any,
) -> str:
    """A job in a state, over a dataset of its own; answers its id."""
    spec = a_spec(a_dataset(database), **given)
    return a_job_of(database, spec, state=state, max_attempts=max_attempts)


def a_diagnosis_job(
    database: Database, *, state: JobState = JobState.queued, max_attempts: int = 3, **given: Any
) -> str:
    """A diagnosis in a state, over a dataset of its own, without a result; answers its id."""
    spec = a_diagnosis_spec(a_dataset(database), **given)
    return a_job_of(database, spec, state=state, max_attempts=max_attempts)


def a_job_of(
    database: Database,
    spec: JobSpec | DiagnosisSpec,
    *,
    state: JobState = JobState.queued,
    max_attempts: int = 3,
    project: str = DEFAULT_PROJECT,
) -> str:
    """A job of a specification in a state; answers its id."""
    with database.transaction() as session:
        job_id = enqueue_job(
            session, spec, project=project, task=Task.regression, max_attempts=max_attempts
        )
    if state is JobState.queued:
        return job_id
    fence = a_claim(database).fence
    assert fence.job_id == job_id, "another job was waiting"
    with database.transaction() as session:
        if state is JobState.paused:
            pause_running_job(session, fence)
        elif state.is_finished:
            reason = "because" if state is JobState.failed else None
            finish_job(session, fence, state=state, reason=reason)
    return job_id


def an_artifact(
    database: Database,
    fence: Fence,
    data: bytes = b"model",
    *,
    name: str = "model.keras",
    media_type: str = "application/zip",
) -> None:
    """A file that a worker stored, not visible yet."""
    new = NewArtifact(name, media_type, a_blob(database, data), len(data))
    with database.transaction() as session:
        add_artifact(session, fence, new)


def add_diagnosis(database: Database, fence: Fence, diagnosis: Diagnosis | None = None) -> None:
    """What a worker found, not visible yet."""
    data = (diagnosis or a_diagnosis()).model_dump_json().encode()
    an_artifact(database, fence, data, name=DIAGNOSIS, media_type="application/json")


def use_later_schema(database: Database) -> None:
    """Say that a later version of lowloss has changed the schema."""
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '29990101_later'"))


def a_claim(database: Database, owner: str = "worker-1") -> Claim:
    """The claim of the job that waits longest."""
    with database.transaction() as session:
        claim = claim_job(session, owner, lease_seconds=LEASE_SECONDS)
    assert claim is not None, "no job was waiting"
    return claim


def expire_lease(database: Database, job_id: str) -> None:
    """Move a lease's end into the past, as if its worker had been silent."""
    with database.transaction() as session:
        session.execute(
            update(JobRow).where(JobRow.id == job_id).values(lease_expires_at=utc_now(-1))
        )


def some_hyperparameters(**given: Any) -> Hyperparameters:
    """A plausible setting of the search space."""
    values: dict[str, Any] = {
        "learning_rate": 0.001,
        "layers": 1,
        "widths": (8,),
        "l2": 0.0,
        "l1": 0.0,
        "dropout": 0.0,
        "patience": 10,
        "batch_size": 32,
        "activation": "relu",
        "optimizer": "adam",
        "weight_decay": 0.0,
        "schedule": "constant",
        "clip_norm": None,
    }
    return Hyperparameters(**values | given)


def a_curve(epochs: int) -> Curve:
    """Losses that fall with each of some epochs."""
    losses = tuple(1.0 / epoch for epoch in range(1, epochs + 1))
    return Curve(loss=losses, val_loss=losses)


def a_trial(
    database: Database,
    fence: Fence,
    number: int,
    *,
    state: TrialState = TrialState.completed,
    score: float | None = 1.0,
    **given: Any,
) -> None:
    """A trial of a claimed job, finished unless its state is running."""
    hyperparameters = some_hyperparameters(**given)
    with database.transaction() as session:
        start_trial(session, fence, number, seed=number, hyperparameters=hyperparameters)
    if state is TrialState.running:
        return
    completed = state is TrialState.completed
    end = TrialEnd(
        number=number,
        state=state,
        reason=None if completed else "loss_not_finite",
        score=score if completed or state is TrialState.pruned else None,
        metrics={"val_loss": score} if completed and score is not None else {},
        best_epoch=1 if completed else None,
        seconds=0.1,
        program="keras_fit",
    )
    curve = Curve(loss=(1.0,), val_loss=(score if completed else None,), penalised_loss=(1.0,))
    with database.transaction() as session:
        finish_trial(session, fence, end, curve)


def an_uploaded_table(database: Database, rows: int = 300) -> str:
    """A dataset of a linear target `y` over two features, parsed for real; answers its id."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2)) * [1.0, 100.0]
    y = 3.0 * x[:, 0] + 0.05 * x[:, 1] + rng.normal(size=rows) * 0.1 + 500.0
    lines = [f"{a:.6f},{b:.6f},{c:.6f}" for (a, b), c in zip(x, y, strict=True)]
    return a_parsed_csv(database, ("a,b,y\n" + "\n".join(lines) + "\n").encode())


def a_parsed_csv(database: Database, data: bytes, **given: Any) -> str:
    """A dataset of a CSV, parsed for real; answers its id."""
    from lowloss.tables.options import ParseOptions
    from lowloss.tables.read import read_table
    from service.tables.profile import profile_table

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(data)
        table = read_table(path, TableFormat.csv, ParseOptions(), limits=Limits())
        profile = profile_table(table, limits=Limits())
    rows, columns = table.frame.shape
    return a_dataset(database, data, rows=rows, columns=columns, profile=profile, **given)
