"""Where we answer otherwise than Phoenix on purpose: the case, the reason, and what we do instead.

The replay holds us to each: neither recording may fit, and Bandit's with these changes must.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.golden.recordings import Case, Step

Change = Callable[[Step], list[Step]]

JSON = ["content-type", "application/json; charset=utf-8"]
ANY_PAGE = ["access-control-allow-origin", "*"]


@dataclass(frozen=True)
class Difference:
    """``changes`` are to the steps of Bandit's recording, by number; ``end`` cuts the rest off."""

    reason: str
    changes: Mapping[int, Change]
    end: int | None = None

    def applied(self, case: Case) -> tuple[Step, ...]:
        """Return the steps of ``case`` as we mean them to go."""
        steps = case.variants[0][: self.end]
        assert set(self.changes) <= set(range(len(steps)))
        changed = [self.changes[i](s) if i in self.changes else [s] for i, s in enumerate(steps)]
        return tuple(step for some in changed for step in some)


def answers(status: int, body: str = "", *headers: list[str]) -> Change:
    """The same request has this response."""
    response = {"status": status, "headers": list(headers), "body": body}
    return lambda step: [{**step, "response": response}]


def polls(body: str) -> Change:
    """The same long-poll request has this body."""
    return answers(200, body, ANY_PAGE, JSON)


def polls_again(*bodies: str) -> Change:
    """The same long-poll request is made for each of ``bodies``."""
    return lambda step: [polls(body)(step)[0] for body in bodies]


def closes(code: int) -> Change:
    """The server's Close frame has this code."""
    return lambda step: [{**step, "code": code}]


def sends(payload: str) -> Change:
    """The client sends these bytes (base64) instead."""
    return lambda step: [{**step, "payload": {"b64": payload}}]


def notes(*more: str, but: int | None = None) -> Change:
    """The journal is the first ``but`` entries of the recorded one (default all), and ``more``."""
    return lambda step: [{**step, "entries": [*step["entries"][:but], *more]}]


def ends(reason: str) -> Change:
    """``terminate`` is given another reason."""

    def changed(step: Step) -> list[Step]:
        entries = [
            f"{{:terminate, {reason}}}" if entry.startswith("{:terminate, ") else entry
            for entry in step["entries"]
        ]
        return [{**step, "entries": entries}]

    return changed


