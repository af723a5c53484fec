"""DiagnosisSpec: the dataset and the recipe whose loss is to be explained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lowloss.spec.job import Features, JobSpec, Name, Priority, Seed, Validation
from lowloss.spec.objective import Task
from lowloss.spec.parameters import Number
from lowloss.spec.parts import Spec, Text
from lowloss.spec.recipe import Recipe


class DiagnosisBudget(Spec):
    """How long a diagnosis may take; it names the checks that it had no time for."""

    max_seconds: Annotated[float, Number, Field(gt=0)] = 60.0


class DiagnosisSpec(Spec):
    """The specification of a diagnosis: `dataset`, `target` and `recipe` are required.

    With the task `auto`, a crossentropy makes a target with few values a classification.
    """

    name: Name = ""
    dataset: Annotated[Text, Field(min_length=1, max_length=200)]
    target: Annotated[Text, Field(min_length=1)]
    task: Literal["auto"] | Task = "auto"
    features: Features = Features()
    recipe: Recipe
    budget: DiagnosisBudget = DiagnosisBudget()
    seed: Seed = 0
    priority: Priority = 0

    def as_job(self) -> JobSpec:
        """Return a search on the same data, which the checks of tables take."""
        return JobSpec(
            name=self.name,
            dataset=self.dataset,
            target=self.target,
            task=self.task,
            features=self.features,
            validation=Validation(strategy="holdout"),
            seed=self.seed,
            priority=self.priority,
        )
