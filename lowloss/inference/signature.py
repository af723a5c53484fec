"""What a model says of itself: the columns that it takes and what it answers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lowloss.spec import Task

METADATA_KEY = "lowloss"
"""Where an ONNX file's metadata has the signature, as JSON."""


class Input(BaseModel):
    """One feature: the name of the model's input, and the table's column that it takes.

    `kind` is the column's: a number of kind `boolean` is 0 or 1, one of kind `date` counts days
    since 1970-01-01 UTC. A matrix model has one input for all features, each at its `position`.
    """

    model_config = ConfigDict(frozen=True)

    input: str
    column: str
    dtype: Literal["float32", "string"]
    kind: str
    position: int | None = None


class Signature(BaseModel):
    """A model's inputs and output; what a newer writer says beside them is ignored."""

    model_config = ConfigDict(frozen=True)

    task: Task
    target: str
    labels: tuple[str, ...]
    matrix_columns: int | None
    inputs: tuple[Input, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that the model takes."""
        return tuple(each.column for each in self.inputs)

    @property
    def positions(self) -> tuple[int, ...]:
        """Where a matrix model's features are in its `X`; empty for named columns."""
        return tuple(each.position for each in self.inputs if each.position is not None)
