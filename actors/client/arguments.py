"""What is given to a client's methods, judged before anything happens."""

from __future__ import annotations

from typing import Final

from actors.client.options import MAX_SECONDS

_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
"""What a Close frame may carry of RFC 6455's and IANA's; applications have 3000 to 4999."""


def check_seconds(what: str, seconds: object) -> None:
    """Accept ``None`` and 0 to a day; else ``TypeError`` or ``ValueError``."""
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        wrong = type(seconds).__name__
        raise TypeError(f"{what}: must be a number of seconds, or None, and not a {wrong}")
    if not 0 <= seconds <= MAX_SECONDS:  # so is NaN
        raise ValueError(
            f"{what}: must be from 0 to {MAX_SECONDS:g} seconds, and is {seconds!r:.40}"
        )


def check_close(code: object, reason: object) -> None:
    """Accept what a client may send in a Close frame; a longer reason is cut later."""
    if isinstance(code, bool) or not isinstance(code, int):
        raise TypeError(f"code: must be an int, and not a {type(code).__name__}")
    if code not in _CODES and not 3000 <= code <= 4999:
        raise ValueError(
            f"code {code}: must be one that a Close frame carries, such as 1000 or 4000"
        )
    if not isinstance(reason, str):
        raise TypeError(f"reason: must be a str, and not a {type(reason).__name__}")
    if not is_utf8(reason):
        raise ValueError("reason: must be UTF-8")


def check_callback(callback: object) -> None:
    """``TypeError`` for what cannot be called."""
    if not callable(callback):
        raise TypeError(f"a callback must be callable, and a {type(callback).__name__} is not")


def is_utf8(text: str) -> bool:
    """Whether ``text`` can be encoded: it has no half of a surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
