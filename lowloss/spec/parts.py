"""The base class of every part of a specification, its errors, and storable text."""

from __future__ import annotations

from typing import Annotated, LiteralString

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Spec(BaseModel):
    """A frozen part of a specification; unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def wrong_value(
    kind: LiteralString, detail: str, *, fix: str, field: str | None = None
) -> PydanticCustomError:
    """Build the error of a validator: what is wrong, and what to do about it.

    `field` is the wrong one of the model whose validator it is.
    """
    context = {"detail": detail, "fix": fix} | ({} if field is None else {"field": field})
    return PydanticCustomError(kind, "{detail}: {fix}", context)


def _check_storable(value: str) -> str:
    # PostgreSQL stores no NUL in text; half of a surrogate pair is no UTF-8.
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise wrong_value(
            "text_not_storable",
            "no database can hold this text",
            fix="take out NUL and lone surrogates",
        )
    return value


Text = Annotated[str, AfterValidator(_check_storable)]
"""Text that every database can store."""
