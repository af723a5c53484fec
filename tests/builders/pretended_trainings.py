"""Trainings that are pretended: losses from a recipe's hash, on a clock that stands still."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from lowloss.spec import Task
from worker.diagnosis.training.judging import JudgedVariant, Score
from worker.diagnosis.training.trainer import Trainer, VariantDraw
from worker.diagnosis.training.variants import OutputFormat, Variant

RUN_SECONDS = 0.7


class StandingClock:
    """A clock that only pretended trainings move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pretend_group(trainer: Trainer, _: OutputFormat, runs: list[VariantDraw]) -> None:
    """Stand in for `Trainer._train_group`: what the time cuts short is lost, as there."""
    for variant, draw in runs:
        clock: Any = trainer.clock
        if trainer.seconds_left <= 0:
            return
        clock.now += RUN_SECONDS
        trainer.judged[variant, draw] = pretended_run(trainer, variant, draw)


def pretended_run(trainer: Trainer, variant: Variant, draw: int) -> JudgedVariant:
    """Return a loss from 0.02 to 10,000 times a constant answer's; one recipe in eight diverges."""
    key = repr((variant.share, (), variant.recipe.model_dump_json()))
    of_recipe = _uniform(key)
    relative = 10 ** (-1.7 + 5.7 * of_recipe**3) * (0.8 + 0.4 * _uniform(f"{key}/{draw}"))
    if _uniform(f"{key}/diverges") < 1 / 8:
        return JudgedVariant(draw)
    is_regression = trainer.data.task is Task.regression
    share = None if is_regression else max(0.0, 1 - relative / 2)
    error = None if share is None else 1 - share
    loss, data = relative * trainer.constant, trainer.data
    units = data.loss_units if data.predicted.has_several else ()
    of_targets = tuple(Score(loss * unit * (0.5 + n)) for n, unit in enumerate(units))
    score = Score(loss, share, error, of_targets)
    return JudgedVariant(draw, score, relative)


def _uniform(key: str) -> float:
    digest = hashlib.sha256(key.encode()).digest()
    return float(np.frombuffer(digest[:8], dtype=np.uint64)[0]) / 2**64
