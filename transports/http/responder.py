"""What answers a request, as its handler sees it: the seam between transports and servers.

:class:`~transports.http.connection.HTTPConnection` is one under our own server,
:class:`~transports.wsgi.exchange.Exchange` inside somebody else's. A session of long polling needs
less, as its client may be waiting in another worker: a :class:`Caller`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from transports.http.request import Address
    from transports.http.response import Response
    from transports.http.shared import Shared
    from transports.tcp.protocol import StreamProtocol
    from transports.tcp.stream import Stream


class Claims(Protocol):
    """What was used over a connection, and may need that very one while the server ends."""

    @property
    def pending(self) -> bool:
        """Whether something does."""


class Caller(Protocol):
    """Somebody who waits for the answer to one request. Call it on the dispatcher's thread."""

    def respond(self, response: Response, *, close: bool = False) -> None:
        """Answer the request; where that was done, or its client is gone, do nothing.

        ``close`` ends the connection behind it. A response that cannot be encoded becomes a 500.
        """

    def on_lost(self, callback: Callable[[], object], *, at_eof: bool = False) -> None:
        """Call ``callback``, which must not block, if the client is lost before its answer.

        ``at_eof``: also if it sends no more, as who left during a poll would be missed for long.
        Of several callbacks the last counts.
        """


class Responder(Caller, Protocol):
    """One request with its connection.

    A handler returns its answer, or ``None``: then it has :meth:`respond` called later, takes the
    client's stream by :meth:`hand_over`, or writes to ``stream`` itself. For that it sets ``begun``
    before the first byte (and ``stream.unfinished`` where nothing but the connection's end says
    where its body ends), and calls :meth:`answered` behind the last. ``claims`` may be set: the
    connection stays for them in a server that ends. ``shared`` belongs to all of the process.
    """

    begun: bool
    claims: Claims | None
    shared: Shared

    @property
    def stream(self) -> Stream:
        """The client's connection."""

    @property
    def draining(self) -> bool:
        """Whether the server ends: a protocol that takes the stream over must end soon."""

    @property
    def closes(self) -> bool:
        """Whether the connection ends with the answer that is due, as its head must say.

        What is said when this is first asked is kept to.
        """

    def answered(self, *, close: bool = False, status: int | None = None, size: int = 0) -> None:
        """Go on behind an answer that was written to ``stream``.

        ``status`` and ``size`` (bytes) are what ``http.request`` tells of it.
        """

    def hand_over(self, protocol: StreamProtocol) -> bytes:
        """Let ``protocol`` have the stream; return the bytes that were read beyond the request.

        Its ``connection_lost`` is called at once where the client is gone already, and its
        ``eof_received`` in a later poll phase where the end of what it sends was seen.
        """

    def admit_client(self, peer: Address) -> bool:
        """Count the connection as one of ``peer``, whose alone it is from now on; for an upgrade.

        ``False``: that address has as many as it may have, to be answered with 503. A connection
        that comes from no trusted proxy is counted already.
        """

    def limit_body(self, most: int) -> None:
        """Refuse a body without a length over ``most`` bytes with 413; for a judge of heads."""

    def hold(self) -> None:
        """Read no more of the request that is being judged by its head, until :meth:`proceed`.

        Meanwhile no deadline of a request runs, and :meth:`respond` (with ``close``, as the body is
        not read) and :meth:`on_lost` are those of its handler.
        """

    def proceed(self) -> None:
        """Read and serve the request that is held; one that was answered or lost is not."""


HTTPConnection = Responder
"""Its name in 0.1, for annotations of transports that were written for that."""
