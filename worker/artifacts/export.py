"""What a job hands out once its search has ended: the model in three formats, and its reports."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras

from lowloss.results import Baseline, Diagnosis, PredictionSummary
from service.store.artifacts import BEST_MODEL, ONNX_MODEL
from service.store.database import Session, is_out_of_space
from service.store.datasets import get_dataset
from service.store.diagnoses import DIAGNOSIS
from service.store.earlier_jobs import list_earlier_jobs
from service.store.jobs import get_job
from service.store.trials import list_curves, list_trials
from service.tables.script_table import SCRIPT_TABLE
from worker.artifacts.model.build import build_model
from worker.artifacts.model.check import Expected, check_keras, check_onnx, check_saved_model
from worker.artifacts.model.content import Content, model_content
from worker.artifacts.model.save import describe_model, save_model, save_saved_model
from worker.artifacts.model.to_onnx import save_onnx
from worker.artifacts.reports.card import CARD, write_card
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.html import REPORT, write_report
from worker.artifacts.reports.predictions import HeldOutPredictions, summarise_predictions
from worker.artifacts.reports.remarks import remarks, search_remarks
from worker.artifacts.reports.script import PREDICT, write_script
from worker.artifacts.reports.tables import CURVES, TRIALS, write_curves, write_trials
from worker.artifacts.reports.tensorboard import TENSORBOARD, write_tensorboard
from worker.data.scores import Sampled, bootstrap, interval, scores
from worker.progress.reporter import Reporter
from worker.search.study import STUDY, write_study
from worker.winner.baselines import FittedBaseline
from worker.winner.final_model import FinalModel, FinalModels
from worker.winner.importance import importances

log = logging.getLogger(__name__)

OURS = "lowloss"
NOT_NEEDED = "the job was to end, and its model can do without"
"""Why an artifact is missing that nobody waited for."""
SAVED_MODEL = "saved_model"
CHECKED_ROWS = 1000
"""Test rows on which a model is compared that is not the last one."""
MEDIA_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".journal": "application/jsonl",
    ".keras": "application/vnd.keras",
    ".md": "text/markdown; charset=utf-8",
    ".onnx": "application/vnd.onnx",
    ".py": "text/x-python; charset=utf-8",
    ".zip": "application/zip",
}


@dataclass(frozen=True)
class Exported:
    """A model that was stored: what its files say of it, and why other files are missing."""

    metadata: dict[str, Any]
    missing: dict[str, str]


def export_model(
    models: FinalModels,
    baselines: Sequence[FittedBaseline],
    reporter: Reporter,
    folder: Path,
    *,
    seed: int,
) -> Exported:
    """Score a model on the test rows and store the one to hand out, and then look at it closely.

    From the moment that `model.keras` and `model.onnx` are stored, users have them. Once the job is
    to end, the SavedModel, intervals and importances are left out. All that the test rows measure
    is of the model that did not train on them.
    """
    scored, handed_out, gain = models.scored, models.handed_out, models.gain
    target = scored.fit.target
    test_metrics = scores(target, scored.prepared.y_test, scored.predict_test())
    metadata = describe_model(model_content(handed_out), handed_out.prepared, test_metrics)
    metadata |= {"all_rows_refit": models.all_rows_refit}
    final_gain = None if gain is None else gain.model_dump()
    reporter.record(
        test_metrics=test_metrics,
        final_gain=final_gain,
        all_rows_refit=models.all_rows_refit,
        seen_by=handed_out.seen_by,
        test_predictions=summarise_test_rows(scored, target.labels).model_dump(),
    )
    missing = store_model(handed_out, metadata, reporter, folder)
    record_intervals(scored, baselines, reporter, seed=seed)
    measured = reporter.if_not_finishing(partial(importances, scored, seed=seed))
    reporter.record(importances=[entry.model_dump() for entry in measured or ()])
    return Exported(metadata, missing)


def summarise_test_rows(final: FinalModel, labels: Sequence[str]) -> PredictionSummary:
    """Sum up the model's predictions of the test rows; `labels` are none for a regression."""
    prediction_TC = final.predict_test()
    predicted = prediction_TC if labels else prediction_TC[:, 0]
    predictions = HeldOutPredictions(predicted, final.prepared.y_test)
    return summarise_predictions(predictions, tuple(labels))


def record_intervals(
    final: FinalModel, baselines: Sequence[FittedBaseline], reporter: Reporter, *, seed: int
) -> None:
    """Record how far other test rows might have moved the model's metrics and its lead."""
    predictions = {OURS: final.predict_test()} | {
        entry.baseline.name: entry.prediction_TC for entry in baselines
    }
    sample = partial(bootstrap, final.fit.target, final.prepared.y_test, predictions, seed=seed)
    sampled = reporter.if_not_finishing(sample)
    if sampled is None:
        reporter.record(test_intervals=None)
        return
    reporter.record(
        test_intervals={name: interval(values) for name, values in sampled[OURS].items()}
    )
    if baselines:
        compared = [add_difference(entry.baseline, sampled) for entry in baselines]
        reporter.record(baselines=[baseline.model_dump() for baseline in compared])


def add_difference(baseline: Baseline, sampled: Mapping[str, Sampled]) -> Baseline:
    """Add to a baseline how far the model's test metrics lie from its own."""
    ours, theirs = sampled[OURS], sampled[baseline.name]
    difference = {name: interval(ours[name] - theirs[name]) for name in ours}
    return baseline.model_copy(update={"difference": difference})


