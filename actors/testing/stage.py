"""Where a test's actors run: a dispatcher of their own, on virtual time, that comes to rest.

The actors, their mailboxes, timers and carriers are those of a server. What is another is who
calls: nothing of it runs but while the test waits in :meth:`Stage.settle`, which returns when
nothing is ready any more. Timers stand still until :meth:`Stage.advance`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from gevent.event import Event
from greenlet import getcurrent

from actors import crash_log
from actors.crash_text import crash
from actors.pubsub import server as topics
from actors.runtime import registry
from actors.runtime.cell import Cell
from actors.runtime.dispatcher import Dispatcher, use_dispatcher
from actors.runtime.stuck import Stuck
from actors.runtime.timers import Timers

T = TypeVar("T")

DEADLINE: Final = 5.0
"""Seconds that an assertion waits for a callback that blocks, and all may take to come to rest."""

PATIENCE: Final = 0.2
"""Seconds that a refutation waits for a callback that blocks."""


class StageDispatcher(Dispatcher):
    """The dispatcher of one test. ``virtual``: seconds by the clock of its timers."""

    def __init__(self) -> None:
        self.virtual = 0.0
        self.closed = False
        self.served = 0
        self.stirred = Event()
        super().__init__()
        self.timers = Timers(lambda: self.virtual, self._arm)
        self.stuck = Stuck(self.ready, lambda: self.blocked.full, self.timers)

    def _arm(self, when: float) -> None:
        if when <= self.virtual:
            self.hub.loop.run_callback(self.fire)

    def fire(self) -> None:
        """Run the timers that are due; in the hub."""
        if not self.closed:
            self._timers_due()

    def _wake(self) -> None:
        if not self.closed:
            super()._wake()

    def _serve(self) -> None:
        self.served += 1
        super()._serve()
        self.stirred.set()

    def _resumed(self) -> None:
        self.served += 1
        super()._resumed()
        self.stirred.set()

    def call_from_thread(self, function: Callable[[], object]) -> None:
        """Run ``function`` on the loop, unless the test is over."""
        if not self.closed:
            super().call_from_thread(function)

    def let_run(self) -> None:
        """Let the loop have one turn: all that is due in it runs before this returns.

        Not ``gevent.idle``: beside actors that never rest the loop is never idle.
        """
        loop = self.hub.loop
        last: Any = loop.timer(0, priority=getattr(loop, "MINPRI", None))
        with last:
            self.hub.wait(last)

    @property
    def is_busy(self) -> bool:
        """Whether something is ready to run."""
        return self.wake_pending or self._is_work_left()

    def close(self) -> None:
        """Give back what it has of the process; nothing may be ready any more."""
        self.closed = True
        for watcher in (self._watcher, self._timer, self._next_turn, self._async, self._prepare):
            watcher.stop()
            watcher.close()
        self.close_epoll()
        idle, self._idle = self._idle, []
        for carrier in idle:
            carrier.idle = False
            carrier.parent = getcurrent()
            carrier.throw()


class Crashed:
    """A callback that raised: ``error``, and the ``actor`` it ended, where it was one's.

    ``expected``: whether the test has asked about it.
    """

    def __init__(self, error: BaseException, text: str, actor: Any) -> None:
        self.error = error
        self.text = text
        self.actor = actor
        self.expected = False

    def expect(self) -> BaseException:
        """Learn that the test expects it; return the error."""
        self.expected = True
        return self.error


class UnexpectedCrash(AssertionError):
    """A callback raised in a test that did not ask about it."""


class Stage:
    """What the fixtures of one test share."""

    def __init__(self) -> None:
        self.dispatcher = StageDispatcher()
        self.crashes: list[Crashed] = []
        self.at_crash: list[Callable[[Crashed], object]] = []
        self.at_end: list[Callable[[], object]] = []
        self._before = use_dispatcher(self.dispatcher)
        self._unwatch = crash_log.watch(self._crashed)
        topics.serves = True

    def _crashed(self, error: BaseException, message: str, args: tuple[Any, ...]) -> None:
        if message.endswith("failed to answer"):
            return  # whoever asked has it, and the actor lives
        actor = next((each.actor for each in args if isinstance(each, Cell)), None)
        noted = Crashed(error, f"{message % args}: {crash(error)}", actor)
        self.crashes.append(noted)
        for learn in self.at_crash:
            learn(noted)

    def crashed(self) -> list[BaseException]:
        """Return all that was raised, which the test expects thereby."""
        self.settle()
        return [each.expect() for each in self.crashes]

    # -- time

    def settle(self) -> None:
        """Let the actors run until nothing is ready; what blocks is not waited for."""
        dispatcher = self.dispatcher
        until = time.monotonic() + DEADLINE
        while True:
            before = dispatcher.served
            dispatcher.let_run()
            if not dispatcher.is_busy and dispatcher.served == before:
                return
            if time.monotonic() > until:
                raise RuntimeError(f"the actors do not come to rest within {DEADLINE} s")

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass for timers; each one runs at its time, and what follows from it."""
        if not seconds >= 0:
            raise ValueError(f"advance({seconds!r}): must be 0 seconds or more")
        dispatcher = self.dispatcher
        self.settle()
        target = dispatcher.virtual + seconds
        while (due := dispatcher.timers.armed) <= target:
            dispatcher.virtual = max(dispatcher.virtual, due)
            dispatcher.hub.loop.run_callback(dispatcher.fire)
            self.settle()
        dispatcher.virtual = target

    def wait_for(
        self, find: Callable[[], T | None], within: float | None, patience: float
    ) -> T | None:
        """Return what ``find`` finds when all is at rest.

        Where it finds nothing, callbacks that block are waited for, ``patience`` seconds at most.
        With ``within``: so many seconds at most, whether one blocks or not.
        """
        self.settle()
        until = time.monotonic() + (patience if within is None else within)
        while (found := find()) is None and (within is not None or len(self.dispatcher.blocked)):
            self.dispatcher.stirred.clear()
            left = until - time.monotonic()
            if left <= 0 or not self.dispatcher.stirred.wait(left):
                return None
            self.settle()
        return found

    # -- what went wrong

    def explain(self, headline: str, came: list[str], crashed: list[Crashed]) -> AssertionError:
        """Return the failure of an assertion, with what may have to do with it."""
        lines = [headline]
        lines += ["what came and was not asked about:", *came] if came else ["nothing else came"]
        for each in crashed:
            each.expect()  # told here, once is enough
            lines.append(each.text)
        lines += [f"blocks: {place}" for place in self.dispatcher.blocked.places()]
        return AssertionError("\n  ".join(lines))

    # -- the end

    def close(self) -> None:
        """End all that the test left; :class:`UnexpectedCrash` for one that nobody asked about."""
        try:
            self._end_all()
        finally:
            self._unwatch()
            use_dispatcher(self._before)
            self.dispatcher.close()
        for each in self.crashes:
            if not each.expected:
                raise UnexpectedCrash(
                    f"{each.text}\n  (a test that expects it asks: assert_crashed(), crashed)"
                ) from each.error

    def _end_all(self) -> None:
        self.settle()
        for end in self.at_end:
            end()
        self.settle()
        for ref in self.left():
            ref.kill()
        self.settle()
        self.wait_for(lambda: None, None, PATIENCE)  # until what was thrown has unwound

    def left(self) -> list[Any]:
        """Return the refs of the test's actors that live."""
        mine = self.dispatcher
        return [ref for ref in registry.get_all() if ref.actor_inbox.dispatcher is mine]
