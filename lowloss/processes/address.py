"""The address of the server: its default, and whether it can be bound."""

from __future__ import annotations

import errno
import socket

from lowloss.errors import LowlossError

AddressInfo = tuple[
    socket.AddressFamily,
    socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]
"""What `socket.getaddrinfo` says of an address."""
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000


def check_address(host: str, port: int) -> None:
    """Raise LowlossError, with the option to change, where a server cannot listen there."""
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # A label that is too long is no OSError.
    except (OSError, UnicodeError):
        raise LowlossError(f"--host (LOWLOSS_HOST): there is no host {host!r}") from None
    faults = [fault for info in infos if (fault := _bind(info)) is not None]
    # A kernel may lack one of the families that a name has addresses of: asyncio skips those alone.
    fatal = [fault for fault in faults if fault.errno != errno.EAFNOSUPPORT]
    if fatal or len(faults) == len(infos):
        raise LowlossError(_explain((fatal or faults)[0], host, port))


def _bind(info: AddressInfo) -> OSError | None:
    """Return why one of a host's addresses cannot be bound, if it cannot."""
    family, kind, protocol, _, address = info
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


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
