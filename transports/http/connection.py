"""One client's HTTP/1.1 connection: requests in, answers out, in order and one at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from select import EPOLLIN
from typing import TYPE_CHECKING, Final

from actors import telemetry
from actors.errors import HTTPError
from actors.runtime.stuck import Impatient
from transports.http import lifecycle as life
from transports.http import told
from transports.http.deadlines import Deadlines
from transports.http.handling import NOT_FOUND, UNAVAILABLE, call, encoded, log_refused, refusal
from transports.http.logged_connection import Logged
from transports.http.parser import BODY, HEAD, IDLE, ParserState, RequestParser
from transports.http.response import Response
from transports.tcp.protocol import StreamProtocol

if TYPE_CHECKING:
    from actors.runtime.carrier import Carrier
    from transports.http.handling import Match, Proxied, Resource
    from transports.http.options import HTTPOptions
    from transports.http.request import Address, Request
    from transports.http.responder import Claims
    from transports.http.shared import Shared
    from transports.tcp.stream import Stream

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class HTTPConnection(Logged, Impatient, life.Exchanging, StreamProtocol):
    """The protocol of a stream that speaks HTTP.

    To handlers it is a :class:`.Responder`, on a carrier, where they may block. ``match``
    (:meth:`.router.Router.match`) finds the :class:`Resource` of a path, and with that whoever
    judges and handles the request. Until there is an answer the requests behind wait, unread beyond
    ``max_pipelined`` bytes. What a handler raises is a 500 (:class:`~actors.errors.HTTPError`: its
    own), and the connection closes. While ``draining`` the answer behind which no request waits is
    the last; up to a time it is not while ``claims`` are pending. ``proxied`` is for a stream
    whose peer is a trusted proxy.
    """

    __slots__ = (
        "_closes", "_deadlines", "_eof", "_leaving", "_lost", "_lost_at_eof", "_match",
        "_needed_until", "_options", "_parser", "_proxied", "_request", "_resource", "_response",
        "_waits_for", "claims", "draining", "shared", "stream",
    )  # fmt: skip

    def __init__(
        self,
        stream: Stream,
        match: Match,
        options: HTTPOptions,
        shared: Shared,
        proxied: Proxied | None = None,
    ) -> None:
        self.stream = stream
        self._match = match
        self._options = options
        self.shared = shared
        self._proxied = proxied
        forwarded = None if proxied is None else proxied.forwarded
        self._parser = RequestParser(
            options, stream.scheme, stream.peer, shared.upgrades, forwarded
        )
        self._request: Request | None = None
        self._resource: Resource | None = None
        self.state = life.WAITING
        self._response: Response | None = None
        self._closes: bool | None = None
        self._lost: Callable[[], object] | None = None
        self.draining = self._leaving = False
        self.claims: Claims | None = None
        self._needed_until = math.inf
        self._eof = self._lost_at_eof = False
        self._waits_for: ParserState | None = IDLE
        self._deadlines = Deadlines(stream.dispatcher, self._overdue)
        self._deadlines.begin(options.keepalive_timeout)  # as _await_more would

    # -- the stream's calls

    def data_received(self, data: bytes) -> None:
        """Parse, and serve the request when it is complete and its turn has come."""
        self._parser.receive_data(data)
        self._advance()

    def eof_received(self) -> None:
        """Answer what has been asked, then close."""
        self._eof = True
        if self._lost is not None and self._lost_at_eof:
            self.stream.abort()
        else:
            self._advance()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - StreamProtocol
        """Forget the request, and tell its handler."""
        self.move(life.LOST)
        lost, self._lost = self._lost, None
        request, self._request, self._response = self._request, None, None
        self._deadlines.end()
        self.shared.bodies.forget(self)
        if lost is not None:
            lost()
        told.answered(request, None, 0, self.stream.dispatcher.clock())

    # -- the handler's calls

    def respond(self, response: Response, *, close: bool = False) -> None:
        before, self.state = self.state, life.TRANSITIONS[self.state, life.RESPOND]
        if self.state is not before:
            self._response, self._lost = response, None
            self._closes = close or self._closes
            self.stream.dispatcher.send_soon(self._send)

    @property
    def closes(self) -> bool:
        if self._closes is None:
            self._closes = self._is_last()
        return self._closes

    def _is_last(self) -> bool:
        request = self._request
        if request is None or not request.keep_alive:
            return True
        return self.draining and not self._parser.buffered and not self._needed()

    def _needed(self) -> bool:
        """Whether somebody needs this very connection, as nothing listens any more."""
        claims = self.claims
        if claims is None or self.stream.dispatcher.clock() >= self._needed_until:
            return False
        return claims.pending

    def answered(self, *, close: bool = False, status: int | None = None, size: int = 0) -> None:
        last, request = close or self.closes, self._request
        if self.move(life.FINISH):
            self._request = self._response = self._lost = None
            if last:
                self._close()
            self._advance()
            told.answered(request, status, size, self.stream.dispatcher.clock())

    def on_lost(self, callback: Callable[[], object], *, at_eof: bool = False) -> None:
        self._lost, self._lost_at_eof = callback, at_eof
        if self.stream.fd < 0:
            self.connection_lost(None)
        elif self._eof and at_eof:
            self.stream.abort()

    def admit_client(self, peer: Address) -> bool:
        return self._proxied is None or self._proxied.readdress(self.stream, peer)

    def limit_body(self, most: int) -> None:
        self._parser.limit_body(most)

    def hold(self) -> None:
        self.move(life.HOLD)

    def proceed(self) -> None:
        if self.state is life.HELD and self._request is not None:
            if self._parser.pending is None:  # it came whole
                self.move(life.COMPLETE)
                self.stream.dispatcher.schedule(self)
            else:
                self.move(life.PROCEED)
                self._request = None
                self._advance()

    def hand_over(self, protocol: StreamProtocol) -> bytes:
        stream = self.stream
        self.move(life.HAND_OVER)
        self._request = self._lost = stream.on_drained = None
        stream.hand_over(protocol, self._deadlines.let_go())
        return self._parser.take_rest()

    def announce_end(self) -> None:
        self.draining = True

    def keep_until(self, until: float) -> None:
        self._needed_until = until

    def drain(self) -> None:
        """Close behind the last answer, or when nothing has come for a while.

        A request may be under way, so an idle connection does not close at once, and one that has
        brought a part of a request gets the rest, or answers 503; so does one that is held.
        """
        self.draining = self._leaving = True
        if self.state is life.HELD:
            self._deadlines.await_quiet()
        else:
            self._advance()

    def end_now(self) -> None:
        """Close now. Answer 503 to a request that is not answered, or has not come in whole."""
        self.respond(UNAVAILABLE, close=True)
        if self.state is life.WAITING or self.state is life.JUDGED:
            self._refuse_rest()

    def _refuse_rest(self) -> None:
        if self._parser.state is IDLE:
            self._close()
        else:
            self._write(UNAVAILABLE, close=True)

    def refuse_body(self) -> None:
        """Answer 503, with ``Retry-After``, to a request whose body takes too much room."""
        self._refuse(HTTPError(503, "", UNAVAILABLE.headers))

    # -- requests

    def _advance(self) -> None:
        """Serve what is complete, unless an answer is due or waits for the client to read it."""
        stream = self.stream
        # As stream.closing says, which each request would ask twice.
        while (
            self._request is None
            and not stream.backlog
            and not stream.is_closing
            and stream.fd >= 0
        ):
            try:
                request = self._parser.next_request()
            except HTTPError as error:
                self._refuse(error)
                return
            if request is None:
                self._await_more()
                return
            self._start(request)
        if self._request is None and stream.backlog:
            stream.on_drained = self._advance
        if self._parser.buffered > self._options.max_pipelined:
            stream.pause_reading()

    def _start(self, request: Request) -> None:
        self._request, self._closes = request, None
        judged = self.state is life.JUDGED
        self.state = life.TRANSITIONS[self.state, life.COMPLETE]
        if judged:
            self.shared.bodies.forget(self)
        self._waits_for = None
        self._deadlines.clear()
        found = self._match(request.path)
        if told.REQUEST in telemetry.attached:
            told.begin(request, found, self.stream.dispatcher.clock())
        if found is None:
            self.respond(NOT_FOUND)
            return
        resource, request.path_params = found
        if not judged and (resource.judge_head or self.stream.dispatcher.blocked.full):
            verdict = resource.judge(request, self)
            if verdict is not None:
                self.respond(verdict, close=True)
                return
        self._resource = resource
        if self.state is life.HELD:
            self.stream.pause_reading()
        else:
            self.stream.dispatcher.schedule(self)

    def on_stuck(self) -> None:
        """See after a while whether the handler will ever run."""
        if self.state is life.QUEUED and not self._deadlines.pending:
            self._deadlines.begin(self._options.header_timeout)

    def on_turn(self, carrier: Carrier) -> None:  # noqa: ARG002 - Runnable
        request, resource = self._request, self._resource
        if self.state is not life.QUEUED or request is None or resource is None:
            return  # lost, or answered, before its turn
        self.state = life.TRANSITIONS[life.QUEUED, life.START]
        response, failed = call(resource.handle, request, self)
        if response is not None and self._request is request:
            self.respond(response, close=failed)

    def _send(self) -> None:
        """Send the answer that is due, unless the client was lost since, and go on."""
        request, response = self._request, self._response
        if self.state is life.BROKEN:
            self.move(life.CLOSE)
            self.stream.break_off()  # another answer would only be taken for more of that one
        if self.state is not life.ANSWERED or request is None or response is None:
            return
        close = self._closes
        if close is None:
            close = not request.keep_alive or (self.draining and self._is_last())
        self._request = self._response = None
        self.state = life.TRANSITIONS[life.ANSWERED, life.SENT]
        size = self._write(response, close=close, head_only=request.method == "HEAD")
        self._advance()
        if request.began:
            told.answered(request, response.status, size, self.stream.dispatcher.clock())

    def _write(self, response: Response, *, close: bool, head_only: bool = False) -> int:
        data, close = encoded(response, close=close, head_only=head_only, server=self._match)
        self.stream.write(data)
        if close:
            self._close()
            self._parser.discard()  # what comes while the stream lingers is thrown away as well
            self.shared.bodies.forget(self)
        return len(data)

    def _close(self) -> None:
        self.move(life.CLOSE)
        self.stream.close()

    def _refuse(self, error: HTTPError) -> None:
        """Answer a request that never was one, and close."""
        log_refused(error, self.stream.peer[0], self._match)
        told.refused(error.status, self._write(refusal(error), close=True), self.stream.peer[0])

    def _await_more(self) -> None:
        state = self._parser.state
        if self._eof:
            self._close()
            return
        if self.stream.paused:
            self.stream.resume_reading()
        if state is BODY:
            self.shared.bodies.grown(self, self._parser.received, self.stream.dispatcher.now)
            if self.stream.closing:
                return  # refused by that
        if state is not self._waits_for:  # a deadline is for the whole, not for each read
            pending = self._parser.pending if state is BODY else None
            if pending is not None and not self._welcomes(pending):
                return
            self._waits_for = state
            options = self._options
            seconds = options.header_timeout if state is HEAD else options.body_timeout
            self._deadlines.begin(options.keepalive_timeout if state is IDLE else seconds)
        if self._leaving:
            self._deadlines.await_quiet()

    def _welcomes(self, pending: Request) -> bool:
        """Whether the body of ``pending`` is to be read now; if not, it is held, or is answered."""
        found = self._match(pending.path)
        verdict: Response | None = NOT_FOUND
        if self.state is life.JUDGED:
            verdict = None
        elif found is not None:
            resource, pending.path_params = found
            verdict = resource.judge(pending, self, whole=False)
        if verdict is not None:
            size = self._write(verdict, close=True, head_only=pending.method == "HEAD")
            told.unread(pending, found, verdict.status, size)
            return False
        if self.state is life.HELD:
            self._request, self._closes, self._waits_for = pending, None, None
            self._deadlines.clear()
            self.shared.bodies.forget(self)
            self.stream.pause_reading()
            return False
        if self.state is life.WAITING:
            self.move(life.ADMIT)
        if self._parser.expects_continue:
            if pending.method not in _WITH_BODY:
                self._refuse(HTTPError(417, f"{pending.method} must not expect 100-continue"))
                return False
            self.stream.write(CONTINUE)
        return True

    def _overdue(self, late: bool) -> None:  # noqa: FBT001 - Deadlines' callback
        """Give up what has not come in time, or (not ``late``) in a server that ends."""
        if self.stream.closing:
            return
        if self._waits_for is None:
            if self.state is life.HELD:
                self.respond(UNAVAILABLE, close=True)
            elif self.state is life.QUEUED and self._resource is not None:
                self._still_queued(self._resource)
        elif self._waits_for is IDLE:
            if late or not self._needed():
                self._end_idle()
            else:
                self._deadlines.await_quiet()
        elif late:
            self._refuse(HTTPError(408, "the request took too long"))
        else:
            self._refuse_rest()

    def _still_queued(self, resource: Resource) -> None:
        """Give up a request whose handler has no carrier, unless it continues something."""
        self._deadlines.begin(self._options.header_timeout)
        if self._request is not None and resource.gives_up(self._request):
            lost = self._lost
            self.respond(UNAVAILABLE, close=True)
            if lost is not None:
                lost()

    def _end_idle(self) -> None:
        """Close, unless a request has come since the loop looked: nobody would answer that."""
        self._waits_for = None
        self.stream.on_events(EPOLLIN)
        if self._waits_for is None and self.state is life.WAITING:
            self._close()
