"""Diagnoses programs, one table's after another; what is kept already is not diagnosed again."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.diagnosis.programs import Program, Setting, programs
from benchmarks.diagnosis.records import (
    Cache,
    Injected,
    Record,
    findings_of,
    fingerprint,
    relative,
)
from benchmarks.diagnosis.rules import apply_rules
from lowloss.results import Dataset, Diagnosis, TableFormat
from lowloss.spec import DiagnosisSpec
from lowloss.tables.table import Table
from service.settings import Limits
from service.tables.check import CheckedJob
from service.tables.check_recipe import check_diagnosis
from service.tables.profile import profile_table

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

    from worker.execution.local import LocalExecutor

DRAWS = 6
"""Splits and seeds that a recipe is judged on: as many as a diagnosis takes, and the same."""
SEED = 0


@dataclass(frozen=True)
class Terms:
    """Where diagnoses are kept, and what each may take: seconds of the wall, or of the processor.

    On a busy machine those of the processor say more. `commit` is the code's, when the run began.
    """

    cache: Path
    seconds: float
    commit: str
    is_cpu_time: bool = False


def run_all(selected: Sequence[Program], terms: Terms, *, workers: int) -> None:
    """Diagnose what is not kept yet or failed, the programs of one table in one process."""
    cached = Cache(terms.cache).records()
    done = {record.name for record in cached if record.error is None}
    missing = [program for program in selected if program.name not in done]
    tables = [
        tuple(program.name for program in members)
        for _, members in groupby(missing, key=lambda program: program.table.name)
    ]
    if workers == 1:
        for members in tables:
            _run_table(members, terms)
        return
    context = get_context("spawn")
    started = context.Value("i", 0)
    with ProcessPoolExecutor(workers, context, _take_core, (started,)) as pool:
        for future in as_completed(pool.submit(_run_table, members, terms) for members in tables):
            future.result()


def _run_table(names: Iterable[str], terms: Terms) -> None:
    by_name = {program.name: program for program in programs()}
    runner = Runner(Cache(terms.cache), terms)
    for name in names:
        record = runner.record(by_name[name])
        runner.cache.add_record(record)
        shown = record.error or ", ".join(f.cause for f in record.findings if f.is_harmful)
        print(f"{time.strftime('%H:%M:%S')} {record.seconds:5.1f} s {name}: {shown}", flush=True)


@dataclass
class Runner:
    """Diagnoses programs; they share what was compiled."""

    cache: Cache
    terms: Terms

    @cached_property
    def executor(self) -> LocalExecutor:
        """Compiled programs."""
        from worker.engine.cohort.program import Programs
        from worker.execution.local import LocalExecutor

        return LocalExecutor(Programs(clock=self._clock))

    @property
    def _clock(self) -> Callable[[], float]:
        return time.process_time if self.terms.is_cpu_time else time.monotonic

    def record(self, program: Program) -> Record:
        """Diagnose a program, judge it without its faults, and hold the rules against it."""
        setting, started = program.setting, time.perf_counter()
        try:
            diagnosis = self.run_diagnosis(setting)
        except Exception:  # a diagnosis that fails is one that names nothing
            return self._failed(program, time.perf_counter() - started, traceback.format_exc())
        seconds = time.perf_counter() - started
        self.cache.add_diagnosis(program.name, diagnosis)
        constant = diagnosis.constant
        is_reproduced = bool(diagnosis.experiments and diagnosis.experiments[0].losses)
        # Out of time before a first training: no loss, but not that of one that diverged.
        loss = relative(diagnosis.loss, constant) if is_reproduced else self.judge(setting)
        return Record(
            name=program.name,
            kind=program.kind,
            half=program.half,
            table=program.table.name,
            faults=self._injected(program),
            loss=loss,
            remedied=relative(diagnosis.remedied_loss, constant) if is_reproduced else loss,
            best=relative(diagnosis.best, constant),
            sound=self.judge(program.sound),
            findings=findings_of(diagnosis),
            rules=apply_rules(setting, diagnosis.recipe_curve),
            seconds=seconds,
            skipped=len(diagnosis.skipped),
            commit=self.terms.commit,
        )

    def run_diagnosis(self, setting: Setting) -> Diagnosis:
        """Return what is to be measured."""
        from worker.diagnosis.diagnose import diagnose

        table, spec, checked = checked_setting(setting, seconds=self.terms.seconds)
        return diagnose(table, spec, checked, executor=self.executor, clock=self._clock)

    def judge(self, setting: Setting) -> float:
        """Return the mean loss of a recipe by itself, over the constant's."""
        key = f"{fingerprint(setting)}/{DRAWS}"
        if key not in self.cache.losses:
            self.cache.add_losses({key: self._judged(setting)})
        return self.cache.losses[key]

    def _judged(self, setting: Setting) -> float:
        from worker.diagnosis.training.data import read_data
        from worker.diagnosis.training.trainer import Trainer
        from worker.diagnosis.training.variants import Variant

        table, _, checked = checked_setting(setting, seconds=self.terms.seconds)
        data = read_data(
            table,
            checked,
            setting.recipe,
            draws=DRAWS,
            max_rows=setting.frame.height,
            seed=SEED,
        )
        trainer = Trainer(data, setting.recipe, self.executor)
        variant = Variant(setting.recipe)
        trainer.train([variant], range(DRAWS))
        return float(np.mean([relative(j.relative, 1.0) for j in trainer.runs_of(variant)]))

    def _injected(self, program: Program) -> tuple[Injected, ...]:
        findings = []
        for fault in program.faults:
            alone = program.alone(fault)
            findings.append(
                Injected(
                    name=fault.name,
                    cause=fault.cause,
                    accepted=fault.accepted,
                    is_silent=fault.is_silent,
                    loss=self.judge(alone.setting),
                    without=self.judge(alone.clean),
                )
            )
        return tuple(findings)

    def _failed(self, program: Program, seconds: float, error: str) -> Record:
        loss = self.judge(program.setting)
        return Record(
            name=program.name,
            kind=program.kind,
            half=program.half,
            table=program.table.name,
            faults=self._injected(program),
            loss=loss,
            remedied=loss,
            best=loss,
            sound=self.judge(program.sound),
            findings=(),
            rules=(),
            seconds=seconds,
            error=error,
            commit=self.terms.commit,
        )


def checked_setting(setting: Setting, *, seconds: float) -> tuple[Table, DiagnosisSpec, CheckedJob]:
    """Prepare a table as a worker gets it: profiled, and checked."""
    table, limits = Table(setting.frame), Limits()
    dataset = Dataset(
        id="ds_1",
        name="table",
        sha256="0" * 64,
        format=TableFormat.csv,
        size_bytes=1,
        rows=table.frame.height,
        columns=table.frame.width,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        profile=profile_table(table, limits=limits),
    )
    spec = DiagnosisSpec.model_validate(
        {
            "dataset": dataset.id,
            "target": setting.targets,
            "task": setting.task,
            "recipe": setting.recipe,
            "budget": {"max_seconds": seconds},
            "seed": SEED,
        }
    )
    return table, spec, check_diagnosis(spec, dataset, limits=limits)


def _take_core(started: Synchronized[int]) -> None:
    """Keep each process to one core; its libraries see no other."""
    cores = sorted(os.sched_getaffinity(0))
    with started.get_lock():
        os.sched_setaffinity(0, {cores[started.value % len(cores)]})
        started.value += 1
