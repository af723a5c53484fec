"""Confirms a chain of remedies on fresh draws, and shares the excess loss out among its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lowloss.results import Effect, Severity
from worker.diagnosis.chain.explain import Explanation, Step, TriedRemedy
from worker.diagnosis.chain.gains import (
    Gain,
    mean_loss,
    mean_relative_loss,
    measure_gain,
    minimum_gain,
)
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

CONFIRMED = 0.5
"""The share of the smallest gain that matters which fresh draws must show."""
LARGE_FALL, LARGE_SHARE = 0.1, 0.4


@dataclass(frozen=True)
class Attribution:
    """Steps that were confirmed on fresh draws, and the relative loss to share out among them."""

    steps: tuple[Step, ...]
    dropped: tuple[TriedRemedy, ...]
    excess: float
    draws: tuple[int, ...]

    def share(self, fall: float) -> float:
        """Return a fall of the relative loss as a share of the excess; 0 without an excess."""
        return fall / self.excess if self.excess > 0 else 0.0


def confirm(
    trainer: Trainer, explanation: Explanation, *, fresh: Sequence[int], best: float
) -> Attribution:
    """Train the chain on fresh draws, and keep the steps that gain there, too.

    A step that gains nothing at its position may be half of a pair. It is kept where the whole
    chain loses much without it, and measured by that loss.
    """
    steps, dropped = list(explanation.steps), list[TriedRemedy]()
    _train_chain(trainer, explanation.start, steps, fresh)
    weak = [step for step in steps if not _is_confirmed(trainer, step.remedy, fresh)]
    measured_last = {
        step.remedy.cause: _measure_without(trainer, explanation, step, fresh) for step in weak
    }
    dropped = [step.remedy for step in weak if measured_last[step.remedy.cause] is None]
    if dropped:
        causes = {remedy.cause for remedy in dropped}
        steps = _rebuild_chain(
            trainer, explanation, [s for s in steps if s.remedy.cause not in causes]
        )
    else:
        steps = [
            replace(step, remedy=measured_last.get(step.remedy.cause) or step.remedy)
            for step in steps
        ]
    draws = [draw.number for draw in trainer.data.draws]
    steps = [_measure_step(trainer, step, draws) for step in steps]
    start = mean_relative_loss(trainer.runs_of(explanation.start))
    end = steps[-1].remedy.after if steps else explanation.start
    reached = min(best, mean_relative_loss(trainer.runs_of(end)))
    return Attribution(tuple(steps), tuple(dropped), max(0.0, start - reached), tuple(draws))


def _train_chain(
    trainer: Trainer, start: Variant, steps: Sequence[Step], draws: Sequence[int]
) -> None:
    trainer.train([start, *(step.remedy.after for step in steps)], draws)


def _is_confirmed(trainer: Trainer, tried: TriedRemedy, fresh: Sequence[int]) -> bool:
    """Return whether a remedy gains on fresh draws.

    It counts as confirmed where there was no time to train it there.
    """
    measured = measure_gain(trainer, tried.before, tried.after, fresh)
    if not measured.falls or tried.candidate.is_certain:
        return True
    before = mean_relative_loss(trainer.runs_of(tried.before))
    is_suspect = tried.candidate.suspect is not None
    return measured.mean >= CONFIRMED * minimum_gain(before, is_suspect=is_suspect)


def _measure_without(
    trainer: Trainer, explanation: Explanation, step: Step, fresh: Sequence[int]
) -> TriedRemedy | None:
    """Return what a step gains on top of all others; None where that is not enough, either."""
    current = explanation.start
    for other in explanation.steps:
        if other is not step:
            current = other.remedy.candidate.apply(current)
    trainer.train([current], [draw.number for draw in trainer.data.draws])
    tried = replace(step.remedy, before=current, after=explanation.end)
    return tried if _is_confirmed(trainer, tried, fresh) else None


def _rebuild_chain(trainer: Trainer, explanation: Explanation, steps: Sequence[Step]) -> list[Step]:
    """Return the chain of these steps alone, trained on all draws."""
    current, rebuilt = explanation.start, []
    for step in steps:
        after = step.remedy.candidate.apply(current)
        rebuilt.append(replace(step, remedy=replace(step.remedy, before=current, after=after)))
        current = after
    all_draws = [draw.number for draw in trainer.data.draws]
    _train_chain(trainer, explanation.start, rebuilt, all_draws)
    return rebuilt


def _measure_step(trainer: Trainer, step: Step, draws: Sequence[int]) -> Step:
    remedy = step.remedy
    measured = measure_gain(trainer, remedy.before, remedy.after, draws)
    return replace(step, remedy=replace(remedy, gain=measured))


def measure_effect(
    trainer: Trainer, before: Variant, after: Variant, measured: Gain, attribution: Attribution
) -> Effect:
    """Return what a remedy does, in the metric's units and as a share of the excess."""
    shared_draws = [
        draw
        for draw in attribution.draws
        if (before, draw) in trainer.judged and (after, draw) in trainer.judged
    ]
    low, high = measured.interval
    return Effect(
        metric=trainer.metric,
        before=mean_loss([trainer.judged[before, draw] for draw in shared_draws]),
        after=mean_loss([trainer.judged[after, draw] for draw in shared_draws]),
        share=attribution.share(measured.mean),
        low=attribution.share(low),
        high=attribution.share(high),
        runs=len(shared_draws),
    )


def rate_severity(before: float, fall: float) -> Severity:
    """Return how grave a cause is whose remedy lowers the relative loss from `before` by `fall`."""
    share = fall / min(1.0, before) if before > 0 else 0.0
    if fall >= LARGE_FALL and share >= LARGE_SHARE:
        return Severity.critical
    return Severity.major if fall >= LARGE_FALL or share >= LARGE_SHARE else Severity.minor
