"""Why a recipe's loss is high on a table: the whole diagnosis, read top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from lowloss.results import (
    Cause,
    Curve,
    Diagnosis,
    Experiment,
    Finding,
    NoiseFloor,
    Severity,
)
from lowloss.spec import DiagnosisSpec, Recipe
from service.tables.check import Checked
from service.tables.table import Table
from worker.diagnosis.attribution import Attribution, confirm
from worker.diagnosis.checks.curves import check_curves
from worker.diagnosis.checks.data import check_data
from worker.diagnosis.checks.recipe import check_recipe, count_weights
from worker.diagnosis.data import Data, read_data
from worker.diagnosis.explain import Explanation, explain
from worker.diagnosis.extras import (
    imbalance_finding,
    irrelevant_features,
    leak_finding,
    noise_finding,
    noisy_labels,
    too_little_data,
)
from worker.diagnosis.findings import METRICS, difference, findings
from worker.diagnosis.gains import mean_badness, mean_loss
from worker.diagnosis.judging import badness
from worker.diagnosis.peers import BOOSTING, Peer, constant, fit_peers, noise_floor
from worker.diagnosis.probe import probe_network
from worker.diagnosis.remedies import candidates, reference
from worker.diagnosis.suspects import Suspect
from worker.diagnosis.training import Clock, Trainer
from worker.diagnosis.variants import Variant
from worker.engine.buckets import CELL_SECONDS, SLOT_SECONDS, WEIGHT_SECONDS
from worker.engine.program import Programs

EXPLORING, CONFIRMING = 3, 3
"""Draws that the chain is built on, and fresh ones that it must hold on."""
RUN_SHARE = 1 / 60
"""Of the time given, what one training of the recipe may take: else rows are left out."""
FEWEST_ROWS = 2_000
NEARLY_ALL = 0.05


def diagnose(
    table: Table,
    spec: DiagnosisSpec,
    checked: Checked,
    *,
    programs: Programs,
    known: Mapping[str, Recipe] | None = None,
    alive: Callable[[], bool] = lambda: True,
    on_phase: Callable[[str], None] = lambda _: None,
    clock: Clock = time.monotonic,
) -> Diagnosis:
    """Reproduce the recipe, try remedies beside it, and tell which causes its loss has.

    `known` are recipes, by what they are called, that it is held against besides the usual ones.
    `alive` is called now and then: once it answers False, what was found so far is told; what it
    raises ends the diagnosis.
    """
    started = clock()
    recipe, seconds = spec.recipe, spec.budget.max_seconds
    on_phase("check")
    data = _read(table, checked, spec)
    trainer = Trainer(data, recipe, programs, started + 0.9 * seconds, clock, alive)
    peers = fit_peers(data, data.draws[:EXPLORING], seed=spec.seed, alive=alive)
    boosting = next(peer for peer in peers if peer.name == BOOSTING)
    noise = noisy_labels(trainer, boosting)
    suspects = _merged([*check_data(data, recipe, checked.excluded), *check_recipe(data, recipe)])
    if (irrelevant := irrelevant_features(trainer, recipe.exclude)) is not None:
        suspects[Cause.irrelevant_features] = irrelevant

    on_phase("reproduce")
    start = Variant(recipe)
    exploring = list(range(EXPLORING))
    references = {Variant(each): "a sound network" for each in reference(data, recipe)}
    references |= {Variant(each): name for name, each in (known or {}).items()}
    trainer.train([start, *references], exploring)
    suspects = _merged([*suspects.values(), *_look(trainer, start)])

    on_phase("experiment")
    found = explain(
        trainer,
        start,
        candidates(data, recipe, suspects),
        references=list(references),
        draws=exploring,
    )
    on_phase("confirm")
    fresh = list(range(EXPLORING, EXPLORING + CONFIRMING))
    best_badness = _best_badness(trainer, references, peers)
    attribution = confirm(trainer, found, fresh=fresh, best=best_badness)
    return _told(
        trainer, found, attribution, suspects, noise, peers, references, started=started, spec=spec
    )


def _read(table: Table, checked: Checked, spec: DiagnosisSpec) -> Data:
    """The table, cut to what a recipe's training can go through in a part of the time."""
    recipe, draws = spec.recipe, EXPLORING + CONFIRMING

    def read(most: int) -> Data:
        return read_data(table, checked, recipe, draws=draws, most_rows=most, seed=spec.seed)

    data = read(table.frame.height)
    weights = count_weights(data, recipe)
    step = SLOT_SECONDS + weights * (WEIGHT_SECONDS + recipe.batch_size * CELL_SECONDS)
    steps = RUN_SHARE * spec.budget.max_seconds / step / max(1, recipe.epochs)
    most = max(FEWEST_ROWS, int(steps * recipe.batch_size))
    return data if most >= len(data.y) else read(most)


