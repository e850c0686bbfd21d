"""One line of JSON: which fields it has, in which order, and what is left out where it is long.

A field of ours is never an application's: what that calls by a name of ours is ``extra_...``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from actors.logs.filtering import FILTERED, Parameters
from actors.logs.values import MAX_NAME, plain, text

MAX_LINE: Final = 16_384
"""Characters of a line; what does not fit in is left out."""

MAX_EXTRA: Final = 32
"""Fields of an application's, or of an event, in a line."""

MAX_STACK: Final = 8_000
"""Characters of a stack; its middle is left out."""

OURS: Final = (
    "ts",
    "level",
    "logger",
    "message",
    "pid",
    "worker",
    "connection",
    "mount",
    "transport",
    "topic",
    "callback",
    "request",
    "trace_id",
    "span_id",
    "error",
    "truncated",
)
"""The names of our fields, in the order in which they are written."""

_OURS: Final = frozenset(OURS)


def timestamp(seconds: float) -> str:
    """Return RFC 3339 in UTC with milliseconds, of seconds since 1970."""
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        at = datetime.fromtimestamp(0, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def line(
    own: Mapping[str, Any],
    extra: Mapping[str, Any],
    parameters: Parameters,
    error: Mapping[str, str] | None = None,
) -> str:
    """Return the line. ``own``: our fields, of which texts are bounded and safe by then.

    ``extra``: an application's; whatever they are, they are shown, cut or hidden. ``error`` has a
    ``type``, a ``message`` and perhaps a ``stack``, which is left out first.
    """
    fields = {name: own[name] for name in OURS if name in own}
    made = _Line()
    for name, value in fields.items():
        made.add(name, value)
    if error is not None and not made.add("error", dict(error)):
        made.add("error", {name: error[name] for name in ("type", "message") if name in error})
    for number, (name, value) in enumerate(extra.items()):
        if number == MAX_EXTRA:
            made.whole = False
            break
        made.add(*_extra(name, value, parameters))
    return made.text()


class _Line:
    """A line that grows by fields, each with a name of its own."""

    def __init__(self) -> None:
        self.whole = True
        self._parts: dict[str, str] = {}
        self._room = MAX_LINE - len('{,"truncated":true}')

    def add(self, name: str, value: Any) -> bool:
        """Append a field; return whether there was room for it."""
        part = f"{_json(name)}:{_json(value)}"
        fits = len(part) + 1 <= self._room and name not in self._parts
        if fits:
            self._parts[name] = part
            self._room -= len(part) + 1
        self.whole = self.whole and fits
        return fits

    def text(self) -> str:
        parts = [*self._parts.values(), *([] if self.whole else ['"truncated":true'])]
        return "{" + ",".join(parts) + "}"


def _extra(name: object, value: object, parameters: Parameters) -> tuple[str, Any]:
    shown = text(name if isinstance(name, str) else repr(name), parameters, MAX_NAME)
    nothing = value is None or value is True or value is False
    hides = parameters.hides(name) and not nothing
    return (f"extra_{shown}" if shown in _OURS else shown), (
        FILTERED if hides else plain(value, parameters)
    )


def middle_cut(stack: str) -> str:
    """Return a stack of at most :data:`MAX_STACK` characters and a few; both its ends are kept."""
    if len(stack) <= MAX_STACK:
        return stack
    half = MAX_STACK // 2
    return f"{stack[:half]}\n... {len(stack) - 2 * half} characters ...\n{stack[-half:]}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
