"""What no change of a recipe removes: noise, too few rows, rare classes that a mean loss hides."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lowloss.recipes.keras_code import change_code
from lowloss.results import Cause, Effect, Finding, Remedy, Severity
from lowloss.spec import Task
from worker.diagnosis.attribution import Attribution
from worker.diagnosis.explain import Tried
from worker.diagnosis.findings import difference
from worker.diagnosis.gains import Gain, mean_badness
from worker.diagnosis.judging import badness
from worker.diagnosis.peers import Peer, constant, groups_of_equals, importances, surest_errors
from worker.diagnosis.remedies import Candidate
from worker.diagnosis.suspects import Suspect, evidence, listed
from worker.diagnosis.training import Trainer
from worker.diagnosis.variants import Variant

SURE_ERRORS = 0.12
UNEXPLAINED = 0.8
CONFLICT_SHARE = 0.05
IRRELEVANT_SHARE, LEAST_IRRELEVANT = 0.5, 10
ROWS_PER_COLUMN = 20
SCARCE_ROWS, SCARCE_FALL, LEAST_FALL = 200, 0.25, 0.04
BALANCED_GAIN, BALANCED_SHARE = 0.05, 0.15
SHOWN_ROWS = 50


def noisy_labels(trainer: Trainer, boosting: Peer) -> Suspect | None:
    """Labels that contradict each other, or even what a model is surest of.

    Where classes merely overlap, a model is right about the rows that it is surest of; where labels
    were flipped by chance, it is not.
    """
    data = trainer.data
    rows, share = _conflicts(trainer)
    if share > CONFLICT_SHARE:
        return Suspect(
            Cause.noisy_labels,
            f"{share:.0%} of the rows have the features of another row and a different target",
            (evidence("share of rows that contradict another", share, CONFLICT_SHARE),),
            strength=0.5 + math.log10(share / CONFLICT_SHARE),
            rows=rows,
        )
    if data.task is Task.regression:
        relative = boosting.loss / constant(data)
        if relative <= UNEXPLAINED:
            return None
        return Suspect(
            Cause.noisy_labels,
            f"Gradient boosting leaves {min(1.0, relative):.0%} of the target's variance: what the "
            "columns do not tell is noise to any model",
            (evidence("share of variance that boosting leaves", relative, UNEXPLAINED),),
            strength=0.3,
        )
    draw = data.draws[0]
    errors = surest_errors(data, draw, boosting.answer_MC)
    if errors <= SURE_ERRORS:
        return None
    return Suspect(
        Cause.noisy_labels,
        f"{errors:.0%} of the labels differ even where gradient boosting is surest: labels are "
        "wrong by chance, or the columns do not tell the classes apart",
        (evidence("wrong labels among the surest quarter", errors, SURE_ERRORS),),
        strength=0.5 + math.log10(errors / SURE_ERRORS),
        rows=_unlikely(trainer, boosting),
    )


def _conflicts(trainer: Trainer) -> tuple[tuple[int, ...], float]:
    """Rows whose equals have another target, and their share of all rows."""
    data = trainer.data
    group_N = groups_of_equals(data)
    sizes = np.bincount(group_N)
    if sizes.max() < 2:
        return (), 0.0
    means = np.bincount(group_N, data.y) / sizes
    scale = float(data.y.std()) or 1.0
    differs = np.abs(data.y - means[group_N]) > (
        0.1 * scale if data.task is Task.regression else 1e-9
    )
    rows = np.flatnonzero(differs)
    shown = tuple(int(row) for row in data.row_numbers[rows[:SHOWN_ROWS]])
    return shown, len(rows) / len(data.y)


def _unlikely(trainer: Trainer, boosting: Peer) -> tuple[int, ...]:
    """The judging rows whose label boosting finds least likely."""
    data = trainer.data
    judge = data.draws[0].judge
    given = boosting.answer_MC[np.arange(len(judge)), data.y[judge].astype(np.int64)]
    worst = np.argsort(given)[: min(SHOWN_ROWS, int((given < 0.2).sum()))]
    return tuple(int(row) for row in data.row_numbers[judge[worst]])


def irrelevant_features(trainer: Trainer, exclude: Sequence[str]) -> Suspect | None:
    """Columns that help boosting no more than columns of noise do, where they are many."""
    data = trainer.data
    draw = data.draws[0]
    is_wide = len(draw.known) < ROWS_PER_COLUMN * data.width
    if data.width < LEAST_IRRELEVANT or not is_wide or data.width > 500:
        return None
    rises, probe = importances(data, draw, seed=draw.seed)
    sources = data.sources(draw)
    most: dict[str, float] = {}
    for source, rise in zip(sources, rises, strict=True):
        name = source.removeprefix("missing:")
        most[name] = max(most.get(name, -math.inf), float(rise))
    useless = tuple(n for n, rise in most.items() if n and n not in exclude and rise <= probe)
    share = len(useless) / max(1, len(most))
    if len(useless) < LEAST_IRRELEVANT or share < IRRELEVANT_SHARE or len(useless) == len(most):
        return None
    return Suspect(
        Cause.irrelevant_features,
        f"{len(useless)} of {len(most)} columns ({listed(useless, 3)}) tell gradient boosting no "
        f"more than columns of noise do, on {len(draw.known)} rows",
        (evidence("share of columns no better than noise", share, IRRELEVANT_SHARE),),
        strength=0.5,
        columns=useless,
    )


def noise_finding(suspect: Suspect, floor: float, reached: float, metric: str) -> Finding:
    """Noise, told by how much of the loss that is left it is."""
    share = min(1.0, floor / reached) if reached > 0 else 0.0
    told = "the best of all models that were tried still loses"
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.major,
        sentence=f"{suspect.sentence}; {told} {reached:.3g} ({metric.replace('_', ' ')}).",
        evidence=(*suspect.evidence, evidence("share of the best loss that is noise", share)),
        rows=suspect.rows,
    )


def too_little_data(trainer: Trainer, end: Variant, draws: Sequence[int]) -> Finding | None:
    """Whether the loss still falls from half of the rows to all, where rows are few."""
    data = trainer.data
    rows = len(data.draws[0].known)
    half = Variant(end.recipe, 0.5, end.without)
    trainer.train([half, end], draws)
    runs = [(trainer.judged.get((half, d)), trainer.judged.get((end, d))) for d in draws]
    both = [(one, two) for one, two in runs if one is not None and two is not None]
    if not both or rows > SCARCE_ROWS or data.whole_rows > len(data.y):
        return None
    fall = Gain(tuple(one.badness - two.badness for one, two in both))
    whole = mean_badness([two for _, two in both])
    is_scarce = rows < SCARCE_ROWS / 2 or rows < 5 * data.width
    if not is_scarce or fall.mean < max(LEAST_FALL, SCARCE_FALL * min(1.0, whole)):
        return None
    # A power law: the next doubling takes off the same share of what is left.
    factor = max(0.3, whole / (whole + fall.mean))
    return Finding(
        cause=Cause.too_little_data,
        stage=Cause.too_little_data.stage,
        severity=Severity.major,
        sentence=(
            f"{rows} rows train the network. From half of them to all of them the loss falls by "
            f"{fall.mean / (whole + fall.mean):.0%}; twice as many may take off another "
            f"{1 - factor:.0%}."
        ),
        evidence=(
            evidence("training rows", rows, SCARCE_ROWS / 2),
            evidence("loss on half of the rows over that on all", 1 + fall.mean / whole),
        ),
    )


def imbalance_finding(
    trainer: Trainer, suspect: Suspect, end: Variant, draws: Sequence[int]
) -> Finding | None:
    """Whether weighing classes alike finds the rare ones, which a mean loss hardly counts."""
    candidate = Candidate(
        suspect.cause, "Weigh every class the same", "fields", {"class_weight": "balanced"}, suspect
    )
    after = candidate.apply(end)
    trainer.train([end, after], draws)
    pairs = [(trainer.judged.get((end, d)), trainer.judged.get((after, d))) for d in draws]
    errors = [
        (one.balanced_error, two.balanced_error)
        for one, two in pairs
        if one is not None and two is not None
    ]
    known = [(one, two) for one, two in errors if one is not None and two is not None]
    if not known:
        return None
    falls = Gain(tuple(one - two for one, two in known))
    before = math.fsum(one for one, _ in known) / len(known)
    after_error = math.fsum(two for _, two in known) / len(known)
    if falls.mean < max(BALANCED_GAIN, BALANCED_SHARE * before) or not falls.is_sure:
        return None
    low, high = falls.interval
    effect = Effect(
        metric="balanced_error",
        before=before,
        after=after_error,
        share=falls.mean / before,
        low=low / before,
        high=high / before,
        runs=len(known),
    )
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.major,
        sentence=(
            f"{suspect.sentence}. {candidate.text}: the error where each class counts the same goes "
            f"from {before:.1%} to {after_error:.1%}."
        ),
        evidence=suspect.evidence,
        remedy=Remedy(
            text=candidate.text,
            change=difference(end.recipe, after.recipe),
            code=change_code(end.recipe, after.recipe, task=trainer.data.task),
        ),
        effect=effect,
        columns=suspect.columns,
    )


def leak_finding(trainer: Trainer, suspect: Suspect, tried: Tried | None) -> Finding:
    """A leak makes a loss too low, not too high: what is left without the column is the truth."""
    told = ""
    if tried is not None:
        honest = mean_badness(trainer.found(tried.after))
        told = f" Without it the loss is {honest:.0%} of a constant answer's"
        told += f", with it {mean_badness(trainer.found(tried.before)):.0%}."
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.major,
        sentence=f"{suspect.sentence}.{told}",
        evidence=suspect.evidence,
        remedy=None
        if tried is None
        else Remedy(
            text=tried.candidate.text,
            change=difference(tried.before.recipe, tried.after.recipe),
            code=change_code(tried.before.recipe, tried.after.recipe, task=trainer.data.task),
        ),
        columns=suspect.columns,
    )


def floor_badness(data_constant: float, loss: float) -> float:
    """A peer's loss as badness."""
    return badness(loss / data_constant)


def unused(attribution: Attribution) -> bool:
    """Whether nothing was found to remedy."""
    return not attribution.steps
