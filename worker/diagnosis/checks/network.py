"""Checks of the network that a recipe describes: its activations, size, initial weights, layers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lowloss.results import Cause
from lowloss.spec import Recipe
from lowloss.spec.activations import ACTIVATIONS
from lowloss.spec.extra_layers import Merge, SkipStart
from lowloss.wording import counted, format_short
from worker.diagnosis.checks.suspects import Suspect, evidence
from worker.diagnosis.thresholds import (
    INITIAL_SPREAD,
    SMALL_BATCH,
    SMALL_UNITS,
    SQUASHING_LAYERS,
    TANH_LAYERS,
    WEIGHTS_PER_ROW,
)
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.variants import count_weights


def check_network(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield suspects that the layers alone show."""
    yield from _activation(recipe)
    yield from _size(data, recipe)
    yield from _initial(data, recipe)
    yield from _extra_layers(recipe)


def _activation(recipe: Recipe) -> Iterator[Suspect]:
    names = [layer.nonlinearity for layer in recipe.hidden]
    if names and all(name == "linear" for name in names):
        yield Suspect(
            Cause.wrong_activation,
            "The hidden layer is linear: with the output it is one linear layer"
            if len(names) == 1
            else f"All {len(names)} hidden layers are linear: together they are one linear layer",
            (evidence("hidden layers with an activation", 0, 1),),
            strength=1.5,
        )
    squashed = [name for name in names if ACTIVATIONS[name].is_squashing]
    others = [name for name in squashed if name != "tanh"]
    is_deep = len(others) >= SQUASHING_LAYERS or len(squashed) >= TANH_LAYERS
    if is_deep or "softmax" in names:
        yield Suspect(
            Cause.wrong_activation,
            f"{len(squashed)} hidden layers of {squashed[0]} in a row: each squashes what the one "
            "before it answers, and the gradients shrink on their way back",
            (evidence("squashing hidden layers", len(squashed), SQUASHING_LAYERS),),
            strength=1.0,
        )
    if "exponential" in names:
        yield Suspect(
            Cause.wrong_activation,
            "A hidden layer is exponential: its output runs away",
            (evidence("exponential hidden layers", names.count("exponential"), 0),),
            strength=1.0,
        )


def _size(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    rows = len(data.draws[0].fit_rows)
    # Bins count as their column, categories as their codes, and dropped inputs not at all.
    weights = count_weights(min(data.width, data.count_columns(recipe)), recipe)
    if weights > WEIGHTS_PER_ROW * rows:
        yield Suspect(
            Cause.too_complex,
            f"The network has {weights:,} weights for {rows:,} training rows",
            (evidence("weights per training row", weights / rows, WEIGHTS_PER_ROW),),
            strength=0.2 + math.log10(weights / rows / WEIGHTS_PER_ROW),
        )
    narrowest = min((layer.units for layer in recipe.hidden), default=0)
    if narrowest < SMALL_UNITS:
        sentence = (
            f"Its narrowest hidden layer has {counted(narrowest, 'unit')}"
            if recipe.hidden
            else "The network has no hidden layer: it is a linear model"
        )
        yield Suspect(
            Cause.too_simple,
            sentence,
            (evidence("units of the narrowest hidden layer", narrowest, SMALL_UNITS),),
            strength=0.7,
        )


def _initial(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    fans_in = recipe.count_inputs(data.inputs(recipe))
    for index, layer in enumerate(recipe.layers):
        initializer, fan_in = layer.kernel_initializer, fans_in[index]
        if initializer.record.distribution == "constant":
            if index == len(recipe.layers) - 1 and initializer.name == "zeros":
                continue
            yield Suspect(
                Cause.poor_initialisation,
                f"Layer {index + 1} begins with all weights alike ({initializer.name}): "
                "its units get the same gradient and stay alike",
                (evidence("distinct initial weights of the layer", 1, 2),),
                strength=2.5,
            )
            return
        sd = initializer.record.standard_deviation
        if sd is not None:
            # Weights around another value than 0 are as large as that.
            sd = math.hypot(sd, initializer.mean)
        usual = math.sqrt(2.0 / fan_in)
        if sd is not None and not usual / INITIAL_SPREAD**2 < sd < usual * INITIAL_SPREAD:
            yield Suspect(
                Cause.poor_initialisation,
                f"Layer {index + 1} begins with weights of standard deviation {format_short(sd)}; "
                f"{fan_in} inputs want about {format_short(usual)}",
                (
                    evidence(
                        "initial standard deviation over the usual", sd / usual, INITIAL_SPREAD
                    ),
                ),
                strength=0.5 + abs(math.log10(sd / usual)),
            )
            return


def _extra_layers(recipe: Recipe) -> Iterator[Suspect]:
    names = {layer.keras_class for layer in recipe.extra_layers}
    if "BatchNormalization" in names and recipe.batch_size <= SMALL_BATCH:
        yield Suspect(
            Cause.harmful_layers,
            f"BatchNormalization takes mean and deviation of {recipe.batch_size} rows at a time",
            (evidence("batch size", recipe.batch_size, SMALL_BATCH),),
            strength=0.7,
        )
    behind = [
        layer.keras_class
        for layer in recipe.output.extra_layers
        if not (layer.computes or isinstance(layer, SkipStart | Merge))
    ]
    behind += ["Dropout"] if recipe.output.dropout else []
    if behind:
        yield Suspect(
            Cause.harmful_layers,
            f"{' and '.join(behind)} behind the output layer changes the answers themselves",
            (evidence("layers behind the output layer", len(behind), 0),),
            strength=1.0,
        )
