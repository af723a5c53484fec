"""The parent of every part of an answer, and lists."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Result(BaseModel):
    """A frozen part of an answer; fields of a newer server are ignored."""

    model_config = ConfigDict(frozen=True)


class Page(Result, Generic[T]):
    """Some items of a list, and the cursor that leads to the rest (null at the end)."""

    items: tuple[T, ...]
    next: str | None
