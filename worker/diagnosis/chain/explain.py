"""Explains a recipe's excess loss: remedies one by one, upstream causes before those downstream.

A chain of remedies is built step by step. Of those that gain about as much, the one whose cause
lies upstream is taken, and the others are its alternatives if little is left for them to gain.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from lowloss.results import Cause
from worker.diagnosis.chain.chain import Chain, Step, TriedRemedy
from worker.diagnosis.chain.choice import choose_step, downstream_rank
from worker.diagnosis.chain.gains import minimum_gain
from worker.diagnosis.chain.remedies import Candidate, join
from worker.diagnosis.chain.walk import step_from_sound
from worker.diagnosis.thresholds import EXPLAINED_AWAY, LUCKY_DRAW
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

MAX_STEPS = 6
VITAL_SUSPECTS = 3
"""Of the strongest suspects' remedies one draw is trained in any case, within the longest time."""
MAX_PAIRED, MAX_RIVALS = 6, 3


def explain(
    trainer: Trainer,
    start: Variant,
    candidates: Sequence[Candidate],
    *,
    references: Sequence[Variant],
    draws: Sequence[int],
) -> Chain:
    """Build the chain of remedies on these draws, of what there is time to train."""
    chain = Chain(trainer, start, candidates, references, draws)
    usual = [candidate for candidate in candidates if not candidate.is_late]
    _screen_suspects(chain)
    _try_all(chain, usual)
    for candidate in _certain_remedies(candidates):
        after = candidate.apply(chain.end)
        if candidate.cause not in chain.causes and after != chain.end:
            chain.train([after])
            chain.steps.append(Step(chain.measure(candidate, chain.end, after)))
    while len(chain.steps) < MAX_STEPS:
        tried = _try_all(chain, usual)
        step = choose_step(chain, tried)
        if step is None and chain.is_beaten:
            tried += _try_all(chain, [candidate for candidate in candidates if candidate.is_late])
            step = choose_step(chain, tried)
        step = step or _best_pair(chain, tried) or step_from_sound(chain)
        if step is None:
            break
        chain.steps.append(_leave_out_parts(chain, step))
        _settle_alternatives(chain)
    return chain


def _screen_suspects(chain: Chain) -> None:
    """Train every suspect's remedies on one draw, strongest first, then the sound recipes.

    The recipe and the first remedies of the strongest suspects may take longer than all others.
    """
    first = chain.draws[:1]
    suspected = [one for one in chain.candidates if one.suspect is not None]
    mildest: dict[Cause, Candidate] = {}
    for candidate in suspected:
        mildest.setdefault(candidate.cause, candidate)
    strongest = list(mildest.values())[:VITAL_SUSPECTS]
    vital = [chain.start, *(candidate.apply(chain.start) for candidate in strongest)]
    chain.trainer.train_vital(vital, first)
    chain.train([candidate.apply(chain.start) for candidate in suspected], first)
    chain.train(chain.references)


