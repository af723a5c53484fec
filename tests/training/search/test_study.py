"""The search as an Optuna study: what we write is what Optuna reads."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState as OptunaState

from lowloss.results import Curve, Trial, TrialState
from lowloss.spec import JobSpec
from tests.builders.searches import a_spec, off, some_trials
from worker.search.study import STUDY, write_study


def written(
    folder: Path, spec: JobSpec, trials: Sequence[Trial], curves: Mapping[int, Curve] | None = None
) -> optuna.Study:
    """The study that Optuna finds in the file."""
    path = folder / STUDY
    write_study(path, "job_1", spec, trials, curves or {})
    return optuna.load_study(
        study_name="job_1", storage=JournalStorage(JournalFileBackend(str(path)))
    )


def with_state(trial: Trial, state: TrialState) -> Trial:
    return trial.model_copy(update={"state": state})


def test_best_trial_of_the_study_is_ours(tmp_path: Path) -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda h: off(h.learning_rate, 3e-3))

    study = written(tmp_path, spec, trials)

    best = min(trials, key=lambda trial: trial.score or math.inf)
    assert study.best_trial.user_attrs["number"] == best.number
    assert study.best_value == best.score
    assert study.best_params["learning_rate"] == best.hyperparameters.learning_rate
    assert study.user_attrs == {"objective": "val_loss", "target": "y", "seed": 0}


def test_objective_that_grows_is_maximised(tmp_path: Path) -> None:
    spec = a_spec(objective="val_r2")
    trials = some_trials(spec, lambda h: -off(h.learning_rate, 3e-3))

    study = written(tmp_path, spec, trials)

    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.best_value == max(trial.score or -math.inf for trial in trials)


def test_every_end_has_its_state(tmp_path: Path) -> None:
    spec = a_spec()
    completed, pruned, failed, running = some_trials(spec, lambda _: 1.0, 4)
    (diverged,) = some_trials(spec, lambda _: None, 1)
    trials = [
        completed,
        with_state(pruned, TrialState.pruned),
        with_state(failed, TrialState.failed).model_copy(update={"score": None}),
        with_state(running, TrialState.running),
        diverged.model_copy(update={"number": 5}),
    ]

    study = written(tmp_path, spec, trials)

    assert [(t.number, t.user_attrs["number"], t.state) for t in study.trials] == [
        (0, 1, OptunaState.COMPLETE),
        (1, 2, OptunaState.PRUNED),
        (2, 3, OptunaState.FAIL),
        (3, 5, OptunaState.FAIL),
    ]
    assert study.trials[1].value == 1.0
    assert study.trials[3].user_attrs["reason"] == "loss_not_finite"


def test_curve_is_the_values_by_epoch(tmp_path: Path) -> None:
    spec = a_spec()
    curve = Curve(val_loss=(0.5, None, 0.25))

    study = written(tmp_path, spec, some_trials(spec, lambda _: 1.0, 2), {2: curve})

    first, second = study.trials
    assert first.intermediate_values == {}
    assert second.intermediate_values == {
        1: 0.5,
        2: pytest.approx(math.nan, nan_ok=True),
        3: 0.25,
    }


def test_times_and_all_else_are_there(tmp_path: Path) -> None:
    spec = a_spec()
    (trial,) = some_trials(spec, lambda _: 1.5, 1)

    study = written(tmp_path, spec, [trial])

    (found,) = study.trials
    assert found.datetime_start is not None
    assert found.datetime_complete is not None
    # Optuna answers local times.
    assert found.datetime_start.astimezone(UTC) == trial.started_at
    assert found.datetime_complete.astimezone(UTC) == trial.finished_at
    assert found.user_attrs == {
        "number": 1,
        "state": "completed",
        "reason": "early_stopping",
        "seed": 1,
        "attempt": 1,
        "epochs": 10,
        "best_epoch": 8,
        "seconds": 0.5,
        "val_loss": 1.5,
    }


def test_width_of_an_absent_layer_is_no_parameter(tmp_path: Path) -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda _: 1.0, 10)

    study = written(tmp_path, spec, trials)

    for ours, theirs in zip(trials, study.trials, strict=True):
        widths = [theirs.params.get(f"width_{layer}") for layer in (1, 2, 3)]
        assert [w for w in widths if w is not None] == list(ours.hyperparameters.widths)
        assert theirs.distributions["width_1"] == optuna.distributions.IntDistribution(
            16, 256, step=16
        )


SPACE = {
    "width": {"min": 8, "max": 64, "scale": "log", "per_layer": False},
    "dropout": {"min": 0.0, "max": 0.3, "step": 0.1},
    "clip_norm": {"choices": [None, 1.0]},
    "optimizer": {"choices": ["adam", "sgd"]},
    "layers": 2,
}


def test_every_kind_of_hyperparameter_comes_back(tmp_path: Path) -> None:
    spec = a_spec(search_space=SPACE)
    trials = some_trials(spec, lambda _: 1.0, 30)

    study = written(tmp_path, spec, trials)

    for ours, theirs in zip(trials, study.trials, strict=True):
        chosen = ours.hyperparameters
        assert theirs.params == {
            "learning_rate": chosen.learning_rate,
            "width": chosen.widths[0],
            "l2": chosen.l2,
            "dropout": chosen.dropout,
            "patience": chosen.patience,
            "batch_size": chosen.batch_size,
            "clip_norm": chosen.clip_norm,
            "optimizer": chosen.optimizer,
            "scale_features": chosen.scale_features,
        }


def test_optuna_works_on_with_the_study(tmp_path: Path) -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda h: off(h.learning_rate, 3e-3), 100)

    study = written(tmp_path, spec, trials)

    importances = optuna.importance.get_param_importances(study)
    asked = study.ask({"learning_rate": study.trials[0].distributions["learning_rate"]})
    study.tell(asked, 1.0)

    assert max(importances, key=lambda name: importances[name]) == "learning_rate"
    assert asked.number == 100


def test_search_without_a_trial_is_an_empty_study(tmp_path: Path) -> None:
    study = written(tmp_path, a_spec(), [])

    assert study.trials == []


def test_the_docs_tell_how_to_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda h: off(h.learning_rate, 3e-3))
    write_study(tmp_path / STUDY, "job_1", spec, trials, {})
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    (snippet,) = re.findall(r"```python\n(import optuna\n.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}

    exec(snippet, names)

    assert names["study"].best_value == min(trial.score or math.inf for trial in trials)
