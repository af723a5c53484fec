"""How templates of pages and reports write what they are given, by the filters' names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lowloss import wording
from lowloss.charts.curves import describe_folds, describe_losses, describe_score_of_folds
from lowloss.pages.changes import write_change
from lowloss.results.losses import (
    describe_alternative,
    describe_causes,
    describe_loss,
    describe_severity,
    head_first_try,
    list_effects,
)
from lowloss.results.notes import describe_trial_end

FILTERS: dict[str, Callable[..., Any]] = {
    "number": wording.format_number,
    "rough": wording.format_rough,
    "metric": wording.format_metric,
    "metric_cells": wording.format_metric_cells,
    "measured": wording.format_measured,
    "seconds": wording.format_seconds,
    "percent": wording.format_percent,
    "words": wording.in_words,
    "clipped": wording.clipped,
    "bytes": wording.format_bytes,
    "duration": wording.format_duration,
    "setting": wording.format_setting,
    "option": wording.format_option,
    "counted": wording.counted,
    "listed": wording.list_clipped,
    "loss": describe_loss,
    "alternative": describe_alternative,
    "causes": describe_causes,
    "severity": describe_severity,
    "effects": list_effects,
    "first_try_heading": head_first_try,
    "end": describe_trial_end,
    "losses_caption": describe_losses,
    "of_folds": describe_folds,
    "score_of_folds": describe_score_of_folds,
    "capitalized": wording.capitalize,
    "change": write_change,
}