def _certain_remedies(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return remedies without which nothing can be learned: the last of each cause.

    The last one is the strongest.
    """
    last = {candidate.cause: candidate for candidate in candidates if candidate.is_certain}
    return list(last.values())


def _train_screened(chain: Chain, tried: Sequence[tuple[Candidate, Variant]]) -> None:
    """Train remedies on one draw, and on the others those that gain there.

    Where another draw shows what the first one was spared, suspects' remedies are tried there, too.
    """
    before, judged = chain.end, chain.trainer.judged
    first = chain.draws[0]
    chain.train([before, *(after for _, after in tried)], [first])
    if (before, first) not in judged:
        return
    gaining = _list_gaining(chain, [after for _, after in tried], first)
    chain.train([before, *gaining], chain.draws[1:])
    trained = [draw for draw in chain.draws if (before, draw) in judged]
    worst = max(trained, key=lambda draw: judged[before, draw].relative_loss)
    if judged[before, worst].relative_loss - judged[before, first].relative_loss < LUCKY_DRAW:
        return
    others = [after for one, after in tried if one.suspect is not None and after not in gaining]
    chain.train(others, [worst])
    chain.train(_list_gaining(chain, others, worst), chain.draws[1:])


def _list_gaining(chain: Chain, variants: Sequence[Variant], draw: int) -> list[Variant]:
    """Return the variants that gain half of what matters on a draw, on top of the chain."""
    before = chain.end
    min_gain = minimum_gain(chain.trainer.judged[before, draw].relative_loss, is_suspect=True) / 2
    return [after for after in variants if chain.gain(before, after, [draw]).mean > min_gain]


def _try_all(chain: Chain, candidates: Sequence[Candidate]) -> list[TriedRemedy]:
    """Return the best remedy of each remaining cause, on top of the chain."""
    current = chain.end
    remaining = [
        (candidate, after)
        for candidate in candidates
        if not chain.causes & {*candidate.causes}
        and _is_promising(chain, candidate)
        and (after := candidate.apply(current)) != current
    ]
    _train_screened(chain, remaining)
    best: dict[tuple[Cause, ...], TriedRemedy] = {}
    for candidate, after in remaining:
        tried = chain.measure(candidate, current, after)
        causes = candidate.causes
        if causes not in best or tried.gain.mean > best[causes].gain.mean:
            best[causes] = tried
    return list(best.values())


def _is_promising(chain: Chain, candidate: Candidate) -> bool:
    """Return whether a remedy may gain on top of the chain.

    What gains nothing on a recipe that cannot learn may gain once it can.
    """
    if not chain.steps or chain.is_beaten:
        return True
    if candidate.partner is not None:
        return False
    isolated = chain.best_attempt((candidate.cause,), chain.start)
    gains_alone = isolated is not None and isolated.gain.mean > 0
    return candidate.suspect is not None and (gains_alone or chain.is_certain_only)


def _best_pair(chain: Chain, tried: list[TriedRemedy]) -> Step | None:
    """Find two suspects' remedies that gain together what neither gains alone."""
    current = chain.end
    min_gain = minimum_gain(chain.loss_of(current), is_suspect=False)
    if chain.gap < min_gain:
        return None
    suspects = [
        remedy
        for remedy in tried
        if remedy.candidate.suspect is not None and remedy.candidate.partner is None
    ]
    suspects = sorted(suspects, key=lambda remedy: -remedy.candidate.strength)[:MAX_PAIRED]
    pairs = [
        sorted(pair, key=lambda remedy: downstream_rank(remedy.cause))
        for pair in itertools.combinations(suspects, 2)
        if pair[0].after != pair[1].after
    ]
    together = [replace(one.candidate, partner=two.candidate) for one, two in pairs]
    chain.train([candidate.apply(current) for candidate in together])
    measured = [
        chain.measure(candidate, current, candidate.apply(current)) for candidate in together
    ]
    gaining = [pair for pair in measured if pair.gain.is_sure and pair.gain.mean > min_gain]
    best = max(gaining, key=lambda pair: pair.gain.mean, default=None)
    return None if best is None else Step(best)


def _leave_out_parts(chain: Chain, step: Step) -> Step:
    """Leave out of remedies at once those without which the others end as well."""
    remedy = step.remedy
    for part in remedy.candidate.parts:
        others = [other for other in remedy.candidate.parts if other.rule != part.rule]
        if not others:
            break
        candidate = join(*others)
        after = candidate.apply(remedy.before)
        chain.train([after])
        gain = chain.gain(after, remedy.after)
        min_gain = minimum_gain(chain.loss_of(after), is_suspect=True)
        if gain.falls and gain.mean < min_gain:
            remedy = chain.measure(candidate, remedy.before, after)
    return replace(step, remedy=remedy)


def _settle_alternatives(chain: Chain) -> None:
    """Split the last step's rivals: those that gain little now are its alternatives."""
    step = chain.steps[-1]
    after = step.remedy.after
    combined = [(rival, rival.candidate.apply(after)) for rival in step.rivals[:MAX_RIVALS]]
    chain.train([variant for _, variant in combined if variant != after], chain.draws[:2])
    alternatives = tuple(
        rival
        for rival, variant in combined
        if variant == after
        or _is_explained_away(chain.measure(rival.candidate, after, variant), rival)
    )
    chain.steps[-1] = replace(step, alternatives=alternatives)


def _is_explained_away(on_top: TriedRemedy, rival: TriedRemedy) -> bool:
    """Return whether a rival was trained on top of the step, and gains little there."""
    return bool(on_top.gain.falls) and on_top.gain.mean < EXPLAINED_AWAY * rival.gain.mean
