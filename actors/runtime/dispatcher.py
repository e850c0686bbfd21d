"""Runs what is ready on carrier greenlets, and reads the connections that have something.

Theory of operation
-------------------
All connections' descriptors sit in one level-triggered epoll set, whose own descriptor gevent's
loop watches. When it turns readable (or somebody schedules an actor) the hub switches to a
*carrier*: it polls the set, lets each ready handler read (never blocking), then runs the ready
queue, then polls again until there is nothing left or its slice is used up.

There is one slice for each turn of gevent's loop, which all share (docs/architecture.md). No step
may be long (what is dear waits for the others: :mod:`actors.runtime.dear`). What is left goes on in
the loop's next turn, and not by ``run_callback``: gevent would serve that fifty times before it
looks at its other watchers. Events that no time was left for come first then. An actor that had its
turn and wants another is *late*: it goes on when nothing else is ready, and one in each slice.

User code may block anywhere in a turn. The carrier then stays parked in gevent with it; the hub
sees that the carrier came back without being idle, and the next wake takes another. Whoever runs
looks at the shared queue each time, so nothing is lost and nothing runs twice. It is gevent that
resumes a parked carrier, perhaps with thousands of others in one turn of its loop; so after each,
it is seen to that reading has not waited for longer than a slice. When all of ``MAX_CARRIERS`` are
parked the hub itself goes on reading, which never blocks; who is ready waits, but for what ends a
server (:mod:`actors.runtime.reserve`).

Each turn begins with an empty ``contextvars`` context: what a handler sets lasts until the end of
the turn, and is never seen by another actor, nor by what the handler spawns. ``on_start`` sees its
starter's.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from gevent import get_hub, monkey
from greenlet import getcurrent

from actors import crash_log
from actors.runtime.blocked import MAX_CARRIERS, Blocked
from actors.runtime.carrier import Carrier, Job, Runnable
from actors.runtime.dear import DEAR
from actors.runtime.descriptors import Descriptors
from actors.runtime.reserve import FOR_ENDS, FOR_KEEPERS, Reserve
from actors.runtime.rounds import Rounds
from actors.runtime.stuck import Stuck
from actors.runtime.timers import Timers
from actors.speedups import compiled

logger = logging.getLogger("roost.runtime")

get_ident: Any = monkey.get_original("_thread", "get_ident")

SLICE = 0.005
"""Seconds that a carrier runs before the loop gets its turn."""

SHORT = SLICE / 16  # seconds that a few turns take while nothing is dear

IDLE_CARRIERS = 64
"""Carriers kept for reuse; further ones end when they have nothing to do."""

TURNS_BETWEEN_CLOCKS = 16  # a look costs 0.1 us; fewer after a long one

TURN_MESSAGES = 64
"""Messages that an actor handles in one turn, at most."""

SAMPLE = 64
"""Of so many turns one is timed, where somebody wants to know (``Dispatcher.timed``)."""

SENDS = 64  # that may wait while there is something to read: many in a row are cheapest

LULL = SHORT
"""Seconds without an event after which what comes is taken to come alone: to look for others before
its answer is sent, so that they are sent together, would be in vain."""

SHARE = 0.25
"""The part of a slice that deadlines may use, what other threads ask for, and sends."""


class Dispatcher(Descriptors):
    """One per process, made on the thread whose hub serves; does not survive ``os.fork``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.clock = clock
        self.now = clock()
        self.hub, self.thread = get_hub(), get_ident()
        self.timers = Timers(clock, self._arm)
        self.rounds = Rounds(self.schedule_late)
        self.carriers = 0
        self.blocked = Blocked(MAX_CARRIERS, clock)
        self.stuck = Stuck(self.ready, lambda: self.blocked.full, self.timers)
        self.keepers = Reserve(FOR_KEEPERS, self.wake_for_turns)
        self.ends = Reserve(FOR_ENDS, self.wake_for_turns)
        self._idle: list[Carrier] = []
        self._turns, self.turn_messages = TURNS_BETWEEN_CLOCKS, TURN_MESSAGES
        self._at_ease, self._had_late = True, False  # has the most of both; in this slice
        self.timed: Callable[[Runnable, float], object] | None = None
        self._until_timed = SAMPLE
        self._alone = False  # what this slice sends first waits for no others
        self._until: float | None = None
        self.sends: deque[Callable[[], object]] = deque() if compiled is None else compiled.Queue()
        self._foreign: deque[Callable[[], object]] = deque()
        loop = self.hub.loop
        self._watcher: Any = loop.io(self._epoll.fileno(), 1)
        self._watcher.start(self._wake)
        self._timer = loop.timer(0)
        self._next_turn: Any = loop.timer(0)
        self._async: Any = loop.async_()
        self._async.start(self._wake)
        self._prepare: Any = loop.prepare(ref=False)
        self._prepare.start(self._new_slice)

    # -- scheduling

    def schedule(self, runnable: Runnable) -> None:
        """Queue ``runnable`` for a turn. Callers see to it that it is queued once."""
        self.ready.append(runnable)
        if not self.wake_pending:
            self.wake_soon()

    def schedule_late(self, runnable: Runnable) -> None:
        """Queue what had its turn: it goes on when no other is ready, and one in each slice."""
        self.late.append(runnable)
        self.wake_for_turns()

    def submit(self, function: Callable[[], object]) -> None:
        """Run ``function`` on a carrier, where it may block."""
        self.schedule(Job(function))

    def send_soon(self, send: Callable[[], object]) -> None:
        """Call ``send``, which must not block, when what is ready has run, or its slice is over.

        One system call right after the other is cheaper than one between two turns: caches stay
        warm, and a peer that has gone to sleep is woken once.
        """
        self.sends.append(send)
        if not self.wake_pending:
            self.wake_soon()

    def on_this_thread(self) -> bool:
        """Whether the caller runs on the dispatcher's thread."""
        return bool(get_ident() == self.thread)

    def call_from_thread(self, function: Callable[[], object]) -> None:
        """Run ``function`` on the loop (it must not block); callable from any thread."""
        self._foreign.append(function)
        self._async.send()

    def slice_over(self) -> bool:
        """Whether a handler that works in steps should leave the rest for its next event."""
        return self._until is None or self.clock() > self._until

    # -- the loop's side

    def _arm(self, when: float) -> None:
        self._timer.close()
        self._timer = self.hub.loop.timer(max(0.0, when - self.clock()))
        self._timer.start(self._timers_due, update=True)

    def _timers_due(self) -> None:
        self.timers.due()
        self._wake()

    def _new_slice(self) -> None:
        """In the hub, once in each of its turns."""
        self._until, self._had_late = None, False

    def wake_soon(self) -> None:
        """Have a slice soon; only where none is pending."""
        self.wake_pending = True
        self.hub.loop.run_callback(self._wake)

    def wake_for_turns(self) -> None:
        """See to it that what is queued for a turn has it."""
        if self._has_turns() and not self.wake_pending:
            self.wake_soon()

    def _has_turns(self) -> bool:
        return bool(self.ready or self.late or self.keepers.waiting or self.ends.waiting)

    def _wake(self) -> None:
        """In the hub: let a carrier work; take the next one while carriers block."""
        if self._until is None:
            self._until = self.clock() + SLICE
        elif self.clock() > self._until:
            self._wake_next_turn()
            return
        self._serve()

    def _serve(self) -> None:
        """Use the slice, or what is left of it."""
        self.wake_pending = True  # what is scheduled from here on is seen below
        before, self.now = self.now, self.clock()
        self._alone = self.now - before > LULL
        try:
            if self._foreign:
                self._call_foreign()
            if self.timers.armed <= self.now:
                self.timers.run(self.clock() + SLICE * SHARE)
            self._run_carriers()
            if self.sends:
                self._send()
        finally:
            self.wake_pending = False
            if self._is_work_left():
                self._wake_next_turn()

    def _is_work_left(self) -> bool:
        """Whether there is something to do of which no watcher tells."""
        if self.sends or self._foreign or self._events or self._again or self._dear.line:
            return True
        if self._idle or self.carriers < self.blocked.limit:
            return self._has_turns()
        return self.keepers.may_run() or self.ends.may_run()

    def _wake_next_turn(self) -> None:
        """See to it that the loop comes back when its other watchers have had their turn."""
        self.wake_pending = True
        if not self._next_turn.active:
            self._next_turn.start(self._wake)

    def _call_foreign(self) -> None:
        foreign, until = self._foreign, self.clock() + SLICE * SHARE
        while foreign:
            Job(foreign.popleft()).on_turn(None)  # type: ignore[arg-type]
            if self.clock() > until:
                return

    def _run_carriers(self) -> None:
        while True:
            carrier = self._take_carrier()
            if carrier is None:
                self.keepers.run(self.hub, self._resumed, self.slice_over)
                self.ends.run(self.hub, self._resumed, self.slice_over)
                while self._poll():  # else what is readable would wake the loop for ever
                    pass
                return
            if carrier.enter():
                self.blocked.add(carrier)
                self.stuck.watch()
            if not self._has_turns() or self.slice_over():
                return

    def _take_carrier(self) -> Carrier | None:
        if self._idle:
            carrier = self._idle.pop()
            carrier.idle = False
            return carrier
        if self.carriers >= self.blocked.limit:
            return None
        self.carriers += 1
        return Carrier(self._carry, self.hub, self._resumed)

    def _resumed(self) -> None:
        """Read between handlers that wake, of which one turn of the loop may hold thousands.

        As gevent has them all in its hands by then, they would use up any slice: this is another.
        """
        if (now := self.clock()) - self.now > SLICE and getcurrent() is self.hub:
            self._until = now + SLICE
            self._serve()

    # -- a carrier's side

    def _carry(self) -> None:
        me: Any = getcurrent()
        while True:
            try:
                self._work(me)
            except BaseException:  # noqa: BLE001 - gevent knows what is due to Ctrl-C
                me.runnable = None
                self.wake_for_turns()
                self.hub.handle_error(me, *sys.exc_info())
            if me.was_parked:
                me.was_parked = False
                self.blocked.discard(me)
            if len(self._idle) >= IDLE_CARRIERS:
                self.carriers -= 1
                return
            me.idle = True
            self._idle.append(me)
            while me.idle:  # whatever else switches here is late, and meant for an earlier turn
                self.hub.switch()

    def _work(self, me: Carrier) -> None:  # noqa: C901, PLR0912 - the hot loop
        ready, clock = self.ready, self.clock
        late, until, now = self.late, self._until or 0.0, self.now
        keepers, ends = self.keepers.waiting, self.ends.waiting
        work, timed = None if compiled is None else compiled.work, self.timed
        while True:
            more = self._poll()
            now = max(now, self.now)
            if (keepers or ends or late) and self._work_urgent(me):
                return
            while ready:
                if timed is not None and self._until_timed <= 0:
                    done = self._work_timed(me, timed)
                elif work is not None:
                    done = work(ready, me, self._turns)
                else:
                    for done in range(1, self._turns + 1):  # noqa: B007 - used behind it
                        me.runnable = runnable = ready.popleft()
                        runnable.on_turn(me)
                        if me.gr_context is not None:
                            me.gr_context = None
                        if me.was_parked or not ready:
                            break
                if timed is not None:
                    self._until_timed -= done
                me.runnable = None
                if not me.was_parked:
                    before, now = now, clock()
                    if now - before > SHORT or not self._at_ease:
                        self._pace(now - before)
                if me.was_parked or now > until:
                    self.wake_for_turns()
                    return
            if not more and not late:
                return

    def _work_timed(self, me: Carrier, timed: Callable[[Runnable, float], object]) -> int:
        """Run one turn alone, and tell its time; of many turns it is one in :data:`SAMPLE`."""
        self._until_timed += SAMPLE
        me.runnable = runnable = self.ready.popleft()
        began = self.clock()
        runnable.on_turn(me)
        timed(runnable, self.clock() - began)
        me.gr_context = None
        return 1

    def _work_urgent(self, me: Carrier) -> bool:
        """Run what comes first, and queue what is late; return whether ``me`` is to do no more."""
        if self.keepers.work(me, self.slice_over) or self.ends.work(me, self.slice_over):
            self.wake_for_turns()
            return True
        if self.late and not (self.ready and self._had_late):  # nothing else, or none in this slice
            self._had_late = True
            self.ready.append(self.late.popleft())
        return False

    def _pace(self, took: float) -> None:
        """Look at the clock more often while turns are long, and let clients have shorter ones."""
        if took >= SLICE / 4:
            self._turns, self._at_ease = 1, False
            self.turn_messages = max(1, self.turn_messages // 2)
        elif took <= SHORT:
            self._turns = min(2 * self._turns, TURNS_BETWEEN_CLOCKS)
            self.turn_messages = min(2 * self.turn_messages, TURN_MESSAGES)
            most = TURNS_BETWEEN_CLOCKS * TURN_MESSAGES
            self._at_ease = self._turns * self.turn_messages == most

    def _send(self) -> None:
        sends, clock = self.sends, self.clock
        until = clock() + SLICE * SHARE
        if compiled is not None:
            compiled.flush_all(sends, until if clock is time.monotonic else math.inf)
            return
        while sends:
            send = sends.popleft()
            try:
                send()
            except Exception:
                logger.exception("sending failed")
            if clock() > until:
                return

    def _poll(self) -> bool:  # noqa: C901 - the hot loop
        """Serve a poll's events; return whether to poll again within this slice."""
        if self.sends and (self._alone or len(self.sends) >= SENDS or self._dear.line):
            self._alone = False
            self._send()
        if (
            compiled is not None
            and self.clock is time.monotonic  # which it asks itself
            and not (self._events or self._again or self._dear.line)
        ):
            if self._serve_compiled(DEAR, self._until or 0.0):
                return not self._events
            events = self._events
        else:
            events = self._events or self._find_events()
        handlers, stale, strikes = self.handlers, self._stale, self._dear.strikes
        clock, until, dear = self.clock, self._until or 0.0, DEAR
        if not events:
            if not self.sends:
                return False
            self._send()
            return clock() <= until
        self._events = []
        before = self.now = clock()
        waiting = iter(events)
        for fd, mask in waiting:
            if fd in stale:
                continue  # closed by an earlier handler of this round, or not so any more
            try:
                handlers[fd](mask)
            except Exception:
                logger.exception("reading a connection failed")
            now = clock()
            if (now - before > dear or strikes) and fd in handlers:
                self._dear.judge(fd, mask, now - before)
            self.now = before = now
            if now > until:
                self._events = list(waiting)
                return False
        return True


_dispatcher: Dispatcher | None = None
_forked = False


def get_dispatcher() -> Dispatcher:
    """Return the process's dispatcher, made by the first caller on its thread.

    Raises ``RuntimeError`` in a child that was forked off a process that had one.
    """
    global _dispatcher  # noqa: PLW0603 - one per process, as gevent's hub is one per thread
    if _forked:
        raise RuntimeError("actors do not survive os.fork: exec a new process instead")
    if _dispatcher is None:
        _dispatcher = Dispatcher()
        crash_log.use(_dispatcher.timers.call_later, _dispatcher.on_this_thread)
    return _dispatcher


def use_dispatcher(dispatcher: Dispatcher | None) -> Dispatcher | None:
    """Have :func:`get_dispatcher` return this one, for a test; return the one before."""
    global _dispatcher
    before, _dispatcher = _dispatcher, dispatcher
    return before


def abandon() -> None:
    """Let a forked child have no dispatcher, if its parent had one."""
    global _dispatcher, _forked
    if _dispatcher is not None:
        _dispatcher.close_epoll()
        _dispatcher, _forked = None, True
