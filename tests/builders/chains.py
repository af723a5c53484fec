"""Chains of remedies whose losses are made up."""

from __future__ import annotations

from collections.abc import Callable

from lowloss.results import Cause
from lowloss.spec import Recipe
from tests.builders.trainers import RAW, MadeUp, as_trainer
from worker.diagnosis.chain.attribution import Attribution, confirm
from worker.diagnosis.chain.chain import Chain
from worker.diagnosis.chain.explain import explain
from worker.diagnosis.chain.remedies import list_candidates
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.training.variants import Variant

Loss = Callable[[Recipe], float]
REFERENCE = Variant(RAW.with_changes({"scale_features": "standard", "epochs": 200}))


def suspect(cause: Cause, strength: float = 0.5, *, is_certain: bool = False) -> Suspect:
    return Suspect(cause, "It is there", (), strength=strength, is_certain=is_certain)


def explained(loss: Loss, *suspects: Suspect) -> tuple[MadeUp, Chain]:
    trainer = MadeUp(lambda recipe: 0.05 if recipe == REFERENCE.recipe else loss(recipe))
    named = {each.cause: each for each in suspects}
    tried = list_candidates(trainer.data, RAW, named, is_stopped_early=False)
    trainer.train([REFERENCE], range(3))
    found = explain(
        as_trainer(trainer), Variant(RAW), tried, references=[REFERENCE], draws=range(3)
    )
    return trainer, found


def attributed(found: Chain) -> Attribution:
    return confirm(found, fresh=range(3, 6), best=0.05)


def causes(found: Chain) -> list[Cause]:
    return [step.remedy.cause for step in found.steps]


def is_scaled(recipe: Recipe) -> bool:
    return recipe.scale_target == "standard"
