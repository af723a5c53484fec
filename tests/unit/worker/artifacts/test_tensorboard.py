"""`tensorboard.zip`: TensorBoard reads the curves and the HParams tab back."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import Any

# TensorBoard ships no types.
from tensorboard.backend.event_processing.event_file_loader import (  # type: ignore[import-untyped]
    LegacyEventFileLoader,
)
from tensorboard.plugins.hparams import metadata  # type: ignore[import-untyped]

from lowloss.results import Curve
from tests.builders.facts import START, some_facts, some_trials
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.tensorboard import write_tensorboard


def events(folder: Path, facts: Facts) -> dict[str, list[Any]]:
    """The events of each run by the run's name, as TensorBoard loads them."""
    write_tensorboard(folder / "tensorboard.zip", facts)
    with zipfile.ZipFile(folder / "tensorboard.zip") as archive:
        archive.extractall(folder / "logs")
    return {
        str(path.parent.relative_to(folder / "logs")): list(LegacyEventFileLoader(str(path)).Load())
        for path in sorted((folder / "logs").rglob("events.out.tfevents.*"))
    }


def scalars(run: list[Any], tag: str) -> list[tuple[int, float]]:
    return [
        (event.step, round(value.simple_value, 6))
        for event in run
        for value in event.summary.value
        if value.tag == tag
    ]


def plugin_data(run: list[Any], tag: str) -> Any:
    return next(
        v for e in run for v in e.summary.value if v.tag == tag
    ).metadata.plugin_data.content


def test_each_trial_is_a_run_with_its_curves_and_score(tmp_path: Path) -> None:
    curve = Curve(loss=(1.0, None, 0.5), val_loss=(1.5, 1.25, 1.0), penalised_loss=(2.0, 1.5, 1.0))
    facts = some_facts(trials=some_trials(3, diverged=1), curves={1: curve})

    runs = events(tmp_path, facts)

    assert list(runs) == [".", "trial_0001", "trial_0002", "trial_0003"]
    assert scalars(runs["trial_0001"], "epoch_loss") == [(1, 1.0), (3, 0.5)]
    assert scalars(runs["trial_0001"], "epoch_val_loss") == [(1, 1.5), (2, 1.25), (3, 1.0)]
    assert scalars(runs["trial_0001"], "score") == [(30, 0.2)]
    assert scalars(runs["trial_0003"], "score") == []


def test_times_are_those_of_the_trials(tmp_path: Path) -> None:
    facts = some_facts(trials=some_trials(1, diverged=0))

    run = events(tmp_path, facts)["trial_0001"]

    times = [event.wall_time for event in run]
    assert times == sorted(times)
    assert times[0] == START.timestamp() + 10
    assert times[-1] == START.timestamp() + 14


def test_hparams_tab_has_what_was_searched_and_found(tmp_path: Path) -> None:
    facts = some_facts(trials=some_trials(3, diverged=1))

    runs = events(tmp_path, facts)

    experiment = metadata.parse_experiment_plugin_data(
        plugin_data(runs["."], metadata.EXPERIMENT_TAG)
    )
    infos = {info.name: info for info in experiment.hparam_infos}
    rates = [trial.hyperparameters.learning_rate for trial in facts.trials]
    assert infos["learning_rate"].domain_interval.min_value == min(rates)
    assert infos["learning_rate"].domain_interval.max_value == max(rates)
    assert list(infos["activation"].domain_discrete) == ["relu"]
    assert [info.name.tag for info in experiment.metric_infos] == ["score", "val_loss", "rmse"]
    start = metadata.parse_session_start_info_plugin_data(
        plugin_data(runs["trial_0002"], metadata.SESSION_START_INFO_TAG)
    )
    setting = facts.trials[1].hyperparameters
    assert start.hparams["l2"].number_value == setting.l2
    assert start.hparams["widths"].string_value == "-".join(map(str, setting.widths))
    end = metadata.parse_session_end_info_plugin_data(
        plugin_data(runs["trial_0003"], metadata.SESSION_END_INFO_TAG)
    )
    assert end.status == 2  # STATUS_FAILURE


def test_hyperparameter_that_may_be_none_is_text_in_every_trial(tmp_path: Path) -> None:
    first, second = some_trials(2, diverged=0)
    clipped = second.hyperparameters.model_copy(update={"clip_norm": 0.5})
    second = second.model_copy(update={"hyperparameters": clipped})

    runs = events(tmp_path, some_facts(trials=(first, second)))

    found = [
        metadata.parse_session_start_info_plugin_data(
            plugin_data(runs[run], metadata.SESSION_START_INFO_TAG)
        )
        for run in ("trial_0001", "trial_0002")
    ]
    assert [each.hparams["clip_norm"].string_value for each in found] == ["none", "0.5"]


def test_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    facts = some_facts()
    paths = [tmp_path / "first.zip", tmp_path / "second.zip"]

    for path in paths:
        write_tensorboard(path, facts)

    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_trial_without_an_end_is_written_too(tmp_path: Path) -> None:
    facts = some_facts(trials=some_trials(1, diverged=0))
    unfinished = facts.trials[0].model_copy(update={"finished_at": None})

    runs = events(tmp_path, dataclasses.replace(facts, trials=(unfinished,)))

    assert "trial_0001" in runs
