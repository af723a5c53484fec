"""The address of the server: its default, and whether it can be bound."""

from __future__ import annotations

import errno
import socket

from lowloss.errors import LowlossError

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000


def check_address(host: str, port: int) -> None:
    """Raise LowlossError, with the option to change, where a server cannot listen there."""
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise LowlossError(f"--host (LOWLOSS_HOST): there is no host {host!r}") from None
    for family, kind, protocol, _, address in infos:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise LowlossError(_explain(error, host, port)) from None


def _explain(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"--port (LOWLOSS_PORT): another program listens on port {port} of {host}; "
                "end it, or choose another port"
            )
        case errno.EACCES:
            return f"--port (LOWLOSS_PORT): port {port} needs rights of an administrator"
        case errno.EADDRNOTAVAIL:
            return (
                f"--host (LOWLOSS_HOST): {host} is no address of this machine; "
                f"the default is {DEFAULT_HOST}"
            )
        case _:
            return f"--host and --port: {host}, port {port}, cannot be used: {error.strerror}"
