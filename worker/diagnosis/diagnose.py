"""Why a recipe's loss is high on a table: the whole diagnosis, read top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from lowloss.results import Cause, Diagnosis
from lowloss.spec import DiagnosisSpec, Recipe
from lowloss.tables.table import Table
from service.tables.check import CheckedJob
from worker.diagnosis.chain.attribution import confirm
from worker.diagnosis.chain.explain import explain
from worker.diagnosis.chain.gains import mean_relative_loss
from worker.diagnosis.chain.remedies import list_candidates
from worker.diagnosis.chain.sound import build_sound_recipe
from worker.diagnosis.checks.codes import check_codes
from worker.diagnosis.checks.curves import check_curves
from worker.diagnosis.checks.data import check_data
from worker.diagnosis.checks.labels import (
    find_irrelevant_features,
    find_leaked_columns,
    find_noisy_labels,
)
from worker.diagnosis.checks.linear import rule_out_causes
from worker.diagnosis.checks.order import check_order
from worker.diagnosis.checks.recipe import check_recipe
from worker.diagnosis.checks.suspects import Suspect, merge_suspects
from worker.diagnosis.findings.assemble import build_diagnosis
from worker.diagnosis.findings.measured import MeasuredEffects
from worker.diagnosis.training.data import DiagnosisData, read_data
from worker.diagnosis.training.peers import Peer, fit_peers
from worker.diagnosis.training.probe import probe_network
from worker.diagnosis.training.trainer import ROOMY, Clock, Trainer
from worker.diagnosis.training.variants import Variant, recipe_step_seconds
from worker.execution.beside import run_beside
from worker.execution.executor import Executor

EXPLORING, CONFIRMING = 3, 3
"""Draws that the chain is built on, and fresh ones that it must hold on."""
EXPLORING_OF_KERAS, CONFIRMING_OF_KERAS = 2, 2
"""The same of a recipe that stock Keras trains: that takes far longer."""
SOUND_SHARE, MIN_SOUND_EPOCHS = 0.2, 20
"""Of the time given, what the sound network may take, and the epochs that it has at least."""
RUN_SHARE = 1 / 60
"""Of the time given, what one training of the recipe may take: else rows are left out."""
MIN_ROWS = 2_000
MAX_VIEW_BYTES = 2**32
"""What the columns of all rows may take, as all draws and treatments have them."""
SOUND = "a sound network"


def diagnose(
    table: Table,
    spec: DiagnosisSpec,
    checked: CheckedJob,
    *,
    executor: Executor,
    sound_recipes: Mapping[str, Recipe] | None = None,
    should_continue: Callable[[], bool] = lambda: True,
    on_phase: Callable[[str], None] = lambda _: None,
    on_training: Callable[[int], None] = lambda _: None,
    clock: Clock = time.monotonic,
) -> Diagnosis:
    """Reproduce the recipe, try remedies beside it, and tell which causes its loss has.

    `sound_recipes` are named recipes that it is compared with besides the usual ones.
    `should_continue` is called now and then: once it returns False, the diagnosis is of what was
    measured so far; what it raises ends the diagnosis. `on_training` gets the number of trainings
    so far after each.
    """
    started, recipe = clock(), spec.recipe
    on_phase("check")
    data = run_beside(partial(_read_sample, table, checked, spec), should_continue)
    exploring, fresh = _part_draws(recipe)
    suspects = run_beside(partial(_check_before_training, data, recipe, checked), should_continue)

    on_phase("reproduce")
    trainer = Trainer(data, recipe, executor, spec.budget, clock, should_continue, on_training)
    start = Variant(recipe)
    trainer.train_vital([start], exploring[:1])
    ruled_out = run_beside(partial(rule_out_causes, data, recipe), should_continue)
    suspects = [*suspects, *_check_runs(trainer, start)]
    suspects_by_cause = merge_suspects(s for s in suspects if s.cause not in ruled_out)
    sound = build_sound_recipe(data, recipe, codes=suspects_by_cause.get(Cause.codes_as_numbers))
    references = _name_references(trainer, start, sound, sound_recipes or {})

    on_phase("experiment")
    is_stopped = _is_stopped_early(trainer, start)
    tried = list_candidates(data, recipe, suspects_by_cause, is_stopped_early=is_stopped)
    tried = [one for one in tried if ruled_out.isdisjoint(one.causes)]
    chain = explain(trainer, start, tried, references=list(references), draws=exploring)

    on_phase("confirm")
    peers = _fit_peers(data, spec.seed, should_continue)
    attribution = confirm(chain, fresh=fresh, best=_best_loss(trainer, references, peers))
    measured = MeasuredEffects(attribution, suspects_by_cause, peers, references)
    noise = find_noisy_labels(data, peers, best=measured.best.relative_loss)
    return build_diagnosis(measured, noise, seconds=lambda: clock() - started)


def _read_sample(table: Table, checked: CheckedJob, spec: DiagnosisSpec) -> DiagnosisData:
    """Read the table, cut to what there is time and memory for.

    That is what the recipe can train on in its part of the time, with a column for each code where
    that will be tried; and all draws in some treatments have to lie in memory at once.
    """
    recipe, draws = spec.recipe, sum(map(len, _part_draws(spec.recipe)))

    def read(max_rows: int) -> DiagnosisData:
        return read_data(table, checked, recipe, draws=draws, max_rows=max_rows, seed=spec.seed)

    data = read(table.frame.height)
    codes = [name for suspect in check_codes(data, recipe) for name in suspect.columns]
    if codes:
        recipe = recipe.with_changes({"categorical": [*recipe.categorical, *codes]})
    inputs = data.inputs(recipe, with_dropped=True)
    steps = RUN_SHARE * spec.budget.max_seconds / recipe_step_seconds(inputs, recipe)
    by_time = int(steps / max(1, recipe.epochs) * recipe.batch_size)
    by_memory = MAX_VIEW_BYTES // (4 * inputs * draws * ROOMY)
    max_rows = max(MIN_ROWS, min(by_time, by_memory))
    return data if max_rows >= len(data.y) else read(max_rows)


def _part_draws(recipe: Recipe) -> tuple[range, range]:
    """Return the draws that the chain is built on, and the fresh ones."""
    exploring, confirming = EXPLORING, CONFIRMING
    if recipe.needs_keras:
        exploring, confirming = EXPLORING_OF_KERAS, CONFIRMING_OF_KERAS
    return range(exploring), range(exploring, exploring + confirming)


class _EndedError(Exception):
    """Nobody waits for the diagnosis any more."""


def _fit_peers(data: DiagnosisData, seed: int, should_continue: Callable[[], bool]) -> list[Peer]:
    """Return the peers of a diagnosis; none where somebody ends it before they are fitted."""

    def check() -> None:
        if not should_continue():
            raise _EndedError

    try:
        return fit_peers(data, data.draws[:EXPLORING], seed=seed, should_continue=check)
    except _EndedError:
        return []


def _check_before_training(
    data: DiagnosisData, recipe: Recipe, checked: CheckedJob
) -> list[Suspect]:
    """Return what the data and the recipe alone make suspect."""
    suspects = [*check_data(data, recipe, checked.excluded), *check_recipe(data, recipe)]
    suspects += [*check_codes(data, recipe), *check_order(data, recipe)]
    suspects += find_leaked_columns(data, recipe)
    return suspects + find_irrelevant_features(data, recipe)


def _name_references(
    trainer: Trainer, start: Variant, sound: Recipe, sound_recipes: Mapping[str, Recipe]
) -> dict[Variant, str]:
    """Return the sound recipes that the diagnosed one is compared with, each with its name.

    The usual one costs no more than the recipe, or than its share of the time where that is longer.
    """
    allowed = trainer.estimate_run(start)
    if trainer.budget is not None:
        allowed = max(allowed, SOUND_SHARE * trainer.budget.max_seconds / EXPLORING)
    epochs = sound.epochs * min(1.0, allowed / trainer.estimate_run(Variant(sound)))
    epochs = max(MIN_SOUND_EPOCHS, round(epochs))
    references = {Variant(sound.with_changes({"epochs": epochs})): SOUND}
    return references | {Variant(recipe): name for name, recipe in sound_recipes.items()}


def _is_stopped_early(trainer: Trainer, variant: Variant) -> bool:
    """Return whether early stopping ended every training of a variant."""
    reasons = {run.trained.reason for run in trainer.runs_of(variant) if run.trained}
    return reasons == {"early_stopping"}


def _best_loss(trainer: Trainer, references: Iterable[Variant], peers: Iterable[Peer]) -> float:
    """Return the least relative loss: of a constant answer, peers and trained sound recipes."""
    runs = [trainer.runs_of(variant) for variant in references]
    losses = [mean_relative_loss(trained) for trained in runs if trained]
    return min([1.0, *losses, *(peer.relative_loss for peer in peers)])


def _check_runs(trainer: Trainer, start: Variant) -> Iterable[Suspect]:
    """Yield what the recipe's own runs, and its network after the worst one, make suspect."""
    runs = trainer.runs_of(start)
    trained = [run for run in runs if run.weights]
    worst = max(trained, key=lambda run: run.relative_loss, default=None)
    return check_curves(start.recipe, runs, probe_network(trainer, start, worst))
