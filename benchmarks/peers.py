"""Ways to train the same plans: stock KerasTuner, with flags, Optuna, scikit-learn, and lowloss.

Each answers the validation loss of every plan, by number.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from worker.engine.arrays import Arrays
from worker.engine.plans import Plan
from worker.engine.protocol import next_plans_from
from worker.engine.results import TrainedPlan

Train = Callable[[Sequence[Plan]], dict[int, float]]
FLAGS = {"steps_per_execution": 32}
"""What makes Keras fastest here: `jit_compile` adds a compile, and no speed."""


def prepare(name: str, arrays: Arrays) -> Train:
    """Return a peer that is ready to train on some arrays; what it compiles.

    It does when it trains.
    """
    match name:
        case "lowloss":
            return _lowloss(arrays)
        case "kerastuner":
            return lambda plans: _kerastuner(plans, arrays, {})
        case "kerastuner_flags":
            return lambda plans: _kerastuner(plans, arrays, FLAGS)
        case "optuna":
            return lambda plans: _optuna(plans, arrays)
        case "sklearn":
            return lambda plans: _sklearn(plans, arrays)
        case "matmul":
            return lambda plans: _matmul(plans, arrays)
    raise ValueError(f"unknown peer {name!r}")


def _lowloss(arrays: Arrays) -> Train:
    from worker.engine.cohort.buckets import Reach
    from worker.execution.local import LocalExecutor

    reach = Reach(2, 1, frozenset({"dropout"}))
    engine = LocalExecutor().build_engine(arrays, reach, trials=64)

    def train(plans: Sequence[Plan]) -> dict[int, float]:
        ended = engine.run(
            next_plans_from(plans),
            on_epoch=lambda *_: True,
            on_wait=lambda: True,
            epochs_ahead=lambda plan: plan.max_epochs,
        )
        return {t.plan.number: _best(t) for t in ended if isinstance(t, TrainedPlan)}

    return train


def _best(trained: TrainedPlan) -> float:
    return min(epoch.val_loss for epoch in trained.epochs)


def _network(plan: Plan, columns: int, flags: dict[str, Any]) -> Any:
    """Return the network of a plan as a user of Keras writes it."""
    import keras

    keras.utils.set_random_seed(plan.seed)
    penalty = keras.regularizers.L2(plan.l2)
    model = keras.Sequential([keras.Input((columns,))])
    for width in plan.widths:
        dense = keras.layers.Dense(
            width, "relu", kernel_initializer="he_normal", kernel_regularizer=penalty
        )
        model.add(dense)
        model.add(keras.layers.Dropout(plan.dropout))
    model.add(keras.layers.Dense(1, kernel_regularizer=penalty))
    model.compile(keras.optimizers.Adam(plan.learning_rate), "mse", metrics=["mse"], **flags)
    return model


def _stopping(plan: Plan) -> Any:
    import keras

    return keras.callbacks.EarlyStopping(
        "val_mse", mode="min", patience=plan.patience, restore_best_weights=True
    )


def _hands_out(plans: Sequence[Plan], objective: Any) -> Any:
    """Return an oracle that hands out the plans' numbers."""
    import keras_tuner

    class PlannedOracle(keras_tuner.Oracle):  # type: ignore[misc]
        def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
            done = len(self.trials)
            if done >= len(plans):
                return {"status": "STOPPED", "values": None}
            return {"status": "RUNNING", "values": {"number": plans[done].number}}

    return PlannedOracle(objective, max_trials=len(plans))


def _kerastuner(plans: Sequence[Plan], arrays: Arrays, flags: dict[str, Any]) -> dict[int, float]:
    """Train by stock `search`, whose oracle hands out the plans in their order."""
    import keras_tuner

    of_number = {plan.number: plan for plan in plans}
    rows = arrays.rows()

    class Recipe(keras_tuner.HyperModel):  # type: ignore[misc]
        """A plan's network, and how it is fitted."""

        def build(self, hp: Any) -> Any:
            number = hp.Choice("number", list(of_number))
            return _network(of_number[number], arrays.features, flags)

        def fit(self, hp: Any, model: Any, *arguments: Any, callbacks: Any, **options: Any) -> Any:
            plan = of_number[hp.get("number")]
            return model.fit(
                *arguments,
                callbacks=[*callbacks, _stopping(plan)],
                batch_size=plan.batch_size,
                epochs=plan.max_epochs,
                **options,
            )

    with tempfile.TemporaryDirectory() as folder:
        objective = keras_tuner.Objective("val_mse", "min")
        tuner = keras_tuner.Tuner(
            _hands_out(plans, objective), Recipe(), directory=folder, project_name="b"
        )
        tuner.search(
            rows.x_train_ND,
            rows.y_train_N,
            validation_data=(rows.x_val_MD, rows.y_val_M),
            verbose=0,
        )
        trials = tuner.oracle.trials.values()
        return {trial.hyperparameters.get("number"): float(trial.score) for trial in trials}


