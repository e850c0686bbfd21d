"""The bodies that are being received, all together: how much of them a process holds."""

from __future__ import annotations

from typing import Final, Protocol

SMALL_BODY: Final = 65_536
"""Bytes up to which a body is never refused for what others have sent."""


class Receiver(Protocol):
    """Who receives a body."""

    def refuse_body(self) -> None:
        """Let go of what has come of the body, and answer 503. Must not block, nor call back."""


class Bodies:
    """Bounds what has come of all bodies of a process that are not all there, to ``most`` bytes.

    When they are more, the body with the highest product of size and age goes, and so on: what is
    large and slow occupies the most, and who has just begun is not made to pay for it.
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
