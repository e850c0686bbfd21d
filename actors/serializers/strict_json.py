"""JSON by orjson, which refuses NaN, numbers out of range and lone surrogates.

Integers beyond 64 bits arrive as floats, as in JavaScript; of two equal keys the last one counts.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import orjson

from actors.errors import InvalidMessage

MAX_DEPTH = 64
"""Objects and arrays inside one another, the message itself included.

orjson reads 1,024 levels and writes 254: a reply with what came in must not fail.
"""


class Encoded:
    """The text of a JSON value, encoded before; ``json`` is trusted to be one."""

    __slots__ = ("json",)

    def __init__(self, json: bytes) -> None:
        self.json = json


@runtime_checkable
class _Model(Protocol):
    """A pydantic model."""

    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


def decode(text: str | bytes, most: int = MAX_DEPTH) -> Any:
    """Return the value of ``text``; raise :class:`InvalidMessage` if it is no JSON or too deep."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidMessage("not JSON") from None  # the error's text quotes the client's
    # A level takes two characters, so nothing short is deep, and most messages end here.
    if may_be_deep(text, most):
        check_depth(value, most)
    return value


def may_be_deep(text: str | bytes, most: int) -> bool:
    """Whether JSON may have more than ``most`` levels: few texts do, and it is quick to see."""
    return len(text) > 2 * most and _brackets(text) > most


def _brackets(text: str | bytes) -> int:
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def check_depth(value: Any, most: int = MAX_DEPTH) -> None:
    """Raise :class:`InvalidMessage` where ``value`` has more than so many levels."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(most):
        if not level:
            return
        level = [
            each
            for one in level
            for each in (one.values() if type(one) is dict else one)
            if type(each) in _CONTAINERS
        ]
    if level:
        raise InvalidMessage(f"deeper than {most} levels")


_CONTAINERS = frozenset({dict, list})


def encode(value: object) -> bytes:
    """Return ``value`` as JSON in UTF-8; ``TypeError`` for what JSON cannot say.

    Dataclasses, pydantic models, ``msgspec.Struct`` and mappings are objects. NaN becomes null.
    """
    return orjson.dumps(value, default=plain)


def encode_object(value: object) -> bytes:
    """Return ``value`` as a JSON object; ``TypeError`` where it is something else."""
    text = encode(value)
    if not text.startswith(b"{"):
        raise TypeError(f"a payload must be a JSON object or bytes, not {type(value).__name__}")
    return text


def plain(value: object) -> object:
    """Return a plain value for an object of a kind that JSON does not know."""
    if isinstance(value, Encoded):
        return orjson.Fragment(value.json)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, _Model):
        return value.model_dump(mode="json")
    msgspec = sys.modules.get("msgspec")  # who has made a Struct has imported it
    if msgspec is not None and isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
