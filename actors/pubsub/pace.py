"""How fast what other workers send is delivered: in steps, with a round of turns between.

A step is as many messages as an actor handles in one turn, so that what comes over the bus does not
pile up in the mailboxes of those who keep up with it; and it is short, so that it does not hold the
loop. All links share it. Nothing more is read from a link while a step is over, so whoever sends
too much is slowed down by its own queue.
"""

from __future__ import annotations

from typing import Final

from gevent.event import Event

from actors.runtime.actor import TURN_MESSAGES
from actors.runtime.dispatcher import SLICE, Dispatcher

STEP_MESSAGES: Final = TURN_MESSAGES
"""Messages of other workers that are delivered before the actors have their turns."""

STEP_BYTES: Final = 128 * 1024
"""Bytes of the same; the message with which they are reached is the last of its step."""

STEP_TIME: Final = SLICE / 4
"""Seconds after which a step is over, however little was delivered."""

LONGEST_ROUND: Final = SLICE
"""Seconds that the next step waits for the end of a round: a busy worker has long ones, and one
whose carriers are all blocked has none."""


class Pace:
    """The steps of one worker."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._begin = Event()
        # By the loop's next turn: what gevent runs as callbacks holds up its other watchers.
        self._timer = dispatcher.hub.loop.timer(0)
        self._messages = self._bytes = 0
        self._until: float | None = None
        self.steps = 0

    def count(self, size: int) -> None:
        """Say that a message of ``size`` bytes was delivered; wait where its step is over."""
        clock = self._dispatcher.clock
        if self._until is None:
            self._until = clock() + STEP_TIME
        self._messages += 1
        self._bytes += size
        if self._messages >= STEP_MESSAGES or self._bytes >= STEP_BYTES or clock() > self._until:
            self._wait()

    def _wait(self) -> None:
        """Wait for the next step, together with the other links."""
        step = self.steps
        self._begin.clear()
        self._dispatcher.rounds.at_end(lambda: self._round_over(step))
        if not self._begin.wait(LONGEST_ROUND):
            self._next(step)

    def _round_over(self, step: int) -> None:
        if step == self.steps:
            self._timer.start(self._next, step, update=False)

    def _next(self, step: int) -> None:
        """Begin the step after ``step``, unless it has begun."""
        if step == self.steps:
            self.steps += 1
            self._messages = self._bytes = 0
            self._until = None
            self._begin.set()
