"""Reads the optimizer and the loss that a model was compiled with, as a Recipe names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.keras_objects import KerasObject, function_name, parse_object
from lowloss.spec.losses import LOSSES
from lowloss.spec.optimizers import OPTIMIZERS, OptimizerRecord, find_optimizer
from lowloss.tables.cells import show_value

KERAS_CLASSES = sorted({record.keras_class for record in OPTIMIZERS.values()})

Note = Callable[[str], None]

_PROBABILITIES = {
    "binary_crossentropy": "sigmoid",
    "binary_focal_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "categorical_focal_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
}
_FOCAL = {"alpha": 0.25, "gamma": 2.0}
_MEANS = frozenset({"sum_over_batch_size", "mean", "auto", "mean_with_sample_weight"})
_FLAGS = ("amsgrad", "centered")
_DECAYS = {"ExponentialDecay": "exponential", "InverseTimeDecay": "inverse_time"}


def read_optimizer(value: Any, note: Note) -> dict[str, Any]:
    """Return a RecipeOptimizer's fields; raise RecipeUnsupported and RecipeUnreadable."""
    if isinstance(value, str):
        optimizer = KerasObject(value, {}, is_custom=False, document={})
    else:
        optimizer = parse_object(value, "the optimizer")
    record = find_optimizer(optimizer.class_name, optimizer.config)
    if optimizer.is_custom or record is None:
        raise _unsupported(
            f"is {show_value(optimizer.class_name)}", f"use {', '.join(KERAS_CLASSES)}"
        )
    arguments = _read_arguments_of(optimizer, record, note)
    momentum = optimizer.read_number("momentum", 0.0) if record.takes_momentum else 0.0
    return {
        "name": record.name,
        "momentum": momentum,
        "arguments": arguments,
        "weight_decay": optimizer.read_number("weight_decay", record.default_decay),
        "clip_norm": _read_clip_norm(optimizer, note),
        **_read_rate(optimizer, note),
    }


def _read_arguments_of(
    optimizer: KerasObject, record: OptimizerRecord, note: Note
) -> dict[str, float]:
    """Return OptimizerArguments's fields: what differs enough to matter."""
    if optimizer.is_set("use_ema"):
        raise _unsupported("has use_ema=true", "leave it out")
    for key in _FLAGS:
        if optimizer.is_set(key):
            note(f"the optimizer's {key} is not reproduced")
    arguments: dict[str, float] = {}
    for key, (default, low, high) in record.constants.items():
        constant = optimizer.read_number(key, default)
        if constant == default:
            continue
        if low <= constant <= high:
            note(f"the optimizer's {key} is taken as {default:g}, not as {constant:g}")
        else:
            arguments[key] = constant
    if optimizer.config.get("clipvalue") is not None:
        arguments["clipvalue"] = optimizer.read_number("clipvalue", 0.0)
    steps = optimizer.config.get("gradient_accumulation_steps")
    if steps not in (None, 1):
        arguments["gradient_accumulation_steps"] = steps
    return arguments


def _read_clip_norm(optimizer: KerasObject, note: Note) -> float | None:
    global_norm = optimizer.config.get("global_clipnorm")
    if global_norm is not None:
        return optimizer.read_number("global_clipnorm", 0.0)
    if optimizer.config.get("clipnorm") is None:
        return None
    note("clipnorm is taken as global_clipnorm: all gradients are clipped together")
    return optimizer.read_number("clipnorm", 0.0)


def _read_rate(optimizer: KerasObject, note: Note) -> dict[str, Any]:
    value = optimizer.config.get("learning_rate", optimizer.config.get("lr"))
    if not isinstance(value, dict):
        key = "learning_rate" if "learning_rate" in optimizer.config else "lr"
        rate = {"learning_rate": optimizer.read_number(key, 0.0)} if value is not None else {}
        decay = optimizer.read_number("decay", 0.0)
        return rate | ({"decay": {"decay_rate": decay}} if decay else {})
    schedule = parse_object(value, "the learning rate")
    if not schedule.is_custom and schedule.class_name in _DECAYS:
        return _read_decay(schedule)
    if schedule.is_custom or schedule.class_name != "CosineDecay":
        raise _unsupported(
            f"has the schedule {show_value(schedule.class_name)}",
            f"use {', '.join(['CosineDecay', *_DECAYS])}, or a constant learning rate",
        )
    if schedule.read_number("warmup_steps", 0) or schedule.config.get("warmup_target") is not None:
        raise _unsupported("warms up its learning rate", "leave warmup_target out")
    if alpha := schedule.read_number("alpha", 0.0):
        if not 0 < alpha <= 0.1:
            raise _unsupported(f"ends at {alpha:g} of its learning rate", "leave alpha out")
        note(f"the learning rate falls to zero, not to {alpha:g} of what it was")
    steps = show_value(schedule.config.get("decay_steps"))
    note(f"the learning rate falls over all epochs, not over the {steps} steps of the model's own")
    return {
        "learning_rate": schedule.read_number("initial_learning_rate", 0.0),
        "schedule": "cosine",
    }


