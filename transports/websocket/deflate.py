"""permessage-deflate (RFC 7692): the negotiation, and one connection's compression.

Policy
------
* Neither side keeps its window from one message to the next: both ``no_context_takeover``
  parameters are in every answer. So a connection between two messages holds no zlib state, what one
  message said cannot be guessed from the size of the next, and compressed connections need no cap
  of their own. The price: small messages shrink less.
* What we send, and what the client sends where it lets us say so, has a window of
  :data:`WINDOW_BITS`.
* A message is kept as it came until it is whole: a few bytes on the wire never hold many here.
* It may be inflated to ``max_message_size``, and above :data:`RATIO_ABOVE` bytes to at most
  ``max_inflate_ratio`` times what came on the wire. Below that the ratio is not looked at:
  a page of spaces has a high one, and is harmless. zlib is never asked for more than one byte
  beyond what is allowed.
* Hundreds of such pages in one read are not: together they may exceed the ratio by
  ``max_message_size``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Final

from actors.errors import InvalidDeflate, PayloadTooBig
from transports.websocket.extensions import Offer, parse_offers
from transports.websocket.options import WebSocketOptions

NAME: Final = "permessage-deflate"

WINDOW_BITS: Final = 12
"""4 KiB; a window of 15 bits costs a compressor of 260 KiB for each message."""

LEVEL: Final = 6
MEMORY_LEVEL: Final = 5

RATIO_ABOVE: Final = 131_072
"""Bytes to which a message of any ratio may be inflated."""

_MAX_BITS: Final = 15
_MIN_ZLIB_BITS: Final = 9

_TAIL: Final = b"\x00\x00\xff\xff"
"""What a sender leaves out at the end of each message (RFC 7692 §7.2.1)."""

_VALUES: Final[Mapping[str, frozenset[str | None]]] = {
    "server_no_context_takeover": frozenset({None}),
    "client_no_context_takeover": frozenset({None}),
    # RFC 7692 §7.1.2.1 has 8 as well, with which zlib makes no raw stream.
    "server_max_window_bits": frozenset(map(str, range(_MIN_ZLIB_BITS, _MAX_BITS + 1))),
    "client_max_window_bits": frozenset({None, *map(str, range(8, _MAX_BITS + 1))}),
}


def negotiate(values: Iterable[str], options: WebSocketOptions) -> tuple[Deflate, str] | None:
    """Return what the first acceptable offer comes to, and the text of the header to send.

    ``values`` are those of ``Sec-WebSocket-Extensions``. ``None``: nothing is acceptable or the
    header is malformed, and the connection goes without. A parameter that is unknown, doubled or
    has an impossible value declines its offer (RFC 7692 §7.1); the next one has its turn.
    """
    for offer in parse_offers(values) or ():
        if _acceptable(offer):
            return _accept(dict(offer.params), options)
    return None


def _acceptable(offer: Offer) -> bool:
    names = {name for name, _ in offer.params}
    return (
        offer.name == NAME
        and len(names) == len(offer.params)
        and all(value in _VALUES.get(name, ()) for name, value in offer.params)
    )


def _accept(params: Mapping[str, str | None], options: WebSocketOptions) -> tuple[Deflate, str]:
    answer = [NAME, "server_no_context_takeover", "client_no_context_takeover"]
    ours, theirs = WINDOW_BITS, _MAX_BITS
    if "server_max_window_bits" in params:
        ours = min(ours, int(params["server_max_window_bits"] or _MAX_BITS))
        answer.append(f"server_max_window_bits={ours}")
    if "client_max_window_bits" in params:
        theirs = min(WINDOW_BITS, int(params["client_max_window_bits"] or _MAX_BITS))
        answer.append(f"client_max_window_bits={theirs}")
    deflate = Deflate(ours, theirs, options.max_inflate_ratio, options.max_message_size)
    return deflate, "; ".join(answer)


class Deflate:
    """Compresses and inflates one connection's messages.

    ``window_bits`` is of what :meth:`compress` makes (9 to 15), ``peer_window_bits`` of what the
    peer may send (8 to 15). ``allowance`` is how many bytes the messages of one read may exceed
    ``max_inflate_ratio`` by. Between two messages nothing is held but numbers.
    """

    __slots__ = ("_allowance", "_credit", "_peer_bits", "_ratio", "window_bits")

    def __init__(
        self, window_bits: int, peer_window_bits: int, max_inflate_ratio: int, allowance: int
    ) -> None:
        self.window_bits = window_bits
        # Where 8 bits are agreed on, a peer that uses zlib sends 9: it cannot do otherwise.
        self._peer_bits = max(peer_window_bits, _MIN_ZLIB_BITS)
        self._ratio = max_inflate_ratio
        self._allowance = self._credit = allowance

    def begin_read(self) -> None:
        """Forget what earlier reads held: their messages are delivered."""
        self._credit = self._allowance

    def inflate(self, payload: bytes, limit: int) -> bytes:
        """Return what a whole message holds, at most ``limit`` bytes.

        Raises :class:`PayloadTooBig` for more, or for more than the ratio allows, and
        :class:`InvalidDeflate` for what is no DEFLATE stream.
        """
        self._credit += len(payload) * self._ratio
        by_ratio = max(RATIO_ABOVE, len(payload) * self._ratio)
        allowed = min(limit, by_ratio, self._credit)
        inflater = zlib.decompressobj(-self._peer_bits)
        try:
            data: bytes = inflater.decompress(payload, allowed + 1)
            if len(data) <= allowed and not inflater.eof:
                data += inflater.decompress(_TAIL, allowed + 1 - len(data))
        except zlib.error:
            raise InvalidDeflate("a payload that does not inflate (RFC 7692 §7.2.2)") from None
        if len(data) > allowed:
            what = "size" if allowed == limit else f"ratio of {self._ratio}"
            raise PayloadTooBig(f"a message that inflates beyond the {what} allowed")
        # After a block with BFINAL there is room for the one byte of §7.2.3.4, and no more: zlib
        # would store the rest, and starting anew for each final block costs the square of them.
        if inflater.unused_data not in {b"", b"\x00"}:
            raise InvalidDeflate("data after the final DEFLATE block of a message")
        self._credit -= len(data)
        return data

    def compress(self, data: bytes) -> bytes:
        """Return the payload of a compressed message of one frame."""
        deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -self.window_bits, MEMORY_LEVEL)
        whole = deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)
        return whole[: -len(_TAIL)]
