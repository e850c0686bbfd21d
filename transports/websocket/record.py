"""What one WebSocket connection is, beside its descriptor and the options of its mount."""

from __future__ import annotations

from dataclasses import dataclass

from transports.websocket.assembly import Assembly
from transports.websocket.lifecycle import OPEN, TRANSITIONS, Event, State


@dataclass(slots=True, eq=False)
class Record:
    """Plain values alone, so that they could be written down: no greenlet, timer or callback.

    Times are monotonic seconds. ``heard``: when the client said something last; ``pinged``: when it
    was pinged last. Of a message that is not all there ``began`` says since when, ``buffer`` and
    ``need`` hold a part of a frame and how long it must become, ``message`` the frames before.
    """

    state: State = OPEN
    heard: float = 0.0
    pinged: float = 0.0
    paused_at: float = 0.0
    """Since when nobody reads, where that is so."""
    pong: bytes | None = None
    """The latest ping's payload, where the client must read before it is answered."""
    peer_code: int = 0
    """The code of the client's Close frame, in ``PEER_CLOSED``."""
    began: float = 0.0
    buffer: bytearray | None = None
    need: int = 0
    message: Assembly | None = None
    control: tuple[float, float] | None = None
    """How many control frames may still come, and at what time that was so."""

    def move(self, event: Event) -> bool:
        """Go where ``event`` leads; return whether that is another state."""
        before, self.state = self.state, TRANSITIONS[self.state, event]
        return self.state is not before
