"""Holds what a diagnosis says against the record of what was trained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import fmean

import pytest

from lowloss.results import Cause, Diagnosis, Effect, EvidenceState, Finding, Severity
from lowloss.wording import MINUS, format_loss
from worker.diagnosis.chain.gains import mean_relative_loss, minimum_gain
from worker.diagnosis.diagnose import EXPLORING
from worker.diagnosis.thresholds import CRITICAL_SHARE, MAJOR_SHARE, MIN_GAIN, MIN_SEEDS
from worker.diagnosis.training.judging import multiple_of_constant, relative_loss
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

OF_THE_TABLE = frozenset(
    {
        Cause.noisy_labels,
        Cause.leaked_column,
        Cause.too_little_data,
        Cause.class_imbalance,
        Cause.outliers,
    }
)
"""Causes whose evidence is no chain of remedies."""
CHANGE = re.compile(r"goes from (\S+) to (\S+) over")
"""How a sentence tells a remedy's effect."""


def false_statements(diagnosis: Diagnosis, trainer: Trainer) -> list[str]:
    """Return what a diagnosis says that its trainings do not show; nothing, one hopes."""
    findings = [text for finding in diagnosis.findings for text in _of_finding(finding)]
    return [
        *_of_losses(diagnosis, trainer),
        *_of_targets(diagnosis, trainer),
        *_of_verdict(diagnosis, trainer),
        *findings,
    ]


def _of_targets(diagnosis: Diagnosis, trainer: Trainer) -> Iterator[str]:
    """Yield what is false of each of several targets: its losses, and whether it is learned."""
    told = re.search(r"The recipe hardly predicts (.+?) better than", diagnosis.verdict)
    for number, target in enumerate(diagnosis.targets):
        power = 2 if target.metric == "rmse" else 1
        for recipe, loss in (
            (diagnosis.recipe, target.recipe),
            (diagnosis.remedied_recipe, target.remedied),
        ):
            runs = trainer.runs_of(Variant(recipe))
            scores = [run.score for run in runs if run.score is not None]
            is_finite = bool(runs) and len(scores) == len(runs)
            mean = fmean(score.by_target[number].loss for score in scores) if is_finite else None
            if (loss is None) != (mean is None) or (loss and loss**power != pytest.approx(mean)):
                yield f"{target.name}: a loss of {loss} is told, and its {power}th power is {mean}"
        is_unlearned = target.recipe is not None and target.recipe**power >= (
            (1 - MIN_GAIN) * target.constant**power
        )
        is_named = told is not None and (repr(target.name) in told[1] or "any" in told[1])
        if is_unlearned != is_named:
            yield f"{target.name}: {target.recipe} beside {target.constant}: {diagnosis.verdict}"


def _of_losses(diagnosis: Diagnosis, trainer: Trainer) -> Iterator[str]:
    for name, recipe, loss, count in (
        ("recipe", diagnosis.recipe, diagnosis.loss, diagnosis.runs),
        ("remedied", diagnosis.remedied_recipe, diagnosis.remedied_loss, diagnosis.remedied_runs),
    ):
        runs = trainer.runs_of(Variant(recipe))
        if len(runs) != count:
            yield f"{name}: {count} runs are told, {len(runs)} were made"
        is_finite = bool(runs) and all(run.loss is not None for run in runs)
        expected = trainer.constant * multiple_of_constant(mean_relative_loss(runs))
        if (loss is not None) != is_finite or (is_finite and loss != pytest.approx(expected)):
            yield f"{name}: a loss of {loss} is told, {expected if is_finite else None} it is"
    for experiment in diagnosis.experiments:
        variant = Variant(diagnosis.recipe.with_changes(experiment.change))
        losses = [run.loss for run in trainer.runs_of(variant)]
        if list(experiment.losses) != losses or len(experiment.draws) != len(losses):
            yield f"experiment {experiment.name!r}: {experiment.losses}, and not {losses}"
        is_finite = bool(losses) and None not in losses
        mean = mean_relative_loss(trainer.runs_of(variant))
        mean_loss = pytest.approx(trainer.constant * multiple_of_constant(mean))
        if experiment.loss != (mean_loss if is_finite else None):
            yield f"experiment {experiment.name!r}: a mean of {experiment.loss}"
        is_alike = experiment.draws == diagnosis.experiments[0].draws
        if is_alike and experiment.recipe_loss != diagnosis.loss:
            yield f"experiment {experiment.name!r}: a recipe's loss of {experiment.recipe_loss}"


