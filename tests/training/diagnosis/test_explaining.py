"""How causes are told apart: by what their remedies remove, upstream before downstream."""

from __future__ import annotations

import math

import pytest

from lowloss.results import Cause, EvidenceState, Severity
from lowloss.spec import Recipe
from tests.builders.chains import REFERENCE, attributed, causes, explained, is_scaled, suspect
from tests.builders.trainers import RAW, MadeUp, as_trainer
from worker.diagnosis.chain.explain import explain
from worker.diagnosis.chain.gains import mean_loss
from worker.diagnosis.chain.remedies import list_candidates
from worker.diagnosis.findings.findings import build_findings
from worker.diagnosis.training.variants import Variant


def test_sound_recipe_has_no_causes() -> None:
    _, found = explained(lambda _: 0.06, suspect(Cause.features_not_scaled))

    assert causes(found) == []


def test_remedy_that_removes_most_names_the_cause() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.06 if recipe.epochs > 10 else 0.6

    _, found = explained(loss, suspect(Cause.too_few_epochs))

    assert causes(found) == [Cause.too_few_epochs]


def test_of_equal_remedies_the_one_upstream_is_taken_and_the_other_is_its_alternative() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.06 if is_scaled(recipe) or recipe.optimizer.rate > 0.005 else 0.6

    _, found = explained(
        loss,
        suspect(Cause.target_not_scaled),
        suspect(Cause.learning_rate_too_low, strength=3.0),
    )

    assert causes(found) == [Cause.target_not_scaled]
    alternatives = {each.cause for each in found.steps[0].alternatives}
    assert alternatives == {Cause.learning_rate_too_low}
    (finding,) = [
        each for each in build_findings(attributed(found), {}) if each.severity is not Severity.none
    ]
    assert finding.alternatives[0].cause is Cause.learning_rate_too_low
    assert finding.alternatives[0].remedy.change


def test_remedy_downstream_is_taken_where_it_removes_far_more() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.9 - 0.1 * is_scaled(recipe) - 0.7 * (recipe.epochs > 10)

    _, found = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))

    assert causes(found)[0] is Cause.too_few_epochs


def test_two_causes_are_both_named_and_their_shares_add_up() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.05 + 0.4 * (not is_scaled(recipe)) + 0.3 * (recipe.epochs <= 10)

    _, found = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))
    attribution = attributed(found)
    told = build_findings(attribution, {})

    assert causes(found) == [Cause.target_not_scaled, Cause.too_few_epochs]
    shares = [each.effect.share for each in told if each.effect is not None]
    assert sum(shares) == pytest.approx(1.0, abs=0.02)


def test_remedies_that_help_only_together_are_found_as_a_pair() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.06 if is_scaled(recipe) and recipe.epochs > 10 else 0.9

    _, found = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))

    (finding,) = build_findings(attributed(found), {})
    assert finding.cause is Cause.target_not_scaled
    assert finding.together_with == (Cause.too_few_epochs,)
    assert finding.severity is Severity.critical
    assert "All remedies at once gain what none does alone" in finding.sentence


def test_features_and_target_that_must_be_scaled_at_once_stand_before_longer_training() -> None:
    def loss(recipe: Recipe) -> float:
        if is_scaled(recipe) and recipe.scale_features == "standard":
            return 0.06
        return 0.5 if recipe.epochs > 10 else 0.9

    _, found = explained(
        loss,
        suspect(Cause.features_not_scaled),
        suspect(Cause.target_not_scaled),
        suspect(Cause.too_few_epochs, strength=3.0),
    )

    assert found.steps[0].remedy.candidate.causes == (
        Cause.features_not_scaled,
        Cause.target_not_scaled,
    )


def test_pair_is_not_taken_where_one_of_its_remedies_does_nearly_as_much() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.9 - 0.7 * is_scaled(recipe) - 0.1 * (recipe.scale_features == "standard")

    _, found = explained(loss, suspect(Cause.features_not_scaled), suspect(Cause.target_not_scaled))

    assert causes(found) == [Cause.target_not_scaled, Cause.features_not_scaled]


