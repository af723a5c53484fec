"""The engine of stock Keras: one plan at a time through `fit`, whatever layers it has.

It trains what cohorts can't express, and is what cohorts are compared with in tests.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays, FoldRows
from worker.engine.gradients import forgotten_gradients
from worker.engine.keras.callbacks import (
    Draws,
    MonitoredStopping,
    NetworkState,
    Watch,
    rate_callback,
)
from worker.engine.keras.compiled import CompiledNetworks
from worker.engine.keras.network import (
    PREDICT_ROWS,
    KerasTarget,
    build_network,
    compile_network,
    network_variables,
    predict,
)
from worker.engine.plans import Epoch, Plan
from worker.engine.protocol import (
    EpochsAhead,
    NextPlans,
    OnEpoch,
    OnWait,
    TakeCheckpoint,
    look_at_every_epoch,
)
from worker.engine.results import FailedPlan, TrainedPlan, failed_plan

PROGRAM = "keras_fit"
"""Stored with trials since before the engine was renamed: it must not change."""


@dataclass(frozen=True)
class KerasEngine:
    """Trains plans one after the other; `networks` may be shared with other engines."""

    arrays: Arrays
    networks: CompiledNetworks = field(default_factory=CompiledNetworks)

    def run(
        self,
        next_plans: NextPlans,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
        epochs_ahead: EpochsAhead = look_at_every_epoch,  # noqa: ARG002 - looks at every epoch
    ) -> Iterator[TrainedPlan | FailedPlan]:
        """Train plans until there are none, and yield each training as it ends."""
        while plans := next_plans(1):
            callbacks = _Callbacks(on_epoch, on_wait)
            try:
                yield train(
                    plans[0],
                    self.arrays,
                    self.networks,
                    on_epoch=callbacks.epoch,
                    on_wait=callbacks.wait,
                )
            except Exception as error:
                if callbacks.is_raised:
                    # Not of the trial: the job is to end.
                    raise
                yield failed_plan(plans[0], error)


def train(
    plan: Plan,
    arrays: Arrays,
    networks: CompiledNetworks | None = None,
    *,
    on_epoch: OnEpoch,
    on_wait: OnWait,
) -> TrainedPlan:
    """Train one plan to its end, or until `on_epoch` returns False."""
    fold, rows = arrays.folds[plan.fold], arrays.rows(plan.fold)
    with _without_warnings():
        model = _prepare(plan, arrays, networks or CompiledNetworks())
        state = NetworkState(model, network_variables(model, plan))
        stopping = MonitoredStopping(plan, fold, state)
        falling = rate_callback(plan, fold)
        watch = Watch(plan, fold, stopping, state, on_epoch=on_epoch, on_wait=on_wait)
        if plan.checkpoint is not None:
            state.restore(plan.checkpoint, arrays.steps(plan))
        if watch.reason is None:
            callbacks = [falling, None if stopping.is_idle else stopping, watch]
            _fit(model, plan, arrays, callbacks, epochs_done=len(watch.epochs))
    weights: tuple[FloatArray, ...] = ()
    val_output_MC = np.empty((0, arrays.outputs), dtype=np.float32)
    if watch.best_epoch is not None:
        checkpoint = watch.checkpoint
        weights = watch.best_weights() if checkpoint is None else checkpoint.best_weights
        val_output_MC = predict(plan, arrays, weights, rows.x_val_MD)
    return TrainedPlan(
        plan=plan,
        outcome=watch.outcome,
        reason=str(watch.reason),
        epochs=tuple(watch.epochs),
        best_epoch=watch.best_epoch,
        weights=weights,
        val_output_MC=val_output_MC,
        seconds=watch.seconds,
        program=PROGRAM,
        rate_falls=() if falling is None else falling.falls,
        checkpoint=watch.checkpoint,
    )


def _prepare(plan: Plan, arrays: Arrays, networks: CompiledNetworks) -> keras.Model:
    """Return a plan's network, compiled and as it begins."""
    if plan.layers:
        return networks.prepare(plan, arrays)
    keras.backend.clear_session()
    keras.utils.set_random_seed(plan.seed)  # of dropout and noise
    model = build_network(plan, arrays)
    compile_network(model, plan, arrays)
    return model


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence what Keras says of softmax or categorical crossentropy over one unit: it is meant."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are using a softmax over axis", UserWarning)
        warnings.filterwarnings("ignore", "In loss categorical_crossentropy", SyntaxWarning)
        yield


