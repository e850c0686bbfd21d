"""Sessions that live in another worker: polls and posts go to them over the bus.

Any worker may get any request of a client, so there are no sticky sessions. The worker that has the
client (the *near* one) asks the one that has the session, which answers at once, or says that it
holds the request and answers later. Whatever happens to the other worker, the client is answered:
at the latest when the window and ``pubsub_timeout`` are over, and at once when that worker is gone.

Messages on the bus, as bodies of requests of kind ``"longpoll"``:

* ``["poll", ticket, session, topic, cursor]``, ``["post", ticket, session, topic, messages]``:
  the reply is ``["held"]``, ``["answer", status, body]`` or ``None`` (no such session);
* ``["answer", ticket, status, body]``: the later answer;
* ``["left", ticket]``: the client does not wait any more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from actors.runtime.dispatcher import get_dispatcher
from transports.http.response import Response
from transports.longpoll import answers
from transports.longpoll.intake import Intake, Share
from transports.longpoll.token import SessionToken

if TYPE_CHECKING:
    from actors.pubsub.bus import Bus, Reply
    from actors.runtime.timers import Timer
    from actors.socket import Socket
    from transports.http.responder import Caller
    from transports.longpoll.body import Message
    from transports.longpoll.options import LongPollOptions
    from transports.longpoll.session_table import SessionTable

KIND = "longpoll"

SWEEP = 64
"""Books on sessions elsewhere below which none is looked for that can be forgotten."""


class Waiting:
    """A request of a client here, for a session elsewhere; ``share`` is what a POST keeps here."""

    __slots__ = ("http", "lost", "share", "timer", "worker")

    def __init__(
        self,
        worker: str,
        http: Caller,
        lost: Callable[[], object],
        timer: Timer,
        share: Share | None,
    ) -> None:
        self.worker = worker
        self.http = http
        self.lost = lost
        self.timer = timer
        self.share = share

    def end(self) -> None:
        """Give back what it has; its answer is known, or not wanted."""
        self.timer.cancel()
        if self.share is not None:
            self.share.leave()


class Elsewhere:
    """A session of another worker, as the connections here that were used for it know it."""

    __slots__ = ("__weakref__", "_bus", "_worker", "gone")

    def __init__(self, bus: Bus, worker: str) -> None:
        self._bus = bus
        self._worker = worker
        self.gone = False
        """Whether a poll was told that it is lost."""

    @property
    def pending(self) -> bool:
        """Whether its worker may still have something for its client."""
        return not self.gone and self._worker in self._bus.peers


class Held:
    """A request of a client elsewhere, for a session here: what the session has for its client."""

    __slots__ = ("_gone", "_later", "_reply")

    def __init__(self, reply: Reply, later: Callable[[Response], object]) -> None:
        self._reply: Reply | None = reply
        self._later = later
        self._gone: Callable[[], object] | None = None

    def respond(self, response: Response, *, close: bool = False) -> None:  # noqa: ARG002
        """Answer, now or later; whether the client's connection ends is its worker's affair."""
        self._gone = None
        if self._reply is not None:
            reply, self._reply = self._reply, None
            reply(["answer", response.status, response.body])
        else:
            self._later(response)

    def hold(self) -> None:
        """Tell the near worker to wait, unless it was answered meanwhile."""
        if self._reply is not None:
            reply, self._reply = self._reply, None
            reply(["held"])

    def on_lost(self, callback: Callable[[], object], *, at_eof: bool = False) -> None:  # noqa: ARG002
        """Call ``callback`` if the client leaves before its answer."""
        self._gone = callback

    def left(self) -> None:
        """The client has left."""
        gone, self._gone = self._gone, None
        if gone is not None:
            gone()


class Relay:
    """This worker's end of the exchange; one for all mounts."""

    def __init__(self, bus: Bus, sessions: SessionTable) -> None:
        self._bus = bus
        self._sessions = sessions
        self._tickets = itertools.count(1)
        self._waiting: dict[int, Waiting] = {}
        self._held: dict[tuple[str, int], Held] = {}
        self._intakes: dict[tuple[str, str], Intake] = {}
        self._sweep_at = SWEEP
        self._used: WeakValueDictionary[tuple[str, str], Elsewhere] = WeakValueDictionary()
        bus.serve(KIND, self._serve)
        bus.on_gone(self._worker_gone)

    # -- the near side

    def knows(self, place: SessionToken) -> bool:
        """Whether the worker that a token names is another one, and can be reached."""
        return place.worker in self._bus.peers

    def poll(
        self,
        place: SessionToken,
        http: Caller,
        options: LongPollOptions,
        lost: Callable[[], object],
    ) -> None:
        """Have the poll answered by the session's worker; ``lost()`` where that cannot be."""
        used = self.used(place)

        def gone() -> None:
            used.gone = True
            lost()

        self._ask(["poll", place.cursor], place, http, options, gone)

    def post(
        self,
        place: SessionToken,
        messages: list[Message],
        http: Caller,
        options: LongPollOptions,
        share: Share,
    ) -> None:
        """Have the messages handled by the session; ``share`` is given back when it has answered.

        The session's worker counts what waits there by itself, also when its answer was 408. Where
        too much is on its way to that worker already, this one is answered 503.
        """

        def lost() -> None:
            http.respond(answers.status(410))

        self._ask(["post", messages], place, http, options, lost, share=share)

    def used(self, place: SessionToken) -> Elsewhere:
        """Return what connections that are used for a session elsewhere remember of it."""
        key = place.worker, place.session
        found = self._used.get(key)
        if found is None:
            found = self._used[key] = Elsewhere(self._bus, place.worker)
        return found

    @property
    def pending(self) -> bool:
        """Whether a session elsewhere may still have something for a client here."""
        return any(each.pending for each in self._used.values())

    def intake(
        self, place: SessionToken, socket_class: type[Socket], options: LongPollOptions
    ) -> Intake:
        """Return the book on what POSTs of a session elsewhere keep here: those not answered."""
        key = place.worker, place.session
        found = self._intakes.get(key)
        if found is None:
            self._sweep()
            found = self._intakes[key] = Intake(
                max_bytes=socket_class.mailbox_bytes,
                max_messages=socket_class.mailbox_messages,
                max_held=options.max_held_posts,
            )
        return found

    def _sweep(self) -> None:
        """Forget the books in which nothing is, when there are twice as many as after the last."""
        if len(self._intakes) >= self._sweep_at:
            kept = {key: each for key, each in self._intakes.items() if not each.empty}
            self._intakes = kept
            self._sweep_at = 2 * len(kept) + SWEEP

    def _ask(
        self,
        request: list[Any],
        place: SessionToken,
        http: Caller,
        options: LongPollOptions,
        lost: Callable[[], object],
        *,
        share: Share | None = None,
    ) -> None:
        what, content = request
        ticket = next(self._tickets)
        timers = get_dispatcher().timers
        longest = options.window + options.pubsub_timeout
        if share is None or share.due is None:
            timer = timers.call_later(longest, lambda: self._lose(ticket))
        else:
            timer = timers.call_at(share.due, lambda: self._late(ticket))
        self._waiting[ticket] = Waiting(place.worker, http, lost, timer, share)
        http.on_lost(lambda: self._left(ticket), at_eof=request[0] == "poll")
        body = [what, ticket, place.session, place.topic, content]
        sent = self._bus.request(
            place.worker,
            KIND,
            body,
            options.pubsub_timeout,
            lambda a: self._replied(ticket, a),
            size=0 if share is None else _size(content),
        )
        if not sent:
            self._answer(ticket, answers.unavailable())

    def _replied(self, ticket: int, answer: Any) -> None:
        match answer:
            case ["held"]:
                pass
            case ["answer", int(status), bytes(body)]:
                self._answer(ticket, _response(status, body))
            case _:
                self._lose(ticket)

    def _take(self, ticket: int) -> Waiting | None:
        waiting = self._waiting.pop(ticket, None)
        if waiting is not None:
            waiting.end()
        return waiting

    def _answer(self, ticket: int, response: Response) -> None:
        waiting = self._take(ticket)
        if waiting is not None:
            waiting.http.respond(response)

    def _lose(self, ticket: int) -> None:
        waiting = self._take(ticket)
        if waiting is not None:
            waiting.lost()

    def _left(self, ticket: int) -> None:
        waiting = self._take(ticket)
        if waiting is not None:
            self._tell(waiting.worker, ["left", ticket])

    def _late(self, ticket: int) -> None:
        waiting = self._waiting.get(ticket)
        if waiting is not None:
            self._left(ticket)
            waiting.http.respond(answers.status(408))

    def _worker_gone(self, worker: str) -> None:
        for name in [name for name in self._intakes if name[0] == worker]:
            self._intakes.pop(name).close()
        for ticket, waiting in list(self._waiting.items()):
            if waiting.worker == worker:
                self._lose(ticket)
        for key in [key for key in self._held if key[0] == worker]:
            self._held.pop(key).left()

    # -- the session's side

    def _serve(self, worker: str, body: Any, reply: Reply) -> None:
        match body:
            case ["poll", int(ticket), str(session), str(topic), int(cursor)]:
                self._serve_poll(worker, ticket, (session, topic, cursor), reply)
            case ["post", int(ticket), str(session), str(topic), list(payloads)]:
                self._serve_post(worker, ticket, (session, topic), payloads, reply)
            case ["answer", int(ticket), int(status), bytes(data)]:
                self._answer(ticket, _response(status, data))
            case ["left", int(ticket)]:
                held = self._held.pop((worker, ticket), None)
                if held is not None:
                    held.left()
            case _:
                reply(None)

    def _serve_poll(
        self, worker: str, ticket: int, where: tuple[str, str, int], reply: Reply
    ) -> None:
        place = SessionToken(self._sessions.worker, *where)
        session = self._sessions.find(place)
        if session is None:
            reply(None)
            return
        held = self._hold(worker, ticket, reply)
        response = session.poll(place.cursor, held)
        if response is answers.LOST:  # what that means is for the near mount to say
            del self._held[worker, ticket]
            reply(None)
        else:
            self._settle(worker, ticket, response)

    def _serve_post(
        self, worker: str, ticket: int, where: tuple[str, str], messages: list[Any], reply: Reply
    ) -> None:
        session = self._sessions.find(SessionToken(self._sessions.worker, *where))
        if session is None or not all(isinstance(one, str | bytes) for one in messages):
            reply(None)
            return
        held = self._hold(worker, ticket, reply)
        self._settle(worker, ticket, session.publish_relayed(messages, held))

    def _hold(self, worker: str, ticket: int, reply: Reply) -> Held:
        held = Held(reply, lambda response: self._later(worker, ticket, response))
        self._held[worker, ticket] = held
        return held

    def _settle(self, worker: str, ticket: int, response: Response | None) -> None:
        held = self._held[worker, ticket]
        if response is None:
            held.hold()
        else:
            del self._held[worker, ticket]
            held.respond(response)

    def _later(self, worker: str, ticket: int, response: Response) -> None:
        self._held.pop((worker, ticket), None)
        self._tell(worker, ["answer", ticket, response.status, response.body])

    def _tell(self, worker: str, body: Any) -> None:
        self._bus.request(worker, KIND, body, 1.0, lambda _: None)


def _size(messages: list[Message]) -> int:
    """Return the bytes of a POST's messages, and one for each: a POST is never nothing."""
    return sum(1 + len(each if isinstance(each, bytes) else each.encode()) for each in messages)


def _response(status: int, body: bytes) -> Response:
    return Response(status, body, answers.JSON if status == 200 else answers.ORIGIN)
