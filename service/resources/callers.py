"""The dependency that hands the caller of a request to handlers."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from service.access.callers import CALLER, Caller


async def find_caller(request: Request) -> Caller:
    """Return who sends a request."""
    caller: Caller = request.scope[CALLER]
    return caller


RequestCaller = Annotated[Caller, Depends(find_caller)]
