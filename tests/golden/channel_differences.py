"""Where our channels answer otherwise than Phoenix's: by one rule each, and case by case.

A rule looks at what was recorded, so that it holds for each case of its kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.golden import differences, recordings
from tests.golden.differences import Change, Difference, answers, closes, notes, polls
from tests.golden.recordings import CHANNEL_MOUNTS, Case, Step

_CRASH = {"reason": "channel_crash"}

CRASHED = "phx_error says why, as since Phoenix 1.8."
UNKNOWN = "An event that nobody handles, or that is the protocol's own, is answered: unknown event."
UNDECODABLE = "A message that cannot be read is data not of its type (RFC 6455 §7.4.1): 1007."
TERMINATES = "terminate runs however a channel ends, after a kill and for a duplicate join too."


_ENDED = r"\"phx_error\",{}"
_SAID = r"\"phx_error\",{\"reason\":\"channel_crash\"}"


def ruled(case: Case) -> Difference | None:
    """Return what the rules make of a case of channels, ``None`` where they change nothing."""
    if case.mount not in CHANNEL_MOUNTS:
        return None
    for rule in (_unknown, _crashed, _undecodable):
        found = rule(case)
        if found is not None:
            return found
    return None


def _message(step: Step) -> Any:
    """Return the channel message of a step as ``(join_ref, ref, topic, event, payload)``."""
    try:
        found = json.loads(step["payload"])
    except (KeyError, TypeError, ValueError):
        return None
    if isinstance(found, dict) and {"topic", "event", "payload", "ref"} <= found.keys():
        names = ("join_ref", "ref", "topic", "event", "payload")
        return tuple(found.get(name) for name in names)
    return tuple(found[:5]) if isinstance(found, list) and len(found) >= 5 else None


def _written(step: Step, change: Callable[[list[Any]], list[Any]]) -> Step:
    """Return a recorded frame whose message is changed, in the version that it has."""
    found = json.loads(step["payload"])
    if isinstance(found, list):
        return {**step, "payload": json.dumps(change(found))}
    _, ref, topic, event, payload = change([None, *_message(step)[1:]])
    made = {"event": event, "payload": payload, "ref": ref, "topic": topic}
    return {**step, "payload": json.dumps(made)}


def _frames(case: Case, op: str) -> Iterator[tuple[int, Any]]:
    for index, step in enumerate(case.variants[0]):
        message = _message(step) if step["op"] == op else None
        if message is not None:
            yield index, message


def _crashed(case: Case) -> Difference | None:
    changes: dict[int, Change] = {}
    for index, message in _frames(case, "recv"):
        if message[3:] == ("phx_error", {}):
            changes[index] = lambda step: [_written(step, lambda m: [*m[:4], _CRASH])]
    for index, step in enumerate(case.variants[0]):
        body = step["response"].get("body") if step["op"] == "http" else None
        if isinstance(body, str) and _ENDED in body:
            changes[index] = polls(body.replace(_ENDED, _SAID))
    if not changes:
        return None
    last = len(case.variants[0]) - 1
    if " kill" in case.name and case.variants[0][last]["op"] == "journal":
        changes[last] = notes("{:terminate, Killed()}")
    return Difference(CRASHED, changes)


def _unknown(case: Case) -> Difference | None:
    """An unknown or reserved event: an error reply, and there the recording ends."""
    odd = {"phx_close", "phx_error", "phx_reply", "unhandled_event"}
    for index, (join_ref, ref, topic, event, _) in _frames(case, "send"):
        if event in odd or (topic.startswith("noterm:") and event == "ping"):
            response = {"response": {"reason": "unknown event"}, "status": "error"}
            reply = [join_ref, ref, topic, "phx_reply", response]
            return Difference(UNKNOWN, {index + 1: _says(reply)}, end=index + 2)
    return None


def _says(message: list[Any]) -> Change:
    return lambda step: [_written(step, lambda _: message)]


def _undecodable(case: Case) -> Difference | None:
    changes = {
        index: closes(1007)
        for index, step in enumerate(case.variants[0])
        if step["op"] == "recv" and step.get("code") == 1011 and "disconnect" not in case.name
    }
    return Difference(UNDECODABLE, changes) if changes else None


def _replaces(payload: str) -> Change:
    return lambda step: [{**step, "payload": payload}]


_BROKEN = Difference(
    UNDECODABLE,
    {4: lambda _: [{"op": "recv", "opcode": "close", "code": 1007, "reason": ""}]},
    end=5,
)
_BASE64 = "Binary messages travel over long polling as base64, whatever they hold."
_JOINED = '["1","1","room:lp","phx_reply",{"response":{},"status":"ok"}]'


def _polled(*messages: str) -> str:
    body = {"messages": messages, "status": 200, "token": "<TOKEN1>"}
    return json.dumps(body, separators=(",", ":"))


CHANNELS: Mapping[str, Difference] = {
    "hs vsn list": Difference(
        "A version that is no string is one that is not served.", {0: answers(403)}, end=1
    ),
    "hs user connect invalid return": Difference(
        "A wrong answer of connect is a mistake of the application: 500, and a line in the log.",
        {0: answers(500)},
        end=1,
    ),
    "chan v2 push with a stale join_ref": Difference(
        "It was sent to a join that is over, and is dropped, as since Phoenix 1.8.3.",
        {4: lambda step: [{"op": "recv_nothing", "within_ms": 250}]},
    ),
    "chan v1 duplicate join": Difference(
        TERMINATES, {8: notes("{:terminate, Shutdown('duplicate')}")}
    ),
    "chan v2 duplicate join": Difference(
        TERMINATES, {8: notes("{:terminate, Shutdown('duplicate')}")}
    ),
    "chan v1 join while leaving, in one write": Difference(
        "A leave that a join overtakes is answered as well.",
        {
            4: lambda step: [
                _written(step, lambda message: [None, "2", *message[2:]]),
                step,
            ]
        },
    ),
    "chan v1 push_bad": Difference(
        "What is pushed is an object or bytes in every version.",
        {
            4: lambda step: [
                _written(step, lambda message: [None, "1", message[2], "phx_error", _CRASH])
            ]
        },
        end=5,
    ),
    "chan v2 raw duplicate keys": Difference(
        "Of two equal keys the last one counts.",
        {4: _replaces('["1","2","room:raw","phx_reply",{"response":{"a":2},"status":"ok"}]')},
    ),
    "chan v2 raw null event": _BROKEN,
    "chan v1 raw json in a binary frame under v1": _BROKEN,
    "shutdown SIGTERM, the client answers the close frame": Difference(
        "A shutdown tells every connection 1012, also those without channels.", {7: closes(1012)}
    ),
    "chan v1 disconnect broadcast": Difference(
        "disconnect is an end that the server wants: 1001.", {4: closes(1001)}
    ),
    "chan lp v2 ndjson base64 binary push, binary reply (ascii)": Difference(
        _BASE64,
        {3: polls(_polled(_JOINED, "AQEBBwIxMnJvb206bHBva2FiYw=="))},
    ),
    "chan lp v2 ndjson base64 binary push, binary reply (not utf-8)": Difference(
        _BASE64, {3: polls(_polled(_JOINED, "AQEBBwIxMnJvb206bHBva/8="))}, end=4
    ),
    "chan lp disconnect broadcast": Difference(
        "What a session had to say before it stopped can still be fetched.",
        {2: polls(_polled(_JOINED))},
    ),
}


def of_channels() -> Mapping[str, Difference]:
    """Return all differences of channels."""
    cases = {case.name: case for case in recordings.load()}
    found = {name: ruled(case) for name, case in cases.items() if name not in CHANNELS}
    return {**{name: made for name, made in found.items() if made is not None}, **CHANNELS}


def listed(server: str) -> Mapping[str, Difference]:
    """Return the differences that a kind of server has, those of channels included."""
    return {**of_channels(), **differences.listed(server)}
