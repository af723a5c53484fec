"""Checks of the recipe itself against the data: what can be said before it is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lowloss.results import Cause
from lowloss.spec import Recipe, Task
from lowloss.spec.activations import ACTIVATIONS
from lowloss.wording import counted, format_short, list_first
from worker.diagnosis.checks.network import check_network
from worker.diagnosis.checks.numbers import check_output_of_numbers
from worker.diagnosis.checks.optimizer import check_optimizer
from worker.diagnosis.checks.several import PROBABLE, check_output_of_labels
from worker.diagnosis.checks.suspects import Suspect, evidence, strongest
from worker.diagnosis.thresholds import (
    BATCH_SHARE,
    BATCH_STEPS,
    BATCH_WITH_SHARE,
    BATCH_WITH_STEPS,
    DROPOUT,
    FEW_EPOCHS,
    MIN_ACTIVE_UNITS,
    PENALTY_L1,
    PENALTY_L2,
    PENALTY_START,
    SHORT_PATIENCE,
    SMALL_BATCH,
)
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.judging import constant_score
from worker.diagnosis.training.variants import (
    CannotTrainError,
    LabelsNotEncodedError,
    SkipsRefusedError,
    fit_target_scaling,
    output_format,
)

OF_TWO_CLASSES = frozenset(
    {"binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge"}
)
OF_SHARES = frozenset(
    {
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "sparse_categorical_crossentropy",
    }
)
"""Losses of the classes' shares, which add up to 1."""


