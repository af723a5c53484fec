"""Confirms a chain of remedies on fresh draws, and shares the excess loss out among its steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lowloss.results import Effect, EvidenceState, Severity
from worker.diagnosis.chain.chain import Chain, Step, TriedRemedy
from worker.diagnosis.chain.choice import is_far_better
from worker.diagnosis.chain.explain import MAX_STEPS
from worker.diagnosis.chain.gains import (
    fails_to_beat_constant,
    mean_loss,
    mean_relative_loss,
    minimum_gain,
    paired_runs,
)
from worker.diagnosis.chain.remedies import Candidate
from worker.diagnosis.thresholds import (
    CONFIRMED,
    CRITICAL_SHARE,
    LARGE_FALL,
    LARGE_SHARE,
    MAJOR_SHARE,
    MIN_SEEDS,
)
from worker.diagnosis.training.judging import JudgedVariant, multiple_of_constant
from worker.diagnosis.training.variants import Variant


@dataclass(frozen=True)
class Attribution:
    """A chain's steps that hold on fresh draws or were not tried there, and what they share.

    `excess` is a relative loss: the recipe's above the least that was reached. `draws` are all,
    fresh ones included.
    """

    chain: Chain
    steps: tuple[Step, ...]
    dropped: tuple[TriedRemedy, ...]
    excess: float
    draws: tuple[int, ...]

    @property
    def end(self) -> Variant:
        """The recipe with the remedies of the steps."""
        return self.chain.end

    @property
    def alternatives(self) -> list[TriedRemedy]:
        """The alternatives to the steps' remedies that were trained on as many draws as the end."""
        return self._measured_alike(other for step in self.steps for other in step.alternatives)

    @property
    def others(self) -> list[TriedRemedy]:
        """The alternatives, and other remedies of the recipe, or on top of the chain, alike."""
        return [*self.alternatives, *self._measured_alike(_list_rivals(self.chain))]

    def _measured_alike(self, others: Iterable[TriedRemedy]) -> list[TriedRemedy]:
        """Return the remedies that were trained on as many draws as the end."""
        runs_of = self.chain.trainer.runs_of
        count = len(runs_of(self.end))
        return [other for other in others if len(runs_of(other.after)) >= count]

    def share(self, fall: float, excess: float | None = None) -> float:
        """Return a fall of the relative loss as a share of the excess, from 0 to 1."""
        whole = self.excess if excess is None else excess
        return min(1.0, max(0.0, fall / whole)) if whole > 0 else 0.0

    def effect_of(self, tried: TriedRemedy) -> Effect:
        """Return what a remedy does, in the metric's units and as a share of the excess."""
        trainer = self.chain.trainer
        pairs = paired_runs(trainer, tried.before, tried.after, self.draws)
        gain = self.chain.gain(tried.before, tried.after, self.draws)
        relative = mean_relative_loss([before for before, _ in pairs])
        low, high = gain.interval
        after = self._loss(relative - gain.mean, [after for _, after in pairs])
        excess = self._excess_beside(tried)
        return Effect(
            metric=trainer.metric,
            before=self._loss(relative, [before for before, _ in pairs]),
            after=after,
            unbeaten_constant=trainer.constant
            if fails_to_beat_constant(after, trainer.constant)
            else None,
            share=self.share(gain.mean, excess),
            low=self.share(low, excess),
            high=self.share(high, excess),
            runs=len(pairs),
        )

    def rate_severity(self, tried: TriedRemedy) -> Severity:
        """Return how grave a cause is: by its share of the excess, where the excess is large.

        Without what is certain nothing can be learned: there the share decides alone.
        """
        gain = self.chain.gain(tried.before, tried.after, self.draws)
        share = self.share(gain.mean, self._excess_beside(tried))
        start = self.chain.loss_of(self.chain.start)
        is_certain, is_large = tried.candidate.is_certain, self.excess >= LARGE_FALL
        is_much = start > 0 and self.excess / min(1.0, start) >= LARGE_SHARE
        if share >= CRITICAL_SHARE and (is_certain or (is_large and is_much)):
            return Severity.critical
        is_major = share >= MAJOR_SHARE and (is_certain or is_large or is_much)
        return Severity.major if is_major else Severity.minor

    def _excess_beside(self, tried: TriedRemedy) -> float:
        """Return the excess on a remedy's draws, which may be fewer than the recipe's."""
        start = self.chain.start
        if tried.before != start:
            return self.excess
        pairs = paired_runs(self.chain.trainer, start, tried.after, self.draws)
        relative = mean_relative_loss([before for before, _ in pairs])
        return self.excess + relative - self.chain.loss_of(start)

    def loss_beside(self, variant: Variant, other: Variant) -> float | None:
        """Return a variant's mean loss on the draws that another was trained on, too.

        None where a run diverged, or there is none.
        """
        pairs = paired_runs(self.chain.trainer, variant, other, self.draws)
        return mean_loss([run for run, _ in pairs], self.chain.trainer.constant)

    def _loss(self, relative: float, runs: Sequence[JudgedVariant]) -> float | None:
        """Return the loss that a mean relative loss stands for; None where a run diverged."""
        if any(run.loss is None for run in runs):
            return None
        return self.chain.trainer.constant * multiple_of_constant(relative)


