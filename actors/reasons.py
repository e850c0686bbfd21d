"""Why an actor ended: OTP's exit reasons as values.

``NORMAL``, ``SHUTDOWN`` and ``Shutdown(detail)`` are *clean*: a transient child that ends so is not
restarted (supervisor(3), "restart"). ``Closed`` says that the client went away, ``KILLED`` that
the actor was ended without being asked, ``Crash`` that a callback raised. Any other value that an
application gives to ``Stop`` becomes ``Failure(value)``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """The root of all exit reasons."""

    @property
    def clean(self) -> bool:
        """Whether a transient child that ended so stays ended."""
        return False


@dataclass(frozen=True, slots=True)
class Normal(Reason):
    """The actor had nothing more to do."""

    @property
    def clean(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Shutdown(Reason):
    """Somebody asked for an orderly end; ``detail`` says why (OTP: ``{shutdown, Detail}``).

    Details that Roost gives: ``"restart"`` (drain or code reload), ``"draining"``,
    ``"disconnected"``, ``"timeout"`` (idle), ``"slow_consumer"``, ``"overflow"``, ``"flood"``,
    ``"inactive"`` (a long-poll session nobody polls), ``"left"`` and ``"duplicate"`` (a channel).
    """

    detail: str | None = None

    @property
    def clean(self) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedToStart(Shutdown):
    """A supervisor ended because ``child`` (its id) did not start, for ``reason``.

    OTP: ``{shutdown, {failed_to_start_child, Id, Reason}}``.
    """

    detail: str | None = "failed_to_start_child"
    child: object
    reason: Reason


@dataclass(frozen=True, slots=True)
class Closed(Reason):
    """The client went away.

    ``code`` and ``text`` are those of its Close frame; ``code`` is ``None`` where there was no
    Close frame (a lost connection) and 1005 where the frame was empty (RFC 6455 §7.1.5).
    """

    code: int | None = None
    text: str = ""

    @property
    def clean(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Killed(Reason):
    """The actor was ended at once, whatever it was doing (OTP: ``killed``)."""


@dataclass(frozen=True, slots=True)
class Crash(Reason):
    """A callback raised ``exception``."""

    exception: BaseException


@dataclass(frozen=True, slots=True)
class Failure(Reason):
    """Anything else, for instance an application's own word."""

    detail: object


@dataclass(frozen=True, slots=True)
class NoProc(Reason):
    """The actor was already gone when it was asked about (OTP: ``noproc``)."""


NORMAL = Normal()
SHUTDOWN = Shutdown()
CLOSED = Closed()
KILLED = Killed()
NOPROC = NoProc()


def as_reason(value: object) -> Reason:
    """Turn what an application gave into a :class:`Reason`: an exception becomes a crash."""
    if isinstance(value, Reason):
        return value
    if isinstance(value, BaseException):
        return Crash(value)
    return Failure(value)
