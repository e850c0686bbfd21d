"""What a publishing request holds, and who may send one, without I/O (docs/publishing.md).

The body is JSON: a message, or a list of them. All are judged before the first one is sent, so a
list is accepted as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from actors.channels.events import checked_event
from actors.errors import ConfigError, HTTPError, InvalidMessage
from actors.publish_message import PHOENIX, RESERVED
from actors.serializers import strict_json

MAX_LIST: Final = 100
"""Messages in one list."""

MAX_CONNECTIONS: Final = 1000
"""Connections to the Unix socket of one process: a program that leaks them must not take the
descriptors that clients need."""

MIN_KEY: Final = 16
"""Bytes of a key."""

_FIELDS: Final = ("topic", "event", "payload")
_KEY = re.compile(r"[!-~]+")  # what a header can carry, and nothing that would be cut off


class Order(NamedTuple):
    """One message to be broadcast."""

    topic: str
    event: str
    payload: dict[str, Any]


def orders(body: bytes) -> list[Order]:
    """Return what ``body`` asks for; :class:`~actors.errors.HTTPError` 400 says what is wrong.

    JSON as in a client's message (:mod:`actors.serializers.strict_json`): no NaN, at most 64
    levels in all, and of two equal keys the last one counts.
    """
    try:
        given = strict_json.decode(body)
    except InvalidMessage as error:
        raise HTTPError(400, f"the body is {error}") from None
    if not isinstance(given, list):
        return [_order(given, "the message")]
    if len(given) > MAX_LIST:
        raise HTTPError(400, f"a list of {len(given)} messages: at most {MAX_LIST}")
    return [_order(each, f"message {index}") for index, each in enumerate(given)]


def _order(given: object, where: str) -> Order:
    """Return one message; ``where`` begins what is said of it."""
    if not isinstance(given, dict):
        raise HTTPError(400, f"{where}: must be an object")
    if (order := _usual(given)) is not None:
        return order
    if "disconnect" in given:
        _refuse_unknown(given, ("disconnect",), where)
        return Order(_topic(given["disconnect"], f"{where}: disconnect"), "disconnect", {})
    _refuse_unknown(given, _FIELDS, where)
    for name in ("topic", "event"):
        if name not in given:
            raise HTTPError(400, f"{where}: {name} is missing")
    topic = _topic(given["topic"], f"{where}: topic")
    event = _text(given["event"], f"{where}: event")
    try:
        checked_event(event)
    except ValueError as error:
        raise HTTPError(400, f"{where}: {error}") from None
    payload = given.get("payload")
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise HTTPError(400, f"{where}: payload: must be an object")
    return Order(topic, event, payload)


def _usual(given: dict[str, Any]) -> Order | None:
    """Return the message where it has all fields and nothing is wrong, as nearly every one.

    What is wrong with another takes a closer look.
    """
    topic, event, payload = given.get("topic"), given.get("event"), given.get("payload")
    if (
        len(given) == len(_FIELDS)
        and type(topic) is type(event) is str
        and type(payload) is dict
        and topic
        and event
        and topic != PHOENIX
        and not event.startswith(RESERVED)
    ):
        return Order(topic, event, payload)
    return None


def _refuse_unknown(given: Iterable[str], known: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in known:
            raise HTTPError(400, f"{where}: unknown field {name!r:.80} (known: {', '.join(known)})")


def _text(given: object, where: str) -> str:
    if not isinstance(given, str) or not given:
        raise HTTPError(400, f"{where}: must be a string that is not empty")
    return given


def _topic(given: object, where: str) -> str:
    topic = _text(given, where)
    if topic == PHOENIX:
        raise HTTPError(400, f"{where}: {PHOENIX!r} is reserved")
    return topic


class Keys:
    """Keys of which a request must have one. No message and no ``repr`` shows any.

    ``given`` is a key, or several: a ``str`` of at least 16 visible ASCII characters.
    :class:`~actors.errors.ConfigError` where one is not, or there is none.
    """

    __slots__ = ("_digests",)

    def __init__(self, given: object) -> None:
        keys = (given,) if isinstance(given, str) else given
        ok = isinstance(keys, list | tuple) and keys and all(map(_is_key, keys))
        if not ok or not isinstance(keys, list | tuple):
            wanted = f"one or more str of at least {MIN_KEY} visible ASCII characters"
            raise ConfigError(f"keys: must be {wanted}")
        self._digests = tuple(_digest(key) for key in keys)

    def __repr__(self) -> str:
        return f"<{len(self._digests)} keys>"

    def admit(self, authorization: list[str]) -> bool:
        """Whether the values of a request's ``Authorization`` are one, ``Bearer`` and a key.

        How long that takes says nothing of a key: digests are compared, and all of them.
        """
        scheme, _, key = authorization[0].partition(" ") if len(authorization) == 1 else ("",) * 3
        given = _digest(key.strip(" "))
        same = [hmac.compare_digest(given, digest) for digest in self._digests]
        return scheme.lower() == "bearer" and any(same)


def _is_key(key: object) -> bool:
    return isinstance(key, str) and len(key) >= MIN_KEY and _KEY.fullmatch(key) is not None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
