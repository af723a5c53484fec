"""A linear network whose weights are solved, not trained: ridge or logistic regression.

Nobody chooses its setting, and no rows end its training: what it comes to on validation rows is
what it is worth. N rows, D inputs, C outputs; L levels of a column, R of their rank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from lowloss.spec import JobSpec
from worker.data.input_choices import InputChoice, input_choices
from worker.data.prepare import Prepared
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays, FoldRows, Loss
from worker.engine.keras.network import forward
from worker.engine.plans import Plan
from worker.engine.results import TrainedPlan, TrainingOutcome
from worker.trials.folds import TrainingResult

LINEAR_NUMBER = 0
"""The number of its plan: trials count from 1."""
PENALTY = 1.0
"""Of squared coefficients, beside the sum of the rows' losses: scikit-learn's default."""
MAX_CELLS = 10_000_000
"""Rows x inputs x outputs of all folds beyond which none is solved: nothing else is done meanwhile.
Ten classes of 20,000 rows and 100 inputs took 23.5 s."""
MAX_ITERATIONS = 1_000
HALVES = np.array([-0.5, 0.5])


def solve_linear(
    prepared: Prepared, spec: JobSpec, like: Plan, *, goes_on: Callable[[], bool] = lambda: True
) -> TrainingResult | None:
    """Solve a linear network on each fold, its numbers standardised.

    None where the job gives the number of layers or of inputs, or scales numbers in other ways,
    where the table is too large, or once `goes_on` returns False. Its plan has the settings of
    `like`, another network's, which mean nothing here.
    """
    choice, arrays = InputChoice("standard"), prepared.arrays
    if choice not in input_choices(spec) or isinstance(spec.search_space.layers, int):
        return None
    inputs = arrays.numbers + sum(embedding.codes for embedding in arrays.embeddings)
    count = len(prepared.splits.folds)
    if len(prepared.splits.non_test_rows) * inputs * arrays.outputs * count > MAX_CELLS:
        return None
    first, initializers = input_choices(spec).index(choice) * count, like.initializers[-1:]
    plan = replace(
        like,
        number=LINEAR_NUMBER,
        widths=(),
        initializers=initializers,
        fold=first,
        checkpoint=None,
    )
    folds = list[TrainedPlan]()
    for fold in range(first, first + count):
        if not goes_on():
            return None
        folds.append(_solve_plan(arrays, replace(plan, fold=fold)))
    return TrainingResult(plan, tuple(folds))


def solve_plans(plans: Sequence[Plan], arrays: Arrays) -> dict[tuple[int, int], TrainedPlan]:
    """Solve the linear networks among plans, by their number and seed: equal ones once."""
    linear = {(plan.number, plan.seed): plan for plan in plans if plan.number == LINEAR_NUMBER}
    return {key: _solve_plan(arrays, plan) for key, plan in linear.items()}


def _solve_plan(arrays: Arrays, plan: Plan) -> TrainedPlan:
    """Solve a linear network on the training rows of a plan's fold."""
    rows = arrays.rows(plan.fold)
    coefficient_DC, bias_C = _solve(arrays, rows)
    weights = _as_weights(arrays, coefficient_DC, bias_C)
    output_MC = forward(weights, (), arrays.output_activation, rows.x_val_MD)
    return TrainedPlan(
        plan=plan,
        outcome=TrainingOutcome.completed,
        reason="solved",
        epochs=(),
        best_epoch=0,
        weights=weights,
        val_output_MC=output_MC,
        seconds=0.0,
        program="none",
    )


def _solve(arrays: Arrays, rows: FoldRows) -> tuple[Float64Array, Float64Array]:
    """Return coefficients of numbers and one-hot codes [D, C], and biases [C]."""
    x_ND, weight_N = _one_hot(arrays, rows.x_train_ND), rows.weight_train_N
    if arrays.loss is Loss.mse:
        ridge = Ridge(alpha=PENALTY).fit(x_ND, rows.y_train_N, weight_N)
        return np.atleast_2d(ridge.coef_).T, np.atleast_1d(ridge.intercept_)
    model = LogisticRegression(C=1.0 / PENALTY, max_iter=MAX_ITERATIONS)
    model.fit(x_ND, rows.y_train_N.astype(np.int64), weight_N)
    if arrays.loss is Loss.multiclass and arrays.outputs == 2:
        # scikit-learn has the logit of the second class alone.
        return model.coef_.T * HALVES, model.intercept_ * HALVES
    return model.coef_.T, model.intercept_


def _one_hot(arrays: Arrays, x_ND: FloatArray) -> Float64Array:
    """Return numbers as they are, and the codes of each column as one-hot columns."""
    parts = [x_ND[:, : arrays.numbers].astype(np.float64)]
    for index, embedding in enumerate(arrays.embeddings, arrays.numbers):
        code_N = x_ND[:, index].astype(np.int64)
        parts.append((code_N[:, None] == np.arange(embedding.codes)).astype(np.float64))
    return np.hstack(parts)


def _as_weights(
    arrays: Arrays, coefficient_DC: Float64Array, bias_C: Float64Array
) -> tuple[FloatArray, ...]:
    """Return a network's kernel, bias and tables of embeddings.

    A table that has fewer numbers a code than there are outputs holds the nearest coefficients of
    its rank.
    """
    kernels, tables = [coefficient_DC[: arrays.numbers]], []
    start = arrays.numbers
    for embedding in arrays.embeddings:
        of_codes_LC = coefficient_DC[start : start + embedding.codes]
        start += embedding.codes
        u_LR, strengths_R, v_RC = np.linalg.svd(of_codes_LC, full_matrices=False)
        rank = min(embedding.size, len(strengths_R))
        table = np.zeros((embedding.codes, embedding.size))
        kernel = np.zeros((embedding.size, len(bias_C)))
        table[:, :rank], kernel[:rank] = u_LR[:, :rank] * strengths_R[:rank], v_RC[:rank]
        tables.append(table)
        kernels.append(kernel)
    weights = (np.vstack(kernels), bias_C, *tables)
    return tuple(weight.astype(np.float32) for weight in weights)
