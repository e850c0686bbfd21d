"""The checks of an opening request, on both transports: order, log, connect_info, refusals."""

from __future__ import annotations

import logging
import os
import re
import time
from base64 import b64encode
from typing import Any, Self

import orjson
import pytest

from actors import Endpoint, Error, Ok, Reply, Socket, telemetry
from tests.support.raw import Client
from tests.support.server import serve
from tests.support.waiting import eventually
from transports.http.request import Request
from transports.http.response import Response
from transports.opening import cookie_session as session
from transports.opening.cookie_session import SessionOptions
from transports.opening.mount import Defaults, Mount
from transports.websocket.options import WebSocketOptions

SECRET = "s" * 32
SESSION = SessionOptions(signing_salt="salt")


class SeenSocket(Socket):
    """Keeps what ``connect`` was given; the query may tell it to refuse."""

    seen: list[Any]
    calls: list[str]

    @classmethod
    def connect(cls, info: Any) -> Ok | Error:
        cls.seen.append(info)
        cls.calls.append("connect")
        refuse = info.params.get("refuse")
        if refuse is not None:
            return Error(refuse or None)
        return Ok(None)

    def handle_in(self, payload: Any, opcode: Any) -> Reply:
        return Reply(payload)


class Door:
    """One endpoint with the socket on one transport, and a request that opens it."""

    def __init__(self, transport: str, options: dict[str, Any], **endpoint: Any) -> None:
        self.transport = transport
        self.socket_class = type("Seen", (SeenSocket,), {"seen": [], "calls": []})
        self.endpoint = Endpoint(secret_key_base=(SECRET,), **endpoint)
        chosen: dict[str, Any] = {"websocket": False, transport: options or True}
        self.endpoint.socket("/s/:room", self.socket_class, **chosen)
        self._context = serve(self.endpoint)

    def __enter__(self) -> Self:
        self.served = self._context.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._context.__exit__(None, None, None)

    @property
    def seen(self) -> Any:
        return self.socket_class.seen[-1]

    def open(self, query: str = "", *lines: str) -> tuple[int, dict[str, str], bytes]:
        """Return (status, headers, body); the status is the transport's own word."""
        target = f"/s/42/{self.transport}?{query}"
        with Client(self.served.address) as client:
            if self.transport == "websocket":
                return client.upgrade(target, *lines)
            answer = client.ask(target, *lines)
            if answer.status != 200:
                return answer
            return answer._replace(status=orjson.loads(answer.body)["status"])


OPENED = {"websocket": 101, "longpoll": 410}


@pytest.fixture(params=["websocket", "longpoll"])
def door(request: Any) -> Any:
    return lambda options=(), **endpoint: Door(request.param, dict(options), **endpoint)


def test_path_variables_win_over_the_query(door):
    with door() as d:
        assert d.open("room=7&a[b]=c")[0] == OPENED[d.transport]
        assert d.seen.params == {"room": "42", "a": {"b": "c"}}
        assert d.seen.transport == d.transport
        assert d.seen.endpoint is d.endpoint
        assert d.seen.options.path == f"/{d.transport}"


@pytest.mark.parametrize("accepted", [True, False])
def test_connect_is_told_as_an_event(door, accepted):
    told = []
    handler = lambda *event: told.append(event)  # noqa: E731
    telemetry.attach("socket.connected", handler)
    try:
        with door() as d:
            d.open("" if accepted else "refuse=why")
    finally:
        telemetry.detach("socket.connected", handler)
    ((_, measurements, metadata),) = told
    assert 0 < measurements["duration"] < 5
    assert metadata == {"socket": d.socket_class, "info": d.seen, "accepted": accepted}


def test_order_is_reload_log_origin_connect(door, caplog):
    caplog.set_level(logging.INFO)
    with door({"transport_log": "info", "code_reloader": True, "check_origin": origin}) as d:
        ORIGINS.clear()
        d.open("", "Origin: http://a.test")
        log = [r.getMessage() for r in caplog.records if r.getMessage().startswith("GET /s/42")]
        assert len(log) == 1
        assert ORIGINS == ["a.test"]
        assert d.socket_class.calls == ["connect"]


ORIGINS: list[str] = []


def origin(uri: Any) -> bool:
    ORIGINS.append(uri.host)
    return True


