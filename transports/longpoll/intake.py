"""What the POSTs of one session keep in memory, and which of them wait for room.

POSTs enter while no more waits in the session than its bounds say, so that it keeps those and at
most one body beside. What comes then is *held*: told to come in when there is room, in the order of
arrival. A POST's *share* is what it keeps: the length that its head declares, then the messages
that were made of its body. It is given back when the socket has handled those, whether or not
anybody still waits for the answer.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from transports.longpoll.token import SessionToken
from transports.opening.opened import Opened


class Waiting(Protocol):
    """A POST that is held. Neither call may block."""

    def admitted(self, share: Share) -> None:
        """Come in: there is room."""

    def refused(self) -> None:
        """The session has ended."""


class Share:
    """What one POST keeps, as its :class:`Intake` counts it.

    ``due``: when it must be answered, where it was held before; by whose clock is the caller's.
    ``session_token``: what its token says. ``opened``: its request, where that has passed the
    checks of the handshake; ``None`` where they are still to be made.
    """

    __slots__ = ("_intake", "due", "messages", "opened", "session_token", "size")

    def __init__(self, intake: Intake, size: int, messages: int) -> None:
        self._intake: Intake | None = intake
        self.due: float | None = None
        self.opened: Opened | None = None
        self.session_token: SessionToken | None = None
        self.size = size
        self.messages = messages

    def weigh(self, size: int, messages: int) -> None:
        """Say what it keeps now: bytes, and how many messages."""
        if self._intake is not None:
            self._intake.add(size - self.size, messages - self.messages)
            self.size, self.messages = size, messages

    def leave(self) -> None:
        """Give it back; a second time does nothing."""
        intake, self._intake = self._intake, None
        if intake is not None:
            intake.give_back(self.size, self.messages)


class _Held(NamedTuple):
    waiting: Waiting
    size: int
    kept: int


class Intake:
    """The book of one session.

    ``max_bytes`` and ``max_messages``: beyond them POSTs are held. ``max_held``: how many of them,
    of whose bodies ``max_kept`` bytes may be in memory already.
    """

    __slots__ = (
        "_bytes", "_held", "_max_bytes", "_max_held", "_max_kept", "_max_messages", "_messages",
    )  # fmt: skip

    def __init__(
        self, *, max_bytes: int, max_messages: int, max_held: int, max_kept: int = 0
    ) -> None:
        self._max_bytes = max_bytes
        self._max_messages = max_messages
        self._max_held = max_held
        self._max_kept = max_kept
        self._bytes = 0
        self._messages = 0
        self._held: list[_Held] | None = None  # most sessions never hold one

    @property
    def empty(self) -> bool:
        """Whether nothing is kept and nobody held."""
        return not self._messages and not self._held

    @property
    def _room(self) -> bool:
        return self._bytes <= self._max_bytes and self._messages <= self._max_messages

    def enter(self, size: int, messages: int = 1) -> Share | None:
        """Return the share of a POST of ``size`` bytes; ``None`` where it has to be held."""
        # Every POST passes here, so this is _room, written out.
        if self._held or self._bytes > self._max_bytes or self._messages > self._max_messages:
            return None
        self._bytes += size
        self._messages += messages
        return Share(self, size, messages)

    def hold(self, waiting: Waiting, size: int, kept: int = 0) -> bool:
        """Have ``waiting`` told when there is room; return ``False`` where too many are held.

        ``size`` is what its share will be, ``kept`` what of its body is in memory already.
        """
        held = self._held = self._held or []
        if len(held) >= self._max_held:
            return False
        if kept and kept + sum(each.kept for each in held) > self._max_kept:
            return False
        held.append(_Held(waiting, size, kept))
        return True

    def forget(self, waiting: Waiting) -> None:
        """Hold ``waiting`` no longer: it was answered, or its client has left."""
        self._held = [each for each in self._held or () if each.waiting is not waiting]

    def close(self) -> None:
        """Refuse all held POSTs."""
        held, self._held = self._held, None
        for each in held or ():
            each.waiting.refused()

    def add(self, size: int, messages: int) -> None:
        """Count what a share keeps more, or less."""
        self._bytes += size
        self._messages += messages

    def give_back(self, size: int, messages: int) -> None:
        """Count what a share does not keep any more, and let held POSTs in if there is room."""
        self._bytes -= size
        self._messages -= messages
        while self._held and self._room:
            first = self._held.pop(0)
            self.add(first.size, 1)
            first.waiting.admitted(Share(self, first.size, 1))