def confirm(chain: Chain, *, fresh: Sequence[int], best: float) -> Attribution:
    """Train the chain on fresh draws, and leave out the steps that gain nothing there.

    So are those that nothing is lost without: they treat symptoms of what later steps remedy.
    `best` is the least relative loss that other models reached.
    """
    draws = tuple(draw.number for draw in chain.trainer.data.draws)
    _leave_out_symptoms(chain)
    _train_steps(chain, chain.steps, fresh)
    judged = [_judge_step(chain, step, draws, fresh) for step in chain.steps]
    dropped = [step.remedy for step in judged if _is_dropped(step)]
    steps = [step for step in judged if not _is_dropped(step)]
    if dropped:
        chain.steps = _rebuild(chain, steps, draws)
        steps = [_judge_step(chain, step, draws, fresh) for step in chain.steps]
    chain.steps = [_measure_step(chain, step, draws) for step in steps]
    _settle_others(chain, draws, fresh)
    _measure_alternatives(chain, draws)
    _measure_best_of_all(chain, draws)
    attribution = Attribution(chain, tuple(chain.steps), tuple(dropped), 0.0, draws)
    others = [chain.loss_of(other.after) for other in attribution.others]
    reached = min(best, chain.loss_of(attribution.end), *others)
    return replace(attribution, excess=max(0.0, chain.loss_of(chain.start) - reached))


def _settle_others(chain: Chain, draws: Sequence[int], fresh: Sequence[int]) -> None:
    """Train on all draws what may gain on top of the chain, and append what holds there."""
    while len(chain.steps) < MAX_STEPS:
        end = chain.end
        promising = [one for one in _list_promising(chain) if one.apply(end) != end]
        chain.train([end, *(candidate.apply(end) for candidate in promising)], draws)
        tried = [chain.measure(candidate, end, candidate.apply(end)) for candidate in promising]
        holding = [one for one in tried if state_of(chain, one, fresh) is EvidenceState.confirmed]
        best = max(holding, key=lambda remedy: remedy.gain.mean, default=None)
        if best is None or not best.gain.is_sure:
            return
        step = Step(best, state=EvidenceState.confirmed)
        chain.steps.append(_measure_step(chain, step, draws))


def _measure_alternatives(chain: Chain, draws: Sequence[int]) -> None:
    """Train alternatives in the place of their remedies, on all draws: so both are compared alike.

    Those that gain nothing there are none, nor are those that the remedy is far better than.
    """
    instead = {
        (step.remedy, other.candidate): other.candidate.apply(step.remedy.before)
        for step in chain.steps
        for other in step.alternatives
    }
    chain.train(instead.values(), draws)

    def measure(step: Step, other: TriedRemedy) -> TriedRemedy:
        before, after = step.remedy.before, instead[step.remedy, other.candidate]
        gain = chain.gain(before, after, draws)
        return replace(other, before=before, after=after, gain=gain)

    def list_gaining(step: Step) -> list[TriedRemedy]:
        measured = [measure(step, other) for other in step.alternatives]
        return [
            one
            for one in measured
            if _is_gaining(chain, one) and not is_far_better(chain, step.remedy, one, draws)
        ]

    chain.steps = [
        replace(
            step,
            alternatives=tuple(sorted(list_gaining(step), key=lambda one: -one.gain.mean)),
        )
        for step in chain.steps
    ]


def _list_rivals(chain: Chain) -> list[TriedRemedy]:
    """Return the remedies that were tried on the recipe as it is, or on top of the chain."""
    return [one for one in chain.attempts.values() if one.before in (chain.start, chain.end)]


def _measure_best_of_all(chain: Chain, draws: Sequence[int]) -> None:
    """Train on all draws what is better than the chain's end on each draw that it was tried on.

    So that the best that is told of was measured as the remedied recipe was.
    """
    end = chain.end
    gains = {tried.after: chain.gain(end, tried.after) for tried in _list_rivals(chain)}
    better = [variant for variant, gain in gains.items() if variant != end and gain.is_sure]
    if better:
        chain.train([max(better, key=lambda variant: gains[variant].mean)], draws)


