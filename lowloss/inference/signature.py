"""The signature of a model: the columns that it takes, and its output."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lowloss.results import Reading, TableWarning
from lowloss.spec import Task

METADATA_KEY = "lowloss"
"""The key of the signature, as JSON, in an ONNX file's metadata."""


class Input(BaseModel):
    """One feature: the name of the model's input, and the table's column for it.

    `kind` is the column's: a number of kind `boolean` is 0 or 1, one of kind `date` counts days
    since 1970-01-01 UTC. Numbers that float32 cannot tell apart are float64. `values` are what
    training rows had of a category, "" where some was missing; null where they are very many. A
    matrix model has one input for all features, each at its `position`.
    """

    model_config = ConfigDict(frozen=True)

    input: str
    column: str
    dtype: Literal["float32", "float64", "string"]
    kind: str
    position: int | None = None
    reading: Reading | None = None
    values: tuple[str, ...] | None = None


class Signature(BaseModel):
    """A model's inputs and output; a newer writer's other fields are ignored."""

    model_config = ConfigDict(frozen=True)

    task: Task
    target: str
    labels: tuple[str, ...]
    matrix_columns: int | None
    inputs: tuple[Input, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that the model takes."""
        return tuple(column.column for column in self.inputs)

    @cached_property
    def training_values(self) -> dict[str, frozenset[str]]:
        """The values that training rows had, by the column of each category that lists them."""
        return {c.column: frozenset(c.values) for c in self.inputs if c.values is not None}

    @property
    def readings(self) -> dict[str, Reading]:
        """How the texts of columns were read at training, by name."""
        return {c.column: c.reading for c in self.inputs if c.reading is not None}

    def select_warnings(self, warnings: Iterable[TableWarning]) -> tuple[TableWarning, ...]:
        """Return a table's warnings without those of columns that the model does not see."""
        seen = {None, *self.columns}
        return tuple(warning for warning in warnings if warning.column in seen)

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions of a matrix model's features in its `X`; empty for named columns."""
        return tuple(column.position for column in self.inputs if column.position is not None)
