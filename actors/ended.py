"""What takes the place of a socket's transport when all is over."""

from __future__ import annotations

from typing import Any, Final

from actors.reasons import Reason


class Ended:
    """Nobody is there any more.

    An actor and its mailbox refer to each other, so they wait for the collector. What they refer to
    would too, and that is most of a connection.
    """

    __slots__ = ()

    def deliver(self, result: Any) -> None:
        """Nobody is there, as for all the others."""

    def flush(self) -> None: ...

    def on_blocked(self) -> None: ...

    def on_ended(self, reason: Reason) -> None: ...


ENDED: Final = Ended()
