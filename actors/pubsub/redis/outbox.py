"""What waits to be sent to Redis, and what was sent and is not answered yet (pure).

"Written" is not "sent": a command counts when Redis has answered it. When the link breaks,
broadcasts of the last moment that were not answered are sent again with their numbers, by which the
others drop a double. All else is lost, and who sent it is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from actors.pubsub.wire import RESERVE, SMALL

KEEP_TIME: Final = 1.0
"""Seconds that a broadcast is kept for a Redis that cannot be reached."""

KEEP_BYTES: Final = 1024 * 1024
"""Bytes of the same; one is kept whatever its size."""

MAX_WAITING: Final = 8 * 1024 * 1024
"""Bytes that wait for a Redis which can be reached; one passes whatever its size, and of what is
small and no broadcast a bit more (:data:`~actors.pubsub.wire.RESERVE`)."""

Done = Callable[[Any], object]


class Command:
    """A command as it is written. ``done(reply)`` is called once, with ``None`` if it was lost.

    ``number`` is a broadcast's, 0 for all that is none. ``own``: an error is the affair of ``done``
    alone, and else says that the link is of no use.
    """

    __slots__ = ("data", "done", "number", "own", "when")

    def __init__(
        self,
        data: bytes,
        when: float,
        number: int = 0,
        done: Done | None = None,
        *,
        own: bool = False,
    ) -> None:
        self.own = own
        self.data = data
        self.when = when
        self.number = number
        self.done = done


class Outbox:
    """One link's commands, in order. ``up``: whether Redis can be reached. Times are in seconds."""

    def __init__(self) -> None:
        self.up = False
        self.bytes = 0
        """Of all that is not answered."""
        self._waiting: deque[Command] = deque()
        self._unanswered: deque[Command] = deque()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._unanswered)

    @property
    def waits(self) -> bool:
        """Whether something is to be written."""
        return bool(self._waiting)

    @property
    def since(self) -> float | None:
        """When the oldest was queued that Redis has not answered though it was written."""
        return self._unanswered[0].when if self._unanswered else None

    def put(self, command: Command) -> bool:
        """Queue a command; ``False``: it was not, and is forgotten.

        That is where too much waits, and of all but broadcasts where Redis cannot be reached.
        """
        size = len(command.data)
        most = MAX_WAITING + (RESERVE if not command.number and size <= SMALL else 0)
        full = self.bytes and self.bytes + size > most
        if full if self.up else not command.number:
            return False
        self._waiting.append(command)
        self.bytes += size
        return True

    def take(self, most: int) -> bytes:
        """Return what to write next, about ``most`` bytes of it; it is unanswered from now on."""
        taken, size = [], 0
        while self._waiting and size < most:
            command = self._waiting.popleft()
            self._unanswered.append(command)
            taken.append(command.data)
            size += len(command.data)
        return b"".join(taken)

    def answered(self, reply: Any) -> Command:
        """Take the reply to the oldest unanswered command; ``LookupError``: there is none.

        Return that command.
        """
        command = self._unanswered.popleft()
        self.bytes -= len(command.data)
        if command.done is not None:
            command.done(reply)
        return command

    def lost(self, now: float) -> int:
        """Note that Redis cannot be reached; return how many broadcasts were dropped."""
        self.up = False
        everything = [*self._unanswered, *self._waiting]
        self._unanswered.clear()
        self._waiting = deque(each for each in everything if each.number)
        self.bytes = sum(len(each.data) for each in self._waiting)
        dropped = self.trim(now)
        self._drop([each for each in everything if not each.number])
        return dropped

    def trim(self, now: float) -> int:
        """Drop the oldest of what is kept while Redis cannot be reached; return how many."""
        old = []
        while self._waiting and (
            self._waiting[0].when < now - KEEP_TIME
            or (self.bytes > KEEP_BYTES and len(self._waiting) > 1)
        ):
            command = self._waiting.popleft()
            self.bytes -= len(command.data)
            old.append(command)
        return self._drop(old)

    @staticmethod
    def _drop(commands: list[Command]) -> int:
        for command in commands:
            if command.done is not None:
                command.done(None)
        return sum(1 for command in commands if command.number)
