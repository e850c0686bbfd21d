"""The one place where an exit reason becomes a close code (RFC 6455 §7.4).

phoenix.js stays away after 1000 and comes back after anything else, so 1000 is for "do not come
back" alone.
"""

from __future__ import annotations

from actors.errors import ProtocolError
from actors.reasons import Closed, Failure, Killed, Normal, Reason, Shutdown, as_reason
from actors.results import Push, Stop

CloseFrame = tuple[int, str]

MAX_DETAIL = 123
_ACCEPTED = "1000, 1001, 1003, 1007 to 1014 or 3000 to 4999"
_SENDABLE = frozenset({1000, 1001, 1003, *range(1007, 1015), *range(3000, 5000)})

_INTERNAL_ERROR: CloseFrame = (1011, "")
_GOING_AWAY: CloseFrame = (1001, "")
_BY_REASON: dict[type[Reason], CloseFrame | None] = {
    Normal: (1000, ""),
    Closed: None,
    Killed: None,
}
_BY_DETAIL: dict[str | None, CloseFrame] = {
    "restart": (1012, ""),
    "draining": (1012, ""),
    "slow_consumer": (1008, "slow consumer"),
    "overflow": (1008, "overflow"),
    "flood": (1008, "flood"),
    "message_timeout": (1008, "message timeout"),
}


def close_frame(reason: Reason) -> CloseFrame | None:
    """Return (close code, text) for an actor that ended with ``reason``.

    ``None``: there is nobody to tell (``Closed``), or no time to tell it (``Killed``).
    """
    if isinstance(reason, Failure) and isinstance(reason.detail, ProtocolError):
        return reason.detail.close_code, ""
    if isinstance(reason, Shutdown):
        return _BY_DETAIL.get(reason.detail, _GOING_AWAY)
    return _BY_REASON.get(type(reason), _INTERNAL_ERROR)


def stop_frame(stop: Stop) -> CloseFrame | None:
    """Return what a callback's ``Stop`` asks to send.

    ``TypeError`` and ``ValueError`` name the accepted form of ``code``, ``detail`` and ``push``.
    """
    _check_push(stop.push)
    detail = _checked_detail(stop.detail)
    if stop.code is not None:
        return _checked_code(stop.code), detail
    frame = close_frame(as_reason(stop.reason))
    return (frame[0], detail) if frame and detail else frame


def _checked_code(code: object) -> int:
    if not isinstance(code, int) or isinstance(code, bool):
        raise TypeError(f"Stop(code={code!r}): must be an int, one of {_ACCEPTED}")
    if code not in _SENDABLE:
        raise ValueError(f"Stop(code={code}): must be one of {_ACCEPTED}")
    return code


def _checked_detail(detail: object) -> str:
    if not isinstance(detail, str):
        raise TypeError(f"Stop(detail={detail!r}): must be a str of at most {MAX_DETAIL} bytes")
    size = len(detail.encode())
    if size > MAX_DETAIL:
        raise ValueError(f"Stop(detail=...): {size} bytes of UTF-8; must be at most {MAX_DETAIL}")
    return detail


def _check_push(push: object) -> None:
    if not isinstance(push, list | tuple) or any(type(one) is not Push for one in push):
        raise TypeError(f"Stop(push={push!r:.80}): must be a list of Push(payload)")