def upgrades(*extensions: str) -> Change:
    """The handshake succeeds, with these extensions."""
    return answers(
        101,
        "",
        ["sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
        *(["sec-websocket-extensions", extension] for extension in extensions),
        ["upgrade", "websocket"],
    )


def _bad_key(got: str) -> Difference:
    text = f"'sec-websocket-key' header must be 16 bytes in base64, once, got {got}"
    return Difference(
        "RFC 6455 §4.2.1 wants 16 bytes in base64, once.", {0: answers(400, text)}, end=1
    )


def _version(got: str) -> Difference:
    text = f"'sec-websocket-version' header must equal '13', got {got}"
    return Difference(
        "RFC 6455 §4.4: the answer names the version that is supported.",
        {0: answers(400, text, ["sec-websocket-version", "13"])},
    )


def _closes(step: int, code: int, reason: str) -> Difference:
    return Difference(reason, {step: closes(code)})


def _deflate(accepted: str, changes: Mapping[int, Change] | None = None) -> Difference:
    return Difference(
        "Neither side keeps its window between two messages, so an idle connection holds no zlib "
        "state; our own window has 12 bits.",
        {
            0: upgrades(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
                + accepted
            ),
            **(changes or {}),
        },
    )


def _bad_batch() -> Difference:
    text = "a line is neither a JSON array nor base64"
    return Difference(
        "A batch that cannot be decoded is the client's mistake: 400, not 500.",
        {1: answers(400, text, ANY_PAGE)},
    )


_WITHOUT_CONTEXT = {3: sends("ykjNyclXyECQAAA=")}
"""The client's second message, which in the recording refers to the first."""

_GOING_AWAY = "1001 says that the server ends it; clients reconnect after it, unlike after 1000."
_REGISTERED = "The code has been registered with IANA since RFC 6455, and is echoed."
_IDLE = "An idle connection is closed with 1001: the peer broke no rule, and should come back."
_KEPT = "What a session had to say before it stopped can still be fetched."

DIFFERENCES: Mapping[str, Difference] = {
    "hs empty key": _bad_key('[""]'),
    "hs short key": _bad_key('["abc"]'),
    "hs key not base64": _bad_key('["!!!not-base64!!!"]'),
    "hs two keys": _bad_key('["dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEA=="]'),
    "hs no version": _version("[]"),
    "hs version 8": _version('["8"]'),
    "hs no Host": Difference(
        "The refusal says what is wrong.",
        {
            0: answers(
                400,
                "the 'host' header must be one host name with an optional port, got []",
                ["content-type", "text/plain; charset=utf-8"],
            )
        },
    ),
    "hs check_origin is cached per handler module: the first mount used decides": Difference(
        "check_origin belongs to a mount, not to its socket class.",
        {1: upgrades(), 2: answers(403)},
    ),
    "compress server_no_context_takeover": _deflate("", _WITHOUT_CONTEXT),
    "compress server_max_window_bits=10": _deflate("; server_max_window_bits=10", _WITHOUT_CONTEXT),
    "compress all": _deflate("; server_max_window_bits=12; client_max_window_bits=12"),
    "compress two offers": _deflate("", _WITHOUT_CONTEXT),
    "compress corrupt deflate data": _deflate(""),
    "compress compressed invalid utf-8": _deflate(""),
    "close client 1012": _closes(2, 1012, _REGISTERED),
    "close client 1013": _closes(2, 1013, _REGISTERED),
    "idle ping every 500 ms keeps it open": _closes(11, 1001, _IDLE),
    "idle pong every 500 ms keeps it open": _closes(6, 1001, _IDLE),
    "socket handle_info stop:shutdown": _closes(2, 1001, _GOING_AWAY),
    "socket handle_in stop:disconnected": _closes(2, 1001, _GOING_AWAY),
    "socket handle_info stop:disconnected": _closes(2, 1001, _GOING_AWAY),
    "socket handle_info stop:restart": Difference(
        "terminate learns the reason that the callback gave.", {4: ends("Shutdown('restart')")}
    ),
    "socket handle_info kill": Difference(
        "terminate runs however a connection ends, after a kill too.",
        {3: notes("{:terminate, Killed()}")},
    ),
    "lp POST token as a list": Difference(
        "What is no token is treated as none.", {0: polls('{"status":410}')}
    ),
    "lp body ndjson mixed": Difference(
        "A binary message goes out as base64, as it came in.",
        {
            2: polls(
                '{"messages":["[\\"a\\"]","aGVsbG8=","[\\"c\\"]"],"status":200,"token":"<TOKEN1>"}'
            )
        },
    ),
    "lp body ndjson bad base64": _bad_batch(),
    "lp body ndjson good then bad base64": _bad_batch(),
    "lp body ndjson object line": _bad_batch(),
    "lp body not utf-8": Difference(
        "Text that is not UTF-8 is refused when it comes, and costs no other message.",
        {
            1: answers(400, "a text message is not UTF-8", ANY_PAGE),
            2: polls('{"messages":[],"status":204,"token":"<TOKEN1>"}'),
        },
    ),
    "lp body ndjson base64 of bytes that are not utf-8": Difference(
        "Binary messages travel as base64, so they may hold any bytes.",
        {2: polls('{"messages":["/wA="],"status":200,"token":"<TOKEN1>"}')},
    ),
    "lp body of 9000000 bytes": Difference(
        "RFC 9110 §15.5.14: a body that is too large is 413.",
        {
            1: answers(
                413,
                "the body must be at most 8000000 bytes, got 9000000",
                ["content-type", "text/plain; charset=utf-8"],
            )
        },
    ),
    "lp reply ping:x": Difference(
        "A ping is no message: long polling leaves it out.",
        {2: polls('{"messages":[],"status":204,"token":"<TOKEN1>"}')},
    ),
    "lp reply list": Difference(
        "A list of replies is a result like any other, over each transport.",
        {
            1: polls('{"status":200}'),
            2: polls('{"messages":["a","Yg==","c"],"status":200,"token":"<TOKEN1>"}'),
            3: notes(but=3),
        },
    ),
    "lp stop stop:code": Difference(
        "Stop with a close code is a result like any other, over each transport.",
        {1: polls('{"status":200}'), 4: ends("Normal()")},
    ),
    "lp buffered messages are lost at stop": Difference(
        _KEPT, {3: polls('{"messages":["one"],"status":200,"token":"<TOKEN1>"}')}
    ),
    "lp batch with a stop in the middle": Difference(
        _KEPT,
        {
            2: polls_again(
                '{"messages":["[\\"a\\"]"],"status":200,"token":"<TOKEN1>"}',
                '{"messages":[],"status":410,"token":"<TOKEN2>"}',
            )
        },
    ),
    "lp poll while the handler is busy longer than pubsub_timeout_ms": Difference(
        "The session lives here, so a poll need not wait for its actor to say so.",
        {1: polls('{"messages":["slept 900"],"status":200,"token":"<TOKEN1>"}')},
    ),
}

_NOT_OURS = Difference(
    "An upgrade on a path that no mount takes is gevent-websocket's, which accepts it.",
    {0: upgrades()},
    end=1,
)

BY_SERVER: Mapping[str, Mapping[str, Difference]] = {
    "native": {},
    "pywsgi": {
        "hs path unknown": _NOT_OURS,
        "hs path mount only": _NOT_OURS,
        "hs path extra segment": _NOT_OURS,
        "hs path percent-encoded": _NOT_OURS,
        "hs websocket-only mount longpoll path": _NOT_OURS,
        "hs longpoll-only mount websocket path": _NOT_OURS,
        "hs very long header": Difference(
            "pywsgi bounds the length of a request line, not that of a header.",
            {0: lambda step: [{**step, "status": 101}]},
        ),
    },
}
"""What comes of it that another server reads the requests, beside the above."""


def listed(server: str) -> Mapping[str, Difference]:
    """Return the differences that a kind of server has."""
    return {**DIFFERENCES, **BY_SERVER[server]}
