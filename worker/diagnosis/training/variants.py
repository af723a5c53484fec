"""A variant is a recipe, or a changed one: what an engine is given to train it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lowloss.spec import Recipe, Task
from lowloss.spec.skips import SkipMisfitError, check_skips
from lowloss.wording import counted
from worker.data.splits import Rows
from worker.data.target import Float64Array, class_weights
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.draws import Draw, sample_rows
from worker.engine.arrays import Fold, Loss, Unit
from worker.engine.cohort.buckets import slot_step_seconds

KERAS_START_SECONDS, KERAS_EPOCH_SECONDS, KERAS_STEP_SECONDS = 1.5, 0.02, 4e-4
"""What a training by stock Keras costs beside arithmetic: building, each epoch, and each step."""
ONE_HOT_LOSSES = frozenset({"categorical_crossentropy", "sparse_categorical_crossentropy"})
NO_SHARED_UNIT = frozenset(
    {"binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy"}
)
"""Losses for which Keras refuses a single unit for several targets (Keras 3.15)."""


@dataclass(frozen=True)
class Variant:
    """A recipe, and the share of the training rows that it trains on."""

    recipe: Recipe
    share: float = 1.0


@dataclass(frozen=True)
class OutputFormat:
    """How the network's output is compared with the target: a program is compiled for it.

    `arguments` are the loss's. `codes`: the target is a number that stands for a class;
    `as_numbers`: the labels' own numbers are fed, else classes count from 0.
    """

    loss: Loss
    head: str | None
    outputs: int
    codes: bool
    as_numbers: bool = False
    arguments: tuple[tuple[str, float], ...] = ()


class CannotTrainError(Exception):
    """Keras itself would refuse to train the recipe; says why."""


class LabelsNotEncodedError(CannotTrainError):
    """Keras would refuse the labels: they are no numbers from 0 up to the output's units."""


class SkipsRefusedError(CannotTrainError):
    """Keras would refuse the network: it adds units to columns of another number."""


def output_format(recipe: Recipe, data: DiagnosisData) -> OutputFormat:
    """Return what a recipe's loss compares; raise CannotTrainError where Keras would refuse."""
    if recipe.has_skips:
        _check_skips(recipe, columns=data.inputs(recipe))
    return replace(_find_format(recipe, data), arguments=recipe.loss_arguments)


def _check_skips(recipe: Recipe, *, columns: int) -> None:
    try:
        check_skips(recipe.front_layers, recipe.layers, columns=columns)
    except SkipMisfitError as misfit:
        raise SkipsRefusedError(f"{misfit.detail}; the network sees {columns} columns") from misfit


def _find_format(recipe: Recipe, data: DiagnosisData) -> OutputFormat:
    if data.predicted.has_several:
        return _find_format_of_several(recipe, data)
    units, classes = recipe.output.units, len(data.target.labels)
    head, loss = recipe.output.nonlinearity, recipe.loss
    is_sparse = loss == "sparse_categorical_crossentropy"
    if data.task is Task.regression:
        if units != 1:
            raise CannotTrainError(f"{units} output units for one target of numbers")
        if is_sparse:
            raise CannotTrainError("sparse categorical crossentropy takes class numbers from 0 up")
        return OutputFormat(_loss(loss), head, 1, codes=False)
    is_soft = head == "softmax" and loss in ONE_HOT_LOSSES and not recipe.label_smoothing
    as_numbers = feeds_numbers(recipe, data)
    if is_sparse and units < classes:
        raise CannotTrainError(f"{units} output units for {classes} classes")
    if is_sparse and units > 1 and as_numbers:
        _check_labels(data, units)
    if is_soft and (units == classes or (is_sparse and units > classes)):
        return OutputFormat(
            Loss.multiclass, None, units, codes=False, as_numbers=is_sparse and as_numbers
        )
    if units == 1:
        return OutputFormat(_loss(loss), head, 1, codes=True, as_numbers=as_numbers)
    if units != classes:
        raise CannotTrainError(f"{units} output units for {classes} classes")
    return OutputFormat(_loss(loss), head, units, codes=False)


def _find_format_of_several(recipe: Recipe, data: DiagnosisData) -> OutputFormat:
    """Return what is compared with several targets: a unit each, or one unit with all of them."""
    units, targets, loss = recipe.output.units, len(data.targets), recipe.loss
    if loss == "sparse_categorical_crossentropy":
        raise CannotTrainError("sparse categorical crossentropy takes one class number a row")
    if units != targets and (units > 1 or loss in NO_SHARED_UNIT):
        raise CannotTrainError(f"{counted(units, 'output unit')} for {targets} targets")
    is_of_labels = data.predicted.is_of_labels
    as_numbers = is_of_labels and not recipe.encode_labels
    head = recipe.output.nonlinearity
    return OutputFormat(_loss(loss), head, units, codes=is_of_labels, as_numbers=as_numbers)


def feeds_numbers(recipe: Recipe, data: DiagnosisData) -> bool:
    """Return whether the loss gets labels as the numbers that they are in the table."""
    return not recipe.encode_labels and data.label_numbers is not None


