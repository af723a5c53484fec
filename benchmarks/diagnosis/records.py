"""What is kept of each diagnosed program, line by line, so that a run that was cut goes on."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from benchmarks.diagnosis.programs import Half, Kind, Setting
from lowloss.results import Cause, Diagnosis, Severity

HOPELESS = 1e3
"""A loss of so many constant answers', or none at all, is as bad as can be."""


class Part(BaseModel):
    """A frozen part of a record."""

    model_config = ConfigDict(frozen=True)


class RecordedFinding(Part):
    """A finding: its cause, its severity, and the causes of its alternatives."""

    cause: Cause
    severity: Severity
    alternatives: tuple[Cause, ...] = ()

    @property
    def is_harmful(self) -> bool:
        """Whether it is said to raise the loss."""
        return self.severity is not Severity.none


class Injected(Part):
    """A fault, and what it does alone: losses in units of the constant answer's.

    `without` is the loss of the same program without it.
    """

    name: str
    cause: Cause
    accepted: frozenset[Cause]
    is_silent: bool
    loss: float
    without: float


class Record(Part):
    """A program and its diagnosis. Losses are in units of the constant answer's.

    `sound` is that of the sound recipe on the same table, `best` the least that the diagnosis
    reached by any means. `rules` are the causes that published rules speak of. A diagnosis that
    failed has an `error`, and found nothing; `skipped` things had no time.
    """

    name: str
    kind: Kind
    half: Half
    table: str
    faults: tuple[Injected, ...]
    loss: float
    remedied: float
    best: float
    sound: float
    # Caches of earlier runs have it by its old name.
    findings: tuple[RecordedFinding, ...] = Field(
        validation_alias=AliasChoices("findings", "found")
    )
    rules: tuple[Cause, ...]
    seconds: float
    skipped: int = 0
    error: str | None = None
    commit: str = ""


def relative(loss: float | None, constant: float) -> float:
    """Return a loss in units of the constant answer's."""
    return HOPELESS if loss is None else min(HOPELESS, loss / constant)


def findings_of(diagnosis: Diagnosis) -> tuple[RecordedFinding, ...]:
    """Return what of a diagnosis is scored."""
    return tuple(
        RecordedFinding(
            cause=cause,
            severity=finding.severity,
            alternatives=tuple(
                cause
                for other in finding.alternatives
                for cause in (other.cause, *other.together_with)
            ),
        )
        for finding in diagnosis.findings
        for cause in (finding.cause, *finding.together_with)
    )


def fingerprint(setting: Setting) -> str:
    """Return the same for the same rows, target and recipe."""
    rows = io.BytesIO()
    setting.frame.write_ipc(rows)
    recipe = setting.recipe.model_dump_json()
    names = f"{'/'.join(setting.targets)}/{setting.task}/{recipe}".encode()
    return hashlib.sha256(rows.getvalue() + names).hexdigest()[:24]


@dataclass
class Cache:
    """A folder with a line for each program, and for each loss that was judged without a diagnosis.

    Losses do not depend on how causes are found: they outlive the diagnoses.
    """

    folder: Path
    losses: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for line in _lines(self._losses):
            self.losses |= json.loads(line)

    @property
    def _losses(self) -> Path:
        return self.folder / "losses.jsonl"

    @property
    def _records(self) -> Path:
        return self.folder / "records.jsonl"

    def records(self) -> list[Record]:
        """Return all that was diagnosed, the latest of each program."""
        records = map(Record.model_validate_json, _lines(self._records))
        return list({record.name: record for record in records}.values())

    def forget_records(self) -> None:
        """Diagnose all programs again, and train their scripts."""
        self._records.unlink(missing_ok=True)
        self._scripts.unlink(missing_ok=True)

    def add_record(self, record: Record) -> None:
        """Keep one more."""
        _append(self._records, record.model_dump_json())

    def add_losses(self, losses: dict[str, float]) -> None:
        """Keep some more."""
        self.losses |= losses
        _append(self._losses, json.dumps(losses))

    def add_diagnosis(self, name: str, diagnosis: Diagnosis) -> None:
        """Keep the whole diagnosis of a program, for whoever wants to know why."""
        _append(self.folder / "diagnoses.jsonl", json.dumps([name, diagnosis.model_dump()]))

    @property
    def _scripts(self) -> Path:
        return self.folder / "scripts.jsonl"

    def script_results(self) -> list[dict[str, Any]]:
        """Return what scripts came to, the latest of each program."""
        results = map(json.loads, _lines(self._scripts))
        return list({result["name"]: result for result in results}.values())

    def add_script_result(self, result: dict[str, Any]) -> None:
        """Keep what a program's scripts came to."""
        _append(self._scripts, json.dumps(result))


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        yield from filter(None, path.read_text().splitlines())


def _append(path: Path, *lines: str) -> None:
    # One write a line: several processes append to the same file.
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
