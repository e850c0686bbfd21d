"""The long-poll transport of one mount (``Phoenix.Transports.LongPoll``).

A GET without a usable token opens a session; with one it polls. A POST publishes. The checks of the
handshake run for each request, in Phoenix's order, as each may come from another page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.errors import HTTPError
from actors.results import Error, Ok
from actors.runtime.actor import StartError
from actors.runtime.dispatcher import get_dispatcher
from transports.handshake import Mount, Opened, Refusal
from transports.longpoll import answers, body
from transports.longpoll.options import LongPollOptions
from transports.longpoll.session import LongPollSession
from transports.longpoll.sessions import Sessions

if TYPE_CHECKING:
    from transports.http.connection import HTTPConnection
    from transports.http.response import Response
    from transports.longpoll.token import SessionToken
    from transports.request import Request

NAME = "longpoll"
TOKEN_HEADER = "x-phoenix-longpoll-token"


class LongPollTransport:
    """Answers the requests of one mount; ``sessions`` are those of the whole endpoint."""

    def __init__(self, mount: Mount, options: LongPollOptions, sessions: Sessions) -> None:
        self._mount = mount
        self._options = options
        self._sessions = sessions

    def handle(self, request: Request, http: HTTPConnection) -> Response | None:
        """Answer at once, or ``None`` for a poll that is held and a POST that is being handled.

        Runs on a carrier: ``connect`` and ``init`` may block.
        """
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
        return answers.bad_request()

    def _get(self, opened: Opened, http: HTTPConnection) -> Response | None:
        place = self._place(opened)
        if place is None:
            return self._open(opened, http)
        session, distant = self._sessions.find(place), self._sessions.distant
        if session is None and distant is not None and distant.knows(place):
            distant.poll(place, http, self._options, lambda: self._lost(opened, http))
            return None
        answer = answers.LOST if session is None else session.poll(place.cursor, http)
        if answer is answers.LOST and self._options.lost_session_status == 410:
            return self._open(opened, http)
        return answer

    def _lost(self, opened: Opened, http: HTTPConnection) -> None:
        """Answer a poll whose session was expected in another worker, and is not there."""
        if self._options.lost_session_status == 410:
            get_dispatcher().submit(lambda: http.respond(self._open(opened, http)))
        else:
            http.respond(answers.LOST)

    def _post(self, opened: Opened, http: HTTPConnection) -> Response | None:
        place = self._place(opened)
        if place is None:
            return answers.status(410)
        session, distant = self._sessions.find(place), self._sessions.distant
        if session is None and (distant is None or not distant.knows(place)):
            return answers.status(410)
        request = opened.request
        try:
            messages = body.decode(request.body, request.header("content-type"), self._options)
        except HTTPError as error:
            return answers.bad_request(error.message)
        if session is not None:
            return session.publish(messages, http)
        if distant is not None:
            distant.post(place, messages, http, self._options)
        return None

    def _place(self, opened: Opened) -> SessionToken | None:
        token = opened.request.header(TOKEN_HEADER) or opened.params.get("token")
        claim = self._sessions.verify(token or None, self._options.max_age)
        return None if isinstance(claim, Error) else claim

    def _open(self, opened: Opened, http: HTTPConnection) -> Response:
        """Start a session, or say why not."""
        options, address = self._options, opened.request.peer[0]
        if http.draining or not self._sessions.reserve(options, address):
            return answers.unavailable()
        accepted = False
        try:
            answer = self._mount.connect(opened)
            accepted = isinstance(answer, Ok)
        finally:
            if not accepted:
                self._sessions.release(address)
        if isinstance(answer, Error):
            return answers.status(403)
        session = LongPollSession(self._sessions, options, get_dispatcher(), address)
        return self._begin(session, answer)

    def _begin(self, session: LongPollSession, accepted: Ok) -> Response:
        """Run ``init``; where that fails, nobody will ever poll for what it pushed."""
        begun = False
        try:
            actor = self._mount.start(session, accepted.value)
            session.attach(actor)
            actor.on_begin()
            begun = True
        except StartError:
            return answers.crashed()  # the crash is logged already
        finally:
            if not begun:
                self._sessions.remove(session)
        return answers.batch(410, (), session.token(0))