def _is_gaining(chain: Chain, tried: TriedRemedy) -> bool:
    min_gain = CONFIRMED * minimum_gain(chain.loss_of(tried.before), is_suspect=True)
    return bool(tried.gain.falls) and tried.gain.mean >= min_gain


def _list_promising(chain: Chain) -> list[Candidate]:
    """Return suspects' remedies that gain where they were tried last, or were not tried."""
    promising = {}
    for candidate in chain.candidates:
        is_single = candidate.suspect is not None and candidate.partner is None
        if not is_single or candidate.cause in chain.causes or candidate.cause in promising:
            continue
        tried = chain.best_remedy(candidate.cause)
        min_gain = minimum_gain(chain.loss_of(tried.before), is_suspect=True) if tried else 0.0
        if tried is None or (tried.gain.is_sure and tried.gain.mean >= min_gain):
            promising[candidate.cause] = candidate if tried is None else tried.candidate
    return list(promising.values())


def _leave_out_symptoms(chain: Chain) -> None:
    """Drop steps without which the chain ends as well, the least useful first."""
    while len(chain.steps) >= 2:
        end = chain.end
        without = {
            step.remedy.cause: _without(chain, step)
            for step in chain.steps
            if not step.remedy.candidate.is_certain
        }
        chain.train(without.values())
        gains = {cause: chain.gain(variant, end) for cause, variant in without.items()}
        min_gain = CONFIRMED * minimum_gain(chain.loss_of(end), is_suspect=True)
        useless = [cause for cause, gain in gains.items() if gain.falls and gain.mean < min_gain]
        if not useless:
            return
        dropped = min(useless, key=lambda cause: gains[cause].mean)
        remaining = [step for step in chain.steps if step.remedy.cause is not dropped]
        (symptom,) = [step for step in chain.steps if step.remedy.cause is dropped]
        chain.measure(symptom.remedy.candidate, without[dropped], end)
        chain.steps = _rebuild(chain, remaining, chain.draws)


def _without(chain: Chain, step: Step) -> Variant:
    """Return the recipe with the remedies of all steps but one."""
    variant = chain.start
    for other in chain.steps:
        if other is not step:
            variant = other.remedy.candidate.apply(variant)
    return variant


def _train_steps(chain: Chain, steps: Sequence[Step], draws: Sequence[int]) -> None:
    chain.train([chain.start, *(step.remedy.after for step in steps)], draws)


def _is_dropped(step: Step) -> bool:
    """Return whether fresh draws show no gain; what is certain stays."""
    return step.state is EvidenceState.no_gain and not step.remedy.candidate.is_certain


def _judge_step(chain: Chain, step: Step, draws: Sequence[int], fresh: Sequence[int]) -> Step:
    """Return a step with what was measured of it.

    What is certain, and gains nothing where it stands in the chain, may be needed for the others to
    gain: then it is measured by what the whole chain loses without it.
    """
    state = state_of(chain, step.remedy, fresh)
    if state is not EvidenceState.no_gain or not step.remedy.candidate.is_certain:
        return replace(step, state=state)
    without = _without(chain, step)
    if without == step.remedy.before:
        return replace(step, state=state)
    chain.train([without, chain.end], draws)
    on_top = replace(
        step.remedy, before=without, after=chain.end, gain=chain.gain(without, chain.end)
    )
    state_on_top = state_of(chain, on_top, fresh)
    if state_on_top in {EvidenceState.no_gain, EvidenceState.not_tried}:
        return replace(step, state=state)
    return replace(step, remedy=on_top, state=state_on_top)


def state_of(chain: Chain, tried: TriedRemedy, fresh: Sequence[int]) -> EvidenceState:
    """Return what is measured of a remedy, on the chain's draws and on fresh ones."""
    gain = chain.gain(tried.before, tried.after)
    on_fresh = chain.gain(tried.before, tried.after, fresh)
    if not (gain.falls or on_fresh.falls):
        return EvidenceState.not_tried
    is_suspect = tried.candidate.suspect is not None
    min_gain = minimum_gain(chain.loss_of(tried.before), is_suspect=is_suspect)
    if gain.falls and gain.mean < CONFIRMED * min_gain:
        return EvidenceState.no_gain
    if not on_fresh.falls:
        return EvidenceState.unconfirmed
    if on_fresh.mean < CONFIRMED * min_gain:
        return EvidenceState.no_gain
    has_seeds = len(gain.falls) + len(on_fresh.falls) >= MIN_SEEDS
    return EvidenceState.confirmed if has_seeds else EvidenceState.unconfirmed


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
