"""What a search's diagnosis is asked: a usual first recipe on its table, and the tuned one."""

from __future__ import annotations

from lowloss.spec import DiagnosisBudget, DiagnosisSpec, JobSpec, Recipe, Task
from worker.diagnosis.chain.changes import usual_output


def first_recipe_spec(spec: JobSpec, task: Task, winner: Recipe) -> DiagnosisSpec:
    """Return the specification that diagnoses a usual first recipe.

    Its columns are raw; it has two layers, and trains for all epochs.
    """
    hidden = {"units": 64, "activation": "relu"}
    layer, loss = usual_output(task, winner.output.units, "mean_squared_error")
    recipe = Recipe.model_validate(
        {
            "layers": [hidden, hidden, layer],
            "loss": loss,
            "optimizer": "adam",
            "epochs": 100,
            "encode_labels": task is not Task.regression,
        }
    )
    return DiagnosisSpec(
        name=spec.name,
        dataset=spec.dataset,
        target=spec.target,
        task=task,
        features=spec.features,
        recipe=recipe,
        budget=DiagnosisBudget(max_seconds=spec.budget.diagnosis_seconds),
        seed=spec.seed,
    )
