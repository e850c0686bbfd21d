"""What a session knows of the table of all sessions."""

from __future__ import annotations

from typing import Protocol

from transports.longpoll.token import SessionToken


class Place(Protocol):
    """A session's place in the table of all sessions here, which gave it its token."""

    token: SessionToken

    @property
    def taken(self) -> bool:
        """Whether the session is still in the table."""

    def sign(self, cursor: int) -> str:
        """Return the token to send with an answer: it proves what its holder has received."""

    def fetched(self) -> None:
        """Note that a poll was given all that the session holds."""

    def leave(self) -> None:
        """Forget the session; a second time does nothing."""
