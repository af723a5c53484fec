"""Early stopping as Keras code."""

from __future__ import annotations

from tests.unit.lowloss.recipes.test_keras_code import changed


def test_early_stopping_on_another_value_has_keras_measure_it() -> None:
    stopping = {"monitor": "val_acc", "min_delta": 0.01, "patience": 5}

    code = changed({"early_stopping": stopping, "validation_split": 0.2})

    assert 'metrics=["accuracy"]' in code
    assert 'monitor="val_accuracy"' in code
    assert "min_delta=0.01" in code
    assert "mode=" not in code