def _fit(
    model: keras.Model,
    plan: Plan,
    arrays: Arrays,
    callbacks: Sequence[keras.callbacks.Callback | None],
    *,
    epochs_done: int,
) -> None:
    """Run Keras's `fit` from where the plan stands to its end.

    The watch comes last among the callbacks: what stopping makes of an epoch is known then.
    """
    fold, rows = arrays.folds[plan.fold], arrays.rows(plan.fold)
    draws = Draws(plan, len(rows.x_train_ND), arrays.steps(plan))
    labels = KerasTarget(arrays, is_mixed=plan.mixup > 0)
    with forgotten_gradients():
        model.fit(
            _training_batches(rows, labels, plan.batch_size, draws),
            validation_data=_validation_batches(rows, labels) if fold.is_validated else None,
            initial_epoch=epochs_done,
            epochs=plan.max_epochs,
            shuffle=False,
            callbacks=[draws, *filter(None, callbacks)],
            verbose=0,
        )


class _Callbacks:
    """Passes on what an engine tells, and knows whether an error is the listener's."""

    def __init__(self, on_epoch: OnEpoch, on_wait: OnWait) -> None:
        self.is_raised = False
        self._on_epoch, self._on_wait = on_epoch, on_wait

    def epoch(self, plan: Plan, epoch: Epoch, checkpoint: TakeCheckpoint) -> bool:
        """Pass on an epoch."""
        with self._watched():
            return self._on_epoch(plan, epoch, checkpoint)

    def wait(self) -> bool:
        """Pass on a sign of life."""
        with self._watched():
            return self._on_wait()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.is_raised = True
            raise


def _training_batches(rows: FoldRows, labels: KerasTarget, batch_size: int, draws: Draws) -> Any:
    """Return the training rows in the epoch's order, batch by batch; the last may be smaller.

    Keras would make the same of bare arrays, at three times the cost an epoch for a small table.
    """
    count, features = rows.x_train_ND.shape
    numbers = features - len(labels.arrays.embeddings)
    columns = [rows.x_train_ND, labels.of(rows.y_train_N)]
    if rows.weight_train_N is not None:
        columns.append(rows.weight_train_N)
    tensors = [tf.constant(column) for column in columns]

    def batch(number: Any) -> tuple[Any, ...]:
        start = tf.cast(number * batch_size, tf.int32)
        chosen = draws.rows_N[start : tf.minimum(start + batch_size, count)]
        batches = tuple(tf.gather(tensor, chosen) for tensor in tensors)
        if not draws.is_mixed:
            return batches
        share = draws.share_S[number]
        # No code lies between two: that of the larger share stays.
        of_columns = tf.where(tf.range(features) < numbers, share, tf.round(share))
        # Every row with the next one of its batch, and the last with the first.
        shares = (of_columns, *(share for _ in batches[1:]))
        pairs = zip(shares, batches, strict=True)
        return tuple(
            row_values * own + (1 - row_values) * tf.roll(own, -1, axis=0)
            for row_values, own in pairs
        )

    return _without_autotuning(tf.data.Dataset.range(math.ceil(count / batch_size)).map(batch))


def _validation_batches(rows: FoldRows, labels: KerasTarget) -> Any:
    columns = (rows.x_val_MD, labels.of(rows.y_val_M))
    return _without_autotuning(
        tf.data.Dataset.from_tensor_slices(columns).batch(PREDICT_ROWS).cache()
    )


def _without_autotuning(batches: Any) -> Any:
    """Switch off the threads and tuning that only pay for data that is slow to read."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.experimental_optimization.apply_default_optimizations = False
    return batches.with_options(options)
