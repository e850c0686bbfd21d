"""What transports tell of clients: that they came, went or were refused, over either of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event as Waiter

from actors import Endpoint, Error, Ok, Reply, Socket, Stop, telemetry
from actors.crash_log import capped
from actors.reasons import Closed, Crash, Failure, Normal, Shutdown
from actors.runtime import get_dispatcher
from tests.support.longpoll import Poller
from tests.support.raw import TEXT, Client, close_frame, frame, upgrade
from tests.support.server import Served, serve
from tests.support.told import Told, telling
from tests.support.waiting import eventually
from tests.transports.test_wsgi_adapter import LONGPOLL, WS, endpoint_with, hosted
from transports.http.response import Response
from transports.tcp import preface
from transports.websocket import connection

CONNECTION = ("connection.opened", "connection.closed")
MOUNT = "/echo/websocket"
POLLED = "/echo/longpoll"


class Echo(Socket):
    @classmethod
    def connect(cls, info: Any) -> Ok | Error:
        if "raise" in info.params:
            raise RuntimeError("on purpose")
        if "nothing" in info.params:
            return None
        return Error("no") if "refuse" in info.params else Ok(info)

    def init(self, state: Any) -> Ok:
        if "crash" in state.params:
            raise RuntimeError("on purpose")
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        match payload:
            case "echo":
                return Reply(payload)
            case "stop":
                return Stop(Normal(), code=3000)
            case "crash":
                raise RuntimeError("on purpose")
            case "flood":
                for _ in range(200):
                    self.push("x" * 60_000)
                    gevent.sleep(0)
        return None


def endpoint(**more: Any) -> Endpoint:
    made = Endpoint(check_origin=["//example.com"], **more)
    made.socket(
        "/echo", Echo, longpoll=True, websocket={"max_send_queue": 65_536, "subprotocols": None}
    )
    return made


@pytest.fixture
def served() -> Iterator[Served]:
    with serve(endpoint()) as serving:
        yield serving


@pytest.fixture
def told() -> Iterator[Told]:
    with telling(
        *CONNECTION, "connection.refused", "connection.slow_consumer", "longpoll.opened",
        "longpoll.closed", "http.request", "socket.connected",
    ) as found:  # fmt: skip
        yield found


def connected(served: Served, query: str = "") -> Client:
    client = Client(served.address)
    assert client.upgrade(f"{MOUNT}{query}").status == 101
    return client


def send(client: Client, text: str) -> None:
    client.send(frame(TEXT, text.encode()))


class TestWebSocket:
    def test_a_client_is_told_when_it_has_connected_and_when_it_has_gone(self, served, told):
        with connected(served) as client:
            [(opened, about)] = told.wait("connection.opened")
            client.send(close_frame(3001, "bye"))
            [(closed, ended)] = told.wait("connection.closed")
        assert opened == {"open": 1}
        assert about == {
            "id": ended["id"], "mount": MOUNT, "transport": "websocket", "peer": "127.0.0.1",
        }  # fmt: skip
        assert about["id"].startswith("urn:")
        assert closed["duration"] > 0
        assert (ended["reason"], ended["code"], ended["by"]) == (
            Closed(3001, "bye"), 3001, "client",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("text", "reason", "code"), [("stop", Normal, 3000), ("crash", Crash, 1011)]
    )
    def test_who_ends_it_and_why_is_told(self, served, told, text, reason, code):
        with connected(served) as client:
            send(client, text)
            [(_, about)] = told.wait("connection.closed")
        assert type(about["reason"]) is reason
        assert (about["code"], about["by"]) == (code, "server")

    def test_a_breach_of_the_protocol_is_the_clients(self, served, told):
        with connected(served) as client:
            client.send(b"\xff\xff")
            [(_, about)] = told.wait("connection.closed")
        assert (type(about["reason"]), about["code"], about["by"]) == (Failure, 1002, "client")

    def test_a_lost_connection_has_no_code(self, served, told):
        with connected(served) as client:
            client.reset()
            [(_, about)] = told.wait("connection.closed")
        assert (about["reason"], about["code"], about["by"]) == (Closed(), None, "client")

    def test_init_that_raises_is_an_opened_and_a_closed_one(self, served, told):
        with connected(served, "?crash=1"):
            [(_, about)] = told.wait("connection.closed")
        assert (type(about["reason"]), about["code"]) == (Crash, 1011)
        assert [name for name in told.names() if name in CONNECTION] == list(CONNECTION)

    def test_each_is_closed_once_though_it_is_killed_after_its_end(self, served, told):
        with connected(served) as client, connected(served):
            told.wait("connection.opened", 2)
            served.server.stop_now()
            client.read_to_end()
            told.wait("connection.closed", 2)
            served.server.stop(2.0)
        assert [each["open"] for each, _ in told.of("connection.opened")] == [1, 2]
        assert len(told.of("connection.closed")) == 2

    def test_a_slow_one_is_told_once_with_what_waits(self, served, told, caplog):
        caplog.set_level(logging.INFO, "roost.transports")
        with connected(served) as client:
            send(client, "flood")
            [(_, about)] = told.wait("connection.closed")
            [(slow, who)] = told.of("connection.slow_consumer")
        assert about["reason"] == Shutdown("slow_consumer")
        assert (about["code"], about["by"]) == (1008, "server")
        assert slow["queued"] > 65_536
        assert who == {"id": about["id"], "mount": MOUNT, "transport": "websocket"}
        assert "does not read" in caplog.text

    def test_one_that_breaks_the_protocol_is_a_line_that_says_how(
        self, served, told, caplog, monkeypatch
    ):
        monkeypatch.setattr(connection, "LINES", capped(connection.LINES._logger))
        caplog.set_level(logging.INFO, "roost.transports")
        with connected(served) as client:
            client.send(bytes([0x81, 0xFF]) + (2_000_000).to_bytes(8, "big") + bytes(4))
            [(_, about)] = told.wait("connection.closed")
        assert (about["code"], about["by"]) == (1009, "client")
        words = f"{MOUNT}: closed a client of 127.0.0.1: a frame of 2000000 bytes; at most 1048576"
        assert words in [each.getMessage() for each in caplog.records if each.levelname == "INFO"]


class TestWhatWasCarried:
    """Bytes are those of frames and bodies, messages those of the application."""

    def test_frames_of_a_websocket_are_counted_both_ways(self, served, told):
        with connected(served) as client:
            send(client, "echo")
            assert client.frame().payload == b"echo"
            client.send(frame(TEXT, b"x" * 1000))
            client.send(close_frame(1000, ""))
            [(measured, _)] = told.wait("connection.closed")
        masked = [6 + 4, 8 + 1000, 6 + 2]
        assert measured["bytes_in"] == sum(masked)
        assert measured["messages_in"] == 2
        assert (measured["messages_out"], measured["bytes_out"]) == (1, 2 + 4 + 2 + 2)

    def test_messages_of_a_session_are_counted_both_ways(self, served, told):
        poller = Poller(served, POLLED)
        poller.open()
        poller.post("echo")
        poller.poll()
        poller.post("stop")
        [(measured, _)] = told.wait("connection.closed")
        poller.close()
        assert (measured["messages_in"], measured["messages_out"]) == (2, 1)
        assert measured["bytes_in"] >= len("echo") + len("stop")
        assert measured["bytes_out"] >= len("echo")


class TestRefused:
    def refused(self, told: Told) -> dict[str, Any]:
        [(measured, about)] = told.wait("connection.refused")
        assert measured == {"count": 1}
        assert told.of("connection.opened") == []
        return about

    @pytest.mark.parametrize(
        ("target", "changed", "cause", "status"),
        [
            (f"{MOUNT}?refuse=1", {}, "connect", 403),
            (MOUNT, {"sec-websocket-version": "12"}, "handshake", 400),
            (MOUNT, {"content-length": "3"}, "handshake", 400),
            (MOUNT, {"origin": "https://evil.example"}, "origin", 403),
        ],
    )
    def test_cause_and_status(self, served, told, target, changed, cause, status):
        with Client(served.address) as client:
            lines = [f"{name}: {value}" for name, value in changed.items() if name != VERSION]
            client.send(upgraded(target, lines, changed))
            assert client.answer().status == status
        mount = target.partition("?")[0]
        assert self.refused(told) == {"mount": mount, "cause": cause, "status": status}

    @pytest.mark.parametrize(
        ("target", "changed", "words"),
        [
            (MOUNT, {"sec-websocket-version": "12"}, "'sec-websocket-version' header must equal"),
            (MOUNT, {"content-length": "3"}, "'content-length' header must be absent"),
            (f"{MOUNT}?a=%FF", {}, "its query cannot be read"),
        ],
    )
    def test_a_bad_handshake_is_a_line_without_its_data(
        self, served, caplog, target, changed, words
    ):
        caplog.set_level(logging.INFO, "roost.transports")
        with Client(served.address) as client:
            lines = [f"{name}: {value}" for name, value in changed.items() if name != VERSION]
            client.send(upgraded(target, lines, changed))
            assert client.answer().status == 400
        [line] = [each.getMessage() for each in caplog.records if each.levelname == "INFO"]
        assert line.startswith(f"{MOUNT}: refused a handshake of 127.0.0.1: {words}")
        assert "got" not in line

    @pytest.mark.parametrize("mount", [MOUNT, POLLED])
    @pytest.mark.parametrize(
        ("query", "cause", "status"),
        [("raise=1", "crash", 500), ("nothing=1", "crash", 500), ("a=%FF", "handshake", 400)],
    )
    def test_what_is_raised(self, served, told, mount, query, cause, status):
        with Client(served.address) as client:
            client.send(upgraded(f"{mount}?{query}", [], {}))
            assert client.answer().status == status
        assert self.refused(told) == {"mount": mount, "cause": cause, "status": status}
        connected = told.of("socket.connected")
        assert [about["accepted"] for _, about in connected] == ([False] if status == 500 else [])

    @pytest.mark.parametrize("answer", [Response(418), None, RuntimeError("on purpose")])
    def test_what_the_error_handler_answers(self, told, answer):
        def handle(request, reason):
            if isinstance(answer, Exception):
                raise answer
            return answer

        made = Endpoint(check_origin=False)
        made.socket("/echo", Echo, websocket={"error_handler": handle})
        with serve(made) as served, Client(served.address) as client:
            found = client.ask(f"{MOUNT}?refuse=1").status
        assert found == (418 if isinstance(answer, Response) else 500)
        assert self.refused(told) == {"mount": MOUNT, "cause": "connect", "status": found}

    def test_another_method(self, served, told):
        with Client(served.address) as client:
            assert client.ask(MOUNT, method="PUT").status == 400
        assert self.refused(told) == {"mount": MOUNT, "cause": "handshake", "status": 400}

    def test_host_and_subprotocol(self, told):
        made = Endpoint(check_origin=False)
        made.socket("/a", Echo, websocket={"allowed_hosts": ["example.com"]})
        made.socket("/b", Echo, websocket={"subprotocols": ["chat"]})
        with serve(made) as served, Client(served.address) as client:
            client.ask("/a/websocket")
            client.ask("/b/websocket", "sec-websocket-protocol: other")
        causes = [about["cause"] for _, about in told.wait("connection.refused", 2)]
        assert causes == ["host", "subprotocol"]

    def test_limits_of_the_listener(self, told):
        for limits, cause in (
            ({"max_connections": 1}, "limit"),
            ({"max_connections_per_address": 1}, "address_limit"),
        ):
            told.clear()
            with serve(endpoint(**limits)) as served, Client(served.address) as first:
                assert first.ask("/nothing").status == 404
                with Client(served.address) as second:
                    assert second.answer().status == 503
            assert told.of("connection.refused") == [
                ({"count": 1}, {"mount": None, "cause": cause, "status": 503})
            ]

    def test_limits_of_sessions(self, told):
        for limits, cause in (
            ({"max_sessions": 1}, "limit"),
            ({"max_sessions_per_address": 1}, "address_limit"),
        ):
            told.clear()
            made = Endpoint()
            made.socket("/echo", Echo, longpoll=limits, websocket=False)
            with serve(made) as served:
                first, second = Poller(served, POLLED), Client(served.address)
                first.open()
                second.ask(POLLED)
                first.close()
                second.close()
            assert told.of("connection.refused") == [
                ({"count": 1}, {"mount": POLLED, "cause": cause, "status": 503})
            ]

    def test_session_that_connect_refuses(self, served, told):
        with Client(served.address) as client:
            client.ask(f"{POLLED}?refuse=1")
        assert self.refused(told) == {"mount": POLLED, "cause": "connect", "status": 403}

    def test_session_while_the_server_ends(self, served, told):
        with Client(served.address) as client:
            assert client.ask("/nothing").status == 404
            for stream in served.streams:
                stream.protocol.announce_end()
            client.ask(POLLED)
        assert self.refused(told) == {"mount": POLLED, "cause": "draining", "status": 503}

    def test_client_while_all_carriers_are_blocked(self, served, told, monkeypatch):
        monkeypatch.setattr(get_dispatcher().blocked, "full", True)
        with Client(served.address) as client:
            client.send(upgraded(MOUNT, [], {}))
            assert client.answer().status == 503
        assert self.refused(told) == {"mount": MOUNT, "cause": "busy", "status": 503}


VERSION = "sec-websocket-version"


def upgraded(target: str, lines: list[str], changed: dict[str, str]) -> bytes:
    text = upgrade(target, *lines).decode()
    if VERSION in changed:
        text = text.replace("ersion: 13", f"ersion: {changed[VERSION]}")
    return text.encode()


class TestLongPoll:
    def test_a_session_is_told_as_a_connection_and_until_it_is_forgotten(self, served, told):
        poller = Poller(served, POLLED)
        poller.open()
        [(opened, about)] = told.wait("connection.opened")
        assert opened == {"open": 1}
        assert about == {
            "id": about["id"], "mount": POLLED, "transport": "longpoll", "peer": "127.0.0.1",
        }  # fmt: skip
        assert told.of("longpoll.opened") == [({"open": 1}, {"id": about["id"], "mount": POLLED})]
        poller.post("stop")
        [(closed, ended)] = told.wait("connection.closed")
        assert closed["duration"] > 0
        assert (ended["id"], ended["reason"], ended["code"]) == (about["id"], Normal(), None)
        [(forgotten, last)] = told.wait("longpoll.closed")
        assert forgotten["messages"] == 0
        assert last == {"id": about["id"], "mount": POLLED, "reason": Normal()}
        poller.close()

    def test_init_that_raises_is_told_to_its_end(self, served, told):
        with Client(served.address) as client:
            client.ask(f"{POLLED}?crash=1")
        [(_, ended)] = told.wait("connection.closed")
        [(_, last)] = told.wait("longpoll.closed")
        assert type(ended["reason"]) is type(last["reason"]) is Crash
        assert ended["by"] == "server"


class TestRequests:
    def request(self, told: Told, count: int = 1) -> list[tuple[Any, ...]]:
        found = told.wait("http.request", count)
        assert all(measured["duration"] >= 0 for measured, _ in found)
        return [
            (about["method"], about["route"], about["path"], about["status"], measured["bytes"])
            for measured, about in found
        ]

    def test_each_answer_is_told_with_its_route_and_size(self, served, told):
        with Client(served.address) as client:
            answer = client.ask("/nothing?token=SECRET")
            assert answer.status == 404
            client.upgrade(MOUNT)
            found = self.request(told, 2)
        assert [each[:4] for each in found] == [
            ("GET", None, "/nothing", 404),
            ("GET", MOUNT, MOUNT, 101),
        ]
        assert found[0][4] > len(answer.body)
        assert "SECRET" not in repr(told)
        assert told.of("http.request")[0][1]["peer"] == "127.0.0.1"

    def test_what_is_no_request_is_told_with_its_status(self, served, told):
        with Client(served.address) as client:
            client.send(b"nonsense\r\n\r\n")
            assert client.answer().status == 400
        [(method, route, path, status, size)] = self.request(told)
        assert (method, route, path, status) == (None, None, None, 400)
        assert size > 0

    def test_a_body_that_is_refused_by_its_head(self, served, told):
        with Client(served.address) as client:
            client.send(b"POST /nothing HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n")
            assert client.answer().status == 404
        assert self.request(told)[0][:4] == ("POST", None, "/nothing", 404)

    def test_a_client_that_is_lost_before_its_answer_has_no_status(self, served, told):
        poller = Poller(served, POLLED)
        poller.open()
        with Client(served.address) as client:
            client.send(f"GET {poller.target()} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            eventually(lambda: len(served.streams) == 2)
            client.reset()
            found = self.request(told, 2)
        assert found[1][:4] == ("GET", POLLED, POLLED, None)
        poller.close()

    def test_pages_and_the_application_behind_are_told(self, told):
        def application(environ: Any, start_response: Any) -> Any:
            start_response("201 Created", [("content-type", "text/plain")])
            if environ["PATH_INFO"] == "/parts":
                return iter([b"a" * 10, b"b" * 10])
            return [b"whole"]

        with serve(endpoint(fallback=application)) as served, Client(served.address) as client:
            assert client.ask("/whole").status == 201
            assert client.ask("/parts").status == 201
            found = self.request(told, 2)
        assert [each[:4] for each in found] == [
            ("GET", None, "/whole", 201),
            ("GET", None, "/parts", 201),
        ]
        assert all(each[4] > 20 for each in found)

    def test_who_attaches_in_the_middle_is_told_of_what_begins_then(self, served):
        poller = Poller(served, POLLED)
        poller.open()
        with Client(served.address) as client:
            client.send(f"GET {poller.target()} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            eventually(lambda: len(served.streams) == 2)
            with telling("http.request") as told:
                poller.post("stop")
                client.answer()
                told.wait("http.request")
        assert [about["method"] for _, about in told.of("http.request")] == ["POST"]
        poller.close()


EVERY = (*CONNECTION, "longpoll.opened", "longpoll.closed", "http.request", "socket.connected")


class TestHandlersThatFail:
    @pytest.mark.parametrize(
        "failure",
        [RuntimeError("no"), SystemExit(3), gevent.GreenletExit(), gevent.Timeout(1)],
        ids=lambda failure: type(failure).__name__,
    )
    def test_connections_go_on_whatever_a_handler_raises(self, served, caplog, failure):
        def handler(*_: Any) -> None:
            raise failure

        for event in EVERY:
            telemetry.attach(event, handler)
        for _ in range(2):
            with connected(served) as client:
                send(client, "stop")
                assert client.frame().payload[:2] == (3000).to_bytes(2, "big")
            poller = Poller(served, POLLED)
            poller.open()
            poller.post("stop")
            poller.close()
        eventually(lambda: not any(map(telemetry.listens, EVERY)))
        said = [each.getMessage() for each in caplog.records if each.name == "roost.telemetry"]
        assert len(said) == len(EVERY)

    def test_a_handler_that_exits_the_process_does_not(self, served, caplog):
        telemetry.attach("http.request", lambda *_: sys.exit(3))
        with Client(served.address) as client:
            assert client.ask("/nothing").status == 404
            assert client.ask("/nothing").status == 404

    @pytest.mark.parametrize("event", EVERY)
    def test_who_blocks_in_a_handler_breaks_nothing(self, served, event):
        """On the loop it may not, elsewhere others run meanwhile, and messages keep their order."""
        release = Waiter()

        def handler(*_: Any) -> None:
            release.wait()

        telemetry.attach(event, handler)
        clients = [Client(served.address) for _ in range(3)]
        try:
            for client in clients:
                client.send(upgraded(MOUNT, [], {}) + frame(TEXT, b"1") + frame(TEXT, b"stop"))
            gevent.sleep(0)
            with Client(served.address) as other:
                assert other.ask("/nothing").status == 404
            release.set()
            for client in clients:
                assert client.answer().status == 101
                assert client.frame().payload[:2] == (3000).to_bytes(2, "big")
                client.close()
        finally:
            release.set()
            telemetry.detach(event, handler)
        eventually(lambda: not served.streams)


class TestProxies:
    @pytest.fixture(autouse=True)
    def _lines_of_our_own(self, monkeypatch):
        """Leave the line of this second to the tests that want to read it."""
        monkeypatch.setattr(preface, "CLOSED", capped(logging.getLogger("roost.transports")))

    def test_who_is_no_trusted_proxy_is_closed_without_an_answer(self, told):
        made = endpoint(trusted_proxies=["10.9.8.7"], forwarded="proxy-protocol")
        with serve(made) as served, Client(served.address) as client:
            assert client.read_to_end() == b""
        assert told.of("connection.refused") == [
            ({"count": 1}, {"mount": None, "cause": "untrusted", "status": None})
        ]

    @pytest.mark.parametrize("sent", [b"PROXY TCP4 x\r\n", b"GET / HTTP/1.1\r\n", b"PROXY "])
    def test_connection_without_the_proxy_protocol_is_told(self, told, sent):
        made = endpoint(trusted_proxies=["127.0.0.1"], forwarded="proxy-protocol")
        with serve(made) as served, Client(served.address) as client:
            client.send(sent)
            client.end()
            client.read_to_end()
        assert told.of("connection.refused") == [
            ({"count": 1}, {"mount": None, "cause": "forwarded", "status": None})
        ]

    def test_connection_that_sends_nothing_is_no_client(self, told):
        made = endpoint(trusted_proxies=["127.0.0.1"], forwarded="proxy-protocol")
        with serve(made) as served, Client(served.address) as client:
            client.end()
            client.read_to_end()
        assert told.of("connection.refused") == []

    def test_malformed_word_about_a_client_is_told(self, told):
        made = endpoint(trusted_proxies=["127.0.0.1"], forwarded="x-forwarded")
        with serve(made) as served, Client(served.address) as client:
            client.send(upgraded(MOUNT, ["x-forwarded-for: nobody knows"], {}))
            assert client.answer().status == 400
        assert told.of("connection.refused") == [
            ({"count": 1}, {"mount": None, "cause": "forwarded", "status": 400})
        ]

    def test_limits_and_peers_are_those_of_the_proxies_clients(self, told):
        made = endpoint(
            trusted_proxies=["127.0.0.1"], forwarded="x-forwarded", max_connections_per_address=1
        )
        with serve(made) as served, Client(served.address) as one, Client(served.address) as two:
            lines = ["x-forwarded-for: 192.0.2.7"]
            one.send(upgraded(MOUNT, lines, {}))
            assert one.answer().status == 101
            two.send(upgraded(MOUNT, lines, {}))
            assert two.answer().status == 503
        assert told.of("connection.opened")[0][1]["peer"] == "192.0.2.7"
        assert told.of("connection.refused")[0][1] == {
            "mount": None, "cause": "address_limit", "status": 503,
        }  # fmt: skip
        peers = {about["peer"] for _, about in told.of("http.request")}
        assert peers == {"192.0.2.7"}


class TestInsideAnotherServer:
    def test_requests_of_mounts_and_their_clients_are_told(self, told):
        with hosted(endpoint_with(max_connections=1)) as host, Client(host.address) as client:
            assert client.upgrade(WS).status == 101
            with Client(host.address) as second:
                assert second.upgrade(WS).status == 503
            with Client(host.address) as third:
                third.ask(LONGPOLL)
                third.ask("/page")
        assert [about["mount"] for _, about in told.of("connection.opened")] == [WS, LONGPOLL]
        assert told.of("connection.refused") == [
            ({"count": 1}, {"mount": None, "cause": "limit", "status": 503})
        ]
        requests = [(about["route"], about["status"]) for _, about in told.of("http.request")]
        assert requests == [(WS, 101), (WS, 503), (LONGPOLL, 200)]
