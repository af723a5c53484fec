"""Published rules of debugging, as diagnoses are compared with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks.diagnosis.programs import Setting
from benchmarks.diagnosis.rules import apply_rules
from benchmarks.diagnosis.rules_network import first_pass
from benchmarks.diagnosis.sound import sound_recipe
from benchmarks.diagnosis.tables import TABLES
from lowloss.results import Cause, Curve
from lowloss.spec import Recipe, Task

SOUND = sound_recipe(TABLES["friedman"], 0)
FALLING = Curve(
    loss=tuple(1 / n for n in range(1, 21)),
    val_loss=tuple(1.05 / n if n < 14 else 0.1 for n in range(1, 21)),
    penalised_loss=tuple(1 / n for n in range(1, 21)),
)


def a_setting(recipe: Recipe = SOUND, **columns: Any) -> Setting:
    """A regression on two normal columns, unless other columns are given."""
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=60) for name in ("a", "b", "target")} | columns
    return Setting(pl.DataFrame(values), "target", Task.regression, recipe)


def rules_of(
    curve: Curve = FALLING, columns: dict[str, Any] | None = None, **change: Any
) -> set[Cause]:
    return set(apply_rules(a_setting(SOUND.with_changes(change), **(columns or {})), curve))


def test_rules_find_nothing_in_a_sound_training() -> None:
    assert rules_of() == set()


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        (Cause.wrong_output, {"layers": [{"units": 8}, {"units": 1, "activation": "softmax"}]}),
        (Cause.wrong_output, {"layers": [{"units": 8}, {"units": 1, "activation": "relu"}]}),
        (Cause.wrong_loss, {"loss": "binary_crossentropy"}),
        (Cause.dropout_too_strong, {"layers": [{"units": 8, "dropout": 0.8}, {"units": 1}]}),
        (Cause.no_validation_split, {"validation_split": 0.0}),
        (Cause.best_weights_not_restored, {"early_stopping": None}),
        (
            Cause.saturated_units,
            {
                "layers": [
                    {
                        "units": 8,
                        "activation": "tanh",
                        "kernel_initializer": {"name": "random_normal", "scale": 50.0},
                    },
                    {"units": 1},
                ]
            },
        ),
        (
            Cause.dead_units,
            {
                "scale_features": "minmax",
                "layers": [
                    {
                        "units": 8,
                        "activation": "relu",
                        "kernel_initializer": {"name": "constant", "scale": -0.5},
                    },
                    {"units": 1},
                ],
            },
        ),
        (
            Cause.vanishing_gradients,
            {
                "layers": [
                    *[
                        {
                            "units": 8,
                            "activation": "tanh",
                            "kernel_initializer": {"name": "random_normal", "scale": 1e-3},
                        }
                    ]
                    * 5,
                    {"units": 1},
                ]
            },
        ),
    ],
)  # fmt: skip
def test_rules_read_the_recipe(cause: Cause, change: dict[str, Any]) -> None:
    assert cause in rules_of(**change)


def test_rules_read_the_data() -> None:
    rng = np.random.default_rng(1)
    plain = rng.normal(size=60)
    numbers = np.arange(60)

    assert Cause.features_not_scaled in rules_of(
        columns={"wide": plain * 1e3}, scale_features="none"
    )
    assert Cause.target_not_scaled in rules_of(columns={"target": plain * 99}, scale_target="none")
    assert Cause.missing_values in rules_of(columns={"gap": [None, *plain[1:]]})
    assert Cause.constant_column in rules_of(columns={"one": [1.0] * 60})
    assert Cause.duplicate_column in rules_of(columns={"c": plain, "d": plain})
    assert Cause.identifier_column in rules_of(columns={"id": rng.permutation(numbers)})
    assert Cause.leaked_column in rules_of(columns={"c": plain, "target": plain * 2})


def test_rules_read_the_curve() -> None:
    wild = Curve(loss=tuple(1.0 + n % 2 for n in range(20)))
    flat = Curve(loss=tuple(1.0 - n * 1e-6 for n in range(20)))
    broken = Curve(loss=(1.0, None))
    rising = FALLING.model_copy(update={"val_loss": tuple(1.0 + n / 10 for n in range(20))})
    penalised = FALLING.model_copy(update={"penalised_loss": (9.0,) * 20})
    strong: dict[str, Any] = {"layers": [{"units": 8, "l1": 1.0}, {"units": 1}]}

    assert Cause.learning_rate_too_high in rules_of(wild)
    assert Cause.learning_rate_too_low in rules_of(flat)
    assert Cause.too_few_epochs in rules_of(flat)
    assert Cause.exploding_gradients in rules_of(broken)
    assert Cause.too_complex in rules_of(rising)
    assert Cause.l1_too_strong in rules_of(penalised, **strong)


def test_the_first_pass_counts_zeros_of_hidden_units_alone() -> None:
    changed = SOUND.with_changes({"layers": [{"units": 8}, {"units": 1, "activation": "relu"}]})

    assert first_pass(a_setting(changed)).zero_share == 0.0