def test_refused_origin_never_reaches_connect_and_the_log_teaches(door, caplog):
    with door({"check_origin": ["//good.test"]}) as d:
        assert d.open("", "Origin: http://evil.test")[0] == 403
        assert d.socket_class.calls == []
    assert "check_origin=['//good.test', '//evil.test']" in caplog.text


def test_default_origin_is_that_of_the_request(door):
    with door() as d:
        port = d.served.port
        assert d.open("", f"Origin: http://localhost:{port}")[0] == 403  # Host has no port
        assert d.open("", "Origin: http://localhost")[0] == OPENED[d.transport]
        assert d.open()[0] == OPENED[d.transport]


def test_two_mounts_of_one_class_have_their_own_origins():
    made = Endpoint()
    socket_class = type("Seen", (SeenSocket,), {"seen": [], "calls": []})
    made.socket("/a", socket_class, websocket={"check_origin": ["//a.test"]})
    made.socket("/b", socket_class, websocket={"check_origin": ["//b.test"]})
    with serve(made) as served:
        for mount, page, status in [("a", "a", 101), ("b", "b", 101), ("b", "a", 403)]:
            with Client(served.address) as client:
                got = client.upgrade(f"/{mount}/websocket", f"Origin: http://{page}.test")
                assert got.status == status


def test_connect_info_holds_what_was_asked_for(door):
    keys = ["peer_data", "trace_context_headers", "x_headers", "uri", "user_agent", ("own", 7)]
    with door({"connect_info": keys}) as d:
        d.open(
            "q=1",
            "User-Agent: test/1",
            "X-Two: b",
            "X-One: a",
            "Traceparent: 00-1-2-01",
            "Tracestate: k=v",
        )
        info = d.seen.connect_info
        assert info["peer_data"]["address"] == "127.0.0.1"
        assert info["trace_context_headers"] == [
            ("traceparent", "00-1-2-01"),
            ("tracestate", "k=v"),
        ]
        assert info["x_headers"] == [("x-one", "a"), ("x-two", "b")]
        assert (info["uri"].host, info["uri"].query) == ("localhost", "q=1")
        assert info["uri"].path == f"/s/42/{d.transport}"
        assert (info["user_agent"], info["own"]) == ("test/1", 7)


def test_session_is_handed_over_with_its_csrf_token_alone(door):
    with door({"connect_info": [("session", SESSION)]}) as d:
        header, token = session.issue(
            SESSION, SECRET, {"user": 7}, random_bytes=os.urandom, now=time.time()
        )
        cookie = "Cookie: " + header.partition(";")[0]
        d.open(f"_csrf_token={token}", cookie)
        assert d.seen.connect_info["session"]["user"] == 7
        for query, lines in [("", [cookie]), ("_csrf_token=bad", [cookie]),
                             (f"_csrf_token={token}", [])]:  # fmt: skip
            assert d.open(query, *lines)[0] == OPENED[d.transport]
            assert d.seen.connect_info["session"] is None


def test_auth_token_comes_as_a_header(door):
    with door({"auth_token": True, "connect_info": ["auth_token"]}) as d:
        d.open("", "X-Phoenix-AuthToken: secret")
        assert d.seen.connect_info["auth_token"] == "secret"
        d.open()
        assert d.seen.connect_info["auth_token"] is None


def test_auth_token_comes_as_a_subprotocol():
    encoded = b64encode(b"tok?>~").decode().rstrip("=")
    options = {"auth_token": True, "connect_info": ["auth_token"]}
    with Door("websocket", options) as d:
        offer = f"Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.{encoded}"
        status, headers, *_ = d.open("", offer)
        assert (status, headers["sec-websocket-protocol"]) == (101, "phoenix")
        assert d.seen.connect_info["auth_token"] == "tok?>~"
        assert d.open("", "Sec-WebSocket-Protocol: base64url.bearer.phx.!!!")[0] == 403


def test_error_handler_answers_a_reason_on_websocket():
    def handler(request: Any, reason: str) -> Response:
        return Response(429, f"{request.path}: {reason}".encode(), (("x-reason", reason),))

    with Door("websocket", {"error_handler": handler}) as d:
        status, headers, body, *_ = d.open("refuse=late")
        assert (status, headers["x-reason"], body) == (429, "late", b"/s/42/websocket: late")
        assert d.open("refuse=")[0] == 403


def test_error_handler_that_answers_no_response_is_a_500(caplog):
    with Door("websocket", {"error_handler": lambda *_: "no"}) as d:
        assert d.open("refuse=late")[0] == 500
    assert "accepted: a Response" in caplog.text


