"""A script as a careful user of stock KerasTuner writes it: scaled, one-hot, Bayesian search."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import keras
import keras_tuner
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.real.rows import JobRows
from worker.data.target import Float64Array

MAX_EPOCHS, PATIENCE = 200, 10
MANY_ROWS, BATCH, LARGE_BATCH = 10_000, 32, 256
MAX_TRIALS = 10_000
"""More than there is time for."""


class EndOfTime(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends a training after the epoch in which the time is over (`time.monotonic`)."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Stop the training once the time is over."""
        if time.monotonic() >= self.deadline:
            self.model.stop_training = True


class TimedOracle(keras_tuner.oracles.BayesianOptimizationOracle):  # type: ignore[misc]
    """Stock Bayesian optimization that begins no trial after a deadline, but the first."""

    def __init__(self, deadline: float, **options: Any) -> None:
        super().__init__(**options)
        self.deadline = deadline

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the next trial's values."""
        if self.trials and time.monotonic() >= self.deadline:
            return {"status": keras_tuner.engine.trial.TrialStatus.STOPPED, "values": None}
        values: dict[str, Any] = super().populate_space(trial_id)
        return values


def tune(rows: JobRows, *, deadline: float, seed: int) -> tuple[Float64Array, int]:
    """Return the best network's predictions of the test rows [T, C], and the number of trials."""
    keras.utils.set_random_seed(seed)
    x_train, x_validation, x_test = _transform(rows)
    mean, sd = _scale_of(rows)
    y_N = (rows.y_N - mean) / sd
    outputs = 1 if rows.is_regression else len(rows.target.labels)

    def build(hp: Any) -> Any:
        return _build(hp, x_train.shape[1], outputs, is_regression=rows.is_regression)

    oracle = TimedOracle(
        deadline,
        objective=keras_tuner.Objective("val_loss", "min"),
        max_trials=MAX_TRIALS,
        seed=seed,
        max_consecutive_failed_trials=MAX_TRIALS,
    )
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.Tuner(oracle, build, directory=folder, project_name="script")
        stopping = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
        tuner.search(
            x_train,
            y_N[rows.train],
            validation_data=(x_validation, y_N[rows.validation]),
            batch_size=LARGE_BATCH if len(rows.train) > MANY_ROWS else BATCH,
            epochs=MAX_EPOCHS,
            callbacks=[stopping, EndOfTime(deadline)],
            verbose=0,
        )
        (model,) = tuner.get_best_models()
        output_TC = np.asarray(model.predict(x_test, verbose=0), dtype=np.float64)
    return output_TC * sd + mean if rows.is_regression else output_TC, len(oracle.trials)


def _transform(rows: JobRows) -> list[Any]:
    """Return training, validation and test rows, scaled and one-hot, as float32."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    transform = ColumnTransformer(
        [
            ("numbers", numbers, list(rows.numbers)),
            ("categories", categories, list(rows.categories)),
        ]
    )
    frame = rows.frame.to_pandas()
    transform.fit(frame.iloc[rows.train])
    parts = (rows.train, rows.validation, rows.test)
    return [transform.transform(frame.iloc[part]).astype(np.float32) for part in parts]


def _scale_of(rows: JobRows) -> tuple[float, float]:
    """Return mean and spread of the training rows' target; classes stay as they are."""
    if not rows.is_regression:
        return 0.0, 1.0
    y_train = rows.y_N[rows.train]
    return float(y_train.mean()), float(y_train.std()) or 1.0


def _build(hp: Any, columns: int, outputs: int, *, is_regression: bool) -> Any:
    model = keras.Sequential([keras.Input((columns,))])
    for layer in range(hp.Int("layers", 1, 3)):
        model.add(keras.layers.Dense(hp.Int(f"units_{layer}", 32, 256, step=32), "relu"))
        model.add(keras.layers.Dropout(hp.Float(f"dropout_{layer}", 0, 0.5, step=0.1)))
    model.add(keras.layers.Dense(outputs, None if is_regression else "softmax"))
    rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
    loss = "mse" if is_regression else "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss)
    return model