def _look(trainer: Trainer, start: Variant) -> Iterable[Suspect]:
    """What the recipe's own runs, and its network, make suspect."""
    runs = trainer.found(start)
    weights = next((run.weights for run in runs if run.weights), ())
    probe = probe_network(trainer, start, weights)
    return check_curves(start.recipe, runs, probe)


def _merged(suspects: Iterable[Suspect]) -> dict[Cause, Suspect]:
    """One suspect for each cause: the strongest one's words, and all evidence."""
    merged: dict[Cause, Suspect] = {}
    for suspect in suspects:
        known = merged.get(suspect.cause)
        if known is None:
            merged[suspect.cause] = suspect
            continue
        first, second = sorted([known, suspect], key=lambda each: -each.strength)
        new = [each for each in second.evidence if each not in first.evidence]
        # Two checks that agree are more than either.
        strength = first.strength + 0.2
        merged[suspect.cause] = replace(first, evidence=(*first.evidence, *new), strength=strength)
    return dict(sorted(merged.items(), key=lambda pair: list(Cause).index(pair[0])))


def _best_badness(trainer: Trainer, references: Mapping[Variant, str], peers: list[Peer]) -> float:
    """The least that anything else than the recipe's own kin came to."""
    known = [mean_badness(runs) for each in references if (runs := trainer.found(each))]
    known += [badness(peer.loss / constant(trainer.data)) for peer in peers]
    return min(known)


def _told(
    trainer: Trainer,
    found: Explanation,
    attribution: Attribution,
    suspects: dict[Cause, Suspect],
    noise: Suspect | None,
    peers: list[Peer],
    references: Mapping[Variant, str],
    *,
    started: float,
    spec: DiagnosisSpec,
) -> Diagnosis:
    """All of it as a Diagnosis."""
    data = trainer.data
    end = attribution.steps[-1].taken.after if attribution.steps else found.start
    exploring = list(range(EXPLORING))
    told = findings(trainer, attribution, suspects, found.alone)
    told = _with_extras(trainer, told, suspects, found, end, exploring)
    best, best_by = _best(trainer, references, peers, found.start, end)
    floor = noise_floor(data, best)
    if noise is not None:
        lost = floor.conflicting or floor.estimate or best
        told.append(noise_finding(noise, lost, best, trainer.metric))
    told.sort(key=lambda each: each.severity is Severity.harmless)
    loss = mean_loss(trainer.found(found.start))
    remedied_loss = mean_loss(trainer.found(end))
    draw = data.draws[0]
    return Diagnosis(
        verdict=_verdict(told, loss, remedied_loss, best, best_by, floor, trainer.metric),
        metric=trainer.metric,
        loss=loss,
        remedied_loss=remedied_loss,
        best=best,
        best_by=best_by,
        constant=constant(data),
        baselines={peer.name: peer.loss for peer in peers},
        noise_floor=floor,
        findings=tuple(told),
        recipe=spec.recipe,
        remedied=end.recipe,
        recipe_curve=_curve(trainer, found.start),
        remedied_curve=_curve(trainer, end),
        experiments=tuple(_experiments(trainer, found, attribution, references)),
        rows={
            "train": len(draw.train),
            "validation": len(draw.validation),
            "judge": len(draw.judge),
        },
        runs=len(trainer.judged),
        seconds=round(trainer.clock() - started, 2),
        skipped=tuple(_skipped(trainer, found)),
    )


