"""The base class of every part of a response, and pages of lists."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Result(BaseModel):
    """A frozen part of a response; unknown fields of a newer server are ignored."""

    model_config = ConfigDict(frozen=True)


class Page(Result, Generic[T]):
    """Some items of a list, and the cursor of the next page (null at the end)."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the name of a page of some items, for JSON Schema."""
        return f"{params[0].__name__}Page"

    items: tuple[T, ...]
    next: str | None
