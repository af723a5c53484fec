"""Why a recipe's loss is high on a table: the whole diagnosis, read top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from lowloss.results import Cause, Diagnosis
from lowloss.spec import DiagnosisSpec, Recipe
from service.tables.check import Checked
from service.tables.table import Table
from worker.diagnosis.attribution import confirm
from worker.diagnosis.checks.curves import check_curves
from worker.diagnosis.checks.data import check_data
from worker.diagnosis.checks.labels import irrelevant_features, noisy_labels
from worker.diagnosis.checks.recipe import check_recipe
from worker.diagnosis.data import Data, read_data
from worker.diagnosis.explain import explain
from worker.diagnosis.gains import mean_badness
from worker.diagnosis.judging import badness
from worker.diagnosis.peers import BOOSTING, constant, fit_peers
from worker.diagnosis.probe import probe_network
from worker.diagnosis.remedies import candidates, sound_recipe
from worker.diagnosis.suspects import Suspect
from worker.diagnosis.telling import Measured, tell
from worker.diagnosis.training import Clock, Trainer
from worker.diagnosis.variants import Variant, count_weights
from worker.engine.buckets import CELL_SECONDS, SLOT_SECONDS, WEIGHT_SECONDS
from worker.engine.program import Programs

EXPLORING, CONFIRMING = 3, 3
"""Draws that the chain is built on, and fresh ones that it must hold on."""
TRAINING_SHARE = 0.9
"""Of the time given, when trainings end: the rest is for telling."""
RUN_SHARE = 1 / 60
"""Of the time given, what one training of the recipe may take: else rows are left out."""
FEWEST_ROWS = 2_000
SOUND = "a sound network"


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
    started, recipe = clock(), spec.recipe
    on_phase("check")
    data = _read(table, checked, spec)
    deadline = started + TRAINING_SHARE * spec.budget.max_seconds
    trainer = Trainer(data, recipe, programs, deadline, clock, alive)
    exploring, fresh = range(EXPLORING), range(EXPLORING, EXPLORING + CONFIRMING)
    peers = fit_peers(data, data.draws[:EXPLORING], seed=spec.seed, alive=alive)
    boosting = next(peer for peer in peers if peer.name == BOOSTING)
    suspects = [*check_data(data, recipe, checked.excluded), *check_recipe(data, recipe)]
    suspects += irrelevant_features(data, recipe)

    on_phase("reproduce")
    start = Variant(recipe)
    references = {Variant(sound_recipe(data, recipe)): SOUND}
    references |= {Variant(each): name for name, each in (known or {}).items()}
    trainer.train([start, *references], exploring)
    named = merged([*suspects, *_look(trainer, start)])

    on_phase("experiment")
    least = [mean_badness(runs) for each in references if (runs := trainer.found(each))]
    least += [badness(peer.loss / constant(data)) for peer in peers]
    ended = [run.trained.reason for run in trainer.found(start) if run.trained]
    is_stopped_early = set(ended) == {"early_stopping"}
    tried = candidates(data, recipe, named, is_stopped_early=is_stopped_early)
    found = explain(trainer, start, tried, references=list(references), draws=exploring)

    on_phase("confirm")
    attribution = confirm(trainer, found, fresh=fresh, best=min(least))
    measured = Measured(trainer, found, attribution, named, peers, references, exploring)
    noise = noisy_labels(data, boosting, best=measured.best[0])
    return tell(measured, noise, seconds=lambda: clock() - started)


def _read(table: Table, checked: Checked, spec: DiagnosisSpec) -> Data:
    """The table, cut to what a recipe's training can go through in a part of the time."""
    recipe, draws = spec.recipe, EXPLORING + CONFIRMING

    def read(most: int) -> Data:
        return read_data(table, checked, recipe, draws=draws, most_rows=most, seed=spec.seed)

    data = read(table.frame.height)
    weights = count_weights(data.width, recipe)
    step = SLOT_SECONDS + weights * (WEIGHT_SECONDS + recipe.batch_size * CELL_SECONDS)
    steps = RUN_SHARE * spec.budget.max_seconds / step / max(1, recipe.epochs)
    most = max(FEWEST_ROWS, int(steps * recipe.batch_size))
    return data if most >= len(data.y) else read(most)


def _look(trainer: Trainer, start: Variant) -> Iterable[Suspect]:
    """What the recipe's own runs, and its network, make suspect."""
    runs = trainer.found(start)
    weights = next((run.weights for run in runs if run.weights), ())
    return check_curves(start.recipe, runs, probe_network(trainer, start, weights))


def merged(suspects: Iterable[Suspect]) -> dict[Cause, Suspect]:
    """One suspect for each cause, upstream first: the strongest one's words, and all evidence."""
    found: dict[Cause, Suspect] = {}
    for suspect in suspects:
        known = found.get(suspect.cause)
        if known is None:
            found[suspect.cause] = suspect
            continue
        first, second = sorted([known, suspect], key=lambda each: -each.strength)
        new = [each for each in second.evidence if each not in first.evidence]
        # Two checks that agree are more than either.
        strength = first.strength + 0.2
        found[suspect.cause] = replace(first, evidence=(*first.evidence, *new), strength=strength)
    return {cause: found[cause] for cause in Cause if cause in found}
