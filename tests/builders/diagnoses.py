"""Builders of diagnoses: a network asked for y = x⁴ without scaling, and what else may come."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np

from lowloss.results import (
    Alternative,
    Cause,
    Curve,
    Diagnosis,
    Effect,
    Evidence,
    EvidenceState,
    Experiment,
    Finding,
    NoiseFloor,
    Remedy,
    Severity,
)
from lowloss.spec import Recipe

RAW_LOSS, SCALED_TARGET_LOSS, SCALED_LOSS = 4.0e6, 3.6e5, 1.0e5
FLOOR = 9.1e4


def a_recipe(**given: Any) -> Recipe:
    """A plain network on raw columns."""
    values: dict[str, Any] = {
        "layers": [{"units": 64, "activation": "relu"}, {"units": 1}],
        "loss": "mean_squared_error",
        "optimizer": "adam",
        "epochs": 60,
    }
    return Recipe.model_validate(values | given)


def an_effect(share: float, before: float | None, after: float | None, **given: Any) -> Effect:
    """A remedy's effect whose interval is five points wide on either side."""
    ends = {"low": share - 0.05, "high": share + 0.05}
    values = {"metric": "mean_squared_error", "share": share, "runs": 5} | ends
    return Effect(before=before, after=after, **values | given)


def a_remedy(change: dict[str, Any] | None = None, text: str = "Scale the target.") -> Remedy:
    return Remedy(
        text=text,
        change={"scale_target": "standard"} if change is None else change,
        code="y_mean, y_sd = y_train.mean(), y_train.std()\nmodel.fit(x, (y - y_mean) / y_sd)",
    )


def a_finding(cause: Cause, severity: Severity = Severity.major, **given: Any) -> Finding:
    """A finding without evidence, remedy or effect, but for what is given."""
    sentence = f"{cause.value.replace('_', ' ')} it is."
    state = EvidenceState.no_gain if severity is Severity.none else EvidenceState.confirmed
    values: dict[str, Any] = {
        "stage": cause.stage,
        "sentence": sentence,
        "evidence_state": state,
    }
    return Finding(cause=cause, severity=severity, **values | given)


def target_not_scaled() -> Finding:
    faster = a_remedy({"optimizer": {"learning_rate": 1.0}}, "Raise the learning rate to 1.")
    return a_finding(
        Cause.target_not_scaled,
        Severity.critical,
        sentence="'y' has a standard deviation of 2,667; the network begins at answers near 0.",
        evidence=(
            Evidence(what="standard deviation of 'y'", value=2667.0, threshold=10.0),
            Evidence(what="loss before training, in variances", value=1.56),
        ),
        remedy=a_remedy(),
        effect=an_effect(0.93, RAW_LOSS, SCALED_TARGET_LOSS),
        isolated_effect=an_effect(0.93, RAW_LOSS, SCALED_TARGET_LOSS),
        alternatives=(
            Alternative(
                cause=Cause.learning_rate_too_low,
                remedy=faster,
                effect=an_effect(0.99, RAW_LOSS, 1.3e5),
                remedy_loss=SCALED_TARGET_LOSS,
            ),
        ),
        columns=("y",),
    )


def features_not_scaled() -> Finding:
    return a_finding(
        Cause.features_not_scaled,
        Severity.minor,
        sentence="'x' reaches from -10 to 10; networks begin for values near 1.",
        evidence=(Evidence(what="standard deviation of 'x'", value=5.8, threshold=3.0),),
        remedy=a_remedy({"scale_features": "standard"}, "Standardise the features."),
        effect=an_effect(0.06, SCALED_TARGET_LOSS, SCALED_LOSS, low=0.01, high=0.1),
        isolated_effect=an_effect(0.01, RAW_LOSS, 3.95e6, low=-0.02, high=0.03),
        columns=("x",),
    )


def no_validation_split() -> Finding:
    return a_finding(
        Cause.no_validation_split,
        Severity.none,
        sentence="No rows are held out, so that overfitting cannot be seen.",
        remedy=a_remedy({"validation_split": 0.2}, "Hold out a fifth of the rows."),
        effect=an_effect(0.0, SCALED_LOSS, SCALED_LOSS, low=-0.01, high=0.01),
    )


def a_curve(first: float, last: float, epochs: int = 60) -> Curve:
    """Losses that fall from the first to the last, the validation loss a little above."""
    loss = np.geomspace(first, last, epochs)
    return Curve(
        loss=tuple(float(value) for value in loss),
        val_loss=tuple(float(1.1 * value) for value in loss),
        penalised_loss=tuple(float(value) for value in loss),
    )


def an_experiment(
    name: str, losses: tuple[float | None, ...], *causes: Cause, **change: Any
) -> Experiment:
    finite = [loss for loss in losses if loss is not None]
    loss = fmean(finite) if len(finite) == len(losses) else None
    recipe_loss = RAW_LOSS if change or causes else loss
    return Experiment(
        name=name, causes=causes, change=change, losses=losses, loss=loss, recipe_loss=recipe_loss
    )