def export_best_so_far(single: FinalModel, reporter: Reporter, folder: Path) -> None:
    """Store a trial's network, in the place of the model that users have until the job ends.

    It is compared with the engine on some test rows, and not scored on them.
    """
    content, trial = model_content(single), single.members[0].plan.number
    metadata = describe_model(content, single.prepared, {})
    raw = single.prepared.labelled.raw.take(single.prepared.splits.test[:CHECKED_ROWS])
    expected = Expected(content, raw, single.predict(raw), single.rounding())
    save_and_publish(content, expected, metadata, reporter, folder, trial=trial)


def save_and_publish(
    content: Content,
    expected: Expected,
    metadata: dict[str, Any],
    reporter: Reporter,
    folder: Path,
    *,
    trial: int | None,
) -> tuple[keras.Model, dict[str, float]]:
    """Store a model for Keras and for ONNX once both agree with the engine; users have it then.

    Return the Keras model, and how far the files' predictions differ (`agreement`).
    """
    model = build_model(content)
    keras_path, onnx_path = folder / BEST_MODEL, folder / ONNX_MODEL
    save_model(model, keras_path, metadata)
    agreement = {BEST_MODEL: check_keras(keras_path, expected)}
    save_onnx(content, onnx_path, metadata)
    agreement[ONNX_MODEL] = check_onnx(onnx_path, expected)
    files = {path: MEDIA_TYPES[path.suffix] for path in (keras_path, onnx_path)}
    reporter.publish_model(files, trial=trial)
    return model, agreement


def store_model(
    final: FinalModel, metadata: dict[str, Any], reporter: Reporter, folder: Path
) -> dict[str, str]:
    """Store the model in every format, each compared with the engine before it is stored.

    Users have it before TensorFlow's own format is made, which takes longest. Return why a format
    is missing, by its artifact's name.
    """
    content, prepared = model_content(final), final.prepared
    raw = prepared.labelled.raw.take(prepared.splits.test[final.checked_rows])
    expected = Expected(content, raw, final.predict_test()[final.checked_rows], final.rounding())
    model, agreement = save_and_publish(content, expected, metadata, reporter, folder, trial=None)
    missing: dict[str, str] = {}
    zipped = f"{SAVED_MODEL}.zip"
    reporter.poll()
    if reporter.is_finishing:
        reporter.record(agreement=agreement)
        return {zipped: NOT_NEEDED}
    try:
        path = save_saved_model(model, folder / SAVED_MODEL)
        agreement[zipped] = check_saved_model(folder / SAVED_MODEL, expected)
    except Exception as error:
        if is_out_of_space(error):
            raise
        # The one artifact that may be missing: TensorFlow's own export decides.
        log.exception("no SavedModel")
        missing[zipped] = f"TensorFlow could not export the model: {error}"
    else:
        store_artifact(path, reporter)
    reporter.record(agreement=agreement)
    return missing


def export_reports(
    exported: Exported, reporter: Reporter, folder: Path, diagnosis: Diagnosis | str | None
) -> None:
    """Store the reports on a job: its trials, those of earlier attempts included, and its model.

    A `diagnosis` that could not be made is the reason why. Call it once all other results of the
    job are in the store.
    """
    missing = dict(exported.missing)
    if isinstance(diagnosis, str):
        missing[DIAGNOSIS] = diagnosis
        diagnosis = None
    reporter.record(missing_artifacts=missing)
    job_id = reporter.fence.job_id
    facts = reporter.read(lambda session: read_facts(session, job_id, exported.metadata))
    if diagnosis is not None:
        remarks_on_search = search_remarks(replace(facts, diagnosis=diagnosis))
        diagnosis = diagnosis.model_copy(update={"search": remarks_on_search})
        store_diagnosis(diagnosis, reporter, folder)
        facts = replace(facts, diagnosis=diagnosis)
    reporter.record(remarks=remarks(facts))
    job, trials, curves = facts.job, facts.trials, facts.curves
    write_study(folder / STUDY, job.id, job.search, trials, curves)
    write_trials(folder / TRIALS, trials)
    write_curves(folder / CURVES, curves)
    write_report(folder / REPORT, facts)
    write_card(folder / CARD, facts)
    write_tensorboard(folder / TENSORBOARD, facts)
    write_script(folder / PREDICT)
    for name in (TRIALS, CURVES, STUDY, REPORT, CARD, TENSORBOARD, PREDICT, SCRIPT_TABLE):
        store_artifact(folder / name, reporter)


def read_facts(session: Session, job_id: str, metadata: dict[str, Any]) -> Facts:
    """Read what the reports on a job say."""
    job = get_job(session, job_id)
    dataset = get_dataset(session, job.dataset)
    trials, curves = list_trials(session, job_id).items, list_curves(session, job_id)
    earlier = list_earlier_jobs(session, job.search.warm_start_from)
    return Facts(job, dataset, trials, curves, metadata, earlier=earlier)


def store_diagnosis(diagnosis: Diagnosis, reporter: Reporter, folder: Path) -> None:
    """Store a diagnosis, as `GET /v1/jobs/{id}/diagnosis` returns it."""
    path = folder / DIAGNOSIS
    path.write_text(diagnosis.model_dump_json(), encoding="utf-8")
    store_artifact(path, reporter)


def store_artifact(path: Path, reporter: Reporter) -> None:
    """Store a file as an artifact of the job, visible once that is settled."""
    reporter.add_artifact(path, MEDIA_TYPES[path.suffix])