def check_recipe(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield suspects that the recipe alone shows."""
    yield from _output(data, recipe)
    yield from check_network(data, recipe)
    yield from _regularisation(data, recipe)
    yield from _epochs(data, recipe)
    yield from _batches(data, recipe)
    yield from check_optimizer(data, recipe)
    yield from _validation(recipe)


def _output(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    try:
        output_format(recipe, data)
    except CannotTrainError as error:
        yield _refused(data, recipe, error)
        return
    if data.task is not Task.regression:
        yield from strongest(s for one in data.by_target for s in _labels(one, recipe))
    if data.predicted.is_of_classes:
        yield from _output_of_classes(data, recipe)
    elif data.predicted.is_of_labels:
        yield from check_output_of_labels(data, recipe)
    else:
        yield from check_output_of_numbers(data, recipe)


def _refused(data: DiagnosisData, recipe: Recipe, error: CannotTrainError) -> Suspect:
    proof = evidence("output units", recipe.output.units)
    refusal = "Keras refuses to train this"
    match error:
        case LabelsNotEncodedError():
            cause, what = Cause.labels_not_encoded, f"labels do not fit the loss {recipe.loss}"
        case SkipsRefusedError():
            cause, what = Cause.harmful_layers, "skips do not fit the table"
            proof = evidence("columns that the network sees", data.inputs(recipe))
            # Keras repeats a single number: that is not reproduced.
            refusal = "it is not trained"
        case _:
            cause, what = Cause.wrong_output, "output layer does not fit the target"
    return Suspect(
        cause,
        f"The {what}: {error}; {refusal}",
        (proof,),
        strength=4.0,  # Before what would harm a training: there is none.
        is_certain=True,
    )


def _labels(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield labels that one output unit is trained on as they are, and cannot answer."""
    numbers = data.label_numbers
    has_units_of_classes = recipe.output.units > 1 and data.siblings == 1
    if numbers is None or recipe.encode_labels or has_units_of_classes or len(numbers) > 2:
        return
    record = ACTIVATIONS[recipe.output.nonlinearity]
    low, high, what = record.low, record.high, recipe.output.nonlinearity
    if recipe.is_classifier:
        low, high, what = (-1.0 if recipe.loss_record.has_margins else 0.0), 1.0, recipe.loss
    beyond = numbers[(numbers < low) | (numbers > high)]
    if len(beyond):
        shown = list_first([f"{number:g}" for number in numbers], 5)
        whose = "" if data.siblings == 1 else f" of {data.target.name!r}"
        yield Suspect(
            Cause.labels_not_encoded,
            f"The labels{whose} are {shown}, and the recipe trains on these numbers: {what} is for "
            f"{low:g} to {high:g}",
            (evidence("label farthest out", float(beyond[np.abs(beyond).argmax()]), high),),
            strength=3.0,
            is_certain=True,
            columns=(data.target.name,),
        )


def _output_of_classes(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    head, units = recipe.output.nonlinearity, recipe.output.units
    classes, has_margins = len(data.target.labels), recipe.loss_record.has_margins
    is_multiclass = classes > 2
    sentence, wants_shares = None, False
    if head == "softmax" and units == 1:
        sentence = "The output is a softmax over one unit: it answers 1 to every row"
    elif is_multiclass and units == 1:
        sentence = f"One output unit stands for {classes} classes, as if they were an amount"
    elif units == classes and head == "sigmoid" and is_multiclass:
        sentence = (
            f"The {classes} outputs are {head}s that need not add up to 1, and the classes exclude "
            "each other"
        )
    elif has_margins and units == 1 and ACTIVATIONS[head].low >= 0 and head not in PROBABLE:
        sentence = (
            f"The output activation {head} answers nothing below 0, where {recipe.loss} wants the "
            "answers of one class"
        )
    elif not has_margins and head not in PROBABLE:
        sentence = f"The output activation {head} gives no probabilities of the {classes} classes"
        wants_shares = recipe.is_classifier
    is_certain = sentence is not None and (
        wants_shares or (units == 1 and (is_multiclass or head == "softmax"))
    )
    if sentence is not None:
        yield Suspect(
            Cause.wrong_output,
            sentence,
            (evidence("output units", units, classes if is_multiclass else 1),),
            strength=3.0 if is_certain else 1.0,
            is_certain=is_certain,
        )
    yield from _loss_of_classes(recipe, classes)


def _loss_of_classes(recipe: Recipe, classes: int) -> Iterator[Suspect]:
    loss, units = recipe.loss, recipe.output.units
    if not recipe.is_classifier or (loss in OF_TWO_CLASSES and classes > 2):
        yield Suspect(
            Cause.wrong_loss,
            f"The loss {loss} is not that of {classes} classes that exclude each other",
            (evidence("classes", classes, 2),),
            strength=1.0,
        )
    elif recipe.loss_record.has_margins and units == 1 and recipe.output.nonlinearity in PROBABLE:
        head = recipe.output.nonlinearity
        yield Suspect(
            Cause.wrong_loss,
            f"The loss {loss} wants answers from -1 to 1, and the output activation {head} gives "
            "none below 0",
            (evidence("lowest answer of the output", 0.0, -1.0),),
            strength=1.0,
        )
    elif loss in OF_SHARES and units == 1:
        yield Suspect(
            Cause.wrong_loss,
            f"The loss {loss} over one unit is always the same, whatever the network answers",
            (evidence("output units", units, classes),),
            strength=3.0,
        )
    elif loss == "kl_divergence" and units == 1:
        yield Suspect(
            Cause.wrong_loss,
            "The loss kl_divergence over one unit is least where every row is answered by 1",
            (evidence("output units", units, classes),),
            strength=3.0,
        )


def _regularisation(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    constant = _constant_training_loss(data, recipe)
    for cause, name, limit in (
        (Cause.l1_too_strong, "l1", PENALTY_L1),
        (Cause.l2_too_strong, "l2", PENALTY_L2),
    ):
        strength = max(float(getattr(layer, name)) for layer in recipe.layers)
        # Penalties weigh as much as the loss has units.
        share = strength / (constant or 1.0)
        if share > limit:
            yield Suspect(
                cause,
                f"{name.upper()} of {strength:g} weighs heavily against a loss that begins near "
                f"{format_short(constant)}",
                (evidence(f"{name} over the loss of a constant answer", share, limit),),
                strength=0.3 + math.log10(share / limit),
            )
        elif name == "l2":
            yield from _first_penalty(data, recipe, constant or 1.0)
    worst = max(recipe.hidden, key=lambda layer: layer.dropout, default=None)
    if worst is None or not worst.dropout:
        return
    active_units = worst.units * (1 - worst.dropout)
    if worst.dropout > DROPOUT or active_units < MIN_ACTIVE_UNITS:
        yield Suspect(
            Cause.dropout_too_strong,
            f"Dropout of {worst.dropout:g} leaves {format_short(active_units)} of {worst.units} "
            "units in each step",
            (evidence("dropout rate", worst.dropout, DROPOUT),),
            strength=0.3 + max(0.0, (worst.dropout - DROPOUT) * 3),
        )


def _first_penalty(data: DiagnosisData, recipe: Recipe, constant: float) -> Iterator[Suspect]:
    """Yield the suspect of a small L2 on so many weights that its penalty rules the loss."""
    fans_in = recipe.count_inputs(data.inputs(recipe))
    squares = [
        fan_in * layer.units * layer.kernel_initializer.record.mean_square(fan_in, layer.units)
        for layer, fan_in in zip(recipe.layers, fans_in, strict=True)
    ]
    penalties = [layer.l2 * square for layer, square in zip(recipe.layers, squares, strict=True)]
    share = math.fsum(penalties) / constant
    if share > PENALTY_START:
        yield Suspect(
            Cause.l2_too_strong,
            f"The L2 penalty of the first weights is {format_short(math.fsum(penalties))}, against "
            f"a loss that begins near {format_short(constant)}",
            (evidence("first penalty over the loss of a constant answer", share, PENALTY_START),),
            strength=0.3 + math.log10(share / PENALTY_START),
        )


def _constant_training_loss(data: DiagnosisData, recipe: Recipe) -> float:
    draw = data.draws[0]
    if data.task is not Task.regression:
        return 1.0
    _, scale = fit_target_scaling(recipe, data, draw)
    score = constant_score(data, draw)
    losses = [one.loss for one in score.by_target or (score,)]
    spread = float(np.mean(np.array(losses) / scale**2))
    return spread if recipe.loss == "mean_squared_error" else math.sqrt(spread)


def _epochs(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    rows = len(data.draws[0].fit_rows)
    steps = recipe.epochs * recipe.count_steps(rows)
    if recipe.epochs < FEW_EPOCHS:
        never = recipe.epochs == 0
        yield Suspect(
            Cause.too_few_epochs,
            "epochs is 0: nothing was trained, and the network answers by its initial weights"
            if never
            else f"{counted(recipe.epochs, 'epoch')}: {counted(steps, 'step')} in all",
            (evidence("epochs", recipe.epochs, FEW_EPOCHS),),
            strength=4.0 if never else 0.5 + math.log10(FEW_EPOCHS / max(1, recipe.epochs)),
            is_certain=never,
        )
    stopping = recipe.early_stopping
    if stopping is not None and recipe.stops_early and stopping.patience < SHORT_PATIENCE:
        waits = counted(max(1, stopping.patience), "epoch")
        yield Suspect(
            Cause.too_few_epochs,
            f"Early stopping waits for {waits} without a gain, and no longer",
            (evidence("patience of early stopping", stopping.patience, SHORT_PATIENCE),),
            strength=0.3,
        )


def _batches(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    rows = len(data.draws[0].fit_rows)
    steps = recipe.count_steps(rows)
    is_large = recipe.batch_size > BATCH_SHARE * rows and recipe.batch_size > BATCH_WITH_SHARE
    if is_large or (steps < BATCH_STEPS and recipe.batch_size > BATCH_WITH_STEPS):
        yield Suspect(
            Cause.batch_size,
            f"A batch of {recipe.batch_size} leaves {counted(steps, 'step')} an epoch",
            (evidence("batch size over training rows", recipe.batch_size / rows, BATCH_SHARE),),
            strength=0.7 + math.log10(max(1.0, recipe.batch_size / rows / BATCH_SHARE)),
        )
    elif recipe.batch_size < SMALL_BATCH:
        yield Suspect(
            Cause.batch_size,
            f"Batches of {recipe.batch_size} rows make noisy steps",
            (evidence("batch size", recipe.batch_size, SMALL_BATCH),),
            strength=0.3,
        )


def _validation(recipe: Recipe) -> Iterator[Suspect]:
    if recipe.validation_split == 0:
        callbacks = {
            "EarlyStopping": recipe.early_stopping and not recipe.stops_early,
            "ReduceLROnPlateau": recipe.reduce_lr_on_plateau,
        }
        names = [name for name, is_idle in callbacks.items() if is_idle]
        verb = "have" if len(names) > 1 else "has"
        stopping = f", and {' and '.join(names)} {verb} nothing to go by" if names else ""
        yield Suspect(
            Cause.no_validation_split,
            f"No rows validate: overfitting cannot be seen{stopping}",
            (evidence("validation_split", 0.0, 0.1),),
            strength=0.2,
        )
