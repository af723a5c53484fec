"""The options of parsing a CSV: a part of a dataset's identity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lowloss.errors import InvalidRequest
from lowloss.results import TableFormat
from lowloss.spec import wrong_value


def _check_delimiter(value: str) -> str:
    # One byte, for polars; a quote would be ambiguous.
    if not (value.isascii() and (value.isprintable() or value == "\t")) or value in {"'", '"'}:
        raise wrong_value(
            "delimiter",
            "a delimiter is one byte, and no quote",
            fix="give an ASCII character or a tab",
        )
    return value


Delimiter = Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_check_delimiter)]
Quote = Literal['"', "'"]


class ParseOptions(BaseModel):
    """The uploader's options for a CSV; null means detection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: Delimiter | None = None
    decimal: Literal[".", ","] | None = None
    encoding: Annotated[str, Field(max_length=40)] | None = None
    header: bool | None = None
    quote: Quote | None = None

    def check_format(self, format: TableFormat) -> None:  # noqa: A002
        """Refuse options of a CSV for any other format."""
        set_options = [name for name, value in self if value is not None]
        if set_options and format is not TableFormat.csv:
            raise InvalidRequest(
                f"{set_options[0]} is an option of format=csv, not of {format}",
                field=set_options[0],
                fix="leave it out",
            )