def test_certain_cause_comes_first_though_its_remedy_alone_does_nothing() -> None:
    def loss(recipe: Recipe) -> float:
        if recipe.output.activation == "softmax":
            return 1.0
        return 0.06 if is_scaled(recipe) else 1.0

    broken = [*RAW.model_dump(mode="json")["layers"]]
    broken[-1] = broken[-1] | {"activation": "softmax"}
    trainer = MadeUp(loss)
    start = Variant(RAW.with_changes({"layers": broken}))
    named = {
        Cause.target_not_scaled: suspect(Cause.target_not_scaled),
        Cause.wrong_output: suspect(Cause.wrong_output, is_certain=True),
    }
    tried = list_candidates(trainer.data, start.recipe, named, is_stopped_early=False)

    found = explain(as_trainer(trainer), start, tried, references=[REFERENCE], draws=range(3))

    assert causes(found) == [Cause.wrong_output, Cause.target_not_scaled]


def test_symptom_does_not_stand_before_its_cause() -> None:
    def loss(recipe: Recipe) -> float:
        if recipe.optimizer.rate < 0.0005:
            return 0.1
        return 0.16 if recipe.optimizer.clip_norm else 0.9

    clipping = suspect(Cause.exploding_gradients)
    _, found = explained(loss, clipping, suspect(Cause.learning_rate_too_high))
    before = causes(found)
    attribution = attributed(found)

    assert before == [Cause.exploding_gradients, Cause.learning_rate_too_high]
    assert causes(found) == [Cause.learning_rate_too_high]
    findings = build_findings(attribution, {clipping.cause: clipping})
    assert [each.evidence_state for each in findings] == ["confirmed", "no_gain"]


def test_difference_that_breaks_the_sound_recipe_is_a_cause_that_no_check_suspects() -> None:
    trainer = MadeUp(lambda recipe: 0.05 if recipe.batch_size <= 64 else 0.9)
    start = Variant(RAW.with_changes({"batch_size": 512}))
    tried = list_candidates(trainer.data, start.recipe, {}, is_stopped_early=False)

    found = explain(as_trainer(trainer), start, tried, references=[REFERENCE], draws=range(3))

    assert causes(found) == [Cause.batch_size]
    (step,) = found.steps
    assert step.remedy.candidate.text == "Use batches of 32 rows"


def test_differences_that_break_it_together_are_one_step() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.05 if recipe.batch_size <= 64 and recipe.optimizer.name == "adam" else 0.9

    trainer = MadeUp(loss)
    sgd = {"name": "sgd", "learning_rate": 0.001}
    start = Variant(RAW.with_changes({"batch_size": 512, "optimizer": sgd}))
    tried = list_candidates(trainer.data, start.recipe, {}, is_stopped_early=False)

    found = explain(as_trainer(trainer), start, tried, references=[REFERENCE], draws=range(3))

    (step,) = found.steps
    assert set(step.remedy.candidate.causes) == {Cause.batch_size, Cause.optimizer}


def test_remedy_that_nobody_suspects_must_gain_more() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.5 if recipe.epochs > 10 else 0.57

    _, suspected = explained(loss, suspect(Cause.too_few_epochs))
    _, unsuspected = explained(loss)

    assert causes(suspected) == [Cause.too_few_epochs]
    assert causes(unsuspected) == []


def test_gain_that_fresh_draws_do_not_show_is_dropped() -> None:
    trainer, found = explained(
        lambda recipe: 0.06 if recipe.epochs > 10 else 0.6, suspect(Cause.too_few_epochs)
    )
    trainer._loss = lambda _: 0.6

    attribution = attributed(found)

    assert attribution.steps == ()
    assert [each.cause for each in attribution.dropped] == [Cause.too_few_epochs]


