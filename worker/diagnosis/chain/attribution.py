"""Confirms a chain of remedies on fresh draws, and shares the excess loss out among its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lowloss.results import Effect, Severity
from worker.diagnosis.chain.explain import Explanation, Step, TriedRemedy
from worker.diagnosis.chain.gains import Gain, gain, mean_loss, mean_relative_loss, needed
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

CONFIRMED = 0.5
"""The share of the gain that matters which fresh draws must show."""
MUCH, MOST = 0.1, 0.4


@dataclass(frozen=True)
class Attribution:
    """Steps that hold on fresh draws, and the relative_loss that is to be shared out among them."""

    steps: tuple[Step, ...]
    dropped: tuple[TriedRemedy, ...]
    excess: float
    draws: tuple[int, ...]

    def share(self, fall: float) -> float:
        """A fall of relative_loss as a share of the excess; 0 where there is none."""
        return fall / self.excess if self.excess > 0 else 0.0


def confirm(
    trainer: Trainer, found: Explanation, *, fresh: Sequence[int], best: float
) -> Attribution:
    """Train the chain on fresh draws, and keep the steps that gain there, too.

    A step that gains nothing where it stands may be half of a pair: it is kept, and measured by
    what the whole chain loses without it, where that is much.
    """
    steps, dropped = list(found.steps), list[TriedRemedy]()
    _train_chain(trainer, found.start, steps, fresh)
    weak = [step for step in steps if not _holds(trainer, step.taken, fresh)]
    needed_by_others = {step.taken.cause: _without(trainer, found, step, fresh) for step in weak}
    dropped = [step.taken for step in weak if needed_by_others[step.taken.cause] is None]
    if dropped:
        causes = {each.cause for each in dropped}
        steps = _rebuilt(trainer, found, [s for s in steps if s.taken.cause not in causes])
    else:
        steps = [
            replace(step, taken=needed_by_others.get(step.taken.cause) or step.taken)
            for step in steps
        ]
    draws = [draw.number for draw in trainer.data.draws]
    steps = [_measured(trainer, step, draws) for step in steps]
    start = mean_relative_loss(trainer.runs_of(found.start))
    end = steps[-1].taken.after if steps else found.start
    reached = min(best, mean_relative_loss(trainer.runs_of(end)))
    return Attribution(tuple(steps), tuple(dropped), max(0.0, start - reached), tuple(draws))


def _train_chain(
    trainer: Trainer, start: Variant, steps: Sequence[Step], draws: Sequence[int]
) -> None:
    trainer.train([start, *(step.taken.after for step in steps)], draws)


def _holds(trainer: Trainer, tried: TriedRemedy, fresh: Sequence[int]) -> bool:
    """Whether a remedy gains on fresh draws; what there was no time to confirm holds."""
    measured = gain(trainer, tried.before, tried.after, fresh)
    if not measured.falls or tried.candidate.is_certain:
        return True
    before = mean_relative_loss(trainer.runs_of(tried.before))
    is_suspect = tried.candidate.suspect is not None
    return measured.mean >= CONFIRMED * needed(before, is_suspect=is_suspect)


def _without(
    trainer: Trainer, found: Explanation, step: Step, fresh: Sequence[int]
) -> TriedRemedy | None:
    """What a step gains on top of all others; None where that is not enough, either."""
    current = found.start
    for other in found.steps:
        if other is not step:
            current = other.taken.candidate.apply(current)
    trainer.train([current], [draw.number for draw in trainer.data.draws])
    tried = replace(step.taken, before=current, after=found.end)
    return tried if _holds(trainer, tried, fresh) else None


def _rebuilt(trainer: Trainer, found: Explanation, steps: Sequence[Step]) -> list[Step]:
    """The chain of these steps alone."""
    current, rebuilt = found.start, []
    for step in steps:
        after = step.taken.candidate.apply(current)
        rebuilt.append(replace(step, taken=replace(step.taken, before=current, after=after)))
        current = after
    everything = [draw.number for draw in trainer.data.draws]
    _train_chain(trainer, found.start, rebuilt, everything)
    return rebuilt


def _measured(trainer: Trainer, step: Step, draws: Sequence[int]) -> Step:
    taken = step.taken
    measured = gain(trainer, taken.before, taken.after, draws)
    return replace(step, taken=replace(taken, gain=measured))


def effect_of(
    trainer: Trainer, before: Variant, after: Variant, measured: Gain, attribution: Attribution
) -> Effect:
    """What a remedy does, in the metric's units and as a share of the excess."""
    both = [
        draw
        for draw in attribution.draws
        if (before, draw) in trainer.judged and (after, draw) in trainer.judged
    ]
    low, high = measured.interval
    return Effect(
        metric=trainer.metric,
        before=mean_loss([trainer.judged[before, draw] for draw in both]),
        after=mean_loss([trainer.judged[after, draw] for draw in both]),
        share=attribution.share(measured.mean),
        low=attribution.share(low),
        high=attribution.share(high),
        runs=len(both),
    )


def severity_of(before: float, fall: float) -> Severity:
    """How grave a cause is whose remedy makes relative_loss fall from `before` by so much."""
    share = fall / min(1.0, before) if before > 0 else 0.0
    if fall >= MUCH and share >= MOST:
        return Severity.critical
    return Severity.major if fall >= MUCH or share >= MOST else Severity.minor
