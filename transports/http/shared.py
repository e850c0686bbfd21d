"""What all HTTP connections of a server share: bounds of bodies and of handlers that wait."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol, Self

from transports.http.options import HTTPOptions
from transports.http.upgrades import KnownUpgrades

SMALL_BODY: Final = 65_536
"""Bytes up to which a body is never refused for what others have sent."""


class Receiver(Protocol):
    """Who receives a body."""

    def refuse_body(self) -> None:
        """Let go of what has come of the body, and answer 503. Must not block, nor call back."""


class Bodies:
    """Bounds what has come of all bodies of a process that are not all there, to ``most`` bytes.

    When they are more, the body with the highest product of size and age goes, and so on: what is
    large and slow occupies the most, and a body that has just begun does not pay for it.
    """

    __slots__ = ("_held", "_large", "_most", "total")

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Receiver, tuple[float, int]] = {}
        self._large: dict[Receiver, tuple[float, int]] = {}
        self.total = 0
        """Bytes held now."""

    def grown(self, receiver: Receiver, size: int, now: float) -> None:
        """Learn that ``size`` bytes of a body have come by ``now`` (monotonic seconds).

        This may refuse that body, or others.
        """
        began, before = self._held.get(receiver, (now, 0))
        self._held[receiver] = began, size
        self.total += size - before
        if size > SMALL_BODY:
            self._large[receiver] = began, size
        while self.total > self._most and self._large:
            self._refuse(now)

    def forget(self, receiver: Receiver) -> None:
        """Learn that a body is all there, or will never be."""
        if self._held:
            _, size = self._held.pop(receiver, (0.0, 0))
            self._large.pop(receiver, None)
            self.total -= size

    def _refuse(self, now: float) -> None:
        def weight(receiver: Receiver) -> tuple[float, int]:
            began, size = self._large[receiver]
            return size * (now - began), size

        worst = max(self._large, key=weight)
        self.forget(worst)
        worst.refuse_body()


class Resettable(Protocol):
    """A client's stream."""

    peer: tuple[str, int]

    def reset(self) -> None:
        """End it now, by a reset."""


class Stalled:
    """Bounds how many handlers of a process wait for clients to read, to ``most``.

    If one more must wait, the one that has waited longest is given up: its client is reset.
    """

    __slots__ = ("_most", "_streams")

    def __init__(self, most: int) -> None:
        self._most = most
        self._streams: dict[Resettable, None] = {}  # the longest-waiting first

    def __len__(self) -> int:
        return len(self._streams)

    def enter(self, stream: Resettable) -> Resettable | None:
        """Learn that a handler is going to wait for ``stream``; return the one reset for it."""
        longest = None
        if len(self._streams) >= self._most:
            longest = next(iter(self._streams))
            del self._streams[longest]
            longest.reset()
        self._streams[stream] = None
        return longest

    def leave(self, stream: Resettable) -> None:
        """Learn that it waits no longer."""
        self._streams.pop(stream, None)


class Shared(NamedTuple):
    """``bodies`` that are being received, and handlers ``stalled`` by clients that do not read.

    ``upgrades``: how clients ask for a WebSocket.
    """

    bodies: Bodies
    stalled: Stalled
    upgrades: KnownUpgrades

    @classmethod
    def of(cls, options: HTTPOptions) -> Self:
        """Return a new set, bounded as ``options`` say."""
        return cls(Bodies(options.max_bodies), Stalled(options.max_stalled), KnownUpgrades())
