"""What the clients on gevent and on asyncio have in common: all but waiting, and moving bytes.

Callbacks of a client run one after another, in a greenlet or a task of their own, so that one which
blocks holds up other callbacks and nothing else: messages are read, heartbeats are sent.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from actors.capped_log import CappedLog
from actors.client import effects
from actors.client.address import address_of, check_headers, query_of, subprotocols_of
from actors.client.arguments import check_callback, check_close, check_seconds
from actors.client.channel_surface import Call, ChannelSurface
from actors.client.channels.membership import Membership
from actors.client.channels.request import Request
from actors.client.inbox import Inbox
from actors.client.lifecycle import State
from actors.client.options import ClientOptions
from actors.client.owned import Owned
from actors.client.session import Session
from actors.client.websocket import WebSocket
from actors.client.wire import Wire
from actors.crash_text import crash
from actors.errors import ConnectFailed
from actors.logs.escaping import escaped
from actors.options import build
from actors.serializers.message import Frame

logger = logging.getLogger("roost.client")

F = TypeVar("F", bound=Callable[..., object])
ChannelType = TypeVar("ChannelType", bound=ChannelSurface)


class ClientSurface(Owned, Generic[ChannelType]):
    """A client: one connection, and its channels."""

    def __init__(  # noqa: PLR0917 - each client passes on what it was given
        self,
        url: str,
        params: object,
        auth_token: object,
        headers: Mapping[str, str] | None,
        options: Mapping[str, Any],
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        super().__init__()
        self.options = build(ClientOptions, options, "client")
        self.address = address_of(url)
        if not callable(params):
            query_of(self.address, params, self.options.vsn)
        if not callable(auth_token):
            subprotocols_of(auth_token)
        self._params = params
        self._auth_token = auth_token
        self._headers = check_headers({} if headers is None else headers)
        self._session = Session(self.options, clock=clock, chance=chance)
        self._channels: dict[Membership, ChannelType] = {}
        self._lines = CappedLog(logger)
        self._calls: Inbox[Call] = Inbox(self.options.max_queue, self.options.max_queue_bytes)
        self._on_open: list[Callable[[], object]] = []
        self._on_close: list[Callable[[int, str], object]] = []
        self._on_error: list[Callable[[str], object]] = []
        self._failure: ConnectFailed | None = None
        self._wire: Wire | None = None
        self._clock = clock
        self._disarm: Callable[[], object] | None = None
        self._armed_for = 0.0
        self._failed_calls = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._where}, {self.state}>"

    @property
    def _where(self) -> str:
        secure, host, port, path, _ = self.address  # a query may hold what is a secret
        shown = f"[{host}]" if ":" in host else host
        return f"{'wss' if secure else 'ws'}://{shown}:{port}{path}"

    @property
    def state(self) -> str:
        """``"closed"``, ``"connecting"``, ``"open"``, ``"waiting"`` or ``"closing"``."""
        return self._session.state.name.lower()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._session.is_open()

    @property
    def counts(self) -> dict[str, int]:
        """How often what went wrong, by name; docs/client.md has the names."""
        calls = {"dropped_calls": self._calls.dropped, "failed_calls": self._failed_calls}
        return {**self._session.counts, **calls}

    def on_open(self, callback: F) -> F:
        """Have ``callback()`` called whenever there is a connection; return it."""
        self._check_callback(callback)
        self._on_open.append(callback)
        return callback

    def on_close(self, callback: F) -> F:
        """Have ``callback(code, reason)`` called whenever a connection has ended."""
        self._check_callback(callback)
        self._on_close.append(callback)
        return callback

    def on_error(self, callback: F) -> F:
        """Have ``callback(reason)`` called whenever an attempt to connect has failed."""
        self._check_callback(callback)
        self._on_error.append(callback)
        return callback

    # -- what one of the two has to do

    @abstractmethod
    def _later(self, seconds: float) -> Callable[[], object]:
        """Have :meth:`_fire` called then; return what calls that off."""

    @abstractmethod
    def _begin(self, attempt: int) -> Wire:
        """Begin an attempt."""

    @abstractmethod
    def _ask(self, effect: effects.PayloadWanted, function: Callable[[], Any]) -> None:
        """Have a function called, and then :meth:`_asked` or :meth:`_ask_failed`."""

    @abstractmethod
    def _calls_wait(self) -> None:
        """Have :meth:`_calls` run, if nobody runs them now."""

    @abstractmethod
    def _state_changed(self) -> None:
        """Wake who waits for the connection."""

    # -- what both do

    def _begin_connecting(self, timeout: float | None) -> float:
        """Begin; return for how long to wait for the first connection."""
        self.check_owner()
        check_seconds("timeout", timeout)
        self._own()
        self._failure = None
        self._session.connect()
        self._done()
        return self.options.connect_timeout if timeout is None else timeout

    def _begin_closing(self, code: int, reason: str) -> None:
        self.check_owner()
        check_close(code, reason)
        self._session.close(code, reason)
        self._done()
        self._state_changed()

    def _cut(self) -> None:
        """End at once what is being closed: who waited for that was interrupted."""
        self._session.cut()
        self._done()
        if self._wire is not None:
            self._wire.cut()

    @property
    def _is_closed(self) -> bool:
        return self._session.state is State.CLOSED

    def join_channel(self, channel: ChannelType, timeout: float | None) -> Request:
        """Have a channel joined."""
        self.check_owner()
        check_seconds("timeout", timeout)
        request = self._session.join(channel.membership, timeout)
        self._channels[channel.membership] = channel
        channel.inbox.clear()
        self._done()
        return request

    def abandon_join(self, channel: ChannelType, request: Request) -> None:
        """Leave a channel whose join was interrupted."""
        self._session.abandon(channel.membership, request)
        self._done()

    def push(
        self, channel: ChannelType, event: str, payload: object, timeout: float | None
    ) -> Request:
        """Have an event pushed."""
        self.check_owner()
        check_seconds("timeout", timeout)
        request = self._session.push(channel.membership, event, payload, timeout)
        self._done()
        return request

    def leave(self, channel: ChannelType, timeout: float | None) -> Request:
        """Have a channel left."""
        self.check_owner()
        check_seconds("timeout", timeout)
        request = self._session.leave(channel.membership, timeout)
        self._done()
        return request

    def membership(self, topic: str) -> Membership:
        """Make what a channel of ours is about."""
        self.check_owner()
        return self._session.membership(topic)

    def _check_callback(self, callback: object) -> None:
        self.check_owner()
        check_callback(callback)

    # -- what a wire tells it (:class:`~actors.client.wire.Owner`)

    def wire_opened(self, attempt: int) -> None:
        """Take that an attempt has succeeded."""
        self._session.opened(attempt)
        self._done()

    def wire_received(self, attempt: int, frame: Frame) -> None:
        """Take a message."""
        self._session.received(attempt, frame)
        self._done()

    def wire_sent(self, attempt: int, size: int) -> None:
        """Take that bytes have left."""
        self._session.sent(attempt, size)

    def wire_lost(self, attempt: int, code: int, reason: str, error: ConnectFailed | None) -> None:
        """Take that an attempt has failed, or its connection ended."""
        self._failure = error
        self._session.lost(attempt, code, reason)
        self._done()

    # -- what the session wants

    def _done(self) -> None:
        """Do what the session wants, after each call of it."""
        while todo := self._session.effects():
            for effect in todo:
                self._perform(effect)
        self._arm(self._session.next_deadline())

    def _arm(self, when: float | None) -> None:
        if self._disarm is not None:
            if when is not None and self._armed_for <= when:
                return  # it looks again then, and finds nothing due
            self._disarm()
            self._disarm = None
        if when is not None:
            self._armed_for = when
            self._disarm = self._later(max(0.0, when - self._clock()))

    def _fire(self) -> None:
        if self._is_forked:
            return
        self._disarm = None
        self._session.tick()
        self._done()

    def _disconnect(self, effect: effects.Disconnect) -> None:
        if self._wire is not None and self._wire.attempt == effect.attempt:
            end = self._wire.close if effect.wait else self._wire.drop
            end(effect.code, effect.reason)

    def _perform(self, effect: effects.Effect) -> None:  # noqa: C901 - one case for each effect
        match effect:
            case effects.Transmit(frame):
                if self._wire is not None:
                    self._wire.send(frame)
            case effects.Delivered(membership, message, size):
                self._channels[membership].take(message, size)
            case effects.Settled(request):
                if request.woken is not None:
                    request.woken()
            case effects.Connect(attempt):
                self._wire = self._begin(attempt)
            case effects.Disconnect():
                self._disconnect(effect)
            case effects.PayloadWanted():
                self._payload_wanted(effect)
            case effects.Errored():
                self._errored(effect)
            case effects.Ended(membership, reason):
                self._channels.pop(membership).ended(reason)
            case effects.Joined(membership, response):
                self._channels[membership].joined(response)
            case effects.Opened() | effects.Closed() | effects.Failed():
                self._tell(effect)

    def _errored(self, effect: effects.Errored) -> None:
        if effect.again:
            what = escaped(effect.membership.topic), escaped(effect.reason)
            words = "%s: %s is not joined again: %s"
            self._lines.log(logging.WARNING, "rejoin", words, self._where, *what)
        self._channels[effect.membership].errored(effect.reason)

    def _tell(self, effect: effects.Opened | effects.Closed | effects.Failed) -> None:
        match effect:
            case effects.Opened():
                self._failure = None
                self.call(Call("on_open", tuple(self._on_open), ()))
            case effects.Closed(code, reason):
                ended = "%s: the connection ended with %d (%s)"
                self._lines.log(logging.INFO, "ended", ended, self._where, code, escaped(reason))
                self.call(Call("on_close", tuple(self._on_close), (code, reason)))
            case effects.Failed(reason):
                failed = "%s: no connection: %s"
                self._lines.log(logging.WARNING, "failed", failed, self._where, escaped(reason))
                self.call(Call("on_error", tuple(self._on_error), (reason,)))
        self._state_changed()

    def _payload_wanted(self, effect: effects.PayloadWanted) -> None:
        payload = self._channels[effect.membership].payload
        if callable(payload):
            self._ask(effect, payload)
        else:
            self._send_join(effect, payload)

    def _send_join(self, effect: effects.PayloadWanted, payload: object) -> None:
        try:
            self._session.send_join(effect.membership, effect.number, payload)
        except (TypeError, ValueError) as error:
            self._refuse_join(effect, error)

    def _refuse_join(self, effect: effects.PayloadWanted, error: BaseException) -> None:
        self._raised(f"the payload of {effect.membership.topic}", error)
        why = f"the payload of its join raised {crash(error)}"
        self._session.payload_failed(effect.membership, effect.number, why)

    def _asked(self, effect: effects.PayloadWanted, payload: object) -> None:
        """Send a join with what the application's function has returned."""
        self._send_join(effect, payload)
        self._done()

    def _ask_failed(self, effect: effects.PayloadWanted, error: BaseException) -> None:
        """Give a join up for which the application's function has raised."""
        self._refuse_join(effect, error)
        self._done()

    def call(self, call: Call, size: int = 0) -> None:
        """Have callbacks run, later and in order."""
        if not call.callbacks:
            return
        if self._calls.put(call, size):
            full = "%s: callbacks are too slow, the oldest calls were dropped"
            self._lines.log(logging.WARNING, "calls", full, self._where)
        self._calls_wait()

    def malformed(self, what: str, error: ValueError) -> None:
        """Count a message that its channel cannot use, and drop it."""
        self._session.counts["malformed"] += 1
        words = "%s: a malformed %s was dropped: %s"
        self._lines.log(logging.WARNING, what, words, self._where, escaped(what), error)

    def _call_failed(self, call: Call, error: BaseException) -> None:
        self._failed_calls += 1
        self._raised(call.what, error)

    def _raised(self, what: str, error: BaseException) -> None:
        words = "%s: %s raised %s"
        self._lines.log(
            logging.ERROR, what, words, self._where, escaped(what), crash(error), error=error
        )

    def _websocket(self, params: object, auth_token: object) -> WebSocket:
        """Begin a WebSocket with what the application's functions have returned."""
        return WebSocket(
            self.address,
            query_of(self.address, params, self.options.vsn),
            max_size=self.options.max_message_size,
            headers=self._headers,
            subprotocols=subprotocols_of(auth_token),
            compress=self.options.compress,
        )

    @property
    def _is_refused(self) -> bool:
        """Whether the last attempt was refused for good: trying again would not help."""
        status = None if self._failure is None else self._failure.status
        return status is not None and 400 <= status < 500 and status not in {408, 429}

    def _no_connection(self) -> ConnectFailed:
        if self._failure is not None:
            return ConnectFailed(f"{self._where}: {self._failure}", self._failure.status)
        words = "no connection in time"
        self._lines.log(logging.WARNING, "failed", "%s: %s", self._where, words)
        return ConnectFailed(f"{self._where}: {words}")
