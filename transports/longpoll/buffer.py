"""The messages of one long-poll session, kept until the client proves that they arrived.

Messages are numbered from 0. A *cursor* says "I have every message below this number"; each answer
to a poll carries one (in its token), and the next poll brings it back. Only then are the messages
below it dropped, so a lost answer or a repeated poll loses nothing. Phoenix forgets a batch as soon
as it is written.
"""

from __future__ import annotations

from collections import deque

Message = str
"""As it goes into the answer: binary ones are base64 by now."""


class Buffer:
    """What waits for the client, and what was sent to it but not yet acknowledged."""

    __slots__ = ("acknowledged", "max_bytes", "max_messages", "messages", "size", "taken")

    def __init__(self, *, max_messages: int, max_bytes: int) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self.messages: deque[Message] = deque()
        self.size = 0
        self.acknowledged = 0
        self.taken = 0

    def append(self, message: Message) -> str | None:
        """Keep ``message``; where a limit forbids it, answer which one, in words."""
        size = _size(message)
        if len(self.messages) >= self.max_messages:
            return f"more than {self.max_messages} messages wait for a poll"
        if self.size + size > self.max_bytes:
            return f"more than {self.max_bytes} bytes wait for a poll"
        self.messages.append(message)
        self.size += size
        return None

    def take(self, cursor: int) -> tuple[list[Message], int] | None:
        """Drop what ``cursor`` acknowledges; return all the rest and the cursor to send with it.

        ``None``: the cursor is older than one already seen, or from the future.
        """
        if not self.acknowledged <= cursor <= self.taken:
            return None
        for _ in range(cursor - self.acknowledged):
            self.size -= _size(self.messages.popleft())
        self.acknowledged = cursor
        self.taken = cursor + len(self.messages)
        return list(self.messages), self.taken

    def take_all(self) -> tuple[list[Message], int]:
        """Return everything that is kept, without a further acknowledgement."""
        self.taken = self.acknowledged + len(self.messages)
        return list(self.messages), self.taken

    @property
    def waiting(self) -> int:
        """How many messages no poll has been given yet."""
        return self.acknowledged + len(self.messages) - self.taken


def _size(message: Message) -> int:
    if not message.isascii():
        return len(message.encode("utf-8", "surrogatepass"))
    return len(message)
