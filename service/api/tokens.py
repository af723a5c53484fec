"""/v1/tokens: keys to projects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Response

from lowloss.errors import BodyTooLarge, InvalidJson, InvalidRequest, TokenNotFound
from lowloss.results import CreatedToken, Page, Token
from lowloss.spec import NewToken, Scope, Text
from service.access.callers import LOCAL, Caller
from service.api.examples import problems
from service.api.parameters import Cursor, Limit
from service.resources.callers import RequestCaller
from service.resources.resources import Dependencies
from service.store.tokens import create_token, list_tokens, revoke_token

router = APIRouter(tags=["access"])

TOKEN_EXAMPLES: dict[str, Any] = {
    "submit": {
        "summary": "For a person of a project",
        "value": {
            "name": "Ada's laptop",
            "project": "vision",
            "scope": "submit",
            "expires_at": "2030-01-01T00:00:00Z",
        },
    },
    "admin": {"summary": "For an admin", "value": {"name": "admin", "scope": "admin"}},
}
TokenId = Annotated[
    Text, Path(max_length=200, description="A token's id.", examples=["tok_5f2b7c1d9e8a4b6c"])
]


@router.post(
    "/v1/tokens",
    status_code=201,
    summary="Make a token",
    responses=problems(InvalidJson, BodyTooLarge),
)
async def make_token(
    deps: Dependencies,
    caller: RequestCaller,
    response: Response,
    *,
    new: Annotated[NewToken, Body(openapi_examples=TOKEN_EXAMPLES)],
) -> CreatedToken:
    """Make a token of a project; `secret` is shown this once.

    Each scope includes those before it: `read` reads and predicts, `submit` adds and deletes the
    project's jobs and datasets, `admin` makes projects and tokens, too. Where no token is asked
    for, the first one must be an admin's; from then on one is.
    """
    _check_new(new, caller)
    created = await deps.write(lambda session: create_token(session, new))
    deps.tokens.end_anonymity()
    response.headers["Cache-Control"] = "no-store"
    return created


def _check_new(new: NewToken, caller: Caller) -> None:
    if caller is LOCAL and new.scope is not Scope.admin:
        raise InvalidRequest(
            "the first token must be an admin's: without one nobody could make others",
            field="scope",
            fix="make a token with the scope admin first",
        )
    if new.expires_at is not None and new.expires_at <= datetime.now(UTC):
        raise InvalidRequest(
            "the token would never be valid", field="expires_at", fix="name a time to come"
        )


@router.get("/v1/tokens", summary="List tokens", responses=problems())
def list_all_tokens(deps: Dependencies, *, cursor: Cursor = None, limit: Limit = 50) -> Page[Token]:
    """List the tokens of all projects, newest first, without their secrets; revoked ones, too."""
    with deps.database.reading() as session:
        return list_tokens(session, cursor=cursor, limit=limit)


@router.post(
    "/v1/tokens/{token_id}/revoke",
    summary="Revoke a token",
    responses=problems(TokenNotFound),
)
async def revoke(deps: Dependencies, token_id: TokenId) -> Token:
    """End a token for ever: the next request with it is refused."""
    return await deps.write(lambda session: revoke_token(session, token_id))
