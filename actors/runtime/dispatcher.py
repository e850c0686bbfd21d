"""Runs what is ready on carrier greenlets, and reads the connections that have something.

Theory of operation
-------------------
All connections' descriptors sit in one level-triggered epoll set, whose own descriptor gevent's
loop watches. When it turns readable (or somebody schedules an actor) the hub switches to a
*carrier*: it polls the set, lets each ready handler read (never blocking), then runs the ready
queue, then polls again until there is nothing left or its slice is used up.

User code may block anywhere in a turn. The carrier then stays parked in gevent with it; the hub
sees that the carrier came back without being idle, and the next wake takes another. Whoever runs
looks at the shared queue each time, so nothing is lost and nothing runs twice. A carrier that was
parked returns to the idle ones after the turn in which it blocked. It is gevent that resumes it,
perhaps with thousands of others in one turn of its loop, where their timers expire together; so
after each, it is seen to that reading has not waited for longer than a slice. When all of
``MAX_CARRIERS`` are parked the hub itself goes on reading, which never blocks, and the ready queue
waits for the first that comes back.

Each turn begins with an empty ``contextvars`` context, as a carrier runs many actors' turns: what a
handler sets lasts until the end of the turn, which may be a later message's, and is never seen by
another actor; nor by what the handler spawns, as a gevent greenlet begins with an empty context
too. ``on_start`` sees its starter's.

The dispatcher does not survive ``os.fork`` (see ``actors/runtime/fork.py``).
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from gevent import get_hub, monkey
from greenlet import getcurrent, greenlet

from actors.runtime.carrier import Carrier, Job, Runnable
from actors.runtime.timers import Timers

logger = logging.getLogger("roost.runtime")

# gevent removes epoll from a patched select: what blocks on it would block the loop.
epoll: Any = monkey.get_original("select", "epoll")
get_ident: Any = monkey.get_original("_thread", "get_ident")

SLICE = 0.005
"""Seconds that a carrier runs before the loop gets its turn."""

MAX_CARRIERS = 10_000
"""Turns that may be blocked in user code at once; further ready actors wait."""

IDLE_CARRIERS = 64
"""Carriers kept for reuse; further ones end when they have nothing to do."""

TURNS_BETWEEN_CLOCKS = 16
"""Turns that run before the clock is asked whether the slice is over: asking costs 0.1 us. While
turns are long it is asked after each."""

POLL_EVENTS = 512
"""Descriptors served per poll."""


class Dispatcher:
    """One per process, made on the thread whose hub serves (see :func:`get_dispatcher`)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.now = clock()
        self.hub = get_hub()
        self.thread = get_ident()
        self.ready: deque[Runnable] = deque()
        self.handlers: dict[int, Callable[[int], None]] = {}
        self.timers = Timers(clock, self._arm)
        self.carriers = 0
        self._idle: list[Carrier] = []
        self._turns = TURNS_BETWEEN_CLOCKS
        self._wake_pending = False
        self._sends: list[Callable[[], object]] = []
        self._epoll = epoll()
        loop = self.hub.loop
        self._watcher: Any = loop.io(self._epoll.fileno(), 1)
        self._watcher.start(self._wake)
        self._timer = loop.timer(0)
        self._async: Any = loop.async_()
        self._async.start(self._from_threads)
        self._foreign: deque[Callable[[], object]] = deque()

    # -- scheduling

    def schedule(self, runnable: Runnable) -> None:
        """Queue ``runnable`` for a turn. Callers see to it that it is queued once."""
        self.ready.append(runnable)
        if not self._wake_pending:
            self._wake_soon()

    def submit(self, function: Callable[[], object]) -> None:
        """Run ``function`` on a carrier, where it may block."""
        self.schedule(Job(function))

    def send_soon(self, send: Callable[[], object]) -> None:
        """Call ``send``, which must not block, when what is ready has run, or its slice is over.

        One system call right after the other is cheaper than one between two turns: caches stay
        warm, and a peer that has gone to sleep is woken once.
        """
        self._sends.append(send)
        if not self._wake_pending:
            self._wake_soon()

    def on_this_thread(self) -> bool:
        """Whether the caller runs on the dispatcher's thread."""
        return bool(get_ident() == self.thread)

    def call_from_thread(self, function: Callable[[], object]) -> None:
        """Run ``function`` on the loop (it must not block); callable from any thread."""
        self._foreign.append(function)
        self._async.send()

    def _from_threads(self) -> None:
        while self._foreign:
            Job(self._foreign.popleft()).on_turn(None)  # type: ignore[arg-type]

    # -- descriptors

    def register(self, fd: int, events: int, handler: Callable[[int], None]) -> None:
        """Call ``handler(events)`` in the poll phase whenever ``fd`` has some of ``events``."""
        self._epoll.register(fd, events)
        self.handlers[fd] = handler

    def modify(self, fd: int, events: int) -> None:
        """Ask for other events."""
        self._epoll.modify(fd, events)

    def unregister(self, fd: int) -> None:
        """Forget ``fd``; must come before it is closed."""
        if self.handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def close_epoll(self) -> None:
        """Close this process's descriptor of the set; in a forked child the parent's lives on."""
        self._epoll.close()

    # -- the loop's side

    def _arm(self, when: float) -> None:
        self._timer.close()
        self._timer = self.hub.loop.timer(max(0.0, when - self.clock()))
        self._timer.start(self.timers.run, update=True)

    def _wake_soon(self) -> None:
        self._wake_pending = True
        self.hub.loop.run_callback(self._wake)

    def _wake(self) -> None:
        """In the hub: let a carrier work; take the next one while carriers block."""
        self._wake_pending = True  # what is scheduled from here on is seen below
        try:
            self._run_carriers()
            if self._sends:
                self._send()
        finally:
            self._wake_pending = False
            if self._sends or (self.ready and (self._idle or self.carriers < MAX_CARRIERS)):
                self._wake_soon()

    def _run_carriers(self) -> None:
        until = self.clock() + SLICE
        while True:
            carrier = self._take_carrier()
            if carrier is None:
                self._poll()  # else what is readable would wake the loop for ever
                return
            greenlet.switch(carrier)
            runnable = carrier.runnable
            if runnable is not None:
                carrier.was_parked = True
                try:
                    runnable.on_blocked()
                except Exception:
                    logger.exception("%s failed to park", runnable)
            if not self.ready or self.clock() > until:
                return

    def _take_carrier(self) -> Carrier | None:
        if self._idle:
            carrier = self._idle.pop()
            carrier.idle = False
            return carrier
        if self.carriers >= MAX_CARRIERS:
            return None
        self.carriers += 1
        carrier = Carrier(self._carry, self.hub)
        carrier.resumed = self._resumed
        return carrier

    def _resumed(self) -> None:
        """Read between handlers that wake, of which one turn of the loop may hold thousands."""
        if self.clock() - self.now > SLICE and getcurrent() is self.hub:
            self._wake()

    # -- a carrier's side

    def _carry(self) -> None:
        me: Any = getcurrent()
        while True:
            try:
                self._work(me)
            except BaseException:  # noqa: BLE001 - gevent knows what is due to Ctrl-C
                me.runnable = None
                if self.ready and not self._wake_pending:
                    self._wake_soon()
                self.hub.handle_error(me, *sys.exc_info())
            me.was_parked = False
            if len(self._idle) >= IDLE_CARRIERS:
                self.carriers -= 1
                return
            me.idle = True
            self._idle.append(me)
            while me.idle:  # whatever else switches here is late, and meant for an earlier turn
                self.hub.switch()

    def _work(self, me: Carrier) -> None:
        ready, clock = self.ready, self.clock
        until = (now := clock()) + SLICE
        while True:
            busy = self._poll()
            while ready:
                for _ in range(self._turns):
                    me.runnable = runnable = ready.popleft()
                    runnable.on_turn(me)
                    me.runnable = None
                    if me.gr_context is not None:
                        me.gr_context = None
                    if me.was_parked or not ready:
                        break
                if not me.was_parked:
                    before, now = now, clock()
                    self._turns = TURNS_BETWEEN_CLOCKS if now - before < SLICE / 4 else 1
                if me.was_parked or now > until:
                    if ready and not self._wake_pending:
                        self._wake_soon()
                    return
            if not busy:
                return

    def _send(self) -> None:
        sends, self._sends = self._sends, []
        for send in sends:
            try:
                send()
            except Exception:
                logger.exception("sending failed")

    def _poll(self) -> bool:
        if self._sends:
            self._send()
        events = self._epoll.poll(0, POLL_EVENTS)
        self.now = self.clock()
        handlers = self.handlers
        for fd, mask in events:
            try:
                handler = handlers[fd]
            except KeyError:
                continue  # closed by an earlier handler of this round
            try:
                handler(mask)
            except Exception:
                logger.exception("reading a connection failed")
        return bool(events)


_dispatcher: Dispatcher | None = None
_forked = False


def get_dispatcher() -> Dispatcher:
    """Answer the process's dispatcher, made by the first caller on its thread.

    Raises ``RuntimeError`` in a child that was forked off a process that had one.
    """
    global _dispatcher  # noqa: PLW0603 - one per process, as gevent's hub is one per thread
    if _forked:
        raise RuntimeError("actors do not survive os.fork: exec a new process instead")
    if _dispatcher is None:
        _dispatcher = Dispatcher()
    return _dispatcher


def abandon() -> None:
    """Let a forked child have no dispatcher, if its parent had one."""
    global _dispatcher, _forked
    if _dispatcher is not None:
        _dispatcher.close_epoll()
        _dispatcher, _forked = None, True
