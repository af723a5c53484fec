"""The recipe of a diagnosis, from its table to its artifacts; and of the one that ends a search."""

from __future__ import annotations

import json
import logging
import time
from functools import partial
from pathlib import Path

from lowloss.errors import LeaseLost
from lowloss.recipes import training_code
from lowloss.results import Dataset, Diagnosis, Verdict
from lowloss.results.losses import head_diagnosis
from lowloss.spec import DiagnosisSpec, JobSpec, Recipe, Task
from lowloss.tables.table import Table
from lowloss.wording import list_first
from service.store.database import is_out_of_space
from service.tables.check import CheckedJob
from service.tables.check_recipe import check_diagnosis
from service.tables.script_table import SCRIPT_TABLE
from worker.artifacts.export import NOT_NEEDED, store_artifact, store_diagnosis
from worker.artifacts.plain_table import write_plain_table
from worker.artifacts.reports.diagnosis import write_diagnosis
from worker.artifacts.reports.html import REPORT
from worker.diagnosis.diagnose import diagnose
from worker.diagnosis.from_search import first_recipe_spec
from worker.execution.beside import run_beside
from worker.jobs.loading import JobResources, load_description, read_dataset
from worker.progress.protocol import Ended, Ending
from worker.progress.reporter import JobCancelled, JobSuspended, Reporter, StopCause

log = logging.getLogger(__name__)

REMEDIED, SCRIPT = "remedied.json", "train.py"
TUNED_RECIPE = "the tuned setting"
MAX_NAMES = 5
"""How many targets a title names."""
PROGRESS_SECONDS = 2.0
"""The time between two reports of how many networks were trained."""


def run_diagnosis_job(spec: DiagnosisSpec, reporter: Reporter, resources: JobResources) -> Ended:
    """Diagnose a recipe, store the result, and return how the job ended."""
    reporter.phase("prepare")
    dataset, options = load_description(reporter, spec.dataset)
    read = partial(read_dataset, reporter, dataset, options, resources)
    table = run_beside(read, reporter.raise_if_cancelled)
    checked = check_diagnosis(spec, dataset, limits=resources.limits)
    diagnosis = run_diagnosis(table, spec, checked, reporter=reporter, resources=resources)
    reporter.phase("export")
    export_diagnosis(diagnosis, table, checked, reporter, resources.folder)
    if reporter.stop_cause is StopCause.cancel:
        return Ended(Ending.cancelled, reason="cancelled")
    return Ended(Ending.succeeded, reason="diagnosed")


def run_diagnosis(
    table: Table,
    spec: DiagnosisSpec,
    checked: CheckedJob,
    *,
    reporter: Reporter,
    resources: JobResources,
    sound_recipes: dict[str, Recipe] | None = None,
) -> Diagnosis:
    """Diagnose a recipe in the phases of a job; raise JobSuspended on a pause or a stop.

    Once the job is to end, it is of what was measured so far. A cancel before the end of a first
    training raises JobCancelled. `sound_recipes` to compare with, by name, come from a search.
    """
    progress = _Progress(reporter, within=None if sound_recipes is None else "diagnosis")
    diagnosis = diagnose(
        table,
        spec,
        checked,
        executor=resources.executor,
        sound_recipes=sound_recipes,
        should_continue=progress.should_continue,
        on_phase=progress.on_phase,
        on_training=progress.on_training,
    )
    # The last count may not be reported yet; in a search it is no news.
    counted = {} if sound_recipes is not None else {"trainings": progress.trainings}
    reporter.record(diagnosis=_verdict(diagnosis).model_dump(mode="json"), **counted)
    return diagnosis


class _Progress:
    """Reports the phases of a diagnosis and its trainings, and hears who ends it."""

    def __init__(self, reporter: Reporter, *, within: str | None) -> None:
        self._reporter = reporter
        self._within = within
        self._phase = ""
        self.trainings = 0
        self._reported_at = time.monotonic()

    def on_phase(self, name: str) -> None:
        self._phase = name
        self._reporter.phase(name, within=self._within)

    def on_training(self, count: int) -> None:
        self.trainings = count
        if time.monotonic() - self._reported_at >= PROGRESS_SECONDS:
            self._reported_at = time.monotonic()
            self._reporter.phase(self._phase, within=self._within, trainings=count)

    def should_continue(self) -> bool:
        if not self.trainings:
            self._reporter.raise_if_cancelled()
        return self._reporter.should_continue()


def export_diagnosis(
    diagnosis: Diagnosis, table: Table, checked: CheckedJob, reporter: Reporter, folder: Path
) -> None:
    """Store a diagnosis, its page, the remedied recipe, and the script and table to train it."""
    names = list_first([target.name for target in checked.targets], MAX_NAMES)
    title = head_diagnosis(names, diagnosis.harmful)
    write_diagnosis(folder / REPORT, diagnosis, title=title)
    remedied = diagnosis.remedied_recipe.model_dump(mode="json")
    (folder / REMEDIED).write_text(json.dumps(remedied, indent=2) + "\n", encoding="utf-8")
    written = write_plain_table(folder / SCRIPT_TABLE, table, checked)
    code = training_code(diagnosis.remedied_recipe, written)
    (folder / SCRIPT).write_text(code, encoding="utf-8")
    for name in (REPORT, REMEDIED, SCRIPT, SCRIPT_TABLE):
        store_artifact(folder / name, reporter)
    store_diagnosis(diagnosis, reporter, folder)


def diagnose_first_recipe(
    table: Table,
    spec: JobSpec,
    task: Task,
    dataset: Dataset,
    winner: Recipe,
    *,
    reporter: Reporter,
    resources: JobResources,
) -> Diagnosis | str:
    """Diagnose what would have been tried first on a search's table, beside its winner.

    Return the reason where that fails: a search never fails for its diagnosis.
    """
    try:
        first = first_recipe_spec(spec, task, winner)
        return run_diagnosis(
            table,
            first,
            check_diagnosis(first, dataset, limits=resources.limits),
            reporter=reporter,
            resources=resources,
            sound_recipes={TUNED_RECIPE: winner},
        )
    except (LeaseLost, JobSuspended, MemoryError):
        raise
    except JobCancelled:
        return NOT_NEEDED
    except Exception as error:
        if is_out_of_space(error):
            raise
        log.exception("no diagnosis")
        return f"the diagnosis failed: {error}"


def _verdict(diagnosis: Diagnosis) -> Verdict:
    causes = [
        cause for finding in diagnosis.harmful for cause in (finding.cause, *finding.together_with)
    ]
    return Verdict(sentence=diagnosis.verdict, causes=tuple(causes))
