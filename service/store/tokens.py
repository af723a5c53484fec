"""Tokens and the sessions of browsers: of each secret, only its SHA-256 is stored.

A secret has 256 random bits: nobody can guess it, however fast its hash is, so a slow one and a
salt, which passwords need, would only delay each request.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from lowloss.errors import InvalidRequest, TokenNotFound, Unauthorized
from lowloss.results import CreatedToken, Page, Token
from lowloss.spec import NewToken, Scope
from service.store.cursors import ListOrder
from service.store.database import utc_now
from service.store.projects import check_project, has_project
from service.store.schema import BrowserSessionRow, TokenRow

TOKEN_PREFIX = "lowloss_"
"""What a secret begins with, so that those who look for leaked secrets recognise it."""
USE_SECONDS = 60.0
"""How far behind `last_used_at` may be: not each request writes."""
NEWEST_FIRST = ListOrder(TokenRow.created_at, TokenRow.id)


@dataclass(frozen=True)
class BrowserSession:
    """The token of a browser's session: its hash, and the token itself where it is in the store.

    `seen_project` is the one whose pages an admin sees; None for that of the token.
    """

    token_sha256: str
    token: Token | None
    seen_project: str | None


def hash_secret(secret: bytes) -> str:
    """Return the SHA-256 of a secret, as hexadecimal digits."""
    return hashlib.sha256(secret).hexdigest()


def create_token(session: Session, new: NewToken) -> CreatedToken:
    """Add a token, and return it with its secret; raise InvalidRequest for an unknown project."""
    if not has_project(session, new.project):
        raise InvalidRequest(
            f"there is no project {new.project!r}", field="project", fix="make it first"
        )
    secret = f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}"
    row = TokenRow(
        id=f"tok_{secrets.token_hex(8)}",
        name=new.name,
        project=new.project,
        scope=new.scope,
        sha256=hash_secret(secret.encode()),
        expires_at=new.expires_at,
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return CreatedToken(secret=secret, **_make_token(row).model_dump())


def list_tokens(session: Session, *, cursor: str | None, limit: int) -> Page[Token]:
    """List the tokens of all projects, newest first; revoked ones, too."""
    query = select(TokenRow).where(NEWEST_FIRST.after(cursor)).order_by(*NEWEST_FIRST.clauses)
    rows = session.scalars(query.limit(limit + 1)).all()
    return NEWEST_FIRST.make_page(rows, limit, _make_token)


def revoke_token(session: Session, token_id: str) -> Token:
    """End a token for ever; one that was revoked stays as it is. Raise TokenNotFound."""
    row = session.get(TokenRow, token_id, with_for_update=True)
    if row is None:
        raise TokenNotFound(f"there is no token {token_id!r}", fix="GET /v1/tokens lists them")
    if row.revoked_at is None:
        row.revoked_at = utc_now()
        session.flush()
        session.refresh(row)
    return _make_token(row)


def has_tokens(session: Session) -> bool:
    """Return whether a token was ever made, be it revoked."""
    return bool(session.scalar(select(exists(select(TokenRow.id)))))


def find_token(session: Session, sha256: str) -> Token | None:
    """Return the token of a secret's hash; None for one that is not valid now."""
    row = session.scalar(select(TokenRow).where(TokenRow.sha256 == sha256, _is_valid()))
    return None if row is None else _make_token(row)


def record_use(session: Session, token_id: str) -> None:
    """Record that a token was used, at most once a minute."""
    is_old = or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at < utc_now(-USE_SECONDS))
    session.execute(
        update(TokenRow).where(TokenRow.id == token_id, is_old).values(last_used_at=utc_now())
    )


def begin_session(session: Session, token_sha256: str, *, seconds: float) -> str:
    """Add a browser's session, and return its secret; delete those that have ended."""
    session.execute(delete(BrowserSessionRow).where(BrowserSessionRow.ends_at < utc_now()))
    secret = secrets.token_urlsafe(32)
    row = BrowserSessionRow(
        sha256=hash_secret(secret.encode()), token_sha256=token_sha256, ends_at=utc_now(seconds)
    )
    session.add(row)
    return secret


def find_session(session: Session, secret: str) -> BrowserSession | None:
    """Return the session of a secret, with its token if that is valid; None for one that ended."""
    is_its_token = and_(TokenRow.sha256 == BrowserSessionRow.token_sha256, _is_valid())
    query = (
        select(BrowserSessionRow, TokenRow)
        .outerjoin(TokenRow, is_its_token)
        .where(
            BrowserSessionRow.sha256 == _hash_of_session(secret),
            BrowserSessionRow.ends_at > utc_now(),
        )
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    browser, token = row
    return BrowserSession(
        browser.token_sha256, None if token is None else _make_token(token), browser.seen_project
    )


def see_project(session: Session, secret: str, project: str) -> None:
    """Show a project's pages in a browser's session; raise ProjectNotFound, or Unauthorized."""
    check_project(session, project)
    row = session.get(BrowserSessionRow, _hash_of_session(secret))
    if row is None:
        raise Unauthorized(
            "only a browser's session sees another project",
            field="Cookie",
            fix="sign in with a browser",
        )
    row.seen_project = project


def end_session(session: Session, secret: str) -> None:
    """Delete a browser's session."""
    is_its_session = BrowserSessionRow.sha256 == _hash_of_session(secret)
    session.execute(delete(BrowserSessionRow).where(is_its_session))


def _hash_of_session(secret: str) -> str:
    """Return the SHA-256 of a cookie's value, which may hold anything."""
    return hash_secret(secret.encode("utf-8", "replace"))


def _is_valid() -> ColumnElement[bool]:
    is_current = or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > utc_now())
    return and_(TokenRow.revoked_at.is_(None), is_current)


def _make_token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        project=row.project,
        scope=Scope(row.scope),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
