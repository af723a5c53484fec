"""A variant is a recipe, or a changed one: what an engine is given to train it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lowloss.spec import Recipe, Task
from lowloss.spec.skips import SkipMisfitError, check_skips
from worker.data.splits import Rows
from worker.data.target import Float64Array, class_weights
from worker.diagnosis.training.data import DiagnosisData, Draw, sample_rows
from worker.engine.arrays import Fold, Loss
from worker.engine.cohort.buckets import slot_step_seconds

KERAS_START_SECONDS, KERAS_EPOCH_SECONDS, KERAS_STEP_SECONDS = 1.5, 0.02, 4e-4
"""What a training by stock Keras costs beside arithmetic: building, each epoch, and each step."""
ONE_HOT_LOSSES = frozenset({"categorical_crossentropy", "sparse_categorical_crossentropy"})


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
    """Return the target as the loss compares it [N]: numbers, class indices, label numbers."""
    numbers = data.label_numbers
    if output.as_numbers and numbers is not None:
        return numbers[data.y.astype(np.int64)]
    return data.y


def fit_target_scaling(recipe: Recipe, data: DiagnosisData, draw: Draw) -> tuple[float, float]:
    """Return shift and scale of the target as the recipe puts it before the network."""
    if data.task is not Task.regression or recipe.scale_target == "none":
        return 0.0, 1.0
    y = data.y[draw.fit_rows]
    if recipe.scale_target == "minmax":
        return float(y.min()), float(np.ptp(y)) or 1.0
    return float(y.mean()), float(y.std()) or 1.0


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
    variant: Variant, data: DiagnosisData, draw: Draw, *, view: int, unit: tuple[float, float]
) -> Fold:
    """Build a variant's fold of arrays whose target is in `unit`: (y - unit[0]) / unit[1]."""
    recipe = variant.recipe
    train, validation = select_rows(variant, draw)
    shift, scale = fit_target_scaling(recipe, data, draw)
    is_weighted = recipe.class_weight == "balanced" and data.task is not Task.regression
    return Fold(
        train_N=train,
        validation_M=validation,
        weight_N=class_weights(data.y, train) if is_weighted else None,
        view=view,
        y_shift=(shift - unit[0]) / unit[1],
        y_scale=scale / unit[1],
    )


def choose_target_unit(output: OutputFormat, y_N: Float64Array) -> tuple[float, float]:
    """Return the unit that arrays hold a target in: float32 would lose a large mean's digits."""
    if output.codes or output.outputs > 1 or output.loss is Loss.multiclass:
        return 0.0, 1.0
    return float(y_N.mean()), float(y_N.std()) or 1.0
