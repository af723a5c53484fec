"""What a job hands out once its search has ended: the best model, and the search as tables."""

from __future__ import annotations

from pathlib import Path

from service.store.artifacts import BEST_MODEL, NewArtifact
from service.store.blobs import hash_file, write_blob
from service.store.trials import list_curves, list_trials
from worker.data.prepare import Prepared
from worker.data.scores import scores
from worker.engine.keras_fit import forward
from worker.engine.plans import TrainedTrial
from worker.model.build import build_model
from worker.model.save import check_model, describe_model, save_model
from worker.model.tables import CURVES, TRIALS, write_curves, write_trials
from worker.report import Reporter

MEDIA_TYPES = {".keras": "application/vnd.keras", ".csv": "text/csv; charset=utf-8"}


def export_model(
    prepared: Prepared, trained: TrainedTrial, reporter: Reporter, folder: Path
) -> dict[str, float]:
    """Score a model on the test rows, save it, check the file, store it; answers its metrics."""
    target = prepared.target
    y_T = prepared.y[prepared.splits.test]
    output_TC = forward(
        trained.weights, trained.plan.activation, prepared.arrays.loss, prepared.x_test_TD
    )
    answer_TC = target.answer(output_TC)
    test_metrics = scores(target, y_T, answer_TC)

    path = folder / BEST_MODEL
    metadata = describe_model(prepared, trained, test_metrics)
    save_model(build_model(prepared, trained), path, metadata)
    check_model(path, prepared, answer_TC)
    _store(path, reporter)
    return test_metrics


def export_tables(reporter: Reporter, folder: Path) -> None:
    """Store the trials and their curves, those of earlier attempts included."""
    job_id = reporter.fence.job_id
    with reporter.database.reading() as session:
        trials, curves = list_trials(session, job_id).items, list_curves(session, job_id)
    write_trials(folder / TRIALS, trials)
    write_curves(folder / CURVES, curves)
    _store(folder / TRIALS, reporter)
    _store(folder / CURVES, reporter)


def _store(path: Path, reporter: Reporter) -> None:
    reporter.alive()
    sha256 = hash_file(path)
    write_blob(reporter.database, path, sha256=sha256)
    media_type = MEDIA_TYPES[path.suffix]
    reporter.add_artifact(NewArtifact(path.name, media_type, sha256, path.stat().st_size))