def _optuna(plans: Sequence[Plan], arrays: Arrays) -> dict[int, float]:
    """Train by Optuna around stock Keras `fit`."""
    import keras
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = arrays.rows()
    of_number = {plan.number: plan for plan in plans}
    losses: dict[int, float] = {}

    def objective(trial: Any) -> float:
        plan = of_number[trial.suggest_int("number", 0, 10_000)]
        keras.backend.clear_session()
        fitted = _network(plan, arrays.features, {}).fit(
            rows.x_train_ND,
            rows.y_train_N,
            validation_data=(rows.x_val_MD, rows.y_val_M),
            batch_size=plan.batch_size,
            epochs=plan.max_epochs,
            callbacks=[_stopping(plan)],
            verbose=0,
        )
        losses[plan.number] = min(fitted.history["val_mse"])
        return losses[plan.number]

    study = optuna.create_study()
    for plan in plans:
        study.enqueue_trial({"number": plan.number})
    study.optimize(objective, n_trials=len(plans))
    return losses


def _sklearn(plans: Sequence[Plan], arrays: Arrays) -> dict[int, float]:
    """Train scikit-learn's network, without dropout, in two processes."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV
    from sklearn.neural_network import MLPRegressor

    os.environ["PYTHONWARNINGS"] = "ignore"  # for joblib's processes
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = arrays.rows()
    split = np.concatenate([np.full(len(rows.x_train_ND), -1), np.zeros(len(rows.x_val_MD))])
    # All plans of a comparison have one size, and one number of epochs.
    plan = plans[0]
    network = MLPRegressor(
        hidden_layer_sizes=plan.widths,
        batch_size=plan.batch_size,
        max_iter=plan.max_epochs,
        n_iter_no_change=plan.max_epochs,
        tol=0.0,
    )
    search = RandomizedSearchCV(
        network,
        {"random_state": [plan.seed for plan in plans]},
        n_iter=len(plans),
        scoring="neg_mean_squared_error",
        cv=PredefinedSplit(split),
        refit=False,
        n_jobs=2,
    )
    search.set_params(estimator__alpha=plan.l2, estimator__learning_rate_init=plan.learning_rate)
    search.fit(
        np.concatenate([rows.x_train_ND, rows.x_val_MD]),
        np.concatenate([rows.y_train_N, rows.y_val_M]),
    )
    scores = -search.cv_results_["mean_test_score"]
    return {plan.number: float(score) for plan, score in zip(plans, scores, strict=True)}


def _matmul(plans: Sequence[Plan], arrays: Arrays) -> dict[int, float]:
    """Compute the bare matrix products of forward and backward: the floor."""
    steps = arrays.steps(plans[0])
    products = [
        (plan.widths, plan.batch_size, arrays.features, steps * plan.max_epochs) for plan in plans
    ]
    with ProcessPoolExecutor(2, initializer=_one_thread) as pool:
        list(pool.map(_multiply, products))
    return {}


def _one_thread() -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def _multiply(product: tuple[tuple[int, ...], int, int, int]) -> None:
    widths, batch, columns, steps = product
    rng = np.random.default_rng(0)
    sizes = [columns, *widths, 1]
    x = [rng.normal(size=(batch, size)).astype(np.float32) for size in sizes]
    w = [
        rng.normal(size=(sizes[i], sizes[i + 1])).astype(np.float32) for i in range(len(sizes) - 1)
    ]
    for _ in range(steps):
        for layer, kernel in enumerate(w):
            x[layer] @ kernel  # forward
            x[layer].T @ x[layer + 1]  # the kernel's gradient
            if layer:
                x[layer + 1] @ kernel.T  # the layer's gradient
