"""What asks why a loss is high: a dataset and a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lowloss.spec.job import Features, JobSpec, Name, Priority, Seed, Validation
from lowloss.spec.objective import Task
from lowloss.spec.parameters import Number
from lowloss.spec.parts import Spec, Text
from lowloss.spec.recipe import Recipe


class DiagnosisBudget(Spec):
    """How long a diagnosis may take; what it had no time for, it names."""

    max_seconds: Annotated[float, Number, Field(gt=0)] = 60.0


class DiagnosisSpec(Spec):
    """One diagnosis, as asked for: `dataset`, `target` and `recipe` are required.

    With the task `auto` a crossentropy makes a target with few values one of classes.
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
        """A search on the same data, as the checks of tables take it."""
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
