"""`tensorboard.zip`: a search as logs of TensorBoard, a run a trial, with its HParams tab.

The records are written by TensorBoard's own code, but not by its file writer, which puts this
machine's name and the time of writing into the file.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

# TensorBoard ships no types.
from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from tensorboard.plugins.hparams import metadata  # type: ignore[import-untyped]
from tensorboard.plugins.hparams.api_pb2 import (  # type: ignore[import-untyped]
    DATA_TYPE_FLOAT64,
    DATA_TYPE_STRING,
    STATUS_FAILURE,
    STATUS_SUCCESS,
    Experiment,
    HParamInfo,
    MetricInfo,
    MetricName,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import (  # type: ignore[import-untyped]
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.summary.writer.record_writer import (  # type: ignore[import-untyped]
    RecordWriter,
)

from lowloss.results import Curve, Hyperparameters, Trial, TrialState
from lowloss.wording import format_setting, in_words
from worker.artifacts.reports.facts import Facts

TENSORBOARD = "tensorboard.zip"
FILE_VERSION = "brain.Event:2"
SCORE = "score"
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def write_tensorboard(path: Path, facts: Facts) -> None:
    """Write the logs: unzipped, they are a `--logdir`."""
    created = facts.job.created_at.timestamp()
    numeric = _numeric(facts.trials)
    with zipfile.ZipFile(path, "w") as archive:
        _add(archive, "", created, [_experiment(facts, created, numeric)])
        for trial in facts.trials:
            curve = facts.curves.get(trial.number, Curve())
            events = _events(trial, curve, numeric)
            _add(archive, f"trial_{trial.number:04}/", _start_time(trial), events)


def _add(archive: zipfile.ZipFile, folder: str, time: float, events: Iterable[Any]) -> None:
    """Add a run; its bytes depend on its events alone."""
    content = io.BytesIO()
    writer = RecordWriter(content)
    for event in (Event(wall_time=time, file_version=FILE_VERSION), *events):
        writer.write(event.SerializeToString(deterministic=True))
    member = zipfile.ZipInfo(f"{folder}events.out.tfevents.{int(time):010}.lowloss", ZIP_TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(member, content.getvalue())


def _experiment(facts: Facts, time: float, numeric: frozenset[str]) -> Any:
    """Describe which hyperparameters and metrics there are."""
    objective = facts.job.search.objective
    metrics = dict.fromkeys(metric for trial in facts.trials for metric in trial.metrics)
    experiment = Experiment(
        name=facts.job.name,
        time_created_secs=time,
        hparam_infos=[
            _hparam(key, facts.trials, is_number=key in numeric)
            for key in Hyperparameters.model_fields
        ],
        metric_infos=[
            MetricInfo(name=MetricName(tag=tag), display_name=shown)
            for tag, shown in [
                (SCORE, f"score ({objective})"),
                *((m, in_words(m)) for m in metrics),
            ]
        ],
    )
    data = HParamsPluginData(experiment=experiment)
    return _plugin_event(time, metadata.EXPERIMENT_TAG, data)


def _numeric(trials: Iterable[Trial]) -> frozenset[str]:
    """Return the hyperparameters that are numbers in every trial."""
    settings = [trial.hyperparameters for trial in trials]
    return frozenset(
        key
        for key in Hyperparameters.model_fields
        if all(
            isinstance(getattr(settings_of_trial, key), int | float)
            for settings_of_trial in settings
        )
    )


def _hparam(key: str, trials: Iterable[Trial], *, is_number: bool) -> Any:
    """Describe a hyperparameter with its values: TensorBoard filters by them."""
    values = [getattr(trial.hyperparameters, key) for trial in trials]
    info = HParamInfo(
        name=key,
        display_name=in_words(key),
        type=DATA_TYPE_FLOAT64 if is_number else DATA_TYPE_STRING,
    )
    if is_number:
        info.domain_interval.min_value = min(values)
        info.domain_interval.max_value = max(values)
    else:
        info.domain_discrete.extend(sorted({format_setting(value) for value in values}))
    return info


def _events(trial: Trial, curve: Curve, numeric: frozenset[str]) -> Iterator[Any]:
    """Yield a trial's hyperparameters, curves and score."""
    start, end = _start_time(trial), _end_time(trial)
    begun = SessionStartInfo(start_time_secs=start, group_name=f"trial {trial.number}")
    for key, value in trial.hyperparameters:
        if key in numeric:
            begun.hparams[key].number_value = value
        else:
            begun.hparams[key].string_value = format_setting(value)
    yield _plugin_event(
        start, metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=begun)
    )
    yield from _epochs(curve, start, end)
    scores = trial.metrics | ({} if trial.score is None else {SCORE: trial.score})
    if scores:
        yield _scalars(end, trial.best_epoch or trial.epochs, scores)
    is_good = trial.state in {TrialState.completed, TrialState.pruned}
    ended = SessionEndInfo(status=STATUS_SUCCESS if is_good else STATUS_FAILURE, end_time_secs=end)
    yield _plugin_event(
        end, metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=ended)
    )


def _epochs(curve: Curve, start: float, end: float) -> Iterator[Any]:
    """Yield the curves, their epochs spread evenly over the trial's time; gaps if not finite."""
    columns = {f"epoch_{key}": values for key, values in curve}
    count = max((len(values) for values in columns.values()), default=0)
    for epoch in range(1, count + 1):
        values_of_epoch = {
            tag: values[epoch - 1]
            for tag, values in columns.items()
            if epoch <= len(values) and values[epoch - 1] is not None
        }
        yield _scalars(start + (end - start) * epoch / count, epoch, values_of_epoch)


def _scalars(time: float, step: int, values: dict[str, Any]) -> Any:
    summary_values = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    return Event(wall_time=time, step=step, summary=Summary(value=summary_values))


def _plugin_event(time: float, tag: str, data: Any) -> Any:
    """Return an event that only carries data of the HParams plugin."""
    value = Summary.Value(
        tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR
    )
    return Event(wall_time=time, summary=Summary(value=[value]))


def _start_time(trial: Trial) -> float:
    return trial.started_at.timestamp()


def _end_time(trial: Trial) -> float:
    finished_at: datetime = trial.finished_at or trial.started_at
    return finished_at.timestamp()
