"""Presences as clients get them: ``{key: {"metas": [{..., "phx_ref": ref}]}}`` (Phoenix.Presence).

A meta is kept as the text of a JSON object, so that a diff or a state is put together of what was
encoded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from actors.errors import InvalidMessage, PresenceLimit
from actors.presence.entries import MAX_META_BYTES, MAX_NAME_BYTES, OBJECT_PROPERTIES, Entry
from actors.serializers import strict_json
from actors.serializers.message import SHORT_NAME, is_too_long

MAX_META_DEPTH: Final = strict_json.MAX_DEPTH - 5
"""Levels of a meta: around it are the message, ``joins``, the keys, a presence and its metas."""

_OURS = frozenset({"phx_ref", "phx_ref_prev"})

Presences = dict[str, dict[str, Any]]


def checked_key(key: object) -> str:
    """Return a key as a str: an int becomes its digits.

    ``TypeError`` for another type, ``ValueError`` for one that every object of JavaScript has,
    :class:`PresenceLimit` beyond :data:`MAX_NAME_BYTES`.
    """
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r:.80}: must be a str or an int")
    if not key.isascii():
        _check_text(key, "key")
    if key in OBJECT_PROPERTIES:
        raise ValueError(f"the key {key!r} is a property of every object in JavaScript")
    if len(key) > SHORT_NAME and is_too_long(key):
        raise PresenceLimit(f"a key of {len(key.encode())} bytes: at most {MAX_NAME_BYTES}")
    return key


def checked_topic(topic: object) -> str:
    """Return a topic; ``TypeError`` for what is no str, or empty.

    :class:`PresenceLimit` beyond :data:`MAX_NAME_BYTES` bytes: no client could join it.
    """
    if not isinstance(topic, str) or not topic:
        raise TypeError(f"the topic {topic!r:.80}: must be a str that is not empty")
    if not topic.isascii():
        _check_text(topic, "topic")
    if len(topic) > SHORT_NAME and is_too_long(topic):
        raise PresenceLimit(f"a topic of {len(topic.encode())} bytes: at most {MAX_NAME_BYTES}")
    return topic


def _check_text(name: str, what: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the {what} {name!r:.80} is no UTF-8: it has a lone surrogate") from None


def encoded(meta: object, ref: str, previous: str | None = None) -> bytes:
    """Return ``meta``, a mapping, as JSON with its ``phx_ref``, and that of before an update.

    ``TypeError`` where it is none, or holds what JSON cannot say; :class:`PresenceLimit` beyond
    :data:`MAX_META_BYTES`.
    """
    if not isinstance(meta, Mapping):
        raise TypeError(f"the meta {meta!r:.80}: must be a mapping")
    if "phx_ref" in meta or "phx_ref_prev" in meta:  # such as an update is handed, and hands on
        meta = {name: value for name, value in meta.items() if name not in _OURS}
    text = strict_json.encode(meta)
    if len(text) > MAX_META_BYTES:
        raise PresenceLimit(f"a meta of {len(text)} bytes: at most {MAX_META_BYTES}")
    if strict_json.may_be_deep(text, MAX_META_DEPTH):
        _check_depth(text)
    names = f'"phx_ref":"{ref}"' + (f',"phx_ref_prev":"{previous}"' if previous else "")
    return b"%b%b%b}" % (text[:-1], b"," if len(text) > 2 else b"", names.encode())


def _check_depth(text: bytes) -> None:
    try:
        strict_json.decode(text, MAX_META_DEPTH)
    except InvalidMessage:
        raise PresenceLimit(f"a meta deeper than {MAX_META_DEPTH} levels") from None


def decoded(entry: Entry) -> dict[str, Any]:
    """Return the meta of an entry, a value of the caller's own."""
    meta: dict[str, Any] = strict_json.decode(entry.meta)
    return meta


def by_key(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each key, in their order."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.key, []).append(entry)
    return found


def metas(entries: Mapping[str, Sequence[Entry]]) -> dict[str, list[dict[str, Any]]]:
    """Return the metas of each key."""
    return {key: [decoded(each) for each in of_key] for key, of_key in entries.items()}


def presences(entries: Mapping[str, Sequence[Entry]]) -> Presences:
    """Return what clients get, as a value."""
    return {key: {"metas": of_key} for key, of_key in metas(entries).items()}


def as_json(entries: Mapping[str, Sequence[Entry]]) -> bytes:
    """Return what clients get, as the text of a JSON object."""
    return b"{%b}" % b",".join(
        b'%b:{"metas":[%b]}' % (strict_json.encode(key), b",".join(each.meta for each in of_key))
        for key, of_key in entries.items()
    )


def value_json(presences: Presences) -> bytes:
    """Return what an application made of presences, as JSON; ``TypeError`` for what is none."""
    return strict_json.encode_object(presences)


def diff_json(joins: bytes, leaves: bytes) -> bytes:
    """Return the payload of ``presence_diff``."""
    return b'{"joins":%b,"leaves":%b}' % (joins, leaves)
