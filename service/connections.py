"""Bounds on connections: how many there are, and how long each may be silent.

uvicorn has no such bounds, and a middleware sees a request only once its header is complete.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import h11
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from lowloss.errors import MalformedRequest, NotReady, Problem, RequestTimeout
from service.access.peers import find_network
from service.resources.security_headers import SECURITY_HEADERS
from service.settings import ConnectionLimits

ACCEPTS = 64
"""Connections that the event loop accepts at once, before the first of them is counted."""
RESERVED_DESCRIPTORS = 4 * ACCEPTS
"""Descriptors that are not for counted connections: new ones, the database, the parsers' pipes."""
DESCRIPTORS_PER_CONNECTION = 2
"""Descriptors of a connection: its socket, and the temporary file of an upload."""
MAX_DESCRIPTORS = 65_536
PROGRESS_BYTES = 64 * 1024
HEADER_BYTES = 64 * 1024
"""The longest first line and header of a request; h11 takes 16 KiB by default."""
LINGER_SECONDS = 2.0
"""How long a connection lives after its last response, to let the client read that: a socket that
is closed while bytes arrive resets the connection."""
REST_BYTES = 256 * 1024
"""What is read of a body after its response."""
LINGERING_REFUSALS = 64
"""Refused connections that may linger at once; further ones are closed at once."""


