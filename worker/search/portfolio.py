"""First trials: settings that do well on most tables, before an oracle has anything to go by."""

from __future__ import annotations

from typing import Any

from lowloss.spec import JobSpec
from worker.search.space import Setting, Space, possible_values

SHARE = 5
"""At most one in so many of a search's trials is one of these."""

COMMON: dict[str, Any] = {
    "learning_rate": 3e-3,
    "layers": 2,
    "width": 64,
    "l2": 1e-5,
    "l1": 0.0,
    "dropout": 0.1,
    "patience": 20,
    "batch_size": 32,
    "weight_decay": 0.0,
    "clip_norm": None,
    "activation": "relu",
    "optimizer": "adam",
    "schedule": "plateau",
    "noise": 0.0,
    "mixup": 0.0,
    "scale_features": "standard",
    "select_features": None,
}
LINEAR = COMMON | {"learning_rate": 1e-2, "layers": 0, "l2": 1e-3, "dropout": 0.0}
"""A linear network: what small and noisy tables want. Spaces of hidden layers leave it out."""
SHALLOW = {"learning_rate": 1e-2, "layers": 1, "width": 128, "l2": 1e-3, "dropout": 0.0}
FEW_INPUTS = {"select_features": "few"}
"""The smallest number of inputs that a search may select, where it may select some."""
PORTFOLIO: tuple[dict[str, Any], ...] = (
    COMMON,
    # By bins: what tables want whose target rises and falls along a column.
    COMMON | FEW_INPUTS | {"width": 128, "scale_features": "piecewise"},
    # Wide, slow, and held back: what large tables want.
    COMMON | {"learning_rate": 1e-3, "width": 256, "dropout": 0.2, "scale_features": "quantile"},
    LINEAR,
    # Shallow and fast: what small and nearly linear tables want.
    COMMON | FEW_INPUTS | SHALLOW,
    # Deep, in large batches.
    COMMON | {"layers": 3, "width": 128, "batch_size": 128, "scale_features": "quantile"},
)
"""Fast ones first: a usable model is there early."""


def first_settings(spec: JobSpec) -> list[Setting]:
    """Return the settings to begin with, as far as the space allows."""
    space, settings = Space.of(spec), []
    has_linear = 0 in possible_values(spec.search_space.layers)
    portfolio = [values for values in PORTFOLIO if has_linear or values is not LINEAR]
    counts = [count for count in possible_values(spec.preprocessing.selection) if count]
    few = min(counts, default=None)
    for values in portfolio[: max(1, spec.budget.max_trials // SHARE)]:
        selection = {"select_features": few} if values["select_features"] == "few" else {}
        setting = space.nearest(values | selection)
        if setting not in settings:
            settings.append(setting)
    return settings