def _read_decay(schedule: KerasObject) -> dict[str, Any]:
    return {
        "learning_rate": schedule.read_number("initial_learning_rate", 0.0),
        "decay": {
            "form": _DECAYS[schedule.class_name],
            "decay_steps": schedule.config.get("decay_steps"),
            "decay_rate": schedule.read_number("decay_rate", 0.0),
            "staircase": schedule.is_set("staircase"),
        },
    }


def read_loss(value: Any, output: str, note: Note) -> tuple[dict[str, Any], str]:
    """Return a Recipe's fields of the loss, and the output's activation.

    A loss of logits replaces that. Raise RecipeUnsupported and RecipeUnreadable.
    """
    name = function_name(value)
    if name is None:
        if isinstance(value, list) or (isinstance(value, dict) and "class_name" not in value):
            raise _unsupported_loss("are several, or named by output", "give one loss")
        loss = parse_object(value, "the loss")
        name = "" if loss.is_custom else function_name(loss.class_name)
        if name in LOSSES:
            fields = {"loss": str(name), **_read_arguments(loss, str(name), note)}
            return fields, _read_output(loss, str(name), output, note)
        name = loss.class_name
    if name not in LOSSES:
        raise _unsupported_loss(f"is {show_value(name)}", f"use one of {', '.join(LOSSES)}")
    return {"loss": name}, output


def _read_arguments(loss: KerasObject, name: str, note: Note) -> dict[str, float]:
    config = loss.config
    if config.get("reduction", "mean") not in _MEANS:
        raise _unsupported_loss(
            f"has reduction={show_value(config['reduction'])}", "leave reduction out: it is a mean"
        )
    if config.get("ignore_class") is not None:
        raise _unsupported_loss("ignores a class", "leave ignore_class out, and drop its rows")
    if loss.is_set("apply_class_balancing"):
        raise _unsupported_loss("weighs its classes", "use class_weight in place of it")
    for key, default in _FOCAL.items():
        if loss.read_number(key, default) != default:
            raise _unsupported_loss(f"has {key}={show_value(config[key])}", f"leave {key} out")
    if name == "huber" and "delta" not in config:
        note("Keras does not save the delta of a Huber loss: it is taken as 1")
    values = {
        "label_smoothing": loss.read_number("label_smoothing", 0.0),
        "huber_delta": loss.read_number("delta", 1.0),
    }
    is_default = {"label_smoothing": 0.0, "huber_delta": 1.0}
    return {key: number for key, number in values.items() if number != is_default[key]}


def _read_output(loss: KerasObject, name: str, output: str, note: Note) -> str:
    if not loss.is_set("from_logits"):
        return output
    if name not in _PROBABILITIES:
        raise _unsupported_loss("takes logits", "leave from_logits out")
    probabilities = _PROBABILITIES[name]
    if output != "linear":
        raise _unsupported_loss(
            f"takes logits, and the output layer's activation is {output}: Keras applies "
            f"{probabilities} on top of it",
            f"that may be why the loss is high: make the output layer linear, or leave "
            f"from_logits out and give it the activation {probabilities}",
        )
    note(
        f"a loss from logits on a linear output is taken as the same loss on a {probabilities} "
        "output"
    )
    return probabilities


def _unsupported(what: str, fix: str) -> RecipeUnsupported:
    return RecipeUnsupported(
        f"the optimizer {what}, which is not reproduced", field="recipe.optimizer", fix=fix
    )


def _unsupported_loss(what: str, fix: str) -> RecipeUnsupported:
    return RecipeUnsupported(
        f"the loss {what}, which is not reproduced", field="recipe.loss", fix=fix
    )
