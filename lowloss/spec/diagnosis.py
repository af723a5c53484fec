"""DiagnosisSpec: the dataset and the recipe whose loss is to be explained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from lowloss.spec.job import Features, JobSpec, Name, Priority, Seed, Validation
from lowloss.spec.needs import Needs
from lowloss.spec.objective import Task
from lowloss.spec.parameters import Number
from lowloss.spec.parts import Spec, Text, wrong_value
from lowloss.spec.recipe import Recipe


class DiagnosisBudget(Spec):
    """How long a diagnosis may train; it names the checks that it had no time for.

    `max_seconds` are of trainings: start-up and compiles are not counted. Where they end before the
    recipe and the remedies of the three strongest suspects were trained once, trainings go on for
    up to `max_extension` times as long.
    """

    max_seconds: Annotated[float, Field(gt=0), Number] = 60.0
    max_extension: Annotated[float, Field(ge=1, le=10), Number] = 3.0

    @property
    def latest_seconds(self) -> float:
        """The seconds of trainings after which a diagnosis ends in any case."""
        return self.max_seconds * self.max_extension


def _check_targets(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value
    seen: set[str] = set()
    for name in value:
        if name in seen:
            raise wrong_value("target_repeated", f"{name!r} is named twice", fix="name it once")
        seen.add(name)
    return value if len(value) > 1 else value[0]


def _find_targets_form(value: object) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


ColumnName = Annotated[Text, Field(min_length=1)]
Targets = Annotated[
    Annotated[ColumnName, Tag("one")]
    | Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=1000), Tag("several")],
    Discriminator(_find_targets_form),
    AfterValidator(_check_targets),
]
"""A column, or several that one network predicts."""


class DiagnosisSpec(Spec):
    """The specification of a diagnosis: `dataset`, `target` and `recipe` are required.

    With the task `auto`, a crossentropy makes a target with few values a classification. `target`
    may name several columns: all of numbers (`regression`), or all of two values, which are labels
    of a row that need not exclude each other (`binary`).
    """

    name: Name = ""
    dataset: Annotated[Text, Field(min_length=1, max_length=200)]
    target: Targets
    task: Literal["auto"] | Task = "auto"
    features: Features = Features()
    recipe: Recipe
    budget: DiagnosisBudget = DiagnosisBudget()
    seed: Seed = 0
    priority: Priority = 0
    needs: Needs = Needs()

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.target,) if isinstance(self.target, str) else self.target

    def as_job(self, target: str) -> JobSpec:
        """Return a search for a target on the same data, which the checks of tables take."""
        return JobSpec(
            name=self.name,
            dataset=self.dataset,
            target=target,
            task=self.task,
            features=self.features,
            validation=Validation(strategy="holdout"),
            seed=self.seed,
            priority=self.priority,
        )


DIAGNOSIS_SPEC_EXAMPLES: dict[str, Any] = {
    "shortest": {
        "summary": "A network as Keras takes it, trained on raw columns",
        "value": {
            "dataset": "ds_9f86d081884c7d659a2feaa0c55ad015",
            "target": "price",
            "recipe": {
                "layers": [{"units": 64, "activation": "relu"}, {"units": 1}],
                "loss": "mse",
                "optimizer": "adam",
                "epochs": 100,
            },
        },
    },
    "in full": {
        "summary": "With scaling, regularisation and early stopping",
        "value": {
            "name": "why so high?",
            "dataset": "ds_9f86d081884c7d659a2feaa0c55ad015",
            "target": "price",
            "features": {"exclude": ["row_id"]},
            "recipe": {
                "scale_features": "standard",
                "scale_target": "none",
                "layers": [
                    {
                        "units": 128,
                        "activation": "relu",
                        "kernel_initializer": "he_normal",
                        "l2": 1e-4,
                        "dropout": 0.2,
                    },
                    {"units": 1, "activation": "linear"},
                ],
                "loss": "mean_squared_error",
                "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
                "batch_size": 64,
                "epochs": 200,
                "validation_split": 0.2,
                "early_stopping": {"patience": 10, "restore_best_weights": True},
            },
            "budget": {"max_seconds": 120},
            "seed": 7,
        },
    },
}
"""Examples for OpenAPI, by name."""
