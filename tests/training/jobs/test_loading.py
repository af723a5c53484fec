"""A claimed job's table and specification, as the worker takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lowloss.results import Outcome
from lowloss.spec import Choice, JobSpec
from lowloss.tables.options import ParseOptions
from tests.builders.tables import LIMITS, a_dataset_of, checked, write_csv
from worker.execution.local import LocalExecutor
from worker.jobs.loading import JobResources, LoadedJob, prepare_data


@dataclass(frozen=True)
class OneTable:
    """Stands for a reporter whose store has one table."""

    path: Path

    def copy_blob(self, _: str, path: Path) -> None:
        path.write_bytes(self.path.read_bytes())


@pytest.mark.parametrize("decided", [None, {"choices": [None, 5]}, "auto"])
def test_a_job_from_before_inputs_were_selected_keeps_all(tmp_path: Path, decided: Any) -> None:
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(size=60).tolist() for i in range(30)}
    path = write_csv(tmp_path / "t.csv", columns | {"y": rng.normal(size=60).tolist()})
    table, check = checked(path, "y")
    preprocessing = {"scale_features": "standard", "select_features": decided}
    spec = JobSpec.model_validate(
        {"dataset": "ds_1", "target": "y", "preprocessing": preprocessing}
    )
    # A request for such a table would be given choices.
    assert isinstance(check.spec.preprocessing.select_features, Choice)
    job = LoadedJob("job", spec, a_dataset_of(table), ParseOptions(), 0, 0, 0, False, Outcome())
    resources = JobResources(LIMITS, LocalExecutor(), tmp_path)

    prepared, again = prepare_data(OneTable(path), job, resources)  # type: ignore[arg-type]

    kept = {fit.choice.select_features for fit in prepared.fits}
    assert kept == ({None, 5} if isinstance(decided, dict) else {None})
    assert again.spec.preprocessing.select_features == spec.preprocessing.selection
