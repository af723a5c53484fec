"""Early stopping as Keras code."""

from __future__ import annotations

from tests.unit.lowloss.recipes.test_keras_code import changed


def test_early_stopping_is_shown_with_the_rows_that_it_watches() -> None:
    change = {
        "early_stopping": {"patience": 20, "restore_best_weights": True},
        "validation_split": 0.2,
        "epochs": 500,
    }

    assert (
        changed(change)
        == """\
import keras
from sklearn.model_selection import train_test_split

x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, random_state=0)

early_stopping = keras.callbacks.EarlyStopping(
    monitor="val_loss",
    patience=20,
    restore_best_weights=True,
)

model.fit(
    x_train,
    y_train,
    validation_data=(x_val, y_val),
    epochs=500,
    batch_size=32,
    callbacks=[early_stopping],
)
"""
    )


def test_early_stopping_on_another_value_has_keras_measure_it() -> None:
    stopping = {"monitor": "val_acc", "min_delta": 0.01, "patience": 5}

    code = changed({"early_stopping": stopping, "validation_split": 0.2})

    assert 'metrics=["accuracy"]' in code
    assert 'monitor="val_accuracy"' in code
    assert "min_delta=0.01" in code
    assert "mode=" not in code
