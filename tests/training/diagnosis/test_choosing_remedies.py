"""Which remedy comes first, and what is said of it and of the others."""

from __future__ import annotations

import math

import pytest

from lowloss.results import Cause, Severity
from lowloss.spec import Recipe
from tests.builders.chains import attributed, causes, explained, is_scaled, suspect
from tests.builders.trainers import RAW
from worker.diagnosis.chain.choice import choose_step
from worker.diagnosis.chain.remedies import list_candidates
from worker.diagnosis.findings.findings import build_findings
from worker.diagnosis.findings.measured import MeasuredEffects
from worker.diagnosis.findings.verdict import write_verdict
from worker.diagnosis.training.judging import JudgedVariant, Score
from worker.diagnosis.training.variants import Variant


@pytest.mark.parametrize(
    ("raw", "scaled", "with_epochs", "severities"),
    [
        (100.0, 0.3, 0.05, [Severity.critical, Severity.minor]),
        (100.0, 0.9, 0.05, [Severity.critical, Severity.major]),
        (0.9, 0.5, 0.05, [Severity.critical, Severity.critical]),
        (0.9, 0.78, 0.05, [Severity.major, Severity.critical]),
        (0.36, 0.27, 0.1, [Severity.major, Severity.critical]),
    ],
)
def test_severity_agrees_with_the_share_beside_it(
    raw: float, scaled: float, with_epochs: float, severities: list[Severity]
) -> None:
    def loss(recipe: Recipe) -> float:
        if not is_scaled(recipe):
            return raw
        return with_epochs if recipe.epochs > 10 else scaled

    _, chain = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))
    findings = build_findings(attributed(chain), {})

    assert [one.severity for one in findings] == severities
    for one in findings:
        assert one.effect is not None
        assert (one.severity is Severity.critical) == (one.effect.share >= 0.4)
        assert (one.severity is Severity.minor) == (one.effect.share < 0.1)


def test_remedy_that_ends_above_a_constant_answer_is_not_praised() -> None:
    def loss(recipe: Recipe) -> float:
        return 5.0 if is_scaled(recipe) else 900.0

    _, chain = explained(loss, suspect(Cause.target_not_scaled))

    (finding,) = build_findings(attributed(chain), {})
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

    _, chain = explained(
        loss, suspect(Cause.exploding_gradients), suspect(Cause.learning_rate_too_high)
    )

    assert causes(chain) == [Cause.learning_rate_too_high]


def test_remedy_that_leaves_a_large_part_of_what_another_takes_off_is_not_as_good() -> None:
    def loss(recipe: Recipe) -> float:
        if recipe.epochs > 10:
            return 0.1
        return 0.33 if is_scaled(recipe) else 1.0

    _, chain = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))

    assert causes(chain) == [Cause.too_few_epochs]


def test_on_one_draw_no_remedy_is_surely_far_better_than_one_upstream() -> None:
    def loss(recipe: Recipe) -> float:
        if recipe.epochs > 10:
            return 0.1
        return 0.33 if is_scaled(recipe) else 1.0

    trainer, chain = explained(
        loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs)
    )
    tried = [one for one in chain.attempts.values() if one.before == chain.start]
    for variant, draw in list(trainer.judged):
        if draw > 0:
            del trainer.judged[variant, draw]
    chain.steps = []

    step = choose_step(chain, tried)

    assert step is not None
    assert step.remedy.cause is Cause.target_not_scaled


def test_what_only_comes_down_to_a_constant_answer_is_no_alternative() -> None:
    def loss(recipe: Recipe) -> float:
        if is_scaled(recipe):
            return 0.1
        return 1.0 if recipe.optimizer.rate < 0.0005 else 50.0

    _, chain = explained(
        loss, suspect(Cause.target_not_scaled), suspect(Cause.learning_rate_too_high)
    )

    assert causes(chain) == [Cause.target_not_scaled]
    assert chain.steps[0].alternatives == ()


