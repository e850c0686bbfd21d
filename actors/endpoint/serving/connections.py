"""What is open at an endpoint, and the two children of its tree that begin and end it.

The *server* is started before the drainers and stopped after them: it ends whatever they left. The
*acceptor* lets clients in. Its place says when that stops: behind the drainers in the tree it stops
before they drain; in front of them, as in Phoenix, clients still come in meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from actors.reasons import SHUTDOWN, Reason
from actors.runtime import Actor, Ref, get_dispatcher
from actors.schedule import LINGER, PATIENT
from supervision.drainer import end_now, live, wait_for

if TYPE_CHECKING:
    from transports.longpoll.session_table import SessionTable
    from transports.tcp.listener import Listener
    from transports.tcp.protocol import StreamProtocol
    from transports.tcp.stream import Stream

logger = logging.getLogger("roost.endpoint")


class Connections:
    """The streams of ``listeners``, and the socket actors of ``classes``.

    ``last_poll``: seconds for which a drained long-poll session can still be polled.
    ``publishing`` are listeners for programs that publish: they are served until clients are gone.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        sessions: SessionTable,
        classes: Collection[type[Any]],
        last_poll: float,
        publishing: Sequence[Listener] = (),
    ) -> None:
        self.listeners = listeners
        self.publishing = publishing
        self.sessions = sessions
        self.classes = classes
        self.last_poll = last_poll

    def __iter__(self) -> Iterator[Stream]:
        return iter([stream for listener in self._all() for stream in listener.streams])

    def _all(self) -> list[Listener]:
        return [*self.listeners, *self.publishing]

    def sockets(self) -> list[Ref[Any]]:
        """Return the live socket actors, whatever their transport."""
        return live(self.classes)

    def accept(self) -> None:
        """Let clients in, and programs that publish."""
        for listener in self._all():
            listener.start()

    def stand_back(self, back: bool) -> None:  # noqa: FBT001 - the master's word
        """Leave new clients to other workers as long as those take them; or no longer."""
        for listener in self.listeners:
            listener.stand_back(back)

    def stop_accepting(self) -> None:
        """Close the listening sockets; each HTTP connection ends with the answer to come.

        One that waits for a request stays open: its client may have sent one, and it may bring the
        last poll of a session.
        """
        _stop(self._all())

    def stop_clients(self) -> None:
        """Do that to clients alone: while they drain, others still have something to tell them."""
        _stop(self.listeners)

    def stop_publishing(self) -> None:
        """Do it to those alone that publish."""
        _stop(self.publishing)

    def end_polls(self, until: float) -> None:
        """Keep connections for what long-poll sessions have up to that time (the loop's clock)."""
        for protocol in self._protocols():
            protocol.keep_until(until)

    def drain(self) -> None:
        """Have every stream end when what it is at is done; one that is idle, when it stays so."""
        for protocol in self._protocols():
            protocol.drain()

    def cut_short(self, reason: Reason) -> int:
        """Tell every client that this is the end, whatever its socket does; return how many."""
        refs = self.sockets()
        end_now(refs, reason)
        for protocol in self._protocols():
            protocol.end_now()
        self.drain()
        return len(refs)

    def _protocols(self) -> list[StreamProtocol]:
        return [stream.protocol for stream in self if stream.protocol is not None]

    def wait_empty(self, timeout: float) -> bool:
        """Wait until no stream is open; return whether that came about in ``timeout`` seconds."""
        clock = get_dispatcher().clock
        until = clock() + timeout
        return all(each.wait_empty(max(0.0, until - clock())) for each in self._all())

    def lingering(self) -> set[Stream]:
        """Return the streams on which everything was said, and whose clients have not closed."""
        return {stream for stream in self if stream.closing and not stream.queued}

    def abort(self) -> int:
        """Close what is open; return how many streams that were."""
        streams = list(self)
        for stream in streams:
            stream.abort()
        return len(streams)


def _stop(listeners: Sequence[Listener]) -> None:
    for listener in listeners:
        listener.stop()
        for stream in listener.streams:
            if stream.protocol is not None:
                stream.protocol.announce_end()


class Acceptor(Actor):
    """Lets clients in as long as it lives."""

    ends_others = True

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections

    def on_start(self) -> None:
        self._connections.accept()

    def terminate(self, reason: Reason) -> None:
        self._connections.stop_clients()
        super().terminate(reason)


class Serving(Actor):
    """The server as a child: when it ends, the connections that no drainer ended do, with 1001.

    It keeps to ``seconds``; killed because there are fewer, it ends them at once.
    """

    ends_others = True

    def __init__(self, connections: Connections, seconds: float) -> None:
        super().__init__()
        self._connections = connections
        self._seconds = seconds
        self._lingering: set[Stream] = set()

    def terminate(self, reason: Reason) -> None:
        """Tell the clients that are left, and wait for sockets, last polls, answers and streams."""
        open_ = self._connections
        clock = self.dispatcher.clock
        until = clock() + PATIENT * self._seconds
        open_.stop_accepting()
        refs = open_.sockets()
        for ref in refs:
            ref.exit(SHUTDOWN)
        polls_until = min(clock() + open_.last_poll, until)
        open_.end_polls(polls_until)
        wait_for(refs, polls_until)
        open_.sessions.wait_fetched(polls_until - clock())
        open_.drain()
        if not (wait_for(refs, until) and self._wait_empty(until)):
            self._cut_short()
        super().terminate(reason)

    def _wait_empty(self, until: float) -> bool:
        """Wait until no stream is open; a stream whose client knows all does not hold it up."""
        clock = self.dispatcher.clock
        while not self._connections.wait_empty(min(LINGER, until - clock())):
            lingering = self._connections.lingering()
            for stream in lingering & self._lingering:
                stream.abort()
            self._lingering = lingering
            if clock() >= until:
                return False
        return True

    def kill_now(self) -> None:
        if self.exit_reason is None:
            self._cut_short()
        super().kill_now()

    def _cut_short(self) -> None:
        streams = len(list(self._connections))
        busy = self._connections.cut_short(SHUTDOWN)
        if streams or busy:
            logger.warning("%d connections have not ended by themselves", max(streams, busy))
