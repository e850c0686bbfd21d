"""What a worker counts for its master: nobody does before :meth:`Counting.start`.

What happens seldom is counted by handlers of events. What happens with each message is counted by
whoever does it, in plain numbers that a sweep looks at. Turns are timed one in
:data:`~actors.runtime.dispatcher.SAMPLE`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from actors import pubsub, telemetry
from actors.channels.channel import Channel
from actors.channels.routes import Route
from actors.channels.socket import ChannelSocket
from actors.endpoint.serving import zeros
from actors.endpoint.serving.sweep import Sweep, steps
from actors.metrics.catalogue import OTHER
from actors.metrics.counts import Counts
from actors.metrics.registry import REGISTRY
from actors.metrics.traffic import TRAFFIC
from actors.metrics.words import code_word, reason_word
from actors.presence.tracker import tracked
from actors.runtime import registry
from actors.runtime.carrier import Runnable
from actors.runtime.cell import Cell
from actors.runtime.timers import Timer
from supervision.processes import usage
from transports.websocket.connection import WebSocketConnection

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts
    from actors.endpoint.serving.connections import Connections
    from actors.runtime.dispatcher import Dispatcher

LOOK: Final = 0.1
"""Seconds between two looks at how late the loop is."""

SWEEP: Final = 1.0
"""Seconds between two sweeps, where no beat asks for one."""

STALL: Final = 0.2
"""Seconds from which on the loop is said to have stood still."""

Measured = Mapping[str, float]
About = Mapping[str, Any]


class Counting:
    """``slot`` names this process among its master's. ``mounts`` say which channels there are."""

    def __init__(
        self, dispatcher: Dispatcher, connections: Connections, mounts: Mounts, slot: int
    ) -> None:
        self._dispatcher = dispatcher
        self._connections = connections
        self._slot = str(slot)
        REGISTRY.max_series = mounts.options.max_metric_series
        self._counts = Counts()
        self._patterns = _patterns(mounts)
        zeros.begin(self._counts, mounts, self._patterns, self._slot)
        self._draining: set[object] = set()
        self._waiting = self._longest = 0
        self._descriptors: int | None = None
        self._lag = 0.0
        self._due = 0.0
        self._timer: Timer | None = None
        self._sweep = Sweep(dispatcher.timers, self._walk)

    def start(self) -> None:
        """Count from now on."""
        for event, handler in self._handlers().items():
            telemetry.attach(event, handler)
        TRAFFIC.wanted = True
        self._dispatcher.timed = self._timed
        self._due = self._dispatcher.clock() + LOOK
        self._timer = self._dispatcher.timers.call_at(self._due, self._look)

    def sweep_often(self) -> None:
        """Sweep each second, where no beat asks for it."""

        def again() -> float:
            self.sweep(lambda _: None)
            return self._dispatcher.clock() + SWEEP

        self._dispatcher.timers.call_later(0.0, again)

    def stop(self) -> None:
        """Count no more."""
        for event, handler in self._handlers().items():
            telemetry.detach(event, handler)
        TRAFFIC.wanted = False
        self._dispatcher.timed = None
        if self._timer is not None:
            self._timer.cancel()

    def sweep(self, done: Callable[[dict[str, Any]], object]) -> None:
        """Look at all there is, in steps, and call ``done(totals)``."""
        self._sweep.begin(lambda: done(self.totals()))

    def final(self) -> dict[str, Any]:
        """Return the last totals, when all connections have ended."""
        self._sweep.finish()
        return {**self.totals(), "final": True}

    # -- what happens

    def _handlers(self) -> dict[str, telemetry.Handler]:
        return {
            "connection.opened": self._opened,
            "connection.closed": self._closed,
            "connection.refused": self._refused,
            "socket.connected": self._connected,
            "channel.joined": self._joined,
            "channel.closed": self._left,
            "actor.crashed": self._crashed,
            "supervisor.restart": self._restarted,
            "pubsub.gap": self._gap,
            "pubsub.dropped": self._dropped,
            "drain.start": self._drain,
            "drain.stop": self._drained,
        }

    def _opened(self, _event: str, _measured: Measured, about: About) -> None:
        labels = str(about["mount"]), str(about["transport"])
        self._counts.add("connections_opened_total", *labels)
        self._counts.add("connections", *labels, self._slot)

    def _closed(self, _event: str, measured: Measured, about: About) -> None:
        counts = self._counts
        code, reason = code_word(about["code"]), reason_word(about["reason"])
        counts.add("connections_closed_total", code, reason)
        counts.add("connections", str(about["mount"]), str(about["transport"]), self._slot, by=-1)
        counts.observe("connection_duration_seconds", measured["duration"])

    def _refused(self, _event: str, _measured: Measured, about: About) -> None:
        self._counts.add("connections_refused_total", str(about["cause"]))

    def _connected(self, _event: str, measured: Measured, _about: About) -> None:
        self._counts.observe("connect_duration_seconds", measured["duration"])

    def _joined(self, _event: str, measured: Measured, about: About) -> None:
        pattern = self._pattern(about["channel"], about["topic"])
        self._counts.observe("channel_join_duration_seconds", measured["duration"], pattern)
        self._counts.add("channels", self._slot)

    def _left(self, _event: str, _measured: Measured, _about: About) -> None:
        self._counts.add("channels", self._slot, by=-1)

    def _crashed(self, _event: str, _measured: Measured, about: About) -> None:
        self._counts.add("crashes_total", about["actor"].__qualname__)

    def _restarted(self, _event: str, _measured: Measured, _about: About) -> None:
        self._counts.add("restarts_total")

    def _gap(self, _event: str, measured: Measured, _about: About) -> None:
        self._counts.add("pubsub_gaps_total", by=measured["missing"])

    def _dropped(self, _event: str, measured: Measured, _about: About) -> None:
        self._counts.add("pubsub_dropped_total", by=measured["count"])

    def _drain(self, _event: str, _measured: Measured, about: About) -> None:
        self._draining.add(about["drainer"])

    def _drained(self, _event: str, _measured: Measured, about: About) -> None:
        self._draining.discard(about["drainer"])

    def _pattern(self, channel: type, topic: str) -> str:
        for pattern in self._patterns.get(channel, ()):
            if topic == pattern or (pattern[-1] == "*" and topic.startswith(pattern[:-1])):
                return pattern
        return OTHER

    # -- time

    def _timed(self, runnable: Runnable, seconds: float) -> None:
        """Count a turn that was timed; whatever ran, it is not to fail for it."""
        self._counts.observe("turn_duration_seconds", seconds)
        if isinstance(runnable, Cell) and isinstance(runnable.actor, Channel):
            channel = runnable.actor
            pattern = self._pattern(type(channel), channel.topic)
            self._counts.observe("channel_in_duration_seconds", seconds, pattern)

    def _look(self) -> float:
        now = self._dispatcher.clock()
        lag = max(0.0, now - self._due)
        self._counts.observe("hub_lag_seconds", lag)
        self._lag = max(self._lag, lag)
        if lag >= STALL:
            self._counts.add("hub_stalls_total")
        self._due = now + LOOK
        return self._due

    # -- what a sweep looks at

    def _walk(self) -> Iterator[None]:
        yield from self._traffic()
        yield from self._mailboxes()
        for count in usage.descriptors():
            if count is not None:
                self._descriptors = count
            yield

    def _traffic(self) -> Iterator[None]:
        for listener in self._connections.listeners:
            for streams in steps(list(listener.streams)):
                for stream in streams:
                    if isinstance(stream.protocol, WebSocketConnection):
                        TRAFFIC.fold(stream.protocol)
                yield
        for places in steps(list(self._connections.sessions.places.values())):
            for place in places:
                TRAFFIC.fold(place.session)
            yield

    def _mailboxes(self) -> Iterator[None]:
        waiting = longest = 0
        for alike in registry.by_class():
            for cells in steps(alike):
                lengths = [len(cell.items) for cell in cells]
                waiting += sum(lengths)
                longest = max(longest, *lengths)
                yield
        self._waiting, self._longest = waiting, longest

    def totals(self) -> dict[str, Any]:
        """Return what was counted, as it travels; see :mod:`supervision.processes.totals`."""
        put, slot, dispatcher = self._counts.put, self._slot, self._dispatcher
        for direction, size, messages in (
            ("in", TRAFFIC.bytes_in, TRAFFIC.messages_in),
            ("out", TRAFFIC.bytes_out, TRAFFIC.messages_out),
        ):
            put("bytes_total", size, direction)
            put("messages_total", messages, direction)
        open_ = self._connections
        put("clients_accepted_total", sum(each.accepted for each in open_.listeners))
        put("clients", sum(len(each.streams) for each in open_.listeners), slot)
        put("longpoll_sessions", len(open_.sessions), slot)
        put("actors", registry.count(), slot)
        put("presences", tracked(), slot)
        put("mailbox_messages", self._waiting, slot)
        put("mailbox_max", self._longest)
        put("broadcasts_total", pubsub.server.broadcasts)
        put("deliveries_total", pubsub.server.deliveries)
        put("carriers_parked", len(dispatcher.blocked), slot)
        put("ready_actors", len(dispatcher.ready) + len(dispatcher.late), slot)
        # Whoever was told counts as long as it is there: it may block, or have much to do.
        put("drain_left", self._counts.sum_of("connections") if self._draining else 0, slot)
        put("hub_lag_max_seconds", self._lag)
        self._lag = 0.0
        put("process_cpu_seconds_total", usage.cpu(), slot)
        for name, value in (
            ("process_resident_memory_bytes", usage.memory()),
            ("process_open_fds", self._descriptors),
        ):
            if value is not None:
                put(name, value, slot)
        own = REGISTRY.totals()
        put("metrics_series_dropped_total", REGISTRY.dropped)
        return {"series": {**own["series"], **self._counts.series()}, "declared": own["declared"]}


def _patterns(mounts: Mounts) -> dict[type, list[str]]:
    """Return, for each class of channels, the patterns of topics that it was declared for."""
    found: defaultdict[type, list[str]] = defaultdict(list)
    for mounted in mounts.mounts:
        if issubclass(mounted.socket_class, ChannelSocket):
            for pattern, given in mounted.socket_class.channels.items():
                found[given.channel if isinstance(given, Route) else given].append(pattern)
    return dict(found)
