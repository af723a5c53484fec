"""Confirms a chain of remedies on fresh draws, and shares the excess loss out among its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lowloss.results import Effect, Severity
from worker.diagnosis.chain.explain import Chain, Step, TriedRemedy
from worker.diagnosis.chain.gains import mean_loss, minimum_gain, paired_runs
from worker.diagnosis.thresholds import CONFIRMED, LARGE_FALL, LARGE_SHARE
from worker.diagnosis.training.variants import Variant


@dataclass(frozen=True)
class Attribution:
    """A chain's steps that were confirmed on fresh draws, and the excess that they share.

    `excess` is a relative loss; `draws` are all, fresh ones included.
    """

    chain: Chain
    steps: tuple[Step, ...]
    dropped: tuple[TriedRemedy, ...]
    excess: float
    draws: tuple[int, ...]

    @property
    def end(self) -> Variant:
        """The recipe with the remedies that fresh draws confirmed."""
        return self.steps[-1].remedy.after if self.steps else self.chain.start

    def share(self, fall: float) -> float:
        """Return a fall of the relative loss as a share of the excess; 0 without an excess."""
        return fall / self.excess if self.excess > 0 else 0.0

    def effect_of(self, tried: TriedRemedy) -> Effect:
        """Return what a remedy does, in the metric's units and as a share of the excess."""
        trainer = self.chain.trainer
        pairs = paired_runs(trainer, tried.before, tried.after, self.draws)
        low, high = tried.gain.interval
        return Effect(
            metric=trainer.metric,
            before=mean_loss([before for before, _ in pairs]),
            after=mean_loss([after for _, after in pairs]),
            share=self.share(tried.gain.mean),
            low=self.share(low),
            high=self.share(high),
            runs=len(pairs),
        )


def confirm(chain: Chain, *, fresh: Sequence[int], best: float) -> Attribution:
    """Train the chain on fresh draws, and keep the steps that gain there, too.

    A step that gains nothing at its position may be half of a pair. It is kept where the whole
    chain loses much without it, and measured by that loss.
    """
    steps = list(chain.steps)
    draws = tuple(draw.number for draw in chain.trainer.data.draws)
    _train_steps(chain, steps, fresh)
    weak = [step for step in steps if not _is_confirmed(chain, step.remedy, fresh)]
    measured_last = {
        step.remedy.cause: _measure_without(chain, step, draws, fresh) for step in weak
    }
    dropped = [step.remedy for step in weak if measured_last[step.remedy.cause] is None]
    if dropped:
        causes = {remedy.cause for remedy in dropped}
        steps = _rebuild(chain, [s for s in steps if s.remedy.cause not in causes], draws)
    else:
        steps = [
            replace(step, remedy=measured_last.get(step.remedy.cause) or step.remedy)
            for step in steps
        ]
    steps = [_measure_step(chain, step, draws) for step in steps]
    attribution = Attribution(chain, tuple(steps), tuple(dropped), 0.0, draws)
    reached = min(best, chain.loss_of(attribution.end))
    return replace(attribution, excess=max(0.0, chain.loss_of(chain.start) - reached))


def _train_steps(chain: Chain, steps: Sequence[Step], draws: Sequence[int]) -> None:
    chain.train([chain.start, *(step.remedy.after for step in steps)], draws)


def _is_confirmed(chain: Chain, tried: TriedRemedy, fresh: Sequence[int]) -> bool:
    """Return whether a remedy gains on fresh draws.

    It counts as confirmed where there was no time to train it there.
    """
    measured = chain.gain(tried.before, tried.after, fresh)
    if not measured.falls or tried.candidate.is_certain:
        return True
    is_suspect = tried.candidate.suspect is not None
    min_gain = minimum_gain(chain.loss_of(tried.before), is_suspect=is_suspect)
    return measured.mean >= CONFIRMED * min_gain


def _measure_without(
    chain: Chain, step: Step, draws: Sequence[int], fresh: Sequence[int]
) -> TriedRemedy | None:
    """Return what a step gains on top of all others; None where that is not enough, either."""
    current = chain.start
    for other in chain.steps:
        if other is not step:
            current = other.remedy.candidate.apply(current)
    chain.train([current], draws)
    tried = replace(step.remedy, before=current, after=chain.end)
    return tried if _is_confirmed(chain, tried, fresh) else None


def _rebuild(chain: Chain, steps: Sequence[Step], draws: Sequence[int]) -> list[Step]:
    """Return the chain of these steps alone, trained on all draws."""
    current, rebuilt = chain.start, []
    for step in steps:
        after = step.remedy.candidate.apply(current)
        rebuilt.append(replace(step, remedy=replace(step.remedy, before=current, after=after)))
        current = after
    _train_steps(chain, rebuilt, draws)
    return rebuilt


def _measure_step(chain: Chain, step: Step, draws: Sequence[int]) -> Step:
    gain = chain.gain(step.remedy.before, step.remedy.after, draws)
    return replace(step, remedy=replace(step.remedy, gain=gain))


def rate_severity(before: float, fall: float) -> Severity:
    """Return how grave a cause is whose remedy lowers the relative loss from `before` by `fall`."""
    share = fall / min(1.0, before) if before > 0 else 0.0
    if fall >= LARGE_FALL and share >= LARGE_SHARE:
        return Severity.critical
    return Severity.major if fall >= LARGE_FALL or share >= LARGE_SHARE else Severity.minor
