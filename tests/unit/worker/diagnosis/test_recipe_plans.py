"""A trial's recipe trains as the search trained the trial."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.recipes import recipe_of_trial
from lowloss.results import Hyperparameters
from lowloss.spec import Scaling, Task
from lowloss.spec.activations import ACTIVATIONS
from lowloss.spec.optimizers import OPTIMIZERS
from tests.builders.searches import a_spec
from tests.builders.store import some_hyperparameters
from worker.diagnosis.training.recipe_plans import plan_of_recipe
from worker.engine.plans import Plan
from worker.search import plans

SCALINGS = get_args(Scaling)
SEARCHED = [record.name for record in ACTIVATIONS.values() if record.is_searched]
SHARES = st.sampled_from([0.0, 0.25])
SETTINGS = st.fixed_dictionaries(
    {
        "learning_rate": st.sampled_from([0.001, 0.0234567]),
        "widths": st.lists(st.integers(1, 99), min_size=1, max_size=3).map(tuple),
        "l2": SHARES,
        "l1": SHARES,
        "dropout": SHARES,
        "patience": st.integers(1, 30),
        "batch_size": st.integers(1, 99),
        "activation": st.sampled_from(SEARCHED),
        "optimizer": st.sampled_from(list(OPTIMIZERS)),
        "weight_decay": SHARES,
        "schedule": st.sampled_from(["constant", "cosine", "plateau"]),
        "clip_norm": st.sampled_from([None, 1.0]),
        "noise": SHARES,
        "mixup": SHARES,
        "scale_features": st.sampled_from(SCALINGS),
        "select_features": st.sampled_from([None, 4]),
    }
)


@given(values=SETTINGS)
@settings(max_examples=200, deadline=None)
def test_recipe_of_a_trial_has_its_plan(values: dict[str, Any]) -> None:
    views = {"scale_features": {"choices": SCALINGS}, "select_features": {"choices": [None, 4]}}
    spec = a_spec(preprocessing=views)
    hyperparameters = Hyperparameters(layers=len(values["widths"]), **values)

    recipe = recipe_of_trial(hyperparameters, spec, Task.regression, classes=0)

    plan = plans.to_plan(7, 5, hyperparameters, spec)
    if not OPTIMIZERS[plan.optimizer].takes_momentum:
        plan = replace(plan, momentum=0.0)
    again = plan_of_recipe(recipe, number=7, seed=5, fold=plan.fold)
    assert again == _with_values_of_each_layer(plan)
    assert recipe.scale_features == hyperparameters.scale_features
    assert recipe.select_features == hyperparameters.select_features


def _with_values_of_each_layer(plan: Plan) -> Plan:
    return replace(
        plan, activation=plan.activations, dropout=plan.dropouts, l1=plan.l1s, l2=plan.l2s
    )


@pytest.mark.parametrize(
    ("task", "objective", "class_weight", "expected"),
    [
        (Task.binary, "val_loss", "auto", "none"),
        (Task.binary, "val_f1", "auto", "balanced"),
        (Task.multiclass, "val_loss", "balanced", "balanced"),
        (Task.binary, "val_f1", "none", "none"),
        (Task.regression, "val_loss", "balanced", "none"),
    ],
)
def test_recipe_of_a_trial_weighs_classes_as_the_search_did(
    task: Task, objective: str, class_weight: str, expected: str
) -> None:
    spec = a_spec(objective=objective, preprocessing={"class_weight": class_weight})
    recipe = recipe_of_trial(some_hyperparameters(), spec, task, classes=3)

    assert recipe.class_weight == expected
    assert recipe.scale_target == ("standard" if task is Task.regression else "none")
