"""What a job stores where the model that it hands out is not the one that was scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from tests.builders.finals import a_prepared
from tests.builders.models import as_if_trained, read_metadata
from worker.artifacts.export import export_model
from worker.artifacts.model.check import Expected, ModelDiffers, check_keras, check_onnx
from worker.artifacts.model.content import model_content
from worker.data.input_choices import InputChoice
from worker.data.prepare import prepare_refit
from worker.data.scores import scores
from worker.progress.reporter import Reporter
from worker.winner.final_model import FinalModel, FinalModels
from worker.winner.importance import importances

T = TypeVar("T")


class Report:
    """Keeps what is recorded; the SavedModel is left out, as where a job is to end."""

    is_finishing = True

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def record(self, **fields: Any) -> None:
        self.fields |= fields

    def publish_model(self, files: dict[Path, str], *, trial: int | None) -> None:
        assert all(path.stat().st_size for path in files)
        assert trial is None

    def poll(self) -> None:
        """Do nothing: nobody asks for anything."""

    def if_not_finishing(self, compute: Callable[[], T]) -> T:
        return compute()


def expected_of(model: FinalModel) -> Expected:
    prepared = model.prepared
    return Expected(model_content(model), prepared.raw_test, model.predict_test(), model.rounding())


def test_what_test_rows_measure_is_of_the_model_that_did_not_train_on_them(tmp_path: Path) -> None:
    prepared, spec = a_prepared()
    scored = as_if_trained(prepare_refit(prepared, spec, (InputChoice("standard"),)))
    everything = prepare_refit(prepared, spec, (InputChoice("standard"),), use_test_rows=True)
    handed_out = as_if_trained(everything)
    other_weights = tuple(-weight for weight in handed_out.members[0].weights)
    handed_out = dataclasses.replace(
        handed_out,
        members=(dataclasses.replace(handed_out.members[0], weights=other_weights),),
    )
    report = Report()

    export_model(
        FinalModels(scored, None, handed_out, "complete"),
        (),
        cast("Reporter", report),
        tmp_path,
        seed=0,
    )

    fields = report.fields
    metrics = scores(scored.fit.target, prepared.y_test, scored.predict_test())
    assert fields["test_metrics"] == metrics
    assert fields["all_rows_refit"] == "complete"
    low, high = fields["test_intervals"]["rmse"]
    assert low <= metrics["rmse"] <= high
    assert fields["importances"] == [one.model_dump() for one in importances(scored, seed=0)]
    predicted = {round(pair[1], 3) for pair in fields["test_predictions"]["pairs"]}
    assert predicted == {round(float(value), 3) for value in scored.predict_test()[:, 0]}
    metadata = read_metadata(tmp_path / "model.keras")
    assert metadata["test_metrics"] == metrics
    assert metadata["all_rows_refit"] == "complete"
    assert metadata["rows"]["train"] == len(prepared.labelled.y)
    # The files are of the other model, and were compared with it.
    assert set(fields["agreement"]) == {"model.keras", "model.onnx"}
    for check, name in ((check_keras, "model.keras"), (check_onnx, "model.onnx")):
        assert check(tmp_path / name, expected_of(handed_out)) == fields["agreement"][name]
        with pytest.raises(ModelDiffers):
            check(tmp_path / name, expected_of(scored))
