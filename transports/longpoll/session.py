"""One long-poll session: what operates a socket between two polls.

This is the one place where a callback's result becomes messages of a poll. Binary messages travel
as base64, as phoenix.js sends its own; control frames have no counterpart and are left out.

A session needs one timer, which is never late: it looks at least once in each window, and nothing
that a session waits for is due sooner than a window after it began.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from actors.crash_log import capped
from actors.errors import ProtocolError
from actors.logs.provenance import Provenance
from actors.messages import Opcode, Receipt
from actors.metrics.traffic import NOTHING, TRAFFIC
from actors.reasons import Crash, Failure, Reason, Shutdown
from actors.results import Push, Reply, Stop
from actors.runtime.actor import Exit
from actors.runtime.dispatcher import Dispatcher
from actors.runtime.timers import Timer, Timers
from actors.socket import Socket
from transports.delivering import deliver_rest
from transports.http.responder import Caller
from transports.http.response import Response
from transports.longpoll import answers, body, outgoing
from transports.longpoll.body import Message
from transports.longpoll.buffer import Buffer
from transports.longpoll.holding import HeldPost
from transports.longpoll.intake import Intake, Share
from transports.longpoll.options import LongPollOptions
from transports.longpoll.place import Place
from transports.longpoll.token import SessionToken
from transports.opening.clients import Clients

LINES = capped(logging.getLogger("roost.transports"))

PATIENCE = 1.5
"""Windows without a poll after which a session ends, as in Phoenix."""


class Post:
    """A POST whose messages are in the mailbox; ``http`` is ``None`` once it is answered.

    ``share`` is what they keep of the session's intake, until they are handled.
    """

    __slots__ = ("_timer", "due", "http", "session", "share")

    def __init__(self, session: LongPollSession, http: Caller, due: float, share: Share) -> None:
        self.session = session
        self.http: Caller | None = http
        self.due = due
        self.share = share
        self._timer: Timer | None = None
        http.on_lost(self.lost)

    def expire_at(self, due: float, timers: Timers) -> None:
        """Answer 408 at ``due``, which is sooner than the session looks again."""
        self.due = due
        self._timer = timers.call_at(due, lambda: self.answer(408))

    def lost(self) -> None:
        """The client does not wait any more."""
        self.http = None

    def answer(self, status: int) -> None:
        """Answer, unless that has been done."""
        http, self.http = self.http, None
        if self._timer is not None:
            self._timer.cancel()
        if http is not None:
            http.respond(answers.status(status))

    def handled(self, done: bool) -> None:  # noqa: FBT001 - Receipt's callback
        """Answer when the messages are handled, or never will be."""
        session = self.session
        self.answer(200 if done else session.unhandled_status)
        session.drop_answered()
        session.give_back(self.share)


class LongPollSession:
    """The transport of one socket actor; ``enter(self)`` gives it its place among all."""

    __slots__ = (
        "_buffer", "_clients", "_dispatcher", "_ended", "_full", "_holds", "_http", "_options",
        "_place", "_polled", "_posts", "_reason", "_shares", "_since", "actor", "address",
        "bytes_in", "bytes_out", "inbox", "intake", "messages_in", "messages_out", "provenance",
        "told", "unhandled_status",
    )  # fmt: skip

    def __init__(
        self,
        enter: Callable[[LongPollSession], Place],
        options: LongPollOptions,
        dispatcher: Dispatcher,
        address: str,
    ) -> None:
        self._options, self._dispatcher = options, dispatcher
        self.address = address
        self.provenance: Provenance | None = None
        self._buffer = Buffer(
            max_messages=options.max_buffer_messages, max_bytes=options.max_buffer_bytes
        )
        self._http: Caller | None = None
        self._posts: deque[Post] | None = None
        self._polled = self._since = dispatcher.clock()
        self._clients: Clients | None = None
        self._reason: Reason | None = None
        self._ended = self._full = False
        self._holds = 0
        self._shares: list[Share] = []
        self.unhandled_status = 410
        self.bytes_in = self.bytes_out = self.messages_in = self.messages_out = 0
        self.told = NOTHING
        self._place = enter(self)

    def attach(self, actor: Socket) -> None:
        """Operate ``actor``."""
        self.actor = actor
        self.inbox = actor.actor_inbox
        options = self._options
        self.intake = Intake(
            max_bytes=actor.mailbox_bytes,
            max_messages=actor.mailbox_messages,
            max_held=options.max_held_posts,
            max_kept=options.max_body,
        )
        self._dispatcher.timers.call_later(self._options.window, self._tick)

    def opened(self, clients: Clients) -> None:
        """Be one of ``clients`` from now on, which tell that."""
        self._clients = clients
        clients.opened(self.actor, self.address)
        clients.session_opened(self.actor)

    @property
    def session_token(self) -> SessionToken:
        """What its tokens say, but for the cursor."""
        return self._place.token

    def token(self, cursor: int) -> str:
        """Return a token that proves the receipt of the messages below ``cursor``."""
        return self._place.sign(cursor)

    def leave(self) -> None:
        """Leave the table of sessions: what is held here is lost."""
        leaves = self._place.taken
        self._place.leave()
        TRAFFIC.fold(self)  # polls have fetched, since the end, what was left
        if leaves and self._clients is not None:
            duration = self._dispatcher.clock() - self._since
            unfetched = self._buffer.waiting
            self._clients.session_closed(self.actor, duration, unfetched, self._reason)

    # -- from the client

    def publish(self, messages: list[Message], http: Caller, share: Share) -> Response | None:
        """Put the messages of a POST into the mailbox; return it when they are handled.

        ``share`` is the one that it entered with (:attr:`intake`), weighed by now, and is given
        back when they are.
        """
        if self._ended or self.inbox.closed:
            share.leave()
            return answers.status(410)
        post = Post(self, http, self._dispatcher.clock() + self._options.window, share)
        if share.due is not None:
            post.expire_at(share.due, self._dispatcher.timers)
        if self._posts is None:
            self._posts = deque()
        self._posts.append(post)
        self.messages_in += len(messages)
        self.actor.on_events([*messages, Receipt(post.handled)])
        return None

    def publish_relayed(self, messages: list[Message], http: Caller) -> Response | None:
        """Do as :meth:`publish` with a POST whose body is here already, when there is room."""
        if self._ended or self.inbox.closed:
            return answers.status(410)
        size, kept = body.weight(messages), sum(map(len, messages))
        self.bytes_in += kept
        share = self.intake.enter(size, len(messages))
        if share is not None:
            return self.publish(messages, http, share)

        def proceed(share: Share) -> None:
            share.weigh(size, len(messages))
            response = self.publish(messages, http, share)
            if response is not None:
                http.respond(response)

        held = HeldPost(self.intake, http, self._options.window, proceed, unread=False)
        if not self.intake.hold(held, size, kept):
            held.lost()
            return answers.unavailable()
        return None

    def give_back(self, share: Share) -> None:
        """Count what a POST kept no more, when no channel of the client's is behind."""
        if self._holds:
            self._shares.append(share)
        else:
            share.leave()

    def drop_answered(self) -> None:
        """Forget the POSTs at the front that wait for nothing any more."""
        posts = self._posts
        while posts and posts[0].http is None:
            posts.popleft()

    def poll(self, cursor: int, http: Caller) -> Response | None:
        """Answer what waits, or hold the poll; an earlier one that is held ends with 204.

        Messages below ``cursor`` have arrived and are dropped. A cursor that is not of this
        session's last answers is one whose messages are gone: answered as a lost session.
        """
        taken = self._buffer.take(cursor)
        self._polled = self._dispatcher.clock()
        if taken is None:
            return answers.LOST
        messages, reached = taken
        self._let_go()
        if messages:
            self._place.fetched()
            return self._batch(messages, reached)
        if self._ended:
            self.leave()
            return answers.LOST
        self._http = http
        http.on_lost(self._poll_lost, at_eof=True)
        return None

    def _poll_lost(self) -> None:
        self._http = None

    def _let_go(self) -> None:
        """Answer the held poll, if any, that there is nothing."""
        http, self._http = self._http, None
        if http is not None:
            http.respond(answers.batch(204, (), self._place.sign(self._buffer.acknowledged)))

    # -- from the socket

    def deliver(self, result: Any) -> None:
        kind = type(result)
        if kind is Reply or kind is Push:
            self._keep(result.payload, result.opcode)
        else:
            if kind is Stop:
                self.unhandled_status = 408
            deliver_rest(result, self.deliver)

    def _keep(self, payload: Any, opcode: Any) -> None:
        message = outgoing.message(payload, opcode)
        if message is None or self._ended:  # as nothing follows a WebSocket's Close frame
            return
        refused = self._buffer.append(message)
        if refused is not None:
            self._tell_overflow(refused)
            raise Exit(Shutdown("overflow"))
        self.messages_out += 1

    def _tell_overflow(self, refused: str) -> None:
        LINES.log(logging.INFO, "overflow", "ended a session of %s: %s", self.address, refused)
        if self._clients is not None:
            self._clients.slow(self.actor, self._buffer.size)

    lane_key = "lp"

    def prepare(self, frame: tuple[Opcode, bytes]) -> str:
        """Return a channel's message as a poll carries it."""
        opcode, data = frame
        return outgoing.binary(data) if opcode is Opcode.BINARY else data.decode()

    def send(self, frame: tuple[Opcode, bytes]) -> None:
        """Keep one message for a poll."""
        self.post(self.prepare(frame))

    def post(self, prepared: str) -> None:
        """Keep a message for a poll, which is answered when what is ready has run."""
        if self._ended or self._full:
            return
        first = self._http is not None and not self._buffer.waiting
        refused = self._buffer.append(prepared)
        if refused is not None:
            self._full = True
            self.inbox.signal(Shutdown("overflow"))
            self._tell_overflow(refused)
            return
        self.messages_out += 1
        if first:  # else the next poll finds it
            self._dispatcher.send_soon(self.flush)

    def hold(self) -> None:
        """Count what POSTs bring from here on until all is released."""
        self._holds += 1

    def release(self) -> None:
        """Let POSTs in again, unless another channel is behind."""
        self._holds -= 1
        if not self._holds:
            shares, self._shares = self._shares, []
            for share in shares:
                share.leave()

    def flush(self) -> None:
        """Answer the held poll with what the turn delivered."""
        http = self._http
        if http is not None and self._buffer.messages:
            self._http = None
            messages, reached = self._buffer.take_all()
            http.respond(self._batch(messages, reached))

    def _batch(self, messages: list[str], reached: int) -> Response:
        """Return the answer to a poll that has these messages."""
        response = answers.batch(200, messages, self._place.sign(reached))
        self.bytes_out += len(response.body)
        return response

    on_blocked = flush

    def on_ended(self, reason: Reason) -> None:
        """Answer all who wait. What no poll has fetched yet is kept for a while."""
        if self._ended:
            return
        self._ended, self._reason = True, reason
        self.intake.close()
        broken = isinstance(reason, Failure) and isinstance(reason.detail, ProtocolError)
        if broken or isinstance(reason, Crash):
            self.unhandled_status = 408
        else:
            # A POST whose last message was the one that ended the session was handled.
            receipt = self.inbox.take_first(Receipt)
            if receipt is not None:
                receipt.handled(True)
        self.flush()
        self._let_go()
        TRAFFIC.fold(self)
        if self._clients is not None:
            duration = self._dispatcher.clock() - self._since
            self._clients.closed(self, self.address, duration, reason, None)
        if not self._buffer.messages or reason == Shutdown("inactive"):
            self.leave()

    @property
    def unfetched(self) -> bool:
        """Whether it holds messages that no poll was given yet."""
        return self._buffer.waiting > 0

    @property
    def pending(self) -> bool:
        """Whether it holds what no poll was given yet, or may still get something."""
        return (not self._ended or self.unfetched) and self._place.taken

    def drain(self) -> None:
        """End because the server goes away."""
        self.inbox.signal(Shutdown("restart"))

    # -- time

    def _tick(self) -> float | None:
        """Look at what is due; return when to look again, at most a window from now."""
        if not self._place.taken:
            return None
        now, window = self._dispatcher.clock(), self._options.window
        due = now + window
        if self._posts:
            due = min(due, self._answer_late_posts(now, due))
        if self._http is None:
            inactive = self._polled + PATIENCE * window
            if inactive > now:
                return min(due, inactive)
            self._end_inactive()
        elif self._polled + window > now:
            return min(due, self._polled + window)
        else:
            self._polled = now
            self._let_go()
        return due

    def _answer_late_posts(self, now: float, due: float) -> float:
        """Answer 408 to a POST that has waited a window; return when the next one is due."""
        posts = self._posts
        while posts and posts[0].due <= now:
            posts.popleft().answer(408)
        self.drop_answered()
        return posts[0].due if posts else due

    def _end_inactive(self) -> None:
        if self._ended:
            self.leave()
        else:
            self.inbox.signal(Shutdown("inactive"))