def test_remedies_are_compared_on_the_draws_that_all_of_them_have() -> None:
    trainer, chain = explained(
        lambda recipe: 0.7 - 0.5 * is_scaled(recipe), suspect(Cause.target_not_scaled)
    )
    start, scaled = chain.start, chain.steps[0].remedy.after
    longer = Variant(RAW.with_changes({"epochs": 200}))
    for draw, loss in enumerate([0.3, 0.01, 0.01]):
        trainer.judged[longer, draw] = JudgedVariant(draw, Score(loss), loss)
    for draw in (1, 2):
        del trainer.judged[scaled, draw]
    epochs = suspect(Cause.too_few_epochs)
    (candidate,) = [
        one
        for one in list_candidates(
            trainer.data, RAW, {epochs.cause: epochs}, is_stopped_early=False
        )
        if one.apply(start) == longer
    ]
    tried = [
        chain.measure(candidate, start, longer),
        chain.measure(chain.steps[0].remedy.candidate, start, scaled),
    ]
    chain.steps = []

    step = choose_step(chain, tried)

    assert step is not None
    assert step.remedy.cause is Cause.target_not_scaled
    assert len(step.remedy.gain.falls) == 1


def test_lower_rate_and_scaling_that_help_only_together_are_one_finding_with_their_loss() -> None:
    def loss(recipe: Recipe) -> float:
        is_slower = recipe.optimizer.rate < 0.0005
        if is_slower and is_scaled(recipe) and recipe.scale_features == "standard":
            return 0.1
        return 1.3 if recipe.optimizer.clip_norm else math.inf

    _, chain = explained(
        loss,
        suspect(Cause.exploding_gradients, strength=3.0),
        suspect(Cause.learning_rate_too_high, strength=3.0),
        suspect(Cause.features_not_scaled),
        suspect(Cause.target_not_scaled),
    )

    (finding,) = build_findings(attributed(chain), {})
    assert finding.alternatives == ()
    assert (finding.cause, *finding.together_with) == (
        Cause.features_not_scaled,
        Cause.target_not_scaled,
        Cause.learning_rate_too_high,
    )
    assert " to 0.1025 over 6 draws" in finding.sentence
    assert "divide the learning rate by 10" in finding.sentence


def test_what_remedies_at_once_do_not_need_is_left_out_of_the_finding() -> None:
    def loss(recipe: Recipe) -> float:
        is_slower = recipe.optimizer.rate < 0.0005
        if is_slower and recipe.scale_features == "standard":
            # The target's scale is worth next to nothing.
            return 0.05 if is_scaled(recipe) else 0.051
        return math.inf

    _, chain = explained(
        loss,
        suspect(Cause.learning_rate_too_high, strength=3.0),
        suspect(Cause.features_not_scaled),
        suspect(Cause.target_not_scaled),
    )

    (finding,) = build_findings(attributed(chain), {})
    assert (finding.cause, *finding.together_with) == (
        Cause.features_not_scaled,
        Cause.learning_rate_too_high,
    )


def test_alternative_is_measured_on_the_draws_of_the_remedy_that_it_stands_beside() -> None:
    def loss(recipe: Recipe) -> float:
        return 0.1 if is_scaled(recipe) or recipe.epochs > 10 else 0.9

    _, chain = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))

    (finding,) = build_findings(attributed(chain), {})
    (other,) = finding.alternatives
    assert finding.effect is not None
    assert other.effect.runs == finding.effect.runs == 6
    assert other.remedy_loss == pytest.approx(finding.effect.after)


@pytest.mark.parametrize(
    ("with_epochs", "ending"),
    [
        (0.03, "The alternative brings more than the remedy does: train for 50 epochs."),
        (0.095, " of the excess loss."),
    ],
)
def test_alternative_that_is_better_than_all_remedies_is_the_best_that_was_reached(
    with_epochs: float, ending: str
) -> None:
    def loss(recipe: Recipe) -> float:
        if is_scaled(recipe):
            return 0.1
        return with_epochs if recipe.epochs > 10 else 0.9

    _, chain = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))
    attribution = attributed(chain)
    measured = MeasuredEffects(attribution, {}, [], {})
    findings = build_findings(attribution, {})

    assert findings[0].cause is Cause.target_not_scaled
    assert measured.best_loss == pytest.approx(with_epochs, rel=0.05)
    assert measured.best.name == "an alternative to a remedy"
    assert write_verdict(measured, findings).endswith(ending)


