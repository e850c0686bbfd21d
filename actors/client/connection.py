"""A client's connection without I/O: attempts, heartbeats, and pauses between attempts.

:data:`~actors.client.lifecycle.TRANSITIONS` has every step. What its messages mean is for
:class:`~actors.client.session.Session`, which is a connection with channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from actors.client.backoff import FullJitter
from actors.client.deadlines import Deadline, Deadlines
from actors.client.effects import Closed, Connect, Disconnect, Effect, Failed, Opened, Transmit
from actors.client.lifecycle import TRANSITIONS, Event, State
from actors.client.messages import Body, Message, decode, push
from actors.client.options import ClientOptions
from actors.errors import ClientError, InvalidMessage
from actors.serializers.message import Frame

PHOENIX = "phoenix"
HEARTBEAT = "heartbeat"
_EMPTY = Body(b"{}", binary=False)


class Connection:
    """What a client has one of, over and over.

    ``clock()`` is monotonic seconds, ``chance()`` in [0, 1). ``counts`` has how many messages were
    ``malformed`` (each ends its connection), ``unmatched`` (no channel or request is known for
    them) or ``stale`` (of an earlier join), and how many joins of what was joined before
    (``failed_rejoins``) were refused or not answered.
    """

    def __init__(
        self, options: ClientOptions, *, clock: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        self.state = State.CLOSED
        self.attempt = 0
        self.counts = Counter({"malformed": 0, "unmatched": 0, "stale": 0, "failed_rejoins": 0})
        self._options = options
        self._clock = clock
        self._chance = chance
        self._effects: list[Effect] = []
        self._deadlines = Deadlines()
        self._backoff = FullJitter(options.reconnect_first, options.reconnect_longest, chance)
        self._refs = 0
        self._unsent = 0  # bytes that the transport has not sent yet
        self._opened_at = 0.0
        self._heartbeat: str | None = None
        self._beat: Deadline | None = None
        self._step: Deadline | None = None  # the next attempt, or the end of our patience

    # -- what a session does with it

    def _up(self) -> None:
        """There is a connection."""

    def _down(self) -> None:
        """There is none any more, or the attempt failed."""

    def _end(self) -> None:
        """The application closes it."""

    def _take(self, message: Message, size: int) -> None:
        """A message came that is no heartbeat's."""

    # -- for whoever drives it

    def effects(self) -> list[Effect]:
        """Return what is to be done, in order; each is returned once."""
        effects, self._effects = self._effects, []
        return effects

    def next_deadline(self) -> float | None:
        """Return when :meth:`tick` is to be called next, by ``clock``; ``None``: not by itself."""
        return self._deadlines.next()

    def tick(self) -> None:
        """Do what is due."""
        for action in self._deadlines.due(self._clock()):
            action()

    # -- what the application wants

    def connect(self) -> None:
        """Have a connection, until :meth:`close`: lost ones are made anew."""
        if self.state is State.CLOSING:
            raise ClientError("the client is being closed")
        was = self.state
        self._move(Event.CONNECT)
        if self.state is not was:
            self._begin_attempt()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Have no connection, and no channel. What waits for a reply is settled."""
        self._end()
        was, attempt = self.state, self.attempt
        self._move(Event.CLOSE)
        if self.state is was:
            return
        self._deadlines.cancel(self._step)
        waits = self.state is State.CLOSING
        if was is not State.WAITING:
            self._effects.append(Disconnect(attempt, code, reason, waits))
        if waits:
            self._stop_beating()
            patience = self._options.close_timeout
            self._step = self.after(patience, lambda: self._give_up(1006, "no Close frame came"))
        else:
            self.attempt += 1
            self._backoff.reset()

    def cut(self) -> None:
        """Wait no more for the server's Close frame."""
        if self.state is State.CLOSING:
            self._give_up(1006, "the close was interrupted")

    # -- what the transport saw; what is said of an earlier attempt is ignored

    def opened(self, attempt: int) -> None:
        """The handshake is done."""
        if attempt != self.attempt or self.state is not State.CONNECTING:
            return
        self._move(Event.OPENED)
        self._opened_at = self._clock()
        self._effects.append(Opened())
        self._schedule_beat()
        self._up()

    def sent(self, attempt: int, size: int) -> None:
        """So many bytes of frames have left."""
        if attempt == self.attempt:
            self._unsent -= size

    def received(self, attempt: int, frame: Frame) -> None:
        """A message came. One that nobody can read ends the connection with 1007."""
        if attempt != self.attempt or self.state is not State.OPEN:
            return
        try:
            message = decode(frame)
        except InvalidMessage as error:
            self.counts["malformed"] += 1
            self._give_up(error.close_code, str(error))
            return
        if message.topic == PHOENIX:
            self._beaten(message)
        else:
            self._take(message, len(frame[1]))

    def lost(self, attempt: int, code: int, reason: str) -> None:
        """The attempt failed, or its connection ended."""
        if attempt == self.attempt and self.state in {
            State.CONNECTING,
            State.OPEN,
            State.CLOSING,
        }:
            self._lose(code, reason)

    # -- attempts and heartbeats

    def _begin_attempt(self) -> None:
        self._deadlines.cancel(self._step)
        self.attempt += 1
        self._unsent = 0
        self._effects.append(Connect(self.attempt))

    def _give_up(self, code: int, reason: str) -> None:
        """End the connection without waiting for the server, which may be gone."""
        self._effects.append(Disconnect(self.attempt, code, reason, wait=False))
        self._lose(code, reason)

    def _lose(self, code: int, reason: str) -> None:
        was = self.state
        self._move(Event.LOST)
        self.attempt += 1
        self._deadlines.cancel(self._step)
        self._stop_beating()
        self._effects.append(Failed(reason) if was is State.CONNECTING else Closed(code, reason))
        self._down()
        if self.state is State.CLOSED:
            self._backoff.reset()
            return
        longest = self._options.reconnect_longest
        if was is State.OPEN and self._clock() - self._opened_at >= longest:
            self._backoff.reset()  # one that is accepted and dropped at once is no success
        self._step = self.after(self._backoff.next(), self._try_again)

    def _try_again(self) -> None:
        self._move(Event.DUE)
        self._begin_attempt()

    def _schedule_beat(self) -> None:
        if self._options.heartbeat is not None:
            self._beat = self.after(self._options.heartbeat, self._send_beat)

    def _send_beat(self) -> None:
        ref = self._heartbeat = self._next_ref()
        self._transmit(push(None, ref, PHOENIX, HEARTBEAT, _EMPTY))
        self._beat = self.after(
            self._options.heartbeat_timeout, lambda: self._give_up(1000, "heartbeat timeout")
        )

    def _beaten(self, message: Message) -> None:
        if message.ref is None or message.ref != self._heartbeat:
            self.counts["unmatched"] += 1
            return
        self._stop_beating()
        self._schedule_beat()

    def _stop_beating(self) -> None:
        self._deadlines.cancel(self._beat)
        self._heartbeat = None

    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self.state is State.OPEN

    def now(self) -> float:
        """Return what the clock says."""
        return self._clock()

    def after(self, seconds: float, action: Callable[[], None]) -> Deadline:
        """Have something done later."""
        return self._deadlines.at(self._clock() + seconds, action)

    def cancel(self, deadline: Deadline | None) -> None:
        """Call it off."""
        self._deadlines.cancel(deadline)

    def _transmit(self, frame: Frame) -> None:
        self._unsent += len(frame[1])
        self._effects.append(Transmit(frame))

    def _next_ref(self) -> str:
        self._refs += 1
        return str(self._refs)

    def _move(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state, event]
