"""How causes are told apart: by what their remedies remove, upstream before downstream."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from lowloss.results import Cause, EvidenceState, Severity
from lowloss.spec import Recipe
from tests.builders.trainers import RAW, MadeUp, as_trainer
from worker.diagnosis.chain.attribution import Attribution, confirm
from worker.diagnosis.chain.chain import Chain
from worker.diagnosis.chain.choice import choose_step
from worker.diagnosis.chain.explain import explain
from worker.diagnosis.chain.remedies import list_candidates
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.findings.findings import build_findings
from worker.diagnosis.training.judging import JudgedVariant, Score
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


@pytest.mark.parametrize(
    ("raw", "scaled", "with_epochs", "severities"),
    [
        (100.0, 0.3, 0.05, [Severity.critical, Severity.minor]),
        (100.0, 0.9, 0.05, [Severity.critical, Severity.major]),
        (0.9, 0.5, 0.05, [Severity.critical, Severity.critical]),
        (0.9, 0.78, 0.05, [Severity.major, Severity.critical]),
    ],
)
def test_severity_agrees_with_the_share_beside_it(
    raw: float, scaled: float, with_epochs: float, severities: list[Severity]
) -> None:
    def loss(recipe: Recipe) -> float:
        if not is_scaled(recipe):
            return raw
        return with_epochs if recipe.epochs > 10 else scaled

    _, found = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))
    told = build_findings(attributed(found), {})

    assert [each.severity for each in told] == severities
    for each in told:
        assert each.effect is not None
        assert (each.severity is Severity.critical) == (each.effect.share >= 0.4)
        assert (each.severity is Severity.minor) == (each.effect.share < 0.1)


def test_remedy_that_ends_above_a_constant_answer_is_not_praised() -> None:
    def loss(recipe: Recipe) -> float:
        return 5.0 if is_scaled(recipe) else 900.0

    _, found = explained(loss, suspect(Cause.target_not_scaled))

    (finding,) = build_findings(attributed(found), {})
    assert finding.effect is not None
    assert finding.effect.share > 0.5
    assert finding.effect.unbeaten_constant == 1.0
    assert "still worse than a constant answer (the mean), which has 1." in finding.sentence
    assert "%" not in finding.sentence


def test_what_ends_above_a_constant_answer_does_not_stand_before_what_beats_it() -> None:
    def loss(recipe: Recipe) -> float:
        if recipe.optimizer.rate < 0.0005:
            return 0.8
        return 1.2 if recipe.optimizer.clip_norm else math.inf

    _, found = explained(
        loss, suspect(Cause.exploding_gradients), suspect(Cause.learning_rate_too_high)
    )

    assert causes(found) == [Cause.learning_rate_too_high]


def test_remedy_that_leaves_a_large_part_of_what_another_takes_off_is_not_as_good() -> None:
    def loss(recipe: Recipe) -> float:
        if recipe.epochs > 10:
            return 0.1
        return 0.33 if is_scaled(recipe) else 1.0

    _, found = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))

    assert causes(found) == [Cause.too_few_epochs]


def test_remedies_are_compared_on_the_draws_that_all_of_them_have() -> None:
    trainer, found = explained(
        lambda recipe: 0.7 - 0.5 * is_scaled(recipe), suspect(Cause.target_not_scaled)
    )
    start, scaled = found.start, found.steps[0].remedy.after
    longer = Variant(RAW.with_changes({"epochs": 200}))
    for draw, loss in enumerate([0.3, 0.01, 0.01]):
        trainer.judged[longer, draw] = JudgedVariant(draw, Score(loss), loss)
    for draw in (1, 2):
        del trainer.judged[scaled, draw]
    epochs = suspect(Cause.too_few_epochs)
    (candidate,) = [
        each
        for each in list_candidates(
            trainer.data, RAW, {epochs.cause: epochs}, is_stopped_early=False
        )
        if each.apply(start) == longer
    ]
    tried = [
        found.measure(candidate, start, longer),
        found.measure(found.steps[0].remedy.candidate, start, scaled),
    ]
    found.steps = []

    step = choose_step(found, tried)

    assert step is not None
    assert step.remedy.cause is Cause.target_not_scaled
    assert len(step.remedy.gain.falls) == 1


def test_lower_rate_and_scaling_that_help_only_together_are_one_finding_with_their_loss() -> None:
    def loss(recipe: Recipe) -> float:
        is_slower = recipe.optimizer.rate < 0.0005
        if is_slower and is_scaled(recipe) and recipe.scale_features == "standard":
            return 0.1
        return 1.3 if recipe.optimizer.clip_norm else math.inf

    _, found = explained(
        loss,
        suspect(Cause.exploding_gradients, strength=3.0),
        suspect(Cause.learning_rate_too_high, strength=3.0),
        suspect(Cause.features_not_scaled),
        suspect(Cause.target_not_scaled),
    )

    (finding,) = build_findings(attributed(found), {})
    assert finding.alternatives == ()
    assert (finding.cause, *finding.together_with) == (
        Cause.features_not_scaled,
        Cause.target_not_scaled,
        Cause.learning_rate_too_high,
    )
    assert " to 0.1025 over 6 draws" in finding.sentence
    assert "divide the learning rate by 10" in finding.sentence


def test_alternative_is_measured_on_the_draws_of_the_remedy_that_it_stands_beside() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.1 if is_scaled(recipe) or recipe.epochs > 10 else 0.9

    _, found = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))

    (finding,) = build_findings(attributed(found), {})
    (other,) = finding.alternatives
    assert finding.effect is not None
    assert other.isolated_effect.runs == finding.effect.runs == 6
    assert other.remedy_loss == pytest.approx(finding.effect.after)