def test_verdict_tells_the_larger_finding_that_stands_behind_the_first() -> None:
    def loss(recipe: Recipe) -> float:
        if not is_scaled(recipe):
            return 0.9
        return 0.05 if recipe.epochs > 10 else 0.78

    _, chain = explained(loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs))
    attribution = attributed(chain)
    first, second = build_findings(attribution, {})

    measured = MeasuredEffects(attribution, {}, [], {})

    verdict = write_verdict(measured, [first, second])

    assert verdict.endswith(f"{first.sentence} More is gained behind that: {second.sentence}")
    assert second.effect is not None
    for change in ({"metric": "balanced_error"}, {"unbeaten_constant": 1.0}):
        # What has no share of the excess loss does not compare.
        other = second.model_copy(update={"effect": second.effect.model_copy(update=change)})
        verdict = write_verdict(measured, [first, other])
        assert verdict.endswith(f"{first.sentence} 1 more remedy follows among the findings.")


@pytest.mark.parametrize(
    ("raw", "severity"),
    [(0.08, Severity.minor), (0.12, Severity.major), (0.6, Severity.critical)],
)
def test_small_excess_has_no_grave_cause(raw: float, severity: Severity) -> None:
    _, chain = explained(
        lambda recipe: 0.05 if is_scaled(recipe) else raw, suspect(Cause.target_not_scaled)
    )

    (finding,) = build_findings(attributed(chain), {})

    assert finding.severity is severity


def test_verdict_tells_how_many_trainings_fail_where_the_others_come_far() -> None:
    trainer, chain = explained(lambda _: 0.1)
    attribution = attributed(chain)
    measured = MeasuredEffects(attribution, {}, [], {})
    before = write_verdict(measured, [])

    trainer.judged[Variant(RAW), 1] = JudgedVariant(1, Score(1.0), 1.0)
    verdict = write_verdict(measured, [])

    runs = len(measured.runs)
    assert "depends on luck" not in before
    assert (
        f"of {runs} trainings, each with another start and other rows, 1 did no better than a "
        "constant answer, and the best of the others came to 0.1, the worst to 0.10"
    ) in verdict


def test_other_remedy_of_as_many_trainings_may_be_the_best_that_was_reached() -> None:
    trainer, chain = explained(lambda _: 0.5, suspect(Cause.batch_size), suspect(Cause.optimizer))
    attribution = attributed(chain)
    measured = MeasuredEffects(attribution, {}, [], {})
    before = measured.best.name
    tried = next(one for one in chain.attempts.values() if one.before == chain.start)

    for draw in range(len(measured.runs)):
        trainer.judged[tried.after, draw] = JudgedVariant(draw, Score(0.01), 0.01)

    assert before == "the recipe"
    assert measured.best.name == "another remedy that was tried"
    assert measured.best.remedy == tried.candidate.text


def test_remedy_that_gains_too_little_for_a_step_may_be_the_best_that_was_reached() -> None:
    def loss(recipe: Recipe) -> float:
        if not is_scaled(recipe):
            return 0.8 if recipe.epochs > 10 else 0.9
        return 0.025 if recipe.epochs > 10 else 0.04

    trainer, chain = explained(
        loss, suspect(Cause.target_not_scaled), suspect(Cause.too_few_epochs)
    )
    attribution = attributed(chain)
    measured = MeasuredEffects(attribution, {}, [], {})
    (finding,) = build_findings(attribution, {})

    assert finding.cause is Cause.target_not_scaled
    assert measured.best_loss == pytest.approx(0.025, rel=0.05)
    assert measured.best.title == "the remedied recipe with one more (train for 50 epochs)"
    best = next(one.after for one in attribution.others if one.before == chain.end)
    assert len(trainer.runs_of(best)) == len(trainer.runs_of(chain.end))
    excess = chain.loss_of(chain.start) - chain.loss_of(best)
    assert attribution.excess == pytest.approx(excess)


def test_share_of_a_remedy_of_fewer_draws_is_of_the_excess_on_these_draws() -> None:
    trainer, chain = explained(
        lambda recipe: 0.05 if is_scaled(recipe) else 0.9, suspect(Cause.target_not_scaled)
    )
    attribution = attributed(chain)
    (step,) = attribution.steps
    for draw in range(3, 6):
        # Only the first three have the remedy; without it the others are far better.
        del trainer.judged[step.remedy.after, draw]
        trainer.judged[chain.start, draw] = JudgedVariant(draw, Score(0.3), 0.3)

    effect = attribution.effect_of(step.remedy)

    reached = chain.loss_of(chain.start) - attribution.excess
    assert effect.before == pytest.approx(0.909)
    assert effect.runs == 3
    assert effect.share == pytest.approx((0.909 - 0.0505) / (0.909 - reached))
