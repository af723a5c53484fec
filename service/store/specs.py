"""What a job was asked for, as its row keeps it."""

from __future__ import annotations

from typing import assert_never

from lowloss.results import JobKind
from lowloss.spec import DiagnosisSpec, JobSpec
from service.store.schema import JobRow


def kind_of(spec: JobSpec | DiagnosisSpec) -> JobKind:
    """The kind of job that a specification asks for."""
    return JobKind.search if isinstance(spec, JobSpec) else JobKind.diagnosis


def read_spec(job: JobRow) -> JobSpec | DiagnosisSpec:
    """What a job was asked for."""
    match JobKind(job.kind):
        case JobKind.search:
            return JobSpec.model_validate(job.spec)
        case JobKind.diagnosis:
            return DiagnosisSpec.model_validate(job.spec)
        case never:
            assert_never(never)
