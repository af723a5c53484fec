"""How a CSV is to be parsed: part of a dataset's identity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lowloss.errors import InvalidRequest
from lowloss.results import TableFormat


class ParseOptions(BaseModel):
    """What the uploader says of a CSV; null is for detection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] | None = None
    encoding: Annotated[str, Field(max_length=40)] | None = None
    header: bool | None = None
    quote: Literal['"', "'"] | None = None

    def check_format(self, format: TableFormat) -> None:  # noqa: A002
        """Refuse options of a CSV for any other format."""
        given = [name for name, value in self if value is not None]
        if given and format is not TableFormat.csv:
            raise InvalidRequest(
                f"{given[0]} is an option of format=csv, not of {format}",
                field=given[0],
                fix="leave it out",
            )