def test_suspect_whose_remedy_changes_nothing_gains_nothing() -> None:
    named = suspect(Cause.features_not_scaled)
    _, found = explained(lambda _: 0.06, named)

    told = build_findings(attributed(found), {named.cause: named})

    (finding,) = told
    assert finding.severity is Severity.none
    assert finding.evidence_state is EvidenceState.no_gain
    assert "gains nothing" in finding.sentence
    assert finding.isolated_effect is not None


def test_what_there_was_no_time_for_is_named() -> None:
    trainer = MadeUp(lambda _: 0.6)
    named = {Cause.too_few_epochs: suspect(Cause.too_few_epochs)}
    tried = list_candidates(trainer.data, RAW, named, is_stopped_early=False)
    trainer.seconds_left = 0.0
    trainer.train = trainer.train_vital = lambda *_: None  # type: ignore[method-assign]

    found = explain(as_trainer(trainer), Variant(RAW), tried, references=[], draws=range(3))

    assert found.steps == []
    (finding,) = build_findings(attributed(found), named)
    assert finding.evidence_state is EvidenceState.not_tried
    assert finding.seconds_needed is not None
    assert "Not tried" in finding.sentence


def test_cause_that_harms_on_other_draws_alone_is_found() -> None:
    def luck(recipe: Recipe, draw: int) -> float:
        return 0.9 if draw and not is_scaled(recipe) else 0.0

    trainer, start = MadeUp(lambda _: 0.06, luck=luck), Variant(RAW)
    suspects = {Cause.target_not_scaled: suspect(Cause.target_not_scaled)}
    tried = list_candidates(trainer.data, RAW, suspects, is_stopped_early=False)

    found = explain(as_trainer(trainer), start, tried, references=[REFERENCE], draws=range(3))

    assert causes(found) == [Cause.target_not_scaled]


def test_remedy_of_two_suspects_that_was_not_tried_is_told_once() -> None:
    trainer = MadeUp(lambda _: 0.6)
    named = {
        cause: suspect(cause) for cause in (Cause.no_early_stopping, Cause.no_validation_split)
    }
    tried = list_candidates(trainer.data, RAW, named, is_stopped_early=False)
    trainer.seconds_left = 0.0
    trainer.train = trainer.train_vital = lambda *_: None  # type: ignore[method-assign]

    found = explain(as_trainer(trainer), Variant(RAW), tried, references=[], draws=range(3))

    (finding,) = build_findings(attributed(found), named)
    assert (finding.cause, *finding.together_with) == (*named,)
    assert finding.sentence == (
        "It is there. It is there. Not tried, for want of time: hold rows out, stop when they get "
        "worse, and put the best weights back."
    )


def test_alternative_of_two_causes_is_told_once() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.06 if is_scaled(recipe) or recipe.early_stopping is not None else 0.6

    named = [
        suspect(cause)
        for cause in (Cause.target_not_scaled, Cause.no_early_stopping, Cause.no_validation_split)
    ]
    _, found = explained(loss, *named)

    (finding,) = build_findings(attributed(found), {one.cause: one for one in named})
    (other,) = finding.alternatives
    assert {other.cause, *other.together_with} == {
        Cause.no_early_stopping,
        Cause.no_validation_split,
    }


@pytest.mark.parametrize("raw", [20.0, 0.9])
def test_share_can_be_recomputed_from_the_losses_that_are_told(raw: float) -> None:
    def loss(recipe: Recipe) -> float:
        return (
            0.06 if is_scaled(recipe) and recipe.epochs > 10 else 0.3 if is_scaled(recipe) else raw
        )

    def count(value: float | None) -> float:
        assert value is not None
        return value if value <= 1 else 1 + math.log10(value)

    trainer, found = explained(
        loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs)
    )
    attribution = attributed(found)
    effects = [finding.effect for finding in build_findings(attribution, {})]
    recipe = count(mean_loss(trainer.runs_of(found.start), trainer.constant))

    # The least that was reached is the 0.05 of the builder's `attributed`.
    assert len(effects) == 2
    for effect in effects:
        assert effect is not None
        taken_off = count(effect.before) - count(effect.after)
        assert effect.share == pytest.approx(taken_off / (recipe - 0.05))
