"""Where requests come from."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from starlette.types import Scope

IPV6_CLIENT_BITS = 64
"""One client has a whole network of this prefix (RFC 6177)."""


def find_peer(scope: Scope) -> str:
    """Return the address that a request came from; of a proxy on this machine, what it says."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def find_network(address: str) -> str:
    """Return the address of a client, or its network for IPv6."""
    try:
        client = ip_address(address)
    except ValueError:
        return address
    if client.version == 4:
        return address
    if client.ipv4_mapped is not None:
        return str(client.ipv4_mapped)
    return str(ip_network(f"{address.partition('%')[0]}/{IPV6_CLIENT_BITS}", strict=False))
