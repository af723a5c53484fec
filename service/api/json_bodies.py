"""Reads a JSON body, and counts what is in it as it arrives, before it is parsed.

Parsed, `[[],[],…]` takes twenty times its length in memory, and stops all other threads meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from lowloss.errors import LimitExceeded

BRACKETS_AND_COMMAS = b"[]{},"
OTHER_BYTES = bytes(set(range(256)) - set(BRACKETS_AND_COMMAS))


class JsonCounter:
    """Counts in JSON that comes in pieces; what is in strings does not count.

    `containers` are its arrays and objects. `has_many_values` is whether more than `max_values`
    follow one another without an array or object between them.
    """

    def __init__(self, max_values: int) -> None:
        self.containers = 0
        self.has_many_values = False
        self._too_many = b"," * max_values
        self._last_commas = b""
        self._is_in_string = False
        self._carry = b""

    def feed(self, piece: bytes) -> None:
        """Count on in the next piece."""
        piece = self._carry + piece
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        # The character that a last backslash escapes is in the next piece.
        self._carry = b"\\" if backslashes % 2 else b""
        piece = piece[: len(piece) - len(self._carry)]
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(parts[self._is_in_string :: 2])
        self._is_in_string ^= len(parts) % 2 == 0
        self.containers += outside.count(b"[") + outside.count(b"{")
        structure = self._last_commas + outside.translate(None, OTHER_BYTES)
        self.has_many_values |= self._too_many in structure
        self._last_commas = structure[len(structure.rstrip(b",")) :]


async def read_json_body(
    pieces: AsyncIterator[bytes], *, max_containers: int, max_values: int
) -> bytes:
    """Join a body's pieces; raise LimitExceeded as soon as there are too many values in it."""
    counter, body = JsonCounter(max_values), bytearray()
    async for piece in pieces:
        counter.feed(piece)
        if counter.containers > max_containers or counter.has_many_values:
            raise LimitExceeded(
                f"the body has over {max_containers} arrays and objects, or over {max_values} "
                "values in one of them",
                field="rows",
                fix="send fewer rows in a request, each an object or an array of plain values",
            )
        body += piece
    return bytes(body)
