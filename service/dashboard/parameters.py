"""The parameters that several pages share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BeforeValidator, Field

TrialPath = Annotated[int, Path(ge=0, le=2**31 - 1)]
Cursor = Annotated[str | None, Query(max_length=200)]
NothingIfEmpty = BeforeValidator(lambda value: value or None)
"""A form sends the fields that are empty, too."""
ChosenCurves = Annotated[list[Annotated[int, Field(ge=0, le=2**31 - 1)]] | None, Query()]
"""The numbers of trials whose curves are drawn; null for those that a page chooses."""
