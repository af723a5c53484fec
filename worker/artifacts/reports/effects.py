"""Losses and effects of remedies as people read them."""

from __future__ import annotations

from lowloss.results import Effect
from lowloss.wording import counted, describe_missing_loss
from worker.artifacts.reports.words import ARROW, name, number, percent


def describe_loss(value: float | None, *, runs: int = 1, refusal: str | None = None) -> str:
    """Format a loss; where there is none, say why."""
    return describe_missing_loss(runs, refusal) if value is None else number(value)


def describe_effect(effect: Effect) -> str:
    """Describe what a remedy does, with the interval where it has more than one run."""
    removal = f"removes {percent(effect.share)} of the excess loss"
    if effect.runs > 1:
        removal += f" (95 % interval {percent(effect.low)} to {percent(effect.high)})"
    change = f"{describe_loss(effect.before)} {ARROW} {describe_loss(effect.after)}"
    return f"{removal}: {name(effect.metric)} {change}, over {counted(effect.runs, 'run')}"