def _check_labels(data: DiagnosisData, units: int) -> None:
    numbers = data.label_numbers
    if numbers is None:
        return
    wrong = numbers[(numbers < 0) | (numbers >= units) | (numbers % 1 != 0)]
    if len(wrong):
        raise LabelsNotEncodedError(
            f"the label {wrong[0]:g} is no whole number from 0 to {units - 1}"
        )


def _loss(name: str) -> Loss:
    # Codes of classes are compared one by one, whoever encodes them.
    return Loss("categorical_crossentropy" if name == "sparse_categorical_crossentropy" else name)


def encode_targets(output: OutputFormat, data: DiagnosisData) -> Float64Array:
    """Return the target as the loss compares it: numbers, class indices, label numbers.

    It is [N], or [N, T] of several targets.
    """
    if data.predicted.has_several:
        return np.stack([encode_targets(output, one) for one in data.by_target], axis=1)
    numbers = data.label_numbers
    if output.as_numbers and numbers is not None:
        return numbers[data.y.astype(np.int64)]
    return data.y


def fit_target_scaling(
    recipe: Recipe, data: DiagnosisData, draw: Draw
) -> tuple[Float64Array, Float64Array]:
    """Return shift and scale of the target as the recipe puts it before the network.

    They are numbers, or [T] of several targets.
    """
    y = data.y[draw.fit_rows]
    if data.task is not Task.regression or recipe.scale_target == "none":
        return np.zeros(y.shape[1:]), np.ones(y.shape[1:])
    if recipe.scale_target == "minmax":
        return y.min(axis=0), _no_zeros(np.ptp(y, axis=0), y)
    return y.mean(axis=0), _no_zeros(y.std(axis=0), y)


def _no_zeros(scale: Float64Array, y: Float64Array) -> Float64Array:
    """Return scales; 1 where rows happen to be all the same, but for rounding."""
    return np.where(scale > 1e-12 * np.abs(y.mean(axis=0)), scale, 1.0)


def _as_unit(values: Float64Array) -> Unit:
    return tuple(values.tolist()) if values.ndim else float(values)


def count_weights(inputs: int, recipe: Recipe) -> int:
    """Count weights and biases of a recipe's network on `inputs` columns."""
    pairs = zip(recipe.count_inputs(inputs), recipe.layers, strict=True)
    return sum((fan_in + 1) * layer.units for fan_in, layer in pairs)


def recipe_step_seconds(inputs: int, recipe: Recipe) -> float:
    """Estimate what a step of a recipe's training costs a core, in seconds."""
    seconds = slot_step_seconds(count_weights(inputs, recipe), recipe.batch_size)
    return seconds + KERAS_STEP_SECONDS if recipe.needs_keras else seconds


def training_seconds(inputs: int, rows: int, recipe: Recipe) -> float:
    """Estimate what a recipe's training on some rows takes, in seconds."""
    steps = recipe.epochs * recipe.count_steps(rows)
    seconds = steps * recipe_step_seconds(inputs, recipe)
    if recipe.needs_keras:
        seconds += KERAS_START_SECONDS + recipe.epochs * KERAS_EPOCH_SECONDS
    return seconds


def select_rows(variant: Variant, draw: Draw) -> tuple[Rows, Rows]:
    """Return the rows that a variant trains on, and those of its validation loss.

    Without a validation split the curve shows the judging rows' loss, and nothing depends on it.
    """
    recipe = variant.recipe
    train, validation = draw.fit_rows, draw.judge
    if recipe.validates_on_last_rows:
        train, validation = draw.part_last(recipe.validation_split)
    elif recipe.validation_split:
        train, validation = draw.train, draw.validation
    if variant.share < 1:
        train = sample_rows(train, variant.share, seed=draw.seed)
    return train, validation


def build_fold(
    variant: Variant,
    data: DiagnosisData,
    draw: Draw,
    *,
    view: int,
    unit: tuple[Float64Array, Float64Array],
) -> Fold:
    """Build a variant's fold of arrays whose target is in `unit`: (y - unit[0]) / unit[1]."""
    recipe = variant.recipe
    train, validation = select_rows(variant, draw)
    shift, scale = fit_target_scaling(recipe, data, draw)
    is_weighted = recipe.class_weight == "balanced" and data.predicted.is_of_classes
    return Fold(
        train_N=train,
        validation_M=validation,
        weight_N=class_weights(data.y, train) if is_weighted else None,
        view=view,
        y_shift=_as_unit((shift - unit[0]) / unit[1]),
        y_scale=_as_unit(scale / unit[1]),
    )


def choose_target_unit(output: OutputFormat, y: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the unit that arrays hold a target in: float32 would lose a large mean's digits."""
    is_one_hot = output.outputs > 1 and y.ndim == 1
    if output.codes or is_one_hot or output.loss is Loss.multiclass:
        return np.zeros(y.shape[1:]), np.ones(y.shape[1:])
    return y.mean(axis=0), _no_zeros(y.std(axis=0), y)
