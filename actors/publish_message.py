"""What a publisher sends, judged before it is sent: as the server would, so far as that is known.

The standard library alone, as :mod:`actors.publish`. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

MAX_BODY: Final = 1_048_576
"""Bytes of one body."""

MAX_DEPTH: Final = 64
"""Objects and arrays inside one another, the message itself included."""

PHOENIX: Final = "phoenix"
"""The topic of a client's heartbeats: nobody joins it."""

RESERVED: Final = "phx_"
"""What the protocol's own events begin with."""

_LARGE = re.compile("[0-9]{309}")  # the shortest integer that no float holds, or a text like it
_CONTAINERS: Final = (dict, list, tuple)


def broadcast(topic: object, event: object, payload: object) -> bytes:
    """Return the body; ``TypeError`` and ``ValueError``: no server takes that."""
    _check_topic(topic, "topic")
    _check_text(event, "event")
    if isinstance(event, str) and event.startswith(RESERVED):
        raise ValueError(f"event {event!r:.80}: is reserved, as all that begins with {RESERVED!r}")
    if payload is not None and not isinstance(payload, Mapping):
        raise TypeError(f"payload {payload!r:.80}: must be a mapping, an object of JSON")
    given = {} if payload is None else dict(payload)
    return _encoded({"topic": topic, "event": event, "payload": given})


def disconnect(socket_id: object) -> bytes:
    """Return the body; errors as of :func:`broadcast`."""
    _check_topic(socket_id, "socket_id")
    return _encoded({"disconnect": socket_id})


def _check_topic(topic: object, what: str) -> None:
    """Raise ``TypeError`` or ``ValueError`` where nobody can have joined ``topic``."""
    _check_text(topic, what)
    if topic == PHOENIX:
        raise ValueError(f"{what} {PHOENIX!r}: is reserved")


def _check_text(given: object, what: str) -> None:
    if not isinstance(given, str):
        raise TypeError(f"{what} {given!r:.80}: must be a str")
    if not given:
        raise ValueError(f"{what}: must not be empty")


def _encoded(message: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(message, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        body = text.encode()
    except RecursionError:
        raise ValueError("there is no JSON of it: it is nested too deeply") from None
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"there is no JSON of it: {error}") from None
    if len(body) > MAX_BODY:
        raise ValueError(f"it has {len(body)} bytes as JSON, over {MAX_BODY}")
    if text.count("[") + text.count("{") > MAX_DEPTH or _LARGE.search(text):
        _check_values(message)
    return body


def _check_values(message: dict[str, Any]) -> None:
    """Raise ``ValueError`` where a message is too deep, or holds an integer that is too large."""
    level: list[Any] = [message]
    for _ in range(MAX_DEPTH):
        inner = [
            each
            for one in level
            for each in (one.values() if isinstance(one, dict) else one)
            if isinstance(each, (*_CONTAINERS, int))
        ]
        for each in inner:
            if isinstance(each, int) and not _is_number(each):
                raise ValueError("an integer in it is too large: a number has at most 1.797e308")
        level = [each for each in inner if isinstance(each, _CONTAINERS)]
    if level:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels, the message included")


def _is_number(value: int) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True