def _with_extras(
    trainer: Trainer,
    told: list[Finding],
    suspects: dict[Cause, Suspect],
    found: Explanation,
    end: Variant,
    draws: list[int],
) -> list[Finding]:
    """Findings with those that a mean loss does not measure, in the place of the harmless ones."""
    instead: list[Finding] = []
    imbalance = suspects.get(Cause.class_imbalance)
    if imbalance is not None and Cause.class_imbalance not in found.causes:
        finding = imbalance_finding(trainer, imbalance, end, draws)
        instead += [finding] if finding else []
    leak = suspects.get(Cause.leaked_column)
    if leak is not None and Cause.leaked_column not in found.causes:
        instead.append(leak_finding(trainer, leak, found.alone.get(Cause.leaked_column)))
    scarce = too_little_data(trainer, end, draws)
    instead += [scarce] if scarce else []
    causes = {finding.cause for finding in instead}
    return [each for each in told if each.cause not in causes] + instead


def _best(
    trainer: Trainer,
    references: Mapping[Variant, str],
    peers: list[Peer],
    start: Variant,
    end: Variant,
) -> tuple[float, str]:
    named = [(peer.loss, peer.name) for peer in peers]
    variants = [(start, "the recipe"), (end, "the remedied recipe")]
    variants += list(references.items())
    for variant, name in variants:
        loss = mean_loss(trainer.found(variant))
        if loss is not None:
            named.append((loss, name))
    return min(named)


def _curve(trainer: Trainer, variant: Variant) -> Curve:
    """The losses of the first draw, in the units that the recipe trains in."""
    runs = trainer.found(variant)
    epochs = runs[0].trained.epochs if runs and runs[0].trained else ()

    def values(losses: Iterable[float]) -> tuple[float | None, ...]:
        return tuple(loss if math.isfinite(loss) else None for loss in losses)

    return Curve(
        loss=values(epoch.loss for epoch in epochs),
        val_loss=values(epoch.val_loss for epoch in epochs),
        penalised_loss=values(epoch.penalised_loss for epoch in epochs),
    )


def _experiments(
    trainer: Trainer,
    found: Explanation,
    attribution: Attribution,
    references: Mapping[Variant, str],
) -> Iterable[Experiment]:
    """The recipe as it is, each remedy alone, the chain, and the sound networks beside them."""
    start = found.start

    def experiment(name: str, causes: tuple[Cause, ...], variant: Variant) -> Experiment:
        losses = tuple(run.loss for run in trainer.found(variant))
        change = difference(start.recipe, variant.recipe)
        return Experiment(name=name, causes=causes, change=change, losses=losses)

    yield experiment("The recipe as it is", (), start)
    for cause, tried in found.alone.items():
        yield experiment(tried.candidate.text, (cause,), tried.after)
    causes: tuple[Cause, ...] = ()
    for step in attribution.steps:
        causes = (*causes, step.taken.cause)
        if len(causes) > 1:
            yield experiment("; ".join(str(each) for each in causes), causes, step.taken.after)
    for each, name in references.items():
        yield experiment(name[0].upper() + name[1:], (), each)


def _skipped(trainer: Trainer, found: Explanation) -> Iterable[str]:
    data = trainer.data
    if data.whole_rows > len(data.y):
        yield f"{data.whole_rows - len(data.y):,} of {data.whole_rows:,} rows, for want of time"
    for text in found.skipped:
        yield f"{text}, for want of time"
    if trainer.seconds_left <= 0:
        yield "further combinations of remedies, for want of time"


def _verdict(
    told: list[Finding],
    loss: float | None,
    remedied_loss: float | None,
    best: float,
    best_by: str,
    floor: NoiseFloor,
    metric: str,
) -> str:
    """One or two plain sentences."""
    name = METRICS.get(metric, metric)
    harmful = [each for each in told if each.severity is not Severity.harmless]
    stands = "does not come to a finite loss" if loss is None else f"has a {name} of {loss:.3g}"
    if not harmful:
        return (
            f"Nothing wrong found: the recipe {stands}, and the best that was reached is {best:.3g} "
            f"(by {best_by})."
        )
    first = harmful[0].sentence
    if remedied_loss is None or len(harmful) == 1:
        return f"The recipe {stands}. {first}"
    return (
        f"The recipe {stands}; with all remedies {remedied_loss:.3g} (the best that was reached is "
        f"{best:.3g}, by {best_by}). {first}"
    )
