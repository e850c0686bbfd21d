"""POSTs that wait until a session has room for them (:mod:`transports.longpoll.intake`)."""

from __future__ import annotations

from collections.abc import Callable

from actors.runtime.dispatcher import get_dispatcher
from transports.http.responder import Caller
from transports.http.response import Response
from transports.longpoll import answers
from transports.longpoll.intake import Intake, Share


class HeldPost:
    """A POST that waits for a window at most, and is then answered 408.

    ``proceed(share)`` is called where there is room before; the window goes on. ``unread``: its
    body is not here, so that an answer must end the connection.
    """

    __slots__ = ("_due", "_http", "_intake", "_proceed", "_timer", "_unread")

    def __init__(
        self,
        intake: Intake,
        http: Caller,
        window: float,
        proceed: Callable[[Share], object],
        *,
        unread: bool,
    ) -> None:
        self._intake = intake
        self._http = http
        self._proceed = proceed
        self._unread = unread
        dispatcher = get_dispatcher()
        self._due = dispatcher.clock() + window
        self._timer = dispatcher.timers.call_at(self._due, self._late)
        http.on_lost(self.lost)

    def admitted(self, share: Share) -> None:
        self._timer.cancel()
        share.due = self._due
        self._proceed(share)

    def refused(self) -> None:
        self._answer(answers.status(410))

    def _late(self) -> None:
        self._intake.forget(self)
        self._answer(answers.status(408))

    def lost(self) -> None:
        """Do not wait: it is answered, or its client has left."""
        self._timer.cancel()
        self._intake.forget(self)

    def _answer(self, response: Response) -> None:
        self._timer.cancel()
        self._http.respond(response, close=self._unread)
