"""Why a recipe's loss is high on a table: the whole diagnosis, read top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from lowloss.results import Cause, Diagnosis
from lowloss.spec import DiagnosisSpec, Recipe
from lowloss.tables.table import Table
from service.tables.check import CheckedJob
from worker.diagnosis.chain.attribution import confirm
from worker.diagnosis.chain.explain import explain
from worker.diagnosis.chain.gains import mean_relative_loss
from worker.diagnosis.chain.remedies import build_sound_recipe, list_candidates
from worker.diagnosis.checks.curves import check_curves
from worker.diagnosis.checks.data import check_data
from worker.diagnosis.checks.labels import find_irrelevant_features, find_noisy_labels
from worker.diagnosis.checks.recipe import check_recipe
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.findings.assemble import MeasuredEffects, build_diagnosis
from worker.diagnosis.training.data import DiagnosisData, read_data
from worker.diagnosis.training.judging import relative_loss
from worker.diagnosis.training.peers import BOOSTING, Peer, fit_peers, mean_constant_loss
from worker.diagnosis.training.probe import probe_network
from worker.diagnosis.training.trainer import Clock, Trainer
from worker.diagnosis.training.variants import Variant, recipe_step_seconds
from worker.engine.cohort.program import Programs
from worker.execution.beside import run_beside

EXPLORING, CONFIRMING = 3, 3
"""Draws that the chain is built on, and fresh ones that it must hold on."""
TRAINING_SHARE = 0.9
"""Of the time given, when trainings end: the rest is for telling."""
RUN_SHARE = 1 / 60
"""Of the time given, what one training of the recipe may take: else rows are left out."""
MIN_ROWS = 2_000
SOUND = "a sound network"


def diagnose(
    table: Table,
    spec: DiagnosisSpec,
    checked: CheckedJob,
    *,
    programs: Programs,
    sound_recipes: Mapping[str, Recipe] | None = None,
    should_continue: Callable[[], bool] = lambda: True,
    on_phase: Callable[[str], None] = lambda _: None,
    clock: Clock = time.monotonic,
) -> Diagnosis:
    """Reproduce the recipe, try remedies beside it, and tell which causes its loss has.

    `sound_recipes` are named recipes that it is compared with besides the usual ones.
    `should_continue` is called now and then: once it returns False, the diagnosis is of what was
    measured so far; what it raises ends the diagnosis.
    """
    started, recipe = clock(), spec.recipe
    on_phase("check")
    data = run_beside(partial(_read_sample, table, checked, spec), should_continue)
    deadline = started + TRAINING_SHARE * spec.budget.max_seconds
    trainer = Trainer(data, recipe, programs, deadline, clock, should_continue)
    exploring, fresh = range(EXPLORING), range(EXPLORING, EXPLORING + CONFIRMING)
    peers = fit_peers(data, data.draws[:EXPLORING], seed=spec.seed, should_continue=should_continue)
    boosting = next(peer for peer in peers if peer.name == BOOSTING)
    suspects = run_beside(partial(_check_before_training, data, recipe, checked), should_continue)

    on_phase("reproduce")
    start = Variant(recipe)
    references = _name_references(data, recipe, sound_recipes or {})
    trainer.train([start, *references], exploring)
    suspects_by_cause = merge_suspects([*suspects, *_check_runs(trainer, start)])

    on_phase("experiment")
    reachable = _reachable_losses(trainer, references, peers)
    is_stopped = _is_stopped_early(trainer, start)
    tried = list_candidates(data, recipe, suspects_by_cause, is_stopped_early=is_stopped)
    chain = explain(trainer, start, tried, references=list(references), draws=exploring)

    on_phase("confirm")
    attribution = confirm(chain, fresh=fresh, best=min(reachable))
    measured = MeasuredEffects(attribution, suspects_by_cause, peers, references)
    noise = find_noisy_labels(data, boosting, best=measured.best[0])
    return build_diagnosis(measured, noise, seconds=lambda: clock() - started)


def _read_sample(table: Table, checked: CheckedJob, spec: DiagnosisSpec) -> DiagnosisData:
    """Read the table, cut to what the recipe can train on in its part of the time."""
    recipe, draws = spec.recipe, EXPLORING + CONFIRMING

    def read(max_rows: int) -> DiagnosisData:
        return read_data(table, checked, recipe, draws=draws, max_rows=max_rows, seed=spec.seed)

    data = read(table.frame.height)
    step_s = recipe_step_seconds(data.width, recipe)
    steps = RUN_SHARE * spec.budget.max_seconds / step_s / max(1, recipe.epochs)
    max_rows = max(MIN_ROWS, int(steps * recipe.batch_size))
    return data if max_rows >= len(data.y) else read(max_rows)


def _check_before_training(
    data: DiagnosisData, recipe: Recipe, checked: CheckedJob
) -> list[Suspect]:
    """Return what the data and the recipe alone make suspect."""
    suspects = [*check_data(data, recipe, checked.excluded), *check_recipe(data, recipe)]
    return suspects + find_irrelevant_features(data, recipe)


def _name_references(
    data: DiagnosisData, recipe: Recipe, sound_recipes: Mapping[str, Recipe]
) -> dict[Variant, str]:
    """Return the sound recipes that the diagnosed one is compared with, each with its name."""
    references = {Variant(build_sound_recipe(data, recipe)): SOUND}
    return references | {Variant(sound): name for name, sound in sound_recipes.items()}


def _is_stopped_early(trainer: Trainer, variant: Variant) -> bool:
    """Return whether early stopping ended every training of a variant."""
    reasons = {run.trained.reason for run in trainer.runs_of(variant) if run.trained}
    return reasons == {"early_stopping"}


def _reachable_losses(
    trainer: Trainer, references: Iterable[Variant], peers: Iterable[Peer]
) -> list[float]:
    """Return the relative losses of sound recipes that were trained, and of peers."""
    runs = [trainer.runs_of(variant) for variant in references]
    constant = mean_constant_loss(trainer.data)
    of_peers = [relative_loss(peer.loss / constant) for peer in peers]
    return [mean_relative_loss(trained) for trained in runs if trained] + of_peers


def _check_runs(trainer: Trainer, start: Variant) -> Iterable[Suspect]:
    """Yield what the recipe's own runs, and its network, make suspect."""
    runs = trainer.runs_of(start)
    weights = next((run.weights for run in runs if run.weights), ())
    return check_curves(start.recipe, runs, probe_network(trainer, start, weights))


def merge_suspects(suspects: Iterable[Suspect]) -> dict[Cause, Suspect]:
    """Merge to one suspect a cause, upstream first: the strongest one's words, all evidence."""
    suspects_by_cause: dict[Cause, Suspect] = {}
    for suspect in suspects:
        earlier = suspects_by_cause.get(suspect.cause)
        if earlier is None:
            suspects_by_cause[suspect.cause] = suspect
            continue
        first, second = sorted([earlier, suspect], key=lambda suspect: -suspect.strength)
        new = [suspect for suspect in second.evidence if suspect not in first.evidence]
        # Two checks that agree are more than either.
        strength = first.strength + 0.2
        suspects_by_cause[suspect.cause] = replace(
            first, evidence=(*first.evidence, *new), strength=strength
        )
    return {cause: suspects_by_cause[cause] for cause in Cause if cause in suspects_by_cause}
