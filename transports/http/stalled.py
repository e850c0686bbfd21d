"""Clients that do not read what is written for them, each of which holds up a handler."""

from __future__ import annotations

from typing import Protocol


class Resettable(Protocol):
    """A client's stream."""

    peer: tuple[str, int]

    def reset(self) -> None:
        """End it now, by a reset."""


class Stalled:
    """Bounds how many handlers of a process wait for clients to read, to ``most``.

    Where one more must wait, the one who has waited the longest is given up: its client is reset.
    """

    __slots__ = ("_most", "_streams")

    def __init__(self, most: int) -> None:
        self._most = most
        self._streams: dict[Resettable, None] = {}  # the longest-waiting first

    def __len__(self) -> int:
        return len(self._streams)

    def enter(self, stream: Resettable) -> Resettable | None:
        """Learn that a handler is going to wait for ``stream``; return who was reset for it."""
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
