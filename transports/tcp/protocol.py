"""What a stream feeds, and what the end of a server says to it: the seam of every transport."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from actors.runtime.timers import Timer


class StreamProtocol(Protocol):
    """What a stream feeds. Calls come on the loop's thread and must not block.

    Inherit it: what the end of a server says has defaults then, and those that do nothing are right
    for a stream whose socket says all that is to be said.
    """

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Take what was read; never empty."""

    def eof_received(self) -> None:
        """The peer will send nothing more; it may still read."""

    def connection_lost(self, error: Exception | None) -> None:
        """The stream is gone; called once."""

    def announce_end(self) -> None:
        """The server lets nobody in any more: what is answered from now on is the last."""
        return

    def keep_until(self, until: float) -> None:  # noqa: ARG002 - a default
        """Long-poll sessions may need this connection up to ``until`` (the dispatcher's clock)."""
        return

    def drain(self) -> None:
        """End when what is under way is done."""
        return

    def log_context(self) -> Mapping[str, str]:
        """Return fields of a log line about whoever is served (:mod:`actors.logs.context`)."""
        return {}

    def log_fields(self) -> Mapping[str, Any]:
        """Return further ones, the application's."""
        return {}

    def log_secrets(self) -> tuple[object, ...]:
        """Return where values are that such a line must not show."""
        return ()

    def begin_deadlines(self, spare: Timer | None) -> None:
        """Learn that another protocol has handed the stream over.

        ``spare`` is a timer of its own that it leaves, for
        :meth:`~actors.runtime.timers.Timers.take_over`.
        """
        if spare is not None:
            spare.cancel()

    def end_now(self) -> None:
        """End at once: there is no more time. :meth:`drain` is called as well, behind it."""
        return


class Nobody(StreamProtocol):
    """Takes nothing, and says nothing."""

    def data_received(self, data: bytes) -> None: ...

    def eof_received(self) -> None: ...

    def connection_lost(self, error: Exception | None) -> None: ...


NOBODY: Final = Nobody()


class _Earlier(StreamProtocol):
    """A protocol for 0.1, of which three methods were wanted, and a ``drain`` where it had one."""

    def __init__(self, given: Any) -> None:
        self._given = given
        self._drain: Callable[[], object] | None = getattr(given, "drain", None)

    def data_received(self, data: bytes) -> None:
        self._given.data_received(data)

    def eof_received(self) -> None:
        self._given.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._given.connection_lost(error)

    def drain(self) -> None:
        if self._drain is not None:
            self._drain()


def whole(protocol: Any) -> StreamProtocol:
    """Return ``protocol`` with all that a stream and a server may call, also one for 0.1."""
    if hasattr(protocol, "end_now"):
        found: StreamProtocol = protocol
        return found
    warnings.warn(
        f"{type(protocol).__name__} does not inherit transports.StreamProtocol, and must from the"
        " next release on",
        DeprecationWarning,
        stacklevel=4,  # who hands the stream over
    )
    return _Earlier(protocol)
