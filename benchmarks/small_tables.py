"""Default jobs on small tables, and a usual script that tunes ten trials by stock KerasTuner."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.jobs import job_of, prepared_of, run_job, submit
from benchmarks.real.tables import TABLES
from lowloss.spec import Task
from service.store.database import Database
from worker.data.prepare import Prepared

STOCK_TRIALS, STOCK_EPOCHS, STOCK_PATIENCE = 10, 200, 20


def default_job(name: str) -> dict[str, Any]:
    """Run the job that names nothing but the table and its target."""
    with tempfile.TemporaryDirectory() as folder:
        database = submit_table(name, Path(folder))
        measured = run_job(database, Path(folder))
        rows = len(prepared_of(database, Path(folder)).labelled.y)
        job = job_of(database)
    assert job.outcome.test_metrics is not None
    assert job.outcome.test_intervals is not None
    metric = "rmse" if job.task is Task.regression else "log_loss"
    return measured | {
        "rows": rows,
        "metric": metric,
        "test": job.outcome.test_metrics[metric],
        "interval": job.outcome.test_intervals[metric],
    }


def stock_script(name: str) -> dict[str, Any]:
    """Tune ten trials as the guides of KerasTuner do, on the rows of the job's first fold."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepared_of(submit_table(name, Path(folder)), Path(folder))
        started = time.perf_counter()
        test = _tune(prepared, folder)
        return {"job_seconds": time.perf_counter() - started, "test": test}


def submit_table(name: str, folder: Path) -> Database:
    """Submit the default job on a real table, to a database in a folder."""
    database = Database(f"sqlite:///{folder / 'bench.db'}")
    database.prepare()
    table = TABLES[name]
    request = {"target": table.target, "features": {"exclude": list(table.exclude)}}
    submit(database, table.write(folder), request)
    return database


def _tune(prepared: Prepared, folder: str) -> float:
    """Return the test metric of the best of ten trials: rmse, or log loss."""
    import keras
    import keras_tuner

    keras.utils.set_random_seed(0)
    arrays, target = prepared.arrays, prepared.fits[0].target
    is_regression = target.task is Task.regression
    outputs = 1 if is_regression else len(target.labels)

    def build(hp: Any) -> Any:
        model = keras.Sequential([keras.Input((arrays.features,))])
        for layer in range(hp.Int("layers", 1, 3)):
            model.add(keras.layers.Dense(hp.Int(f"units_{layer}", 16, 256, step=16), "relu"))
            model.add(keras.layers.Dropout(hp.Float(f"dropout_{layer}", 0, 0.5)))
        model.add(keras.layers.Dense(outputs, None if is_regression else "softmax"))
        rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
        loss = "mse" if is_regression else "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.Adam(rate), loss)
        return model

    rows = arrays.rows(0)
    tuner = keras_tuner.BayesianOptimization(
        build, "val_loss", max_trials=STOCK_TRIALS, directory=folder, project_name="stock", seed=0
    )
    stopping = keras.callbacks.EarlyStopping(patience=STOCK_PATIENCE, restore_best_weights=True)
    tuner.search(
        rows.x_train_ND,
        rows.y_train_N,
        validation_data=(rows.x_val_MD, rows.y_val_M),
        epochs=STOCK_EPOCHS,
        callbacks=[stopping],
        verbose=0,
    )
    output_TC = tuner.get_best_models()[0].predict(prepared.x_test(), verbose=0)
    return _test_metric(prepared, output_TC, is_regression=is_regression)


def _test_metric(prepared: Prepared, output_TC: Any, *, is_regression: bool) -> float:
    y_T = prepared.y_test
    if is_regression:
        predicted_TC = prepared.fits[0].target.to_predictions(output_TC)
        return float(np.sqrt(np.mean((predicted_TC[:, 0] - y_T) ** 2)))
    probability_T = output_TC[np.arange(len(y_T)), y_T.astype(np.int64)]
    return float(-np.log(np.clip(probability_T, 1e-7, 1)).mean())
