"""Diagnoses: each is an artifact of its job."""

from __future__ import annotations

import json
from statistics import fmean
from typing import Any

from lowloss.errors import DiagnosisNotReady
from lowloss.results import Diagnosis, JobState, Outcome
from lowloss.spec import JobSpec
from service.store.artifacts import get_row
from service.store.blobs import load_blob
from service.store.database import Database
from service.store.schema import ArtifactRow, JobRow
from service.store.specs import read_spec

DIAGNOSIS = "diagnosis.json"
RENAMED = {"best_by": "best_model", "remedied": "remedied_recipe"}
"""The fields of a diagnosis by their names before 2026-11-28."""


def get_diagnosis(database: Database, job_id: str) -> Diagnosis:
    """Return a job's diagnosis; raise JobNotFound, or DiagnosisNotReady with the reason."""
    with database.reading() as session:
        row = session.get(ArtifactRow, (job_id, DIAGNOSIS))
        if row is None or not row.is_published:
            raise _not_ready(get_row(session, job_id))
    return read_diagnosis(load_blob(database, row.sha256))


def read_diagnosis(content: bytes) -> Diagnosis:
    """Read a stored diagnosis, with today's fields or those before 2026-11-30."""
    document = json.loads(content)
    _rename(document, RENAMED)
    for finding in document["findings"]:
        _rename(finding, {"alone": "isolated_effect"})
        for alternative in finding["alternatives"]:
            _rename(alternative, {"alone": "effect", "isolated_effect": "effect"})
        if "evidence_state" not in finding:
            finding.update(_read_state(finding))
    for experiment in document["experiments"]:
        losses = experiment["losses"]
        # As pages showed it then; above a constant answer's loss diagnoses take another mean.
        if "loss" not in experiment and losses and None not in losses:
            experiment["loss"] = fmean(losses)
    return Diagnosis.model_validate(document)


def _rename(fields: dict[str, Any], names: dict[str, str]) -> None:
    """Give some fields their names of today."""
    for name in fields.keys() & names.keys():
        fields[names[name]] = fields.pop(name)


def _read_state(finding: dict[str, Any]) -> dict[str, str]:
    """Return severity and state of a finding that was stored before it had a state."""
    if finding["severity"] != "harmless":
        return {"evidence_state": "confirmed"}
    is_tried = finding.get("effect") or finding.get("isolated_effect")
    return {"severity": "none", "evidence_state": "no_gain" if is_tried else "not_tried"}


def _not_ready(job: JobRow) -> DiagnosisNotReady:
    if not JobState(job.state).is_finished:
        return DiagnosisNotReady(
            f"the job is {job.state}: its diagnosis is there when it has ended",
            fix=f"GET /v1/jobs/{job.id}?wait=60 until its state is succeeded",
        )
    detail = f"the job {job.state} without a diagnosis"
    spec = read_spec(job)
    if isinstance(spec, JobSpec) and not spec.budget.diagnosis_seconds:
        return DiagnosisNotReady(
            f"{detail}: its budget.diagnosis_seconds is 0",
            fix="POST /v1/diagnoses with the same dataset and a recipe",
        )
    reason = Outcome.model_validate(job.outcome).missing_artifacts.get(DIAGNOSIS, job.reason)
    return DiagnosisNotReady(
        f"{detail}: {reason}" if reason else detail,
        fix="GET the job: its reason and errors say why",
    )
