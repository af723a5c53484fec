"""The parameters that several routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.dependencies.models import Dependant

from lowloss.errors import UnknownField
from lowloss.spec import Text
from lowloss.validation import suggest_field

MAX_INTEGER = 2**31 - 1
"""The largest number that the database stores for trials and events."""


Limit = Annotated[int, Query(ge=1, le=200, description="How many items a page has.", examples=[50])]
Cursor = Annotated[
    str | None,
    Query(
        max_length=200,
        description="The `next` of the page before; the first page when left out.",
        examples=["WyIyMDI2LTExLTIzVDEyOjAwOjAwKzAwOjAwIiwgImpvYl81ZjJiIl0="],
    ),
]
NamePart = Annotated[
    Text,
    Query(
        max_length=200,
        description="Only those whose name or id holds this, in any case.",
        examples=["hou"],
    ),
]


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise UnknownField for a query parameter that the route does not take."""
    names = _collect_names(request.scope["route"].dependant)
    for name in request.query_params:
        if name not in names:
            raise UnknownField(
                f"this address takes no parameter {name!r}",
                field=name,
                fix=suggest_field(name, names),
            )


def _collect_names(dependant: Dependant) -> set[str]:
    """Return the query parameters of a route and of its dependencies."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*(_collect_names(inner) for inner in dependant.dependencies))
