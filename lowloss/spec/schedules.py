"""How a learning rate falls while a network trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StepSchedule = Literal["constant", "cosine"]
"""A rate that follows from the step alone."""
Schedule = Literal["constant", "cosine", "plateau"]


@dataclass(frozen=True)
class Plateau:
    """Keras's ReduceLROnPlateau: the rate falls where the validation loss does not.

    After `patience` epochs in a row whose loss is not below the least one by more than `min_delta`
    the rate is multiplied by `factor`, but falls no further than to `min_rate`. For `cooldown`
    epochs after that none is counted.
    """

    factor: float
    patience: int
    min_delta: float = 0.0
    cooldown: int = 0
    min_rate: float = 0.0


SEARCH_PLATEAU = Plateau(factor=0.3, patience=8)
"""What `plateau` means in a search: measured in docs/decisions/0025-a-rate-that-falls.md."""
