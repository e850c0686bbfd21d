"""The way to Redis: a connection that subscribes and one that sends, kept up together.

The link is up when both have been greeted, the subscription is acknowledged and a first message has
been published. Whichever fails ends both, and they are dialled anew after a while.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final, Protocol

import gevent
from gevent.event import AsyncResult, Event

from actors import telemetry
from actors.crash_text import crash
from actors.errors import ConfigError
from actors.logs.escaping import escaped
from actors.pubsub.redis.connection import (
    Connection,
    LinkError,
    ServerError,
    check_role,
    packed,
)
from actors.pubsub.redis.outbox import Command, Done, Outbox
from actors.pubsub.redis.schedule import CHECK, DIAL, OVERDUE, SILENCE, STEP, wait_for
from actors.pubsub.redis.state_log import StateLog
from actors.redis_options import Address
from actors.runtime.dispatcher import get_dispatcher

logger = logging.getLogger("roost.pubsub")

PEER: Final = "redis"
"""What telemetry calls it."""

BATCH: Final = 256 * 1024
"""Bytes joined into one write."""


class Owner(Protocol):
    """What the link tells; none of it may block."""

    def heard(self, data: bytes) -> int:
        """Take a message; return the bytes that it has delivered."""

    def first_words(self) -> tuple[bytes, bytes]:
        """Return the channel and the message that show that publishing works."""

    def linked(self) -> None:
        """Be told that the link is up."""

    def broken(self) -> None:
        """Be told that it is down."""


class Link:
    """Keeps ``owner`` linked, as ``name``, with a subscription to ``channels``.

    ``pace(bytes)`` is called after each message that was delivered, and may wait.
    ``cause`` is why it is down now.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        channels: tuple[str, ...],
        owner: Owner,
        pace: Callable[[int], object],
    ) -> None:
        self.up = Event()
        self.cause = "no answer yet"
        self._address = address
        self._name = name
        self._channels = channels
        self._owner = owner
        self._pace = pace
        self._outbox = Outbox()
        self._wanted = Event()
        self._drained = Event()
        self._drained.set()
        self._dispatcher = get_dispatcher()
        self._lines = StateLog(logger, self._dispatcher.timers)
        self._was_up = False
        self._runner = gevent.spawn(self._run)

    # -- what is sent

    def publish(self, channel: str, data: bytes, number: int) -> None:
        """Queue a broadcast, or tell that it was dropped; see :class:`Outbox`."""
        now = self._dispatcher.clock()
        queued = self._queue(Command(packed("PUBLISH", channel, data), now, number))
        old = 0 if self._outbox.up else self._outbox.trim(now)
        self._tell_dropped(old + (not queued))

    def command(self, *command: str | bytes, done: Done | None = None, own: bool = False) -> bool:
        """Queue a command; return whether it was.

        ``done(reply)`` is called once then: with ``None`` if the link breaks before, and with an
        exception where Redis refuses, which breaks the link unless ``own``.
        """
        now = self._dispatcher.clock()
        return self._queue(Command(packed(*command), now, 0, done, own=own))

    def _queue(self, command: Command) -> bool:
        if not self._outbox.put(command):
            return False
        self._drained.clear()
        self._wanted.set()
        return True

    @property
    def unsent(self) -> int:
        """Bytes that Redis has not answered yet."""
        return self._outbox.bytes

    @property
    def hears(self) -> bool:
        """Whether it is up, and no answer overdue: a Redis that hangs is up for a while."""
        since = self._outbox.since
        late = since is not None and self._dispatcher.clock() - since > OVERDUE
        return self.up.is_set() and not late

    def flush(self, timeout: float) -> None:
        """Wait until Redis has answered everything, ``timeout`` seconds at most."""
        if self.up.is_set() and len(self._outbox):
            self._drained.wait(timeout)

    def close(self) -> None:
        """Hang up; what is queued is lost."""
        self._runner.kill(block=False)  # it hangs up when it comes to its turn
        self._lines.close()
        self._down()

    # -- the connections

    def _run(self) -> None:
        broke = self._dispatcher.clock()
        while True:
            try:
                self._serve(broke)
            except (OSError, LinkError, ConfigError) as error:
                self._failed(_words(error))
            except Exception as error:  # noqa: BLE001 - else the machine stays alone for ever
                self._failed(crash(error))
            if self._down():
                broke = self._dispatcher.clock()
            down = self._dispatcher.clock() - broke
            gevent.sleep(wait_for(down, random.random()))  # noqa: S311 - jitter, not a secret

    def _failed(self, cause: str) -> None:
        """Say why it is down: once, and again when the cause is another one."""
        cause = escaped(cause)[:300]
        if self.up.is_set() or cause != self.cause:
            what = "lost" if self.up.is_set() else "not linked"
            text = f"{self._address.shown}: {what} ({cause}); broadcasts stay on this machine"
            self._lines.say(logging.WARNING, text)
        self.cause = cause

    def _down(self) -> bool:
        """Note that nothing can be sent; return whether it could until now."""
        if not self.up.is_set():
            return False
        self.up.clear()
        self._tell_dropped(self._outbox.lost(self._dispatcher.clock()))
        self._drained.set()
        telemetry.execute("pubsub.link", {"up": 0}, {"peer": PEER})
        self._owner.broken()
        return True

    def _serve(self, broke: float) -> None:
        """Link, and serve until that fails: it always ends with an exception."""
        with closing(self._dial()) as receiving, closing(self._dial()) as sending:
            with _in_time():
                self._subscribe(receiving)
                self._answer(sending.ask("PUBLISH", *self._owner.first_words()))
            self._linked(broke)
            self._exchange(receiving, sending)

    def _dial(self) -> Connection:
        with _in_time():
            return Connection(self._address, self._name)

    def _subscribe(self, receiving: Connection) -> None:
        receiving.write(packed("SUBSCRIBE", *self._channels))
        left = len(self._channels)
        while left:
            reply = receiving.next()
            if isinstance(reply, Exception):
                raise LinkError(f"{reply} (SUBSCRIBE {' '.join(self._channels)})")
            if isinstance(reply, list) and reply[:1] == [b"subscribe"]:
                left -= 1
            else:  # a message on the first channel, before the second is subscribed
                receiving.early.append(reply)

    def _linked(self, broke: float) -> None:
        clock = self._dispatcher.clock
        self._tell_dropped(self._outbox.trim(clock()))
        self._outbox.up = True
        self.cause = ""
        self.up.set()
        self._wanted.set()
        again = f" again after {clock() - broke:.1f} s" if self._was_up else ""
        self._lines.say(logging.INFO, f"{self._address.shown}: linked{again}")
        self._was_up = True
        telemetry.execute("pubsub.link", {"up": 1}, {"peer": PEER})
        self._owner.linked()

    def _exchange(self, receiving: Connection, sending: Connection) -> None:
        failed: AsyncResult[None] = AsyncResult()
        parts = [
            gevent.spawn(self._until, failed, self._receive, receiving),
            gevent.spawn(self._until, failed, self._hear_answers, sending),
            gevent.spawn(self._until, failed, self._write, sending),
        ]
        try:
            failed.get()
        finally:
            gevent.killall(parts)

    @staticmethod
    def _until(
        failed: AsyncResult[None], part: Callable[[Connection], None], connection: Connection
    ) -> None:
        try:
            part(connection)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            failed.set_exception(error)

    def _receive(self, receiving: Connection) -> None:
        owner, pace, idle = self._owner, self._pace, 0
        for reply in receiving.replies(lambda: receiving.write(packed("PING"))):
            match reply:
                case [b"message", bytes(), bytes(data)]:
                    size = owner.heard(data)
                    idle += 1
                    if size or idle >= STEP:  # else a flood of what is not for us holds the loop
                        idle = 0
                        pace(size)
                case [b"pong", *_] | [b"subscribe", *_]:
                    pass
                case _:
                    raise LinkError(f"not of a subscription: {reply!r:.100}")

    def _hear_answers(self, sending: Connection) -> None:
        for reply in sending.replies(self._check):
            try:
                command = self._outbox.answered(reply)
            except LookupError:
                raise LinkError(f"a reply to nothing: {reply!r:.100}") from None
            if not len(self._outbox):
                self._drained.set()
            if isinstance(reply, ServerError) and not command.own:
                raise LinkError(str(reply))

    def _write(self, sending: Connection) -> None:
        """Write what is queued, and ask now and then whether Redis is still a master."""
        clock = self._dispatcher.clock
        checked = clock()
        while True:
            self._wanted.clear()
            data = self._outbox.take(BATCH)
            if data:
                sending.write(data)
            else:
                self._wanted.wait(max(0.0, checked + CHECK - clock()))
            if clock() >= checked + CHECK:
                checked = clock()
                self._check()
            since = self._outbox.since
            if since is not None and clock() - since > 2 * SILENCE + CHECK:
                raise LinkError(f"no answer within {2 * SILENCE + CHECK:g} s")

    def _check(self) -> None:
        self.command("HELLO", "2", done=self._checked)

    @staticmethod
    def _checked(reply: Any) -> None:
        if isinstance(reply, list):
            check_role(reply)

    @staticmethod
    def _answer(reply: Any) -> None:
        if type(reply) is not int:
            raise LinkError(f"not the answer to PUBLISH: {reply!r:.100}")

    @staticmethod
    def _tell_dropped(count: int) -> None:
        if count:
            telemetry.execute("pubsub.dropped", {"count": count}, {"peer": PEER})


def _in_time() -> gevent.Timeout:
    """Return what raises :class:`LinkError` in a block that takes too long."""
    return gevent.Timeout(DIAL, LinkError(f"no answer within {DIAL:g} s"))


def _words(error: Exception) -> str:
    """Return what an error says, without the address, which may hold a password."""
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)
