"""What connections carry: bytes and messages, in and out.

A connection counts in plain fields (:class:`Carrier`), touched once for each read and each flush;
without a compiled line only where somebody wants to know. What they have grown by is added here by
a sweep, and at the connection's end; so a connection can still say what it carried in all its life.
"""

from __future__ import annotations

from typing import Final, Protocol

Amounts = tuple[int, int, int, int]
"""Bytes in, bytes out, messages in, messages out."""

NOTHING: Final[Amounts] = (0, 0, 0, 0)


class Carrier(Protocol):
    """A connection, whatever its transport. ``told``: what was added already."""

    bytes_in: int
    bytes_out: int
    messages_in: int
    messages_out: int
    told: Amounts


class Traffic:
    """The sums of all connections, live or not.

    ``wanted``: connections that open from now on are to count.
    """

    __slots__ = ("bytes_in", "bytes_out", "messages_in", "messages_out", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self.bytes_in = self.bytes_out = self.messages_in = self.messages_out = 0

    def fold(self, carrier: Carrier) -> None:
        """Add what ``carrier`` has carried since the last time."""
        now = (
            carrier.bytes_in, carrier.bytes_out, carrier.messages_in, carrier.messages_out
        )  # fmt: skip
        before = carrier.told
        if now != before:
            carrier.told = now
            self.bytes_in += now[0] - before[0]
            self.bytes_out += now[1] - before[1]
            self.messages_in += now[2] - before[2]
            self.messages_out += now[3] - before[3]


TRAFFIC: Final = Traffic()
"""Those of this process."""
