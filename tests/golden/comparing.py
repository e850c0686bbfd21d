"""Whether an answer is the recorded one (see README.md, "What is compared")."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

from supervision.drills.wire import Answer, Frame
from tests.golden.recordings import as_bytes, equal_bytes
from tests.golden.wire import OPCODES

IGNORED_HEADERS = frozenset(
    {"vary", "cache-control", "connection", "content-length", "date", "server"}
)
NAMES = {number: name for name, number in OPCODES.items()}

_TOKEN = re.compile(rb'"token":"([^"]*)"')
_TERMINATE = "{:terminate, "
_REASONS = {
    "normal": re.compile(r":normal}|Normal\("),
    "gone": re.compile(
        r":remote}|\{:remote, |\{:error, :closed}|\{:shutdown, :\w*closed}|Closed\("
    ),
    "shut down": re.compile(r"(\{:error, )?(:timeout|:shutdown|\{:shutdown, )|Shutdown\("),
    "killed": re.compile(r"Killed\("),
}
"""Exit reasons as each adapter of Phoenix and we write them; any other is a failure's."""

_PHX_REF = re.compile(rb'("phx_ref(?:_prev)?":")[^"<>]+')
_PLACEHOLDER = re.compile(r'"token":"(<TOKEN\d+>)"')


class Mismatch(Exception):
    """What was wanted and what came, in words."""

    def __init__(self, wanted: object, got: object) -> None:
        super().__init__(f"wanted {shown(wanted)}, got {shown(got)}")


class Tokens:
    """The tokens of one case by their placeholders, each in its newest form."""

    def __init__(self) -> None:
        self.newest: dict[str, str] = {}
        self._seen: dict[str, str] = {}

    def bind(self, placeholder: str, token: str) -> None:
        """Learn ``token``; it must not have been another placeholder's."""
        if self._seen.setdefault(token, placeholder) != placeholder:
            raise Mismatch(f"a token of its own for {placeholder}", self._seen[token])
        self.newest[placeholder] = token

    def hide(self, body: bytes, recorded: Any) -> bytes:
        """Put the recorded placeholder in the place of the token in ``body``."""
        head = recorded if isinstance(recorded, str) else '"token":"<TOKEN1>"'
        placeholder, found = _PLACEHOLDER.search(head), _TOKEN.search(body)
        if placeholder is None or found is None:
            return body
        self.bind(placeholder[1], found[1].decode())
        return body.replace(found[1], placeholder[1].encode())


def answer(recorded: dict[str, Any], got: Answer, tokens: Tokens) -> None:
    """Raise :class:`Mismatch` where ``got`` is not the recorded response."""
    body = tokens.hide(got.body, recorded.get("body"))
    if got.status == recorded["status"] == 500:
        return  # its text, and so its type, is each server's own
    wanted = (recorded["status"], _headers(recorded["headers"]))
    if (got.status, _headers(got.lines)) != wanted:
        raise Mismatch(wanted, (got.status, _headers(got.lines), body))
    if not equal_bytes(recorded["body"], body):
        raise Mismatch(recorded["body"], body)


def frame(recorded: dict[str, Any], got: Frame, inflater: Any) -> None:
    """Raise :class:`Mismatch` where ``got`` is not the recorded frame."""
    if not got.fin:
        raise Mismatch("a whole message", got)
    wanted: Any
    seen: Any
    if recorded["opcode"] == "close":
        wanted = ("close", recorded["code"], recorded["reason"])
        seen = (NAMES.get(got.opcode), *_close(got.payload))
    elif "inflated" in recorded:
        wanted = (recorded["opcode"], recorded["rsv"], recorded["inflated"].encode())
        seen = (NAMES.get(got.opcode), got.rsv, inflate(inflater, got.payload))
    else:
        wanted = (recorded["opcode"], 0)
        seen = (NAMES.get(got.opcode), got.rsv)
        if seen == wanted and not _equal(recorded["payload"], got.payload):
            raise Mismatch(recorded["payload"], got.payload)
    if seen != wanted:
        raise Mismatch(wanted, (*seen, got.payload))


def _equal(recorded: Any, payload: bytes) -> bool:
    """Whether a message is what was recorded; where it names metas of presences, as JSON.

    The names are new each time, and the order of a meta's fields is each server's own.
    """
    if not isinstance(recorded, str) or "<PHX_REF>" not in recorded:
        return equal_bytes(recorded, payload)
    said: bool = json.loads(_PHX_REF.sub(rb"\1<PHX_REF>", payload)) == json.loads(recorded)
    return said


def journal(recorded: list[str], got: list[str]) -> bool:
    """Whether the callbacks ran in the recorded order, with what was recorded.

    Of the reason that ``terminate`` was given its kind must be the same.
    """
    return list(map(_kind, recorded)) == list(map(_kind, got))


def inflate(inflater: Any, payload: bytes) -> bytes:
    """Return what a compressed message says (RFC 7692 §7.2.2)."""
    return inflater.decompress(payload + b"\0\0\xff\xff")


def inflater() -> Any:
    """Return what inflates the messages of one connection."""
    return zlib.decompressobj(wbits=-15)


def shown(value: object) -> str:
    """Return ``value`` in words, short enough for a line."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)})"


def payload(step: dict[str, Any]) -> bytes:
    """Return the payload that a ``send`` step carries."""
    if "code" not in step:
        return as_bytes(step["payload"])
    return step["code"].to_bytes(2, "big") + step["reason"].encode()


def _headers(pairs: Any) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in pairs if name not in IGNORED_HEADERS)


def _close(data: bytes) -> tuple[int | None, str]:
    code = int.from_bytes(data[:2], "big") if data else None
    return code, data[2:].decode("utf-8", "replace")


def _kind(entry: str) -> str:
    if not entry.startswith(_TERMINATE):
        return entry
    reason = entry.removeprefix(_TERMINATE)
    return next((kind for kind, pattern in _REASONS.items() if pattern.match(reason)), "failed")
