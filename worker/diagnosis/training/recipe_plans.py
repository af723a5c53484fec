"""A recipe as the plan of its training."""

from __future__ import annotations

from lowloss.recipes import network_calls, rate_call
from lowloss.spec import Recipe
from lowloss.spec.initializers import InitializerRecord
from worker.engine.plans import Plan


def plan_of_recipe(recipe: Recipe, *, number: int, seed: int, fold: int) -> Plan:
    """Build the plan that trains a recipe on a fold."""
    optimizer, stopping, monitor = recipe.optimizer, recipe.early_stopping, recipe.stop_monitor
    plateau = recipe.reduce_lr_on_plateau
    # Keras looks at patience after it has counted: 0 is as 1.
    patience = max(1, stopping.patience) if stopping and monitor else recipe.epochs + 1
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
        plateau=plateau.record if plateau and recipe.validation_split > 0 else None,
        monitor=None if monitor is None or monitor.is_usual else monitor,
    )


def _bias_initializers(recipe: Recipe) -> tuple[InitializerRecord, ...]:
    """Return how biases begin; nothing where all begin at zero."""
    records = tuple(layer.bias_initializer.record for layer in recipe.layers)
    return () if all(record.name == "zeros" for record in records) else records
