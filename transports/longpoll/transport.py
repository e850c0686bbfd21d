"""The long-poll transport of one mount (``Phoenix.Transports.LongPoll``).

A GET without a usable token opens a session; with one it polls. A POST publishes. The checks of the
handshake run for each request, in Phoenix's order, as each may come from another page.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from actors.errors import HTTPError
from actors.results import Error, Ok
from actors.runtime.actor import StartError
from actors.runtime.dispatcher import get_dispatcher
from transports.http.request import Request
from transports.http.responder import Responder
from transports.http.response import Response
from transports.longpoll import answers, body
from transports.longpoll.body import Message
from transports.longpoll.claims import Claims, Used
from transports.longpoll.holding import HeldPost
from transports.longpoll.intake import Intake, Share
from transports.longpoll.options import LongPollOptions
from transports.longpoll.relay import Relay, nothing
from transports.longpoll.session import LongPollSession
from transports.longpoll.session_table import SessionTable
from transports.longpoll.token import SessionToken
from transports.opening.clients import Clients
from transports.opening.mount import TransportMount
from transports.opening.opened import Opened, Refusal
from transports.turned_away import turned_away

NAME = "longpoll"
TOKEN_HEADER = "x-phoenix-longpoll-token"

SESSIONS_PER_ADDRESS: Final = 1000
"""Sessions of one client address in a worker, where a proxy says which those are, and the option
gives no other bound."""

STRANGE: Final = object()
"""Instead of the share of a POST whose session was not known when its head was judged."""


class LongPollTransport:
    """Answers the requests of one mount; ``sessions`` are those of the whole endpoint.

    ``relay`` reaches those of other workers, if there are any.
    """

    def __init__(
        self,
        mount: TransportMount[LongPollOptions],
        sessions: SessionTable,
        relay: Relay | None = None,
    ) -> None:
        self._mount = mount
        self._options = mount.options
        if self._options.max_sessions_per_address is None and mount.defaults.knows_clients:
            self._options = replace(self._options, max_sessions_per_address=SESSIONS_PER_ADDRESS)
        self._sessions = sessions
        self._relay = relay
        self.clients = Clients(mount.path, NAME)

    def judge_unread(self, request: Request, http: Responder) -> Response | None:
        """Judge a POST by its size, and by whether its session has room: else it is held."""
        if request.method != "POST":
            return None
        try:
            size = self._size(request, http)
        except HTTPError as error:
            return answers.refused(error)
        params = {**request.params, **request.path_params}
        token = self._token(request, params)
        intake = None if token is None else self._intake(token)
        if intake is None:
            request.share = STRANGE  # there is no such session, as the handler will say
            return None
        share = intake.enter(size)
        if share is not None:
            share.session_token = token
            request.share = share
            http.on_lost(share.leave)
            return None
        return self._hold(request, http, intake, size)

    def continues(self, request: Request) -> bool:
        """Whether a request is of a session that lives; one that would open one is refused."""
        try:
            token = self._token(request, {**request.params, **request.path_params})
        except HTTPError:
            return False
        if token is None:
            return False
        known = self._relay is not None and self._relay.knows(token)
        return known or self._sessions.find(token) is not None

    def _size(self, request: Request, http: Responder) -> int:
        """Return how long a body may be by its head; :class:`HTTPError` where that is too much."""
        length, most = request.header("content-length"), self._options.max_body
        if length is not None:
            body.check_size(int(length), self._options)
            return int(length)
        if request.header("transfer-encoding") is None:
            return 0
        http.limit_body(most)
        return most

    def _hold(
        self,
        request: Request,
        http: Responder,
        intake: Intake,
        size: int,
        opened: Opened | None = None,
    ) -> Response | None:
        def proceed(share: Share) -> None:
            request.share = share
            share.opened = opened
            http.on_lost(share.leave)
            http.proceed()

        held = HeldPost(intake, http, self._options.window, proceed, unread=True)
        if not intake.hold(held, size):
            held.lost()
            return answers.unavailable()
        http.hold()
        return None

    def handle(self, request: Request, http: Responder) -> Response | None:
        """Answer at once; return ``None`` where a poll is held, or a POST is being handled."""
        if request.share is not None and request.share is not STRANGE:
            return self._handle_admitted(request, http)
        opened = self._mount.open(request, NAME)
        if isinstance(opened, Refusal):
            return answers.status(opened.status)
        if request.method == "GET":
            return self._get(opened, http)
        if request.method == "POST":
            return self._post(opened, http)
        if request.method == "OPTIONS":
            wanted = request.headers_named("access-control-request-headers")
            return answers.preflight(", ".join(wanted))
        return answers.refused(HTTPError(400, ""))

    def _handle_admitted(self, request: Request, http: Responder) -> Response | None:
        """Handle a POST that has a share."""
        http.on_lost(nothing)  # whoever was to give the share back: from here on that is us
        try:
            opened: Opened | Refusal = request.share.opened or self._mount.open(request, NAME)
            if isinstance(opened, Refusal):
                return answers.status(opened.status)
            return self._post(opened, http)
        finally:
            share: Share | None = request.share
            if share is not None:
                share.leave()

    def _get(self, opened: Opened, http: Responder) -> Response | None:
        token = self._token(opened.request, opened.params)
        if token is None:
            return self._open(opened, http)
        session, relay = self._sessions.find(token), self._relay
        if session is not None:
            if type(http.claims) is not Claims or http.claims.last is not session:
                self._claim(session, http)
            answer = session.poll(token.cursor, http)
        elif relay is not None and relay.knows(token):
            self._claim(relay.used(token), http)
            relay.poll(token, http, self._options, lambda: self._lost(opened, http))
            return None
        else:
            answer = answers.LOST
        if answer is answers.LOST and self._options.lost_session_status == 410:
            return self._open(opened, http)
        return answer

    def _lost(self, opened: Opened, http: Responder) -> None:
        """Answer a poll whose session was expected in another worker, and is not there."""
        if get_dispatcher().blocked.full:
            http.respond(answers.unavailable())
            turned_away(self._mount.path, "busy", 503)
        elif self._options.lost_session_status == 410:
            get_dispatcher().submit(lambda: self._reopen(opened, http))
        else:
            http.respond(answers.LOST)

    def _post(self, opened: Opened, http: Responder) -> Response | None:
        request = opened.request
        share: Share | None = request.share if type(request.share) is Share else None
        token = share.session_token if share is not None else None
        if token is None:
            token = self._token(request, opened.params)
        session = self._sessions.find(token) if token is not None else None
        if session is not None:
            intake: Intake | None = session.intake
        else:
            intake = self._intake(token) if token is not None else None
        if token is None or intake is None:
            return answers.status(410)
        try:
            messages = body.decode(request.body, request.header("content-type"), self._options)
        except HTTPError as error:
            return answers.refused(error)
        if session is not None:
            size, number = body.weight(messages), len(messages)
        else:
            size, number = len(request.body), 1
        if share is not None:
            share.weigh(size, number)
        else:
            share = intake.enter(size, number)
            if share is None:
                return self._crowded(opened, http, intake)
        length = len(request.body)
        request.share, request.body = None, b""  # else it is kept until the answer
        if session is not None:
            session.bytes_in += length
            if type(http.claims) is not Claims or http.claims.last is not session:
                self._claim(session, http)
            return session.publish(messages, http, share)
        self._pass_on(token, messages, http, share)
        return None

    def _crowded(self, opened: Opened, http: Responder, intake: Intake) -> Response | None:
        """Hold a POST that has come whole; refuse one whose body was read for want of a session."""
        if opened.request.share is STRANGE:
            return answers.unavailable()
        return self._hold(opened.request, http, intake, len(opened.request.body), opened)

    def _pass_on(
        self, token: SessionToken, messages: list[Message], http: Responder, share: Share
    ) -> None:
        if self._relay is not None:
            self._claim(self._relay.used(token), http)
            self._relay.post(token, messages, http, self._options, share)

    def _token(self, request: Request, params: dict[str, Any]) -> SessionToken | None:
        """Return what the token of a request says; ``params`` are those of its path and query."""
        text = request.header(TOKEN_HEADER) or params.get("token")
        claim = self._sessions.verify(text or None, self._options.max_age)
        return None if isinstance(claim, Error) else claim

    def _claim(self, used: Used, http: Responder) -> None:
        """Have the connection stay while a session needs it, should the server end."""
        claims = http.claims
        if not isinstance(claims, Claims):
            claims = http.claims = Claims(self._any_pending)
        if claims.last is not used:
            claims.add(used)

    def _any_pending(self) -> bool:
        """Whether any session, here or used from here, has or may get something for its client."""
        relay = self._relay
        return self._sessions.pending or (relay is not None and relay.pending)

    def _intake(self, token: SessionToken) -> Intake | None:
        """Return the book of a session, here or elsewhere; ``None`` where there is no such one."""
        session, relay = self._sessions.find(token), self._relay
        if session is not None:
            return session.intake
        if relay is not None and relay.knows(token):
            return relay.intake(token, self._mount.socket_class, self._options)
        return None

    def _reopen(self, opened: Opened, http: Responder) -> None:
        answer = self._open(opened, http)
        if answer is not None:
            http.respond(answer)

    def _open(self, opened: Opened, http: Responder) -> Response | None:
        """Start a session, or say why not.

        Where the server ends the connection is closed in any case: so that the client, which comes
        back at once, does so on another one, and gets to a server that stays.
        """
        if http.draining:
            http.respond(answers.unavailable(), close=True)
            turned_away(self._mount.path, "draining", 503)
            return None
        options, address = self._options, opened.request.peer[0]
        if not self._sessions.reserve(options, address, self._mount.path):
            return answers.unavailable()
        accepted = False
        try:
            answer = self._mount.connect(opened)
            accepted = isinstance(answer, Ok)
        finally:
            if not accepted:
                self._sessions.release(address)
        if isinstance(answer, Error):
            turned_away(self._mount.path, "connect", 403)
            return answers.status(403)
        session = LongPollSession(self._sessions.add, options, get_dispatcher(), address)
        session.provenance = self._mount.provenance(opened.request, NAME)
        return self._begin(session, answer, http)

    def _begin(self, session: LongPollSession, accepted: Ok, http: Responder) -> Response:
        """Run ``init``; where that fails, nobody will ever poll for what it pushed."""
        begun = False
        try:
            actor = self._mount.start(session, accepted.value)
            session.attach(actor)
            session.opened(self.clients)
            actor.on_begin()
            begun = True
            self._claim(session, http)
        except StartError:
            return answers.crashed()  # the crash is logged already
        finally:
            if not begun:
                session.leave()
        return answers.batch(410, (), session.token(0))
