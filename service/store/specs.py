"""The specification of a job, as its row stores it."""

from __future__ import annotations

from typing import assert_never

from lowloss.results import JobKind
from lowloss.spec import DiagnosisSpec, JobSpec
from service.store.schema import JobRow


def find_kind(spec: JobSpec | DiagnosisSpec) -> JobKind:
    """Return the kind of job of a specification."""
    return JobKind.search if isinstance(spec, JobSpec) else JobKind.diagnosis


def read_spec(job: JobRow) -> JobSpec | DiagnosisSpec:
    """Return the specification of a job."""
    match JobKind(job.kind):
        case JobKind.search:
            return JobSpec.model_validate(job.spec)
        case JobKind.diagnosis:
            return DiagnosisSpec.model_validate(job.spec)
        case never:
            assert_never(never)
