"""What reports, pages and cards write of a diagnosis."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from lowloss.results import Diagnosis
from tests.builders.facts import some_facts
from worker.artifacts.reports.card import write_card
from worker.artifacts.reports.diagnosis import write_diagnosis
from worker.artifacts.reports.html import write_report


def page_of(folder: Path, diagnosis: Diagnosis, title: str = "y from x") -> str:
    path = folder / "report.html"
    write_diagnosis(path, diagnosis, title=title)
    return path.read_text(encoding="utf-8")


def report_of(folder: Path, diagnosis: Diagnosis | None) -> str:
    path = folder / "report.html"
    write_report(path, dataclasses.replace(some_facts(), diagnosis=diagnosis))
    return path.read_text(encoding="utf-8")


def card_of(folder: Path, diagnosis: Diagnosis | None) -> str:
    path = folder / "model_card.md"
    write_card(path, dataclasses.replace(some_facts(), diagnosis=diagnosis))
    return path.read_text(encoding="utf-8")
