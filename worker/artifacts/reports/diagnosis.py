"""A diagnosis as a page of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lowloss.pages.diagnosis import DiagnosisView, view_diagnosis
from lowloss.results import Diagnosis
from lowloss.results.losses import RECIPE
from worker.artifacts.reports.pages import write_page

TEMPLATE = "diagnosis.html.jinja"


@dataclass(frozen=True)
class DiagnosisPage:
    """A page of its own."""

    title: str
    view: DiagnosisView


def write_diagnosis(path: Path, diagnosis: Diagnosis, *, title: str) -> None:
    """Write the page of a job that is a diagnosis."""
    write_page(path, TEMPLATE, page=DiagnosisPage(title, view_diagnosis(diagnosis, RECIPE)))
