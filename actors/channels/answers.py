"""What a channel's callback returned, as the status and the response of a reply."""

from __future__ import annotations

from typing import Any, Final

from actors.channels.payloads import InvalidPayload
from actors.results import Error, Ok, Reply, Stop

ACCEPTED: Final = "None, Ok(...), Error(...), Reply(..., status=...), Stop(..., reply=...)"

_NO_OBJECTS: Final = (str, int, float, list, tuple, set, frozenset, Ok, Error, Reply, Stop)
_ANSWERS: Final = frozenset({Ok, Error, Reply, Stop})
"""Dataclasses, which JSON could say: in a payload they are a mistake."""


def reply(answer: Any) -> tuple[str, object]:
    """Return ``(status, response)`` of an answer; ``TypeError`` names the accepted forms."""
    kind = type(answer)
    if kind is Ok:
        return "ok", _response(answer.value, answer)
    if kind is Error:
        reason = answer.reason
        if isinstance(reason, str):
            return "error", {"reason": reason}
        return "error", _response(reason, answer)
    if kind is Reply:
        if not isinstance(answer.status, str):
            raise TypeError(f"Reply(status={answer.status!r:.80}): must be a str")
        return answer.status, _response(answer.payload, answer)
    raise TypeError(f"a callback answered {answer!r:.80}; accepted: {ACCEPTED}")


def _response(value: object, answer: object) -> object:
    if type(value) in _ANSWERS:
        raise TypeError(f"a callback answered {answer!r:.80}: an answer within an answer")
    return {} if value is None else value


def payload(value: object) -> object:
    """Return what is pushed, where it may be: bytes, or what is an object in JSON."""
    if isinstance(value, dict | bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, _NO_OBJECTS):
        raise TypeError(f"a payload {value!r:.80}; accepted: a JSON object, bytes")
    return value  # a dataclass, a model: if it is none, that is said when it is encoded


def invalid(error: InvalidPayload) -> Error:
    """Return the answer to a payload that does not fit."""
    return Error({"reason": "invalid payload", "errors": error.errors})