def test_allowed_hosts_refuses_other_names(door, caplog):
    with door({"allowed_hosts": ["example.com"]}) as d:
        assert d.open()[0] == 403
    with door({"allowed_hosts": ["localhost"]}) as d:
        assert d.open()[0] == OPENED[d.transport]
    assert "allowed_hosts" in caplog.text


def counts(caplog, text):
    """How many events each line stands for that has ``text`` in it."""
    lines = [r.getMessage() for r in caplog.records if text in r.getMessage()]
    found = [re.search(r"\((\d+) lines like this were held back\)$", line) for line in lines]
    return [int(match[1]) if match else 1 for match in found]


@pytest.mark.parametrize(
    ("options", "query", "lines", "text"),
    [
        ({}, "refuse=not+today", (), "connect refused a client of 127.0.0.1: "),
        (
            {"check_origin": ["//good.test"]},
            "",
            ("Origin: http://evil.test",),
            "refused the origin",
        ),
        ({"allowed_hosts": ["example.com"]}, "", (), "refused the host"),
    ],
)
def test_refusals_are_one_line_in_a_second_and_the_others_are_counted(
    door, caplog, options, query, lines, text
):
    caplog.set_level(logging.INFO)
    with door(options) as d:
        for _ in range(30):
            assert d.open(query, *lines)[0] == 403
        eventually(lambda: sum(counts(caplog, text)) == 30)
    assert len(counts(caplog, text)) < 10


@pytest.mark.parametrize("refuse", ["", "banned"])
def test_refused_connect_is_one_info_line_with_the_reason(door, caplog, refuse):
    caplog.set_level(logging.INFO)
    with door({}) as d:
        assert d.open(f"refuse={refuse}")[0] == 403
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    path = f"/s/:room/{d.transport}"
    said = refuse or "no reason given"
    assert record.getMessage() == f"{path}: connect refused a client of 127.0.0.1: {said}"


@pytest.mark.parametrize("answer", [{"token": "SENTINEL"}, "SENTINEL", ["SENTINEL"], None, Ok])
def test_what_connect_answers_by_mistake_is_not_shown(door, caplog, answer):
    with door({}) as d:
        d.socket_class.connect = classmethod(lambda cls, info: answer)
        assert d.open()[0] == 500
    assert "TypeError: connect answered " in caplog.text
    assert "SENTINEL" not in caplog.text


def test_controls_of_a_request_reach_no_line(door, caplog):
    caplog.set_level(logging.DEBUG)

    def failing(cls, info):
        raise ValueError(info.params["x"])

    with door({"transport_log": "info"}) as d:
        d.socket_class.connect = classmethod(failing)
        assert d.open("x=%0d%0a2026+ERROR+forged%1b[2J%c2%9b")[0] == 500
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert r"ValueError: \r\n2026 ERROR forged\x1b[2J\x9b at " in line
    assert not re.search("[\r\x1b\x9b]", caplog.text)


def test_controls_of_a_path_reach_no_line(caplog):
    """Other servers hand paths over that ours refuses."""
    caplog.set_level(logging.INFO)
    options = WebSocketOptions(transport_log="info", allowed_hosts=["good.test"])
    mount = Mount("/s", Socket, options, Defaults())
    path = "/s\x1b[2J\r\nforged\x9b\u202e"
    mount.open(Request("GET", path, path, "", (), host="evil.test\x1b"), "websocket")
    log, refusal = (record.getMessage() for record in caplog.records)
    assert log == r"GET /s\x1b[2J\r\nforged\x9b\u202e from "
    assert "evil.test" in refusal
    assert not re.search("[\r\x1b\x9b\u202e]", caplog.text)


def test_secrets_of_a_request_are_in_no_log(door, caplog):
    caplog.set_level(logging.DEBUG)
    with door({"transport_log": "info", "check_origin": ["//good.test"]}) as d:
        d.open("token=SENTINEL", "Cookie: s=SENTINEL", "X-Phoenix-AuthToken: SENTINEL")
        d.open("token=SENTINEL", "Origin: http://evil.test")
        d.open("token=SENTINEL&a[b=%ff", "Authorization: SENTINEL")
        d.open("refuse=SENTINEL&token=SENTINEL")
    assert "SENTINEL" not in caplog.text