def raise_descriptor_limit() -> None:
    """Let this process open as many files as it may, up to `MAX_DESCRIPTORS`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def count_possible_connections() -> int:
    """Return how many connections this process has descriptors for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        soft = MAX_DESCRIPTORS
    return max(1, (soft - RESERVED_DESCRIPTORS) // DESCRIPTORS_PER_CONNECTION)


@dataclass(eq=False)
class Peer:
    """The connections of one client's address."""

    name: str
    count: int = 0
    expendable: dict[Connection, None] = field(default_factory=dict)
    """Its connections without a request in progress, in the order in which they became so."""


class ConnectionCounts:
    """Counts the open connections of a server, and ends silent ones to make room for new ones."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.max_total = min(limits.max_total, count_possible_connections())
        self.total = 0
        self.lingering_refusals = 0
        self._peers: dict[str, Peer] = {}
        self._expendable: dict[Connection, None] = {}

    def admit(self, connection: Connection, address: str) -> bool:
        """Count a new connection; return False where neither it nor another can be spared."""
        name = find_network(address)
        peer = self._peers.get(name) or Peer(name)
        if peer.count >= self.limits.max_peer and not self._end_oldest(peer.expendable):
            return False
        if self.total >= self.max_total and not self._end_oldest(self._expendable):
            return False
        # It may have left this dictionary with its last connection.
        self._peers[name] = peer
        connection.peer = peer
        peer.count += 1
        self.total += 1
        self.set_expendable(connection, is_expendable=True)
        return True

    def release(self, connection: Connection) -> None:
        """Stop to count a connection; does nothing the second time."""
        peer, connection.peer = connection.peer, None
        if peer is None:
            return
        peer.expendable.pop(connection, None)
        self._expendable.pop(connection, None)
        peer.count -= 1
        self.total -= 1
        if not peer.count:
            self._peers.pop(peer.name, None)

    def set_expendable(self, connection: Connection, *, is_expendable: bool) -> None:
        """Note whether a connection may be ended to make room for another."""
        if connection.peer is None:
            return
        for connections in (self._expendable, connection.peer.expendable):
            connections.pop(connection, None)
            if is_expendable:
                connections[connection] = None

    def _end_oldest(self, connections: dict[Connection, None]) -> bool:
        oldest = next(iter(connections), None)
        if oldest is None:
            return False
        self.release(oldest)
        oldest.transport.abort()
        return True


class LingeringTransport:
    """A transport that is not closed while the client still sends the body of its request."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self._transport, self._connection = transport, connection

    def __getattr__(self, name: str) -> Any:
        """Return what the transport itself has."""
        return getattr(self._transport, name)

    def close(self) -> None:
        """Close the transport, or let the client read its response first."""
        if not self._connection.linger():
            self._transport.close()


class Connection(H11Protocol):
    """uvicorn's HTTP connection with deadlines.

    A connection is expendable until the header of a request is complete, and again after each
    response. `_deadline` is the only timer, but for a client that does not read its response.
    """

    def __init__(self, counts: ConnectionCounts, **options: Any) -> None:
        super().__init__(**options)
        self.peer: Peer | None = None
        self.counts = counts
        self.limits = counts.limits
        self._deadline: asyncio.TimerHandle | None = None
        self._phase = ""
        self._write_deadline: asyncio.TimerHandle | None = None
        self._body_bytes = 0
        self._is_refused = False
        self._is_lingering = False
        self._inner_app, self.app = self.app, self._run_app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, or refuse it."""
        super().connection_made(LingeringTransport(transport, self))  # type: ignore[arg-type]
        if self.counts.admit(self, self.client[0] if self.client else ""):
            self._await("first byte", self.limits.first_byte_seconds, transport.abort)
        else:
            self._refuse(NotReady("too many connections are open", fix="try again soon"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self.counts.release(self)
        self._cancel_deadline()
        self._stop_write_deadline()
        if self._is_refused:
            self.counts.lingering_refusals -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what arrived, and set the deadline of what must come next."""
        self._body_bytes += len(data)
        if self._is_lingering:
            if self._body_bytes > REST_BYTES:
                self.flow.pause_reading()
            return
        super().data_received(data)
        self._set_deadline()

    def send_400_response(self, _: str) -> None:
        """Refuse what is no HTTP with a problem, as everything else is refused."""
        self._refuse_request(
            MalformedRequest(
                "the request is not HTTP/1.1, or its header is too long",
                fix=f"send a header of at most {HEADER_BYTES // 1024} KiB",
            )
        )

    def on_response_complete(self) -> None:
        """Await the next request, or the rest of one that was answered early."""
        super().on_response_complete()
        self._set_deadline()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that had no new request in time; first its response is read."""
        if self._unsent_bytes:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
            return
        super().timeout_keep_alive_handler()
        self._await("close", LINGER_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """Give the client a time in which it must read."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        """Note that the client reads."""
        super().resume_writing()
        self._stop_write_deadline()
        self._set_deadline()

    @property
    def _unsent_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def _watch_reading(self) -> None:
        """Give a client that reads some of the response as long again; let another go."""
        before = self._unsent_bytes

        def check() -> None:
            self._write_deadline = None
            if self._unsent_bytes >= before:
                self.transport.abort()
            elif self._unsent_bytes:
                self._watch_reading()

        if before and self._write_deadline is None:
            self._write_deadline = self.loop.call_later(self.limits.write_seconds, check)

    def _set_deadline(self) -> None:
        """Set the deadline that the state of the connection asks for, unless it runs already."""
        if self._is_lingering:
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if not is_answering:
            # The response may still be on its way.
            self._watch_reading()
        if self.transport.is_closing():
            return
        is_expendable = not is_answering and not self._unsent_bytes
        self.counts.set_expendable(self, is_expendable=is_expendable)
        if is_answering and self.cycle.more_body:
            self._await("body", self.limits.body_seconds, self._check_body)
        elif is_answering:
            self._cancel_deadline()
        elif self.conn.trailing_data[0]:
            self._await("header", self.limits.header_seconds, self._refuse_slow)
        else:
            # uvicorn has a timer of its own between two requests.
            self._cancel_deadline()

    def _await(self, phase: str, seconds: float, callback: Callable[[], object]) -> None:
        """Start a phase's timer; a phase that has begun keeps the one that it has."""
        if phase != self._phase:
            self._cancel_deadline()
            self._phase, self._body_bytes = phase, 0
            self._deadline = self.loop.call_later(seconds, callback)

    def _cancel_deadline(self) -> None:
        self._phase = ""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _check_body(self) -> None:
        """Refuse a body that hardly grew, unless it is the server that does not read."""
        self._cancel_deadline()
        if self._body_bytes < PROGRESS_BYTES and not self.flow.read_paused:
            self._refuse_slow()
        else:
            self._set_deadline()

    def _refuse_slow(self) -> None:
        self._refuse_request(
            RequestTimeout("the request did not arrive in time", fix="send it without pauses")
        )

    def _refuse_request(self, problem: Problem) -> None:
        """Answer a request that cannot be read on, unless its response has begun."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self._refuse(problem)
        else:
            self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        """Answer without a request, and end the connection."""
        self.counts.release(self)
        self.transport.write(_render(problem))
        self._is_refused = True
        self.counts.lingering_refusals += 1
        self._start_to_linger()
        if self.counts.lingering_refusals > LINGERING_REFUSALS:
            self.transport.abort()
        if self.cycle is not None:
            # Whoever waits for the rest of the body gives it up.
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def linger(self) -> bool:
        """Let the client read its response where it still sends; return whether it does."""
        if self.conn.their_state is not h11.SEND_BODY or self.transport.is_closing():
            return False
        if not self._is_lingering:
            self._start_to_linger()
        return True

    def _start_to_linger(self) -> None:
        self._is_lingering = True
        self.flow.resume_reading()
        self.transport.write_eof()
        self._await("close", LINGER_SECONDS, self.transport.abort)

    async def _run_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app; an answer before the end of the body says that it ends the connection."""
        cycle = self.cycle

        async def send_with_end(message: Message) -> None:
            if message["type"] == "http.response.start" and cycle.more_body:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._inner_app(scope, receive, send_with_end)


def make_protocol(limits: ConnectionLimits) -> Callable[..., Connection]:
    """Return what makes the connections of one server."""
    return partial(Connection, ConnectionCounts(limits))


def _render(problem: Problem) -> bytes:
    """Render a problem as the bytes of a response."""
    body = json.dumps(problem.to_document()).encode()
    retry_after = "Retry-After: 2\r\n" if isinstance(problem, NotReady) else ""
    rules = "".join(f"{name}: {rule}\r\n" for name, rule in SECURITY_HEADERS.items())
    head = (
        f"HTTP/1.1 {problem.status} {problem.title}\r\n{rules}"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        f"{retry_after}Connection: close\r\n\r\n"
    )
    return head.encode() + body
