"""Reads a model's description from an HDF5 file (.h5): two attributes of JSON, and nothing else.

Keras itself would run code from such files even where `safe_mode` is on (CVE-2025-9905). HDF5 is
read by native code: only in a process of its own, which bounds itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lowloss.errors import RecipeUnreadable
from lowloss.recipes.bounded_json import MAX_JSON_BYTES, parse_json

MODEL, TRAINING = "model_config", "training_config"
_REGISTERED = "Custom>"
"""What Keras 2 writes before its own optimizers."""


def read_attributes(path: Path) -> dict[str, str]:
    """Return the attributes that describe a model; raise RecipeUnreadable."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            texts = {name: file.attrs[name] for name in (MODEL, TRAINING) if name in file.attrs}
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise unreadable_hdf5("it is damaged") from error
    attributes = {name: _read_text(name, text) for name, text in texts.items()}
    if MODEL not in attributes:
        raise unreadable_hdf5(f"it has no {MODEL}: it holds weights alone")
    return attributes


def describe_attributes(attributes: Mapping[str, str]) -> Any:
    """Return a model's description as Keras 3 writes it; raise RecipeUnreadable."""
    document = parse_json(attributes[MODEL])
    training = parse_json(attributes[TRAINING]) if TRAINING in attributes else {}
    if not (isinstance(document, dict) and isinstance(training, dict)):
        raise unreadable_hdf5("its attributes are no objects")
    compiled = {
        "optimizer": _find_optimizer(training.get("optimizer_config")),
        "loss": training.get("loss"),
        "loss_weights": training.get("loss_weights"),
    }
    return document | {"compile_config": compiled}


def unreadable_hdf5(reason: str) -> RecipeUnreadable:
    """Build the problem of an HDF5 file that holds no description."""
    return RecipeUnreadable(
        f"the HDF5 file cannot be read: {reason}",
        field="recipe",
        fix="save the whole model with model.save('model.keras'), or send the text of "
        "model.to_json()",
    )


def _read_text(name: str, text: Any) -> str:
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    if not isinstance(text, str) or len(text) > MAX_JSON_BYTES:
        raise unreadable_hdf5(f"its {name} is no text of up to {MAX_JSON_BYTES} bytes")
    return text


def _find_optimizer(optimizer: Any) -> Any:
    if not isinstance(optimizer, dict):
        return optimizer
    class_name = str(optimizer.get("class_name", "")).removeprefix(_REGISTERED)
    return optimizer | {"class_name": class_name}