def _of_verdict(diagnosis: Diagnosis, trainer: Trainer) -> Iterator[str]:
    verdict, start = diagnosis.verdict, trainer.runs_of(Variant(diagnosis.recipe))
    is_untold = not trainer.is_ended and "no time to train the recipe" not in verdict
    if (not start and is_untold) or (start and "no time to train" in verdict):
        yield f"{len(start)} trainings of the recipe, and: {verdict}"
    if diagnosis.loss is not None and f" of {format_loss(diagnosis.loss)}" not in verdict:
        yield f"a loss of {format_loss(diagnosis.loss)}, and: {verdict}"
    is_diverged = any(run.loss is None and run.refusal is None for run in start)
    if "finite loss" in verdict.split(".")[0] and not is_diverged:
        yield f"nothing diverged: {verdict}"
    if "Nothing wrong found" in verdict:
        if any(finding.severity is not Severity.none for finding in diagnosis.findings):
            yield f"a finding does harm: {verdict}"
        unsettled = [
            finding.cause
            for finding in diagnosis.findings
            if finding.evidence_state in {EvidenceState.not_tried, EvidenceState.unconfirmed}
            and finding.seconds_needed is not None
        ]
        if unsettled:
            yield f"{unsettled} are not settled: {verdict}"
        loss = mean_relative_loss(start)
        gap = loss - relative_loss(diagnosis.best / trainer.constant)
        if gap >= 1.001 * minimum_gain(loss, is_suspect=True):
            yield f"{diagnosis.best_model} reaches {diagnosis.best}: {verdict}"


def _of_finding(finding: Finding) -> Iterator[str]:
    told = f"{finding.cause}, {finding.evidence_state}: {finding.sentence}"
    for problem in _of_state(finding):
        yield f"{problem}; {told}"
    yield from _of_severity(finding)
    effects = [one for one in (finding.effect, finding.isolated_effect) if one is not None]
    for effect in effects:
        yield from _of_effect(finding.cause, effect)
    losses = [(format_loss(effect.before), format_loss(effect.after)) for effect in effects]
    change = CHANGE.search(finding.sentence)
    if change and change.groups() not in losses:
        yield f"{losses} stands beside it; {told}"
    shares = re.findall(r"([\N{MINUS SIGN}\d.]+) % of the excess", finding.sentence)
    fails_to_beat_constant = (
        finding.effect is not None and finding.effect.unbeaten_constant is not None
    )
    if fails_to_beat_constant and shares:
        yield f"praise of what ends no better than a constant answer; {told}"
    if any(not 0 <= float(share.replace(MINUS, "-")) <= 100 for share in shares):
        yield f"a share beyond 0 to 100 %; {told}"


def _of_severity(finding: Finding) -> Iterator[str]:
    least = {Severity.critical: CRITICAL_SHARE, Severity.major: MAJOR_SHARE}.get(finding.severity)
    if finding.effect is not None and least is not None and finding.effect.share < least:
        yield f"{finding.cause}: {finding.severity}, and a share of {finding.effect.share}"


def _of_state(finding: Finding) -> Iterator[str]:
    sentence, effects = finding.sentence, (finding.effect, finding.isolated_effect)
    is_measured = any(effect is not None for effect in effects)
    match finding.evidence_state:
        case EvidenceState.not_tried:
            if is_measured or CHANGE.search(sentence) or "gains nothing" in sentence:
                yield "an effect of what was not tried"
            if finding.remedy is not None and finding.seconds_needed is None:
                yield "how long it takes to try it is not told"
        case EvidenceState.unconfirmed:
            runs = 0 if finding.effect is None else finding.effect.runs
            is_on_fresh = finding.cause not in OF_THE_TABLE and runs > EXPLORING
            if "not confirmed" not in sentence or is_on_fresh:
                yield f"not confirmed by {runs} runs, or not told so"
        case EvidenceState.confirmed if finding.cause not in OF_THE_TABLE:
            runs = 0 if finding.effect is None else finding.effect.runs
            if runs < MIN_SEEDS or "not confirmed" in sentence:
                yield f"confirmed by {runs} runs"
        case EvidenceState.no_gain:
            is_clear = "The remedies above" in sentence or "No network sees it" in sentence
            if not is_measured and not is_clear:
                yield "gains nothing, without a run"


def _of_effect(cause: Cause, effect: Effect) -> Iterator[str]:
    if not 0 <= effect.low <= effect.share + 1e-9 <= effect.high + 2e-9 <= 1 + 1e-8:
        yield f"{cause}: a share of {effect.share} within {effect.low} and {effect.high}"
    if effect.runs < 1:
        yield f"{cause}: an effect of {effect.runs} runs"
    if effect.before is not None and effect.after is not None:
        is_less = effect.after < effect.before * (1 - 1e-9)
        if effect.share > 0 and not is_less:
            yield f"{cause}: {effect.before} to {effect.after}, a share of {effect.share}"
