"""Sessions that live in another worker: polls and posts go to them over the cluster.

Any worker may get any request of a client, so there are no sticky sessions. The worker that has the
client (the *near* one) tells the one that has the session (the *far* one) what came, and that tells
it the answer: two messages. Where the answer takes longer the far one says meanwhile that it has
the request. Whatever happens to the far worker, the client is answered: at once when that is gone,
after ``pubsub_timeout`` when it says nothing, and else when the window is over too. A poll for
another machine is asked again for :data:`PATIENCE` first, as links break more often than workers.

Notices of kind ``"longpoll"``:

* ``["poll", ticket, session, nonce, cursor]``, ``["post", ticket, session, nonce, messages]``;
* back: ``["answer", ticket, status, body]``, or ``["lost", ticket]`` (no such session);
* ``["held", [ticket, ...]]``: what was not answered within :data:`SAY_HELD` seconds;
* ``["left", ticket]``: the client does not wait any more.

A worker of the release before asks instead, as do we where we do not know that the far one takes
notices: polls and posts are requests then, and the reply is ``["held"]``, ``["answer", status,
body]`` or ``None`` (no such session). All that follows is as above.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from actors.errors import HTTPError
from actors.runtime.dispatcher import get_dispatcher
from transports.http.response import Response
from transports.longpoll import answers
from transports.longpoll.elsewhere import Elsewhere, Waiting
from transports.longpoll.intake import Intake, Share
from transports.longpoll.token import SessionToken

if TYPE_CHECKING:
    from actors.pubsub.cluster import Cluster, Reply
    from actors.socket import Socket
    from transports.http.responder import Caller
    from transports.longpoll.body import Message
    from transports.longpoll.options import LongPollOptions
    from transports.longpoll.session import LongPollSession
    from transports.longpoll.session_table import SessionTable

KIND: Final = "longpoll"

ALONG: Final = 1024 * 1024
"""Bytes of a message between workers that a POST's messages leave to what goes along with them."""

MAX_IN_FLIGHT: Final = 8 * 1024 * 1024
"""Bytes of POSTs to one worker that it has neither answered nor said to hold; one passes whatever
its size."""

SAY_HELD: Final = 0.01
"""Seconds until a request that is not answered is said to be held, with all others that are."""

PATIENCE: Final = 2.0
"""Seconds for which a poll for another machine is asked again where that cannot be reached."""

AGAIN: Final = 0.2
"""Seconds until it is."""

SWEEP: Final = 64
"""Books on sessions elsewhere below which none is looked for that can be forgotten."""


class Held:
    """A request of a client elsewhere, for a session here: what the session has for its client."""

    __slots__ = ("_key", "_relay", "lost")

    def __init__(self, relay: Relay, key: tuple[str, int]) -> None:
        self._relay = relay
        self._key = key
        self.lost: Callable[[], object] = nothing

    def respond(self, response: Response, *, close: bool = False) -> None:  # noqa: ARG002
        """Answer; whether the client's connection ends is its worker's affair."""
        self._relay.respond(self._key, response)

    def on_lost(self, callback: Callable[[], object], *, at_eof: bool = False) -> None:  # noqa: ARG002
        self.lost = callback