def a_diagnosis(**given: Any) -> Diagnosis:
    """y = x⁴ unscaled: the target's scale is to blame, the features' a little."""
    values: dict[str, Any] = {
        "verdict": "The loss is high because the target is not scaled: scaling it removes 93 % of "
        "the excess.",
        "metric": "mean_squared_error",
        "loss": RAW_LOSS,
        "remedied_loss": SCALED_LOSS,
        "best": FLOOR,
        "best_model": "gradient_boosting",
        "constant": 7.1e6,
        "baselines": {"gradient_boosting": FLOOR, "linear": 7.0e6},
        "noise_floor": NoiseFloor(estimate=8.2e4, conflicting=0.0),
        "findings": (target_not_scaled(), features_not_scaled(), no_validation_split()),
        "recipe": a_recipe(),
        "remedied_recipe": a_recipe(scale_features="standard", scale_target="standard"),
        "recipe_curve": a_curve(1.7e7, RAW_LOSS),
        "remedied_curve": a_curve(1.0, 0.015),
        "experiments": (
            an_experiment("the recipe as it is", (RAW_LOSS, 3.9e6, 4.1e6)),
            an_experiment(
                "target standardised",
                (SCALED_TARGET_LOSS, 3.5e5, 3.7e5),
                Cause.target_not_scaled,
                scale_target="standard",
            ),
            an_experiment(
                "learning rate x 10,000", (1.3e5, None, None), Cause.learning_rate_too_low
            ),
        ),
        "rows": {"train": 640, "validation": 160, "judge": 200},
        "runs": 5,
        "seconds": 41.3,
        "skipped": ("too_little_data: no time was left",),
        "notes": ("the batch size 1 was taken as 8",),
    }
    return Diagnosis(**values | given)


def a_diverged_diagnosis() -> Diagnosis:
    """A recipe that never has a finite loss, at a learning rate that is too high."""
    finding = a_finding(
        Cause.learning_rate_too_high,
        Severity.critical,
        sentence="The loss is not finite from epoch 2 on.",
        evidence=(Evidence(what="last finite loss", value=None, threshold=1e3),),
        remedy=a_remedy({"optimizer": {"learning_rate": 0.001}}, "Divide it by 100."),
        effect=an_effect(1.0, None, 0.3, low=1.0, high=1.0),
        isolated_effect=an_effect(0.0, None, None, low=0.0, high=0.0),
    )
    return a_diagnosis(
        verdict="Training diverges: the learning rate is too high.",
        loss=None,
        remedied_loss=None,
        findings=(finding,),
        recipe_curve=Curve(loss=(8.0, None, None), val_loss=(None,) * 3),
        remedied_curve=Curve(),
        experiments=(an_experiment("the recipe as it is", (None, None)),),
        noise_floor=NoiseFloor(estimate=None, conflicting=None),
    )


def a_sound_diagnosis() -> Diagnosis:
    """A recipe with nothing wrong, and nothing else to tell."""
    return a_diagnosis(
        verdict="Nothing wrong found: the loss is as low as any that was reached.",
        metric="log_loss",
        loss=0.31,
        remedied_loss=0.31,
        best=0.31,
        best_model="the recipe",
        constant=0.69,
        baselines={},
        noise_floor=None,
        findings=(),
        remedied_recipe=a_recipe(),
        recipe_curve=Curve(),
        remedied_curve=Curve(),
        experiments=(),
        rows={},
        skipped=(),
        notes=(),
    )


def a_named_diagnosis(name: str) -> Diagnosis:
    """A diagnosis of a table whose names, and so all sentences, are as given."""
    remedy = Remedy(text=name, change={"exclude": [name]}, code=f"x = x.drop(columns=[{name!r}])")
    finding = a_finding(
        Cause.leaked_column,
        sentence=f"The column {name} tells the target.",
        evidence=(Evidence(what=name, value=1.0),),
        remedy=remedy,
        effect=an_effect(0.5, 2.0, 1.0),
        alternatives=(
            Alternative(
                cause=Cause.identifier_column,
                remedy=remedy,
                effect=an_effect(0.5, 2.0, 1.0),
            ),
        ),
        columns=(name,) * 30,
        rows=tuple(range(1000)),
    )
    other = a_finding(Cause.constant_column, Severity.none, sentence=name, columns=(name,))
    return a_diagnosis(
        verdict=name,
        best_model=name,
        baselines={name: 1.0},
        findings=(finding, other),
        experiments=(an_experiment(name, (1.0,), exclude=[name]),),
        recipe=a_recipe(exclude=[name]),
        remedied_recipe=a_recipe(exclude=[name, "x"]),
        rows={name: 1},
        skipped=(name,),
        notes=(name,),
    )
