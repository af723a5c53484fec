"""A recipe as the plan of its training, and a plan as a recipe."""

from __future__ import annotations

from typing import Any

from lowloss.recipes import network_calls, rate_call
from lowloss.spec import Recipe
from lowloss.spec.initializers import INITIALIZERS, InitializerRecord
from lowloss.spec.optimizers import OPTIMIZERS
from worker.engine.plans import KernelInitializer, Plan


def to_plan(recipe: Recipe, *, number: int, seed: int, fold: int) -> Plan:
    """Build the plan that trains a recipe on a fold."""
    optimizer, stopping = recipe.optimizer, recipe.early_stopping
    # Keras looks at patience after it has counted: 0 is as 1.
    patience = max(1, stopping.patience) if stopping and recipe.stops_early else recipe.epochs + 1
    return Plan(
        number=number,
        seed=seed,
        widths=tuple(layer.units for layer in recipe.hidden),
        activation=tuple(layer.activation for layer in recipe.hidden),
        optimizer=optimizer.name,
        learning_rate=optimizer.rate,
        schedule=optimizer.schedule,
        weight_decay=optimizer.weight_decay,
        clip_norm=optimizer.clip_norm,
        l1=tuple(layer.l1 for layer in recipe.layers),
        l2=tuple(layer.l2 for layer in recipe.layers),
        dropout=tuple(layer.dropout for layer in recipe.hidden),
        batch_size=recipe.batch_size,
        patience=patience,
        max_epochs=recipe.epochs,
        initializers=tuple(layer.kernel_initializer.record for layer in recipe.layers),
        bias_initializers=_bias_initializers(recipe),
        noise=recipe.noise,
        mixup=recipe.mixup,
        fold=fold,
        momentum=optimizer.momentum,
        shuffle=recipe.shuffle,
        layers=network_calls(recipe) if recipe.needs_keras else (),
        optimizer_arguments=optimizer.keras_arguments,
        rate_schedule=rate_call(optimizer),
    )


def to_recipe(plan: Plan, *, output: dict[str, Any], **fields: Any) -> Recipe:
    """Return the recipe that a plan of a cohort trains: the inverse of `to_plan`.

    A plan does not know its data, nor whether its best weights are kept: `output` are units and
    activation of the output layer, `fields` the loss, the preprocessing, and what stops it early.
    """
    takes_momentum = OPTIMIZERS[plan.optimizer].takes_momentum
    optimizer = {
        "name": plan.optimizer,
        "learning_rate": plan.learning_rate,
        "schedule": plan.schedule,
        "momentum": plan.momentum if takes_momentum else 0.0,
        "weight_decay": plan.weight_decay,
        "clip_norm": plan.clip_norm,
    }
    return Recipe.model_validate(
        {
            "noise": plan.noise,
            "mixup": plan.mixup,
            "shuffle": plan.shuffle,
            "layers": _layers(plan, output),
            "optimizer": optimizer,
            "batch_size": plan.batch_size,
            "epochs": plan.max_epochs,
            **fields,
        }
    )


def _layers(plan: Plan, output: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers of a plan's network, the output layer last."""
    hidden = zip(plan.widths, plan.activations, plan.dropouts, strict=True)
    layers = [
        *({"units": width, "activation": name, "dropout": rate} for width, name, rate in hidden),
        output,
    ]
    kernels = zip(layers, plan.l1s, plan.l2s, plan.initializers, strict=True)
    return [
        layer | {"l1": l1, "l2": l2, "kernel_initializer": _keras_initializer(initializer)}
        for layer, l1, l2, initializer in kernels
    ]


def _bias_initializers(recipe: Recipe) -> tuple[InitializerRecord, ...]:
    """Return how biases begin; nothing where all begin at zero."""
    records = tuple(layer.bias_initializer.record for layer in recipe.layers)
    return () if all(record.name == "zeros" for record in records) else records


def _keras_initializer(initializer: KernelInitializer) -> dict[str, Any]:
    """Return an initializer in Keras's words."""
    mean = {"mean": initializer.mean} if initializer.mean else {}
    for record in INITIALIZERS.values():
        is_alike = (record.distribution, record.fan) == (initializer.distribution, initializer.fan)
        if is_alike and record.argument is not None:
            return {"name": record.name, "scale": initializer.scale, **mean}
        if is_alike and record.scale == initializer.scale:
            return {"name": record.name}
    raise ValueError(f"no initializer of Keras draws as {initializer}")
