"""The adapter: a :class:`~actors.pubsub.cluster.Cluster` of the workers of other machines.

Local delivery, and that on the bus, never wait for it. Delivery is at most once, in each
publisher's order. What is lost shows by the publishers' numbers, also of the last message, and is
told as ``pubsub.gap``.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection
from typing import Any, Final

from actors import telemetry
from actors.crash_log import CrashLog, capped
from actors.errors import ConfigError
from actors.packets import MAX_FRAME, FrameError
from actors.pubsub.cluster import Handler, Reply
from actors.pubsub.exchanges import Exchanges
from actors.pubsub.front import Attached, PubSub
from actors.pubsub.numbers import DOUBT, Numbers
from actors.pubsub.pace import Pace
from actors.pubsub.redis import frames
from actors.pubsub.redis.connection import tls_context
from actors.pubsub.redis.link import PEER, Link
from actors.pubsub.redis.schedule import BOOT, BOOT_LATER
from actors.reasons import Reason
from actors.redis_options import RedisOptions
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.timers import Timer
from actors.schedule import BUS_FLUSH

logger = logging.getLogger("roost.pubsub")

CRASHES: Final = CrashLog(logger)

SAY_POSITION: Final = 0.5
"""Seconds, at most, until a publisher that is asked says its position; some of it is chance."""


class Redis:
    """One worker's end. It does nothing before :meth:`start`, and may be started anew afterwards.

    ``worker`` is its name: ``<machine>-<number>``, new at each boot. What others broadcast is
    delivered to ``pubsub``.
    """

    def __init__(self, options: RedisOptions, pubsub: PubSub, worker: str) -> None:
        self.options = options
        self.worker = worker
        self._pubsub = pubsub
        self._link: Link | None = None
        self._machine = ""
        self._head = b""
        self._all = ""
        self._published = 0
        self._numbers = Numbers()
        self._asked_of: set[str] = set()
        self._gone: list[Callable[[str], object]] = []
        self._exchanges = Exchanges()
        self._lines = capped(logger)
        self._position: Timer | None = None
        self._question: Timer | None = None
        tls = options.address.tls
        if tls is not None:
            tls_context(tls)  # a file that cannot be read is told now

    def start(self) -> None:
        """Link, in this process: it may be another one than that which has made this."""
        self.close(0.0)
        self._machine = frames.machine_of(self.worker)
        self._head = frames.head(self._machine)
        self._all, own = frames.channels(self.options.namespace, self.worker)
        pace = Pace(get_dispatcher())
        self._link = Link(
            self.options.address, f"roost-{self.worker}", (self._all, own), self, pace.count
        )

    @property
    def up(self) -> bool:
        """Whether messages reach Redis, and its messages us."""
        return self._link is not None and self._link.up.is_set()

    @property
    def hears(self) -> bool:
        return self._link is not None and self._link.hears

    @property
    def cause(self) -> str:
        """Why it is not."""
        return "" if self._link is None else self._link.cause

    def wait_linked(self, timeout: float) -> bool:
        """Wait until :attr:`up`; return whether that came about in ``timeout`` seconds."""
        return self._link is not None and bool(self._link.up.wait(timeout))

    def close(self, flush: float = BUS_FLUSH) -> None:
        """Have Redis take what is queued, within ``flush`` seconds, then hang up."""
        link, self._link = self._link, None
        if link is not None:
            link.flush(flush)
            link.close()
        for timer in (self._position, self._question):
            if timer is not None:
                timer.cancel()
        self._position = self._question = None

    def ask(self, *command: str | bytes, done: Callable[[Any], object] | None = None) -> bool:
        """Have Redis do something else; return whether it is asked: ``done`` gets its reply then.

        ``None``: nobody knows; an exception: it refuses.
        """
        return self._link is not None and self._link.command(*command, done=done, own=True)

    # -- membership: nobody lists the workers of other machines

    @property
    def peers(self) -> Collection[str]:
        return ()

    def reaches(self, worker: str) -> bool:
        return self.up and self.may_return(worker)

    def may_return(self, worker: str) -> bool:
        machine = frames.machine_of(worker)
        return bool(machine) and machine != self._machine

    def joined(self, callback: Callable[[str], object]) -> None:
        """Do nothing: who joins another machine says nothing here."""

    def gone(self, callback: Callable[[str], object]) -> None:
        self._gone.append(callback)

    # -- what we send

    def publish(self, number: int, topic: str, kind: str, packed: bytes) -> None:
        self._published = number
        if self._link is not None:
            message = ["broadcast", self.worker, number, kind, topic, packed]
            self._link.publish(self._all, frames.written(self._head, message), number)

    def position(self, number: int) -> None:
        if self._link is not None:
            message = ["position", self.worker, number]
            self._link.command("PUBLISH", self._all, frames.written(self._head, message))

    def direct(self, worker: str, topic: str, kind: str, packed: bytes) -> bool:
        message = ["direct", self.worker, topic, kind, packed]
        return self.reaches(worker) and self._send(worker, frames.written(self._head, message))

    def notify(self, worker: str, kind: str, body: Any) -> bool:
        return self._to_one(worker, ["notify", self.worker, kind, body])

    def notify_all(self, kind: str, body: Any) -> None:
        if self._link is not None:
            data = frames.to_one(self._head, ["notify", self.worker, kind, body])
            self._link.command("PUBLISH", self._all, data)

    def request(self, worker: str, kind: str, body: Any, timeout: float, reply: Reply) -> bool:
        ticket = self._exchanges.ticket()
        sent = self._to_one(worker, ["request", self.worker, ticket, kind, body])
        if sent:
            self._exchanges.ask(ticket, worker, timeout, reply)
        return sent

    def serve(self, kind: str, handler: Handler) -> None:
        self._exchanges.serve(kind, handler)

    def unsent(self, worker: str) -> int:  # noqa: ARG002 - there is one way for all
        return 0 if self._link is None else self._link.unsent

    def longest(self, worker: str) -> int:  # noqa: ARG002
        return MAX_FRAME

    def takes_notices(self, worker: str) -> bool:  # noqa: ARG002
        return True

    def _to_one(self, worker: str, message: list[Any]) -> bool:
        try:
            data = frames.to_one(self._head, message)
        except ValueError:  # too large
            return False
        return self.reaches(worker) and self._send(worker, data)

    def _send(self, worker: str, data: bytes) -> bool:
        link = self._link
        if link is None:
            return False
        self._asked_of.add(worker)
        _, channel = frames.channels(self.options.namespace, worker)
        return link.command("PUBLISH", channel, data, done=lambda told: self._sent(worker, told))

    def _sent(self, worker: str, told: Any) -> None:
        """Note what Redis says of a message to one: how many were told."""
        if told == 0:
            self._asked_of.discard(worker)
            self._tell_gone(worker)

    def _tell_gone(self, worker: str) -> None:
        self._exchanges.gone(worker)
        for gone in self._gone:
            gone(worker)

    # -- what the link tells

    def first_words(self) -> tuple[bytes, bytes]:
        return self._all.encode(), frames.written(self._head, ["positions"])

    def linked(self) -> None:
        if self._published:
            self.position(self._published)

    def broken(self) -> None:
        asked, self._asked_of = self._asked_of, set()
        for worker in asked:
            self._tell_gone(worker)

    def heard(self, data: bytes) -> int:
        """Take what another machine says; what is nothing of ours is dropped, and counted."""
        if data.startswith(self._head):
            return 0
        try:
            return self._take(frames.read(data))
        except frames.UnknownFrame as error:
            telemetry.execute("pubsub.unknown", {"count": 1}, {"kind": str(error)})
        except FrameError as error:
            telemetry.execute("pubsub.malformed", {"count": 1}, {"peer": PEER})
            self._lines.log(logging.WARNING, "malformed", "dropped what came by Redis: %s", error)
        except Exception as error:  # noqa: BLE001 - a handler's, which is not the link's
            CRASHES.log(error, "what came by Redis could not be handled")
        return 0

    def _take(self, message: list[Any]) -> int:
        match message:
            case ["broadcast", publisher, sequence, kind, topic, packed]:
                missing = self._numbers.take(publisher, sequence)
                self._missing(publisher, missing)
                if missing >= 0:
                    self._pubsub.arrived(topic, kind, packed)
                else:
                    self._below(publisher, sequence)
                return len(packed)
            case ["position", publisher, sequence]:
                self._missing(publisher, self._numbers.reached(publisher, sequence))
                if self._below(publisher, sequence):
                    self._believe(publisher, sequence)
            case ["positions"]:
                self._say_position()
            case ["direct", _, topic, kind, packed]:
                self._pubsub.arrived(topic, kind, packed)
                return len(packed)
            case ["notify", worker, kind, body]:
                self._exchanges.handle(worker, kind, body, None)
            case ["request", worker, ticket, kind, body]:
                self._exchanges.handle(worker, kind, body, self._answering(worker, ticket))
            case ["reply", _, ticket, body]:
                self._exchanges.settle(ticket, body)
        return 0

    def _answering(self, worker: str, ticket: int) -> Callable[[Any], object]:
        return lambda answer: self._to_one(worker, ["reply", self.worker, ticket, answer])

    def _missing(self, publisher: str, count: int) -> None:
        if count > 0:
            telemetry.execute("pubsub.gap", {"missing": count}, {"publisher": publisher})
            text = "%d messages of %s are missing"
            self._lines.log(logging.WARNING, "gap", text, count, publisher)

    def _below(self, publisher: str, number: int) -> bool:
        """Return whether all numbers of a publisher have been below the last one for too long.

        Where this one is, all are asked after a while: a publisher that is busy says no position.
        """
        timers = get_dispatcher().timers
        seconds = self._numbers.below(publisher, number, timers.now())
        if seconds is None:
            return False
        if self._question is None:
            self._question = timers.call_later(DOUBT, self._question_due)
        return seconds >= DOUBT

    def _question_due(self) -> None:
        self._question = None
        if self._numbers.doubtful and self._link is not None:
            self._link.command("PUBLISH", *self.first_words())

    def _believe(self, publisher: str, number: int) -> None:
        self._numbers.believe(publisher, number)
        telemetry.execute("pubsub.renumbered", {"count": 1}, {"publisher": publisher})
        text = "somebody else has spoken for %s: its broadcasts up to number %d may be missing"
        self._lines.log(logging.WARNING, "renumbered", text, publisher, number)

    def _say_position(self) -> None:
        """Say our position soon: once, however many ask."""
        if self._published and self._position is None:
            delay = SAY_POSITION * random.random()  # noqa: S311 - jitter, not a secret
            self._position = get_dispatcher().timers.call_later(delay, self._position_due)

    def _position_due(self) -> None:
        self._position = None
        self.position(self._published)


class Linked(Attached):
    """The adapter's place in a supervision tree: started, attached, and closed at its end.

    ``later``: the machine serves already. :class:`ConfigError`: else, if Redis is ``required``, it
    could not be reached.
    """

    def __init__(self, pubsub: PubSub, redis: Redis, later: bool = False) -> None:  # noqa: FBT001, FBT002 - a spec has no names
        super().__init__(pubsub, redis)
        self._redis = redis
        self._later = later

    def on_start(self) -> None:
        redis = self._redis
        redis.start()
        super().on_start()
        if redis.wait_linked(BOOT_LATER if self._later else BOOT):
            return
        shown = redis.options.address.shown
        if redis.options.required and not self._later:
            self._pubsub.detach(redis)
            redis.close(0.0)
            raise ConfigError(f"redis: {shown} cannot be reached: {redis.cause}")
        logger.error("%s cannot be reached: %s; serving without other machines", shown, redis.cause)

    def terminate(self, reason: Reason) -> None:
        super().terminate(reason)
        self._redis.close()

    def kill_now(self) -> None:
        self._redis.close(0.0)
        super().kill_now()
