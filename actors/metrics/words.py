"""How a connection's end is called where it is counted: one place, and few words."""

from __future__ import annotations

from actors.errors import ProtocolError
from actors.metrics.catalogue import REASONS
from actors.reasons import Closed, Crash, Failure, Killed, Normal, Reason, Shutdown

NO_CODE = "none"


def code_word(code: int | None) -> str:
    """Return a close code as a label; ``"none"``: there was no Close frame."""
    return NO_CODE if code is None else str(code)


def reason_word(reason: Reason) -> str:
    """Return one of :data:`~actors.metrics.catalogue.REASONS`."""
    word = "failure"
    match reason:
        case Normal():
            word = "normal"
        case Closed(code=code):
            word = "lost" if code is None else "client"
        case Shutdown(detail="draining"):
            word = "restart"
        case Shutdown(detail=detail):
            word = detail if detail in REASONS else "shutdown"
        case Killed():
            word = "killed"
        case Crash():
            word = "crash"
        case Failure(detail=ProtocolError()):
            word = "protocol_error"
    return word
