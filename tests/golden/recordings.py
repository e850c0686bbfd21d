"""The recordings as data."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("phoenix-1.7.19.json")

Step = dict[str, Any]

CHANNEL_MOUNTS = frozenset({"/socket", "/chanshort"})


@dataclass(frozen=True)
class Case:
    """One recorded conversation. ``variants``: its steps under Bandit, then under Cowboy."""

    name: str
    mount: str
    variants: tuple[tuple[Step, ...], ...]


def load() -> list[Case]:
    """Return every case of the file, in its order."""
    found = json.loads(FILE.read_text("utf-8"))
    return [
        Case(
            case["name"],
            case["mount"],
            tuple(tuple(case[key]) for key in ("steps", "steps_cowboy") if key in case),
        )
        for case in found
    ]


def as_bytes(recorded: Any) -> bytes:
    """Return the bytes of a payload or body as it was recorded; long ones are made anew."""
    if isinstance(recorded, str):
        return recorded.encode()
    if "b64" in recorded:
        return base64.b64decode(recorded["b64"])
    length, head = recorded["len"], recorded["head"]
    pattern = bytes(range(256)) if head.startswith("\0\1") else head[:1].encode()
    made = (pattern * (length // len(pattern) + 1))[:length]
    assert hashlib.sha1(made).hexdigest() == recorded["sha1"]
    return made


def equal_bytes(recorded: Any, data: bytes) -> bool:
    """Whether ``data`` is what was recorded, which may be known by its length and hash alone.

    Of two texts in JSON the values count: objects have no order, and a number may be written so.
    """
    if isinstance(recorded, dict) and "sha1" in recorded:
        return (len(data), hashlib.sha1(data).hexdigest()) == (recorded["len"], recorded["sha1"])
    wanted = as_bytes(recorded)
    return data == wanted or (wanted[:1] in b"[{" and _equal_json(wanted, data))


def _equal_json(one: bytes, other: bytes) -> bool:
    try:
        found = json.loads(one), json.loads(other)
    except ValueError:
        return False
    return _nested(found[0]) == _nested(found[1])


def _nested(value: Any) -> Any:
    """Return ``value`` with the messages of a poll, which are JSON in JSON, as values too."""
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        return {**value, "messages": [_inner(each) for each in value["messages"]]}
    return value


def _inner(message: Any) -> Any:
    try:
        return json.loads(message)
    except (TypeError, ValueError):
        return message
