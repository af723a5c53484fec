"""What early stopping watches, in Keras's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VALIDATION = "val_"
"""What Keras puts before the name of a value of the held rows."""
METRICS = {
    "loss": "loss",
    "accuracy": "accuracy",
    "acc": "accuracy",
    "mae": "mae",
    "mean_absolute_error": "mae",
    "mse": "mse",
    "mean_squared_error": "mse",
}
"""The name of each value that can be watched; some have several."""
MONITORS = {f"{of}{name}": f"{of}{one}" for of in (VALIDATION, "") for name, one in METRICS.items()}
Monitor = Literal[
    "val_loss", "val_accuracy", "val_mae", "val_mse", "loss", "accuracy", "mae", "mse"
]


@dataclass(frozen=True)
class StopMonitor:
    """The value that early stopping watches, and by how much it has to become better."""

    name: str
    mode: Literal["min", "max"]
    min_delta: float

    @property
    def is_validation(self) -> bool:
        """Whether it is of the rows that validate."""
        return self.name.startswith(VALIDATION)

    @property
    def metric(self) -> str | None:
        """The metric that Keras has to measure for it; None for the loss."""
        name = self.name.removeprefix(VALIDATION)
        return None if name == "loss" else name

    @property
    def is_usual(self) -> bool:
        """Whether it is the least validation loss, however little lower."""
        return self == StopMonitor("val_loss", "min", 0.0)
