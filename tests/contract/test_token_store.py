"""Tokens, projects and browsers' sessions in each database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from lowloss.errors import InvalidRequest, ProjectExists, TokenNotFound
from lowloss.results import CreatedToken
from lowloss.spec import DEFAULT_PROJECT, NewToken, Scope
from service.store.database import Database, utc_now
from service.store.projects import create_project, list_projects
from service.store.schema import BrowserSessionRow, TokenRow
from service.store.tokens import (
    begin_session,
    create_token,
    end_session,
    find_session,
    find_token,
    has_tokens,
    hash_secret,
    list_tokens,
    record_use,
    revoke_token,
)


def a_token(database: Database, *, name: str = "token", scope: Scope = Scope.admin) -> CreatedToken:
    with database.transaction() as session:
        return create_token(session, NewToken(name=name, scope=scope))


def is_valid(database: Database, secret: str) -> bool:
    with database.reading() as session:
        return find_token(session, hash_secret(secret.encode())) is not None


def test_token_is_known_by_its_secret_which_is_not_stored(database: Database) -> None:
    created = a_token(database, name="Ada")

    with database.reading() as session:
        token = find_token(session, hash_secret(created.secret.encode()))
        (row,) = session.execute(text("SELECT * FROM tokens")).all()
    assert token is not None
    assert (token.id, token.name, token.scope) == (created.id, "Ada", Scope.admin)
    assert token.project == DEFAULT_PROJECT
    assert created.secret not in str(row)
    assert len(created.secret) == len("lowloss_") + 43


def test_revoked_and_expired_tokens_are_not_valid(database: Database) -> None:
    revoked, expired, valid = (a_token(database) for _ in range(3))
    with database.transaction() as session:
        first = revoke_token(session, revoked.id)
        session.execute(
            update(TokenRow).where(TokenRow.id == expired.id).values(expires_at=utc_now(-1))
        )
    with database.transaction() as session:
        again = revoke_token(session, revoked.id)

    assert [is_valid(database, token.secret) for token in (revoked, expired, valid)] == [
        False,
        False,
        True,
    ]
    assert first.revoked_at is not None
    assert again.revoked_at == first.revoked_at
    with pytest.raises(TokenNotFound), database.transaction() as session:
        revoke_token(session, "tok_0")


def test_token_ends_at_its_time_in_any_zone(database: Database) -> None:
    a_token(database)
    ends = datetime.now(UTC) + timedelta(days=1)

    with database.transaction() as session:
        created = create_token(session, NewToken(name="a day", expires_at=ends))

    assert created.expires_at == ends
    assert is_valid(database, created.secret)


def test_server_whose_tokens_were_all_revoked_has_had_some(database: Database) -> None:
    with database.reading() as session:
        assert not has_tokens(session)

    admin = a_token(database)
    with database.transaction() as session:
        revoke_token(session, admin.id)

    # A server whose tokens were all revoked must not be open to everybody again.
    with database.reading() as session:
        assert has_tokens(session)


def test_use_is_recorded_once_a_minute(database: Database) -> None:
    token = a_token(database)
    with database.transaction() as session:
        record_use(session, token.id)
    with database.reading() as session:
        first = list_tokens(session, cursor=None, limit=9).items[0].last_used_at
    with database.transaction() as session:
        record_use(session, token.id)
    with database.reading() as session:
        second = list_tokens(session, cursor=None, limit=9).items[0].last_used_at

    assert first is not None
    assert second == first


def test_tokens_and_projects_are_listed_in_pages(database: Database) -> None:
    ids = [a_token(database, name=str(number)).id for number in range(3)]
    with database.transaction() as session:
        for name in ("zeta", "alpha"):
            create_project(session, name)

    with database.reading() as session:
        first = list_tokens(session, cursor=None, limit=2)
        second = list_tokens(session, cursor=first.next, limit=2)
        projects = list_projects(session, cursor=None, limit=2)
        others = list_projects(session, cursor=projects.next, limit=2)

    assert [token.id for token in (*first.items, *second.items)] == ids[::-1]
    assert [project.name for project in projects.items] == ["alpha", DEFAULT_PROJECT]
    assert [project.name for project in others.items] == ["zeta"]


def test_projects_have_different_names_and_tokens_have_one_that_exists(database: Database) -> None:
    a_token(database)

    with pytest.raises(ProjectExists), database.transaction() as session:
        create_project(session, DEFAULT_PROJECT)
    with pytest.raises(InvalidRequest, match="no project"), database.transaction() as session:
        create_token(session, NewToken(name="x", project="nowhere"))


def test_session_ends_with_its_time_its_token_and_sign_out(database: Database) -> None:
    token = a_token(database)
    sha256 = hash_secret(token.secret.encode())
    with database.transaction() as session:
        current, over, signed_out = (begin_session(session, sha256, seconds=60) for _ in range(3))
        session.execute(
            update(BrowserSessionRow)
            .where(BrowserSessionRow.sha256 == hash_secret(over.encode()))
            .values(ends_at=utc_now(-1))
        )
        end_session(session, signed_out)

    with database.reading() as session:
        browser = find_session(session, current)
        ended = [find_session(session, secret) for secret in (over, signed_out, "", "\ud800ü")]
    assert browser is not None
    assert browser.token is not None
    assert browser.token.id == token.id
    assert ended == [None] * 4

    with database.transaction() as session:
        revoke_token(session, token.id)
    with database.reading() as session:
        browser = find_session(session, current)
    assert browser is not None
    assert browser.token is None
