"""Which caller a token or a browser's session is of.

Tokens of the store are read with each request, so that one that is revoked is refused at once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import SecretStr

from lowloss.results import Token
from service.access.callers import Caller, caller_of_setting, caller_of_token
from service.access.wrong_tokens import WrongTokens
from service.store.database import Database, Session
from service.store.tokens import (
    USE_SECONDS,
    begin_session,
    end_session,
    find_session,
    find_token,
    has_tokens,
    hash_secret,
    record_use,
    see_project,
)

T = TypeVar("T")

READERS = 4
"""Threads of their own: a pool full of slow requests must not delay who comes in."""
LOOK_SECONDS = 1.0
"""How often a server without tokens looks whether another process has made one."""
SESSION_SECONDS = 7 * 24 * 3600

logger = logging.getLogger(__name__)


class Tokens:
    """The tokens of LOWLOSS_TOKENS and of the store."""

    def __init__(self, database: Database, configured: Sequence[SecretStr]) -> None:
        self._database = database
        self._configured = {
            hash_secret(token.get_secret_value().encode()): caller_of_setting(position)
            for position, token in enumerate(configured)
        }
        self._wrong_tokens = WrongTokens()
        self._threads = CapacityLimiter(READERS)
        self._looked_at = -math.inf
        self._used_at: dict[str, float] = {}
        self.is_anonymous = not configured
        """Whether no token exists, as far as this process knows: then none is asked for."""

    async def look_for_tokens(self) -> None:
        """Ask for a token from now on if one was made; look at most once a second.

        While the database is away, what was seen last holds.
        """
        now, has_looked = monotonic(), self._looked_at > -math.inf
        if not self.is_anonymous or now - self._looked_at < LOOK_SECONDS:
            return
        try:
            # Never back: this process may have made a token meanwhile.
            if await self._read(has_tokens):
                self.is_anonymous = False
        except Exception:
            if not has_looked:
                raise
            logger.warning("looking for tokens failed", exc_info=True)
        self._looked_at = now

    def end_anonymity(self) -> None:
        """Ask for a token from now on: this process has made one."""
        self.is_anonymous = False

    async def find(self, secret: bytes, *, peer: str) -> Caller | None:
        """Return the caller of a token that came from an address; None where it is not valid.

        Raise TooManyRequests after too many of those.
        """
        # What can be timed is the search for a hash, from which nothing of a secret follows.
        sha256 = hash_secret(secret)
        self._wrong_tokens.check(peer, sha256)
        caller = self._configured.get(sha256)
        if caller is None:
            token = await self._read(lambda session: find_token(session, sha256))
            caller = await self._admit(token)
        if caller is None:
            logger.warning("a wrong token came from %s", peer)
            self._wrong_tokens.count_wrong(peer)
        else:
            self._wrong_tokens.note_right(peer, sha256)
        return caller

    async def find_by_session(self, secret: str) -> Caller | None:
        """Return the caller whose browser signed in; None where its session or token has ended."""
        if not secret:
            return None
        browser = await self._read(lambda session: find_session(session, secret))
        if browser is None:
            return None
        configured = self._configured.get(browser.token_sha256)
        caller = configured or await self._admit(browser.token)
        return None if caller is None else caller.seeing(browser.seen_project)

    async def begin_session(self, secret: bytes) -> str:
        """Begin a browser's session with a valid token, and return the session's secret."""
        sha256 = hash_secret(secret)
        return await self._write(lambda s: begin_session(s, sha256, seconds=SESSION_SECONDS))

    async def see_project(self, secret: str, project: str) -> None:
        """Show a project's pages in a browser's session from now on."""
        await self._write(lambda session: see_project(session, secret, project))

    async def sign_out(self, secret: str) -> None:
        """End a browser's session."""
        await self._write(lambda session: end_session(session, secret))

    async def _admit(self, token: Token | None) -> Caller | None:
        """Return the caller of a token of the store, and record that it was used."""
        if token is None:
            return None
        now = monotonic()
        if now - self._used_at.get(token.id, -math.inf) >= USE_SECONDS:
            self._used_at[token.id] = now
            try:
                await self._write(lambda session: record_use(session, token.id))
            except Exception:
                # A database that takes no writes now must not refuse those who read.
                logger.warning("the use of token %s was not recorded", token.id, exc_info=True)
        return caller_of_token(token)

    async def _read(self, query: Callable[[Session], T]) -> T:
        def read() -> T:
            with self._database.reading() as session:
                return query(session)

        return await to_thread.run_sync(read, limiter=self._threads)

    async def _write(self, change: Callable[[Session], T]) -> T:
        def write() -> T:
            with self._database.transaction() as session:
                return change(session)

        return await to_thread.run_sync(write, limiter=self._threads)
