"""Whether a server can listen at an address: said before anything starts."""

from __future__ import annotations

import socket
from typing import Any, cast

import pytest

from lowloss.errors import LowlossError
from lowloss.processes.address import AddressInfo, check_address

NO_FAMILY = cast("socket.AddressFamily", 999)
"""No kernel has it."""


def an_info(address: str, family: socket.AddressFamily = socket.AF_INET) -> AddressInfo:
    return family, socket.SOCK_STREAM, 0, "", (address, 0)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets any name have some addresses."""

    def to(*infos: AddressInfo) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(infos))

    return to


def test_address_of_a_family_that_the_kernel_lacks_is_passed_over(resolve: Any) -> None:
    resolve(an_info("::1", NO_FAMILY), an_info("127.0.0.1"))

    check_address("localhost", 0)


def test_name_with_an_address_that_this_machine_has_not_is_refused(resolve: Any) -> None:
    # The server would not start: it listens at all addresses of a name.
    resolve(an_info("127.0.0.1"), an_info("192.0.2.1"))

    with pytest.raises(LowlossError, match=r"--host .*elsewhere is no address of this machine"):
        check_address("elsewhere", 8000)


def test_port_in_use_at_one_address_is_refused(resolve: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken = socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)
        resolve(an_info("127.0.0.2"), taken)

        with pytest.raises(LowlossError, match=rf"--port .*listens on port {port}"):
            check_address("localhost", port)


@pytest.mark.parametrize("host", ["", "x" * 64 + ".org"])
def test_name_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(LowlossError, match=r"--host .*there is no host"):
        check_address(host, 8000)
