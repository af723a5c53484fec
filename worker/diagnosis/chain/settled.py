"""What was measured of a suspect that is no step of the chain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lowloss.results import Cause, EvidenceState, Severity
from worker.diagnosis.chain.attribution import Attribution, state_of
from worker.diagnosis.chain.chain import Chain, TriedRemedy
from worker.diagnosis.chain.gains import minimum_gain
from worker.diagnosis.chain.remedies import Candidate
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.thresholds import MIN_SEEDS
from worker.diagnosis.training.variants import Variant


@dataclass(frozen=True)
class SettledSuspect:
    """A suspect, and what is known of its remedy.

    `candidate` is the remedy that was tried, or that would be; None where no change of the recipe
    is one. `is_contained`: the chain's remedies do all that it would. `seconds_needed` is what its
    trainings would take to be tried, or confirmed.
    """

    suspect: Suspect
    state: EvidenceState
    severity: Severity = Severity.none
    candidate: Candidate | None = None
    tried: TriedRemedy | None = None
    is_contained: bool = False
    seconds_needed: float | None = None

    def remedied(self, end: Variant) -> Variant | None:
        """Return what its remedy makes of a chain's end; None where none may still help."""
        if self.candidate is None or self.state is EvidenceState.no_gain:
            return None
        return self.candidate.apply(end) if self.tried is None else self.tried.after


def group_by_remedy(
    settled: Sequence[SettledSuspect], end: Variant
) -> list[tuple[SettledSuspect, ...]]:
    """Group suspects that one and the same change remedies, of which the same is known."""
    groups: dict[object, list[SettledSuspect]] = {}
    for one in settled:
        remedied = one.remedied(end)
        is_shared = remedied is not None
        key = (remedied, one.state, one.severity) if is_shared else one.suspect.cause
        groups.setdefault(key, []).append(one)
    return [tuple(group) for group in groups.values()]


def settle_suspect(attribution: Attribution, suspect: Suspect) -> SettledSuspect:
    """Return what was measured of a suspect that is no step of the chain."""
    chain = attribution.chain
    candidates = [one for one in chain.candidates if one.cause is suspect.cause]
    if not candidates:
        # A constant column is none of the network's inputs.
        is_left_out = suspect.cause is Cause.constant_column
        state = EvidenceState.no_gain if is_left_out else EvidenceState.not_tried
        return SettledSuspect(suspect, state, is_contained=is_left_out)
    tried = chain.best_remedy(suspect.cause)
    if all(one.apply(chain.end) == chain.end for one in candidates):
        return SettledSuspect(
            suspect, EvidenceState.no_gain, candidate=candidates[0], is_contained=True
        )
    if tried is None:
        seconds = seconds_needed(
            chain, [one.apply(chain.end) for one in candidates], attribution.draws
        )
        return SettledSuspect(
            suspect, EvidenceState.not_tried, candidate=candidates[0], seconds_needed=seconds
        )
    return _settle_tried(attribution, suspect, tried)


def _settle_tried(attribution: Attribution, suspect: Suspect, tried: TriedRemedy) -> SettledSuspect:
    chain = attribution.chain
    loss = chain.loss_of(tried.before)
    is_sure = tried.gain.is_sure or len(tried.gain.falls) < MIN_SEEDS
    if not is_sure or tried.gain.mean < minimum_gain(loss, is_suspect=True):
        return SettledSuspect(
            suspect, EvidenceState.no_gain, candidate=tried.candidate, tried=tried
        )
    state = state_of(chain, tried, [draw for draw in attribution.draws if draw not in chain.draws])
    # What it gains on top of the chain is known only where it was trained there.
    is_harmful = tried.before == chain.end and state is not EvidenceState.no_gain
    return SettledSuspect(
        suspect,
        state,
        attribution.rate_severity(tried) if is_harmful else Severity.none,
        candidate=tried.candidate,
        tried=tried,
        seconds_needed=seconds_needed(
            chain, [chain.end, tried.candidate.apply(chain.end)], attribution.draws
        )
        if state is EvidenceState.unconfirmed
        else None,
    )


def seconds_needed(chain: Chain, variants: Sequence[Variant], draws: Sequence[int]) -> float:
    """Return about how many seconds it takes to train what is not trained yet: 1 or more."""
    return float(max(1, math.ceil(chain.trainer.estimate_seconds(variants, draws))))
