"""The parameters that several pages share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BeforeValidator

TrialPath = Annotated[int, Path(ge=0, le=2**31 - 1)]
Cursor = Annotated[str | None, Query(max_length=200)]
NothingIfEmpty = BeforeValidator(lambda value: value or None)
"""A form sends the fields that are empty, too."""
