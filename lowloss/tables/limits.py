"""Bounds on the size of a table."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class TableLimits(BaseModel):
    """The largest table that is read."""

    model_config = ConfigDict(frozen=True)

    max_rows: Annotated[int, Field(gt=0, description="Rows of a table.")] = 20_000_000
    max_columns: Annotated[int, Field(gt=0, description="Columns of a table.")] = 10_000
    max_cells: Annotated[int, Field(gt=0, description="Rows times columns of a table.")] = (
        500_000_000
    )