class Relay:
    """This worker's end of the exchange; one for all mounts."""

    def __init__(self, cluster: Cluster, sessions: SessionTable) -> None:
        self._cluster = cluster
        self._sessions = sessions
        self._tickets = itertools.count(1)
        self._waiting: dict[int, Waiting] = {}
        self._in_flight: Counter[str] = Counter()
        self._held: dict[tuple[str, int], Held] = {}
        self._unsaid: list[tuple[str, int]] = []
        self._intakes: dict[tuple[str, str], Intake] = {}
        self._sweep_at = SWEEP
        self._used: WeakValueDictionary[tuple[str, str], Elsewhere] = WeakValueDictionary()
        cluster.serve(KIND, self._serve)
        cluster.gone(self._worker_gone)

    # -- the near side

    def knows(self, token: SessionToken) -> bool:
        """Whether the worker that a token names is another one, and is or may be there."""
        return self._cluster.reaches(token.worker) or self._cluster.may_return(token.worker)

    def poll(
        self,
        token: SessionToken,
        http: Caller,
        options: LongPollOptions,
        lost: Callable[[], object],
    ) -> None:
        """Have the poll answered by the session's worker; ``lost()`` where that cannot be."""
        used = self.used(token)

        def gone() -> None:
            used.gone = True
            lost()

        self._ask(["poll", token.cursor], token, http, options, gone)

    def post(
        self,
        token: SessionToken,
        messages: list[Message],
        http: Caller,
        options: LongPollOptions,
        share: Share,
    ) -> None:
        """Have the messages handled by the session; ``share`` is given back when it has answered.

        The session's worker counts what waits there by itself, also when its answer was 408. Where
        too much is on its way to that worker already, this one is answered 503; where it is more
        than a message between workers holds, 413.
        """
        size = _size(messages)
        most = self._cluster.longest(token.worker) - ALONG
        if size > most:
            share.leave()
            text = f"the session is another worker's, which takes {most} bytes of a POST"
            http.respond(answers.refused(HTTPError(413, text)))
            return
        used = self._in_flight[token.worker]
        # What was given up is still to be sent.
        unsent = self._cluster.unsent(token.worker)
        if (used and used + size > MAX_IN_FLIGHT) or unsent > MAX_IN_FLIGHT:
            share.leave()
            http.respond(answers.unavailable())
        else:
            gone = partial(http.respond, answers.status(410))
            self._ask(["post", messages], token, http, options, gone, share=share, size=size)

    def used(self, token: SessionToken) -> Elsewhere:
        """Return what connections that are used for a session elsewhere remember of it."""
        key = token.worker, token.session
        found = self._used.get(key)
        if found is None:
            found = self._used[key] = Elsewhere(self._cluster, token.worker)
        return found

    @property
    def pending(self) -> bool:
        """Whether a session elsewhere may still have something for a client here."""
        return any(each.pending for each in self._used.values())

    def intake(
        self, token: SessionToken, socket_class: type[Socket], options: LongPollOptions
    ) -> Intake:
        """Return the book on what POSTs of a session elsewhere keep here: those not answered."""
        key = token.worker, token.session
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
        what: list[Any],
        token: SessionToken,
        http: Caller,
        options: LongPollOptions,
        lost: Callable[[], object],
        *,
        share: Share | None = None,
        size: int = 0,
    ) -> None:
        timeout = options.pubsub_timeout
        until = get_dispatcher().clock() + timeout + options.window
        if share is not None and share.due is not None:
            until = share.due
        self._send(Waiting(token, http, lost, share, size, timeout, until), *what)

    def _send(self, waiting: Waiting, kind: str, value: Any) -> None:
        token, ticket, timers = waiting.token, next(self._tickets), get_dispatcher().timers
        due = min(timers.now() + waiting.timeout, waiting.until)
        waiting.timer = timers.call_at(due, lambda: self._due(ticket))
        self._waiting[ticket] = waiting
        self._in_flight[token.worker] += waiting.size
        waiting.http.on_lost(lambda: self._left(ticket), at_eof=kind == "poll")
        body = [kind, ticket, token.session, token.nonce, value]
        if not self._cluster.takes_notices(token.worker):
            replied = partial(self._replied, ticket)
            sent = self._cluster.request(token.worker, KIND, body, waiting.timeout, replied)
        else:
            sent = self._cluster.notify(token.worker, KIND, body)
        if not sent:
            self._missed(ticket)

    def _missed(self, ticket: int) -> None:
        """Ask again in a moment, where the worker may be back by then."""
        waiting = self._waiting[ticket]
        timers = get_dispatcher().timers
        now = timers.now()
        last = waiting.last = waiting.last or now + PATIENCE
        late = now >= last
        if late or waiting.share is not None or not self._cluster.may_return(waiting.token.worker):
            self._lose(ticket)
        else:
            waiting.timer.cancel()
            waiting.timer = timers.call_at(min(now + AGAIN, last), lambda: self._again(ticket))

    def _again(self, ticket: int) -> None:
        waiting = self._waiting.pop(ticket)
        waiting.held = False
        waiting.until = max(waiting.until, get_dispatcher().clock() + waiting.timeout)
        self._send(waiting, "poll", waiting.token.cursor)

    def _replied(self, ticket: int, answer: Any) -> None:
        match answer:
            case ["held"]:
                self._hold(ticket)
            case ["answer", int(status), bytes(body)]:
                self._answer(ticket, status, body)
            case _:
                self._lose(ticket)

    def _hold(self, ticket: int) -> None:
        waiting = self._waiting.get(ticket)
        if waiting is not None:
            waiting.held, waiting.last = True, None
            self._in_flight[waiting.token.worker] -= waiting.size
            waiting.size = 0

    def _due(self, ticket: int) -> float | None:
        waiting = self._waiting[ticket]
        worker = waiting.token.worker
        if get_dispatcher().clock() < waiting.until:
            if waiting.held:
                return waiting.until
            self._missed(ticket)
        elif waiting.share is not None and waiting.share.due is not None:
            self._left(ticket)
            waiting.http.respond(answers.status(408))
        elif waiting.held and waiting.share is None and self._cluster.may_return(worker):
            self._left(ticket)  # its answer was lost on the way, maybe: the next poll gets it
            token, _ = self._sessions.encode(waiting.token)
            waiting.http.respond(answers.batch(204, (), token))
        else:
            self._lose(ticket)
        return None

    def _take(self, ticket: int) -> Waiting | None:
        """Return who waits, and give back what it has: its answer is known, or not wanted."""
        waiting = self._waiting.pop(ticket, None)
        if waiting is not None:
            waiting.timer.cancel()
            self._in_flight[waiting.token.worker] -= waiting.size
            if waiting.share is not None:
                waiting.share.leave()
        return waiting

    def _answer(self, ticket: int, status: int, body: bytes) -> None:
        waiting = self._take(ticket)
        if waiting is not None:
            headers = answers.JSON if status == 200 else answers.ORIGIN
            waiting.http.respond(Response(status, body, headers))

    def _lose(self, ticket: int) -> None:
        waiting = self._take(ticket)
        if waiting is not None:
            waiting.lost()

    def _left(self, ticket: int) -> None:
        waiting = self._take(ticket)
        if waiting is not None:
            self._cluster.notify(waiting.token.worker, KIND, ["left", ticket])

    def _worker_gone(self, worker: str) -> None:
        for name in [name for name in self._intakes if name[0] == worker]:
            self._intakes.pop(name).close()
        for ticket, waiting in list(self._waiting.items()):
            if waiting.token.worker == worker:
                self._missed(ticket)
        del self._in_flight[worker]
        for key in [key for key in self._held if key[0] == worker]:
            self._client_left(key)

    # -- the session's side

    def _serve(self, worker: str, body: Any, reply: Reply | None) -> None:
        match body:
            case ["poll", int(ticket), str(session), str(nonce), int(cursor)]:
                token = SessionToken(self._sessions.worker, session, nonce, cursor)
                self._have(worker, ticket, token, reply, lambda s, h: s.poll(cursor, h))
            case ["post", int(ticket), str(session), str(nonce), list(messages)] if all(
                isinstance(each, str | bytes) for each in messages
            ):
                token = SessionToken(self._sessions.worker, session, nonce)
                self._have(
                    worker, ticket, token, reply, lambda s, h: s.publish_relayed(messages, h)
                )
            case ["answer", int(ticket), int(status), bytes(data)]:
                self._answer(ticket, status, data)
            case ["held", list(tickets)]:
                for ticket in tickets:
                    if type(ticket) is int:
                        self._hold(ticket)
            case ["lost", int(ticket)]:
                self._lose(ticket)
            case ["left", int(ticket)]:
                self._client_left((worker, ticket))
            case _ if reply is not None:
                reply(None)

    def _have(
        self,
        worker: str,
        ticket: int,
        token: SessionToken,
        reply: Reply | None,
        handle: Callable[[LongPollSession, Held], Response | None],
    ) -> None:
        """Have a session handle a request; say what became of that, unless it was the answer."""
        key = worker, ticket
        session = self._sessions.find(token)
        held = self._held[key] = Held(self, key)
        response = answers.LOST if session is None else handle(session, held)
        lost = response is answers.LOST
        if lost:  # what that means is for the near mount to say
            del self._held[key]
        elif response is not None:
            held.respond(response)
        if reply is not None:
            reply(None if lost else ["held"])
        elif lost:
            self._cluster.notify(worker, KIND, ["lost", ticket])
        elif key in self._held:
            if not self._unsaid:
                get_dispatcher().timers.call_later(SAY_HELD, self._say_held)
            self._unsaid.append(key)

    def respond(self, key: tuple[str, int], response: Response) -> None:
        """Tell the near worker the answer to what it has asked for."""
        if self._held.pop(key, None) is not None:
            worker, ticket = key
            answer = ["answer", ticket, response.status, response.body]
            if not self._cluster.notify(worker, KIND, answer):
                self._cluster.notify(worker, KIND, ["lost", ticket])  # sooner than it finds out

    def _say_held(self) -> None:
        """Say which requests are held: what is not answered after a moment."""
        tickets: dict[str, list[int]] = {}
        for worker, ticket in self._unsaid:
            if (worker, ticket) in self._held:
                tickets.setdefault(worker, []).append(ticket)
        self._unsaid.clear()
        for worker, held in tickets.items():
            self._cluster.notify(worker, KIND, ["held", held])

    def _client_left(self, key: tuple[str, int]) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            held.lost()


def _size(messages: list[Message]) -> int:
    """Return the bytes of a POST's messages, and one for each: a POST is never nothing."""
    return sum(1 + len(each if isinstance(each, bytes) else each.encode()) for each in messages)


def nothing() -> None:
    """Do nothing where a client is lost."""
