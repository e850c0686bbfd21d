"""``actors.publish.Publisher``: the client that any process may have, with real threads."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from actors import ConfigError, publish_message
from actors.errors import PublishError
from actors.publish import MAX_IDLE, Publisher, Receipt
from tests.support import certificate
from tests.support.command import ROOT, unmeasured
from tests.support.waiting import DEADLINE

KEY = "a-key-of-17-chars"
RECEIPT = b'{"accepted":1,"workers":2}'


def answer(status: str = "200 OK", body: bytes = RECEIPT, *lines: str) -> bytes:
    head = [f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


class Scripted:
    """A server in a thread: each request is kept, and answered by ``reply(count)``.

    ``None`` closes the connection without an answer.
    """

    def __init__(self, sock: socket.socket, reply: Callable[[int], bytes | None]) -> None:
        self.sock = sock
        self.requests: list[bytes] = []
        self.connections = 0
        self.closes = False
        self._reply = reply
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        while True:
            try:
                more = connection.recv(65536)
            except OSError:
                return
            data += more
            if not more:
                return
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                continue
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(rest) < size:
                continue
            self.requests.append(data)
            data = b""
            reply = self._reply(len(self.requests))
            if reply is not None:
                connection.sendall(reply)
            if reply is None or self.closes:
                with suppress(OSError):  # the client may have gone before
                    connection.shutdown(socket.SHUT_RDWR)
                return

    def hang_up(self) -> None:
        """Close every connection, as a server does with one that is idle."""
        for connection in self._open:
            connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for connection in self._open:
            connection.close()


@contextmanager
def scripted(
    path: Path | None = None, reply: Callable[[int], bytes | None] = lambda _: answer()
) -> Iterator[Scripted]:
    sock = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX)
    sock.bind(("127.0.0.1", 0) if path is None else str(path))
    sock.listen()
    server = Scripted(sock, reply)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def by_hand(path: Path | None, serve: Callable[[socket.socket], object]) -> Iterator[int | str]:
    """Have ``serve`` do as it likes with one connection, in a thread; yield the port."""
    sock = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX)
    sock.bind(("127.0.0.1", 0) if path is None else str(path))
    sock.listen()

    def accept() -> None:
        connection, _ = sock.accept()
        with connection:
            serve(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    yield "" if path is not None else sock.getsockname()[1]
    thread.join(DEADLINE)
    sock.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.sock"


def to(path: Path, **rest: Any) -> Publisher:
    return Publisher(f"unix:{path}", **rest)


def error(publisher: Publisher, *message: Any) -> PublishError:
    with publisher, pytest.raises(PublishError) as caught:
        publisher.broadcast(*(message or ("t", "e")))
    return caught.value


class TestRequests:
    def test_broadcast_posts_a_message(self, path):
        with scripted(path) as server, to(path, key=KEY) as publisher:
            assert publisher.broadcast("room:1", "said", {"body": "hé"}) == Receipt(1, 2)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert json.loads(body) == {"topic": "room:1", "event": "said", "payload": {"body": "hé"}}
        assert head.startswith(b"POST / HTTP/1.1\r\nHost: localhost\r\n")
        assert KEY.encode() not in head  # the socket's peer is known by its user

    def test_disconnect_posts_an_id(self, path):
        with scripted(path) as server, to(path) as publisher:
            publisher.disconnect("user:7")
        assert server.requests[0].endswith(b'{"disconnect":"user:7"}')

    def test_a_url_says_host_and_path_and_brings_the_key(self):
        with scripted() as server:
            port = server.sock.getsockname()[1]
            with Publisher(f"http://localhost:{port}/api/x?y=1", key=KEY) as publisher:
                publisher.broadcast("t", "e")
        head = server.requests[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
        assert head[0] == "POST /api/x?y=1 HTTP/1.1"
        assert {f"Host: localhost:{port}", f"Authorization: Bearer {KEY}"} <= set(head)

    @pytest.mark.parametrize(
        ("payload", "error"),
        [
            ([], TypeError),
            ("text", TypeError),
            (b"bytes", TypeError),
            ({"x": object()}, TypeError),
            ({"x": float("nan")}, ValueError),
            ({"x": [{"y": float("inf")}]}, ValueError),
            ({"x": b"bytes"}, TypeError),
            ({("a", "b"): 1}, TypeError),
            ({"x": "\ud800"}, ValueError),
        ],
    )
    def test_what_is_no_object_of_json_is_not_sent(self, path, payload, error):
        with scripted(path) as server, to(path) as publisher, pytest.raises(error):
            publisher.broadcast("t", "e", payload)
        assert server.connections == 0

    @pytest.mark.parametrize(
        ("topic", "event", "error"),
        [
            (3, "e", TypeError),
            (None, "e", TypeError),
            ("", "e", ValueError),
            ("phoenix", "e", ValueError),
            ("\udc80", "e", ValueError),
            ("t", 3, TypeError),
            ("t", b"e", TypeError),
            ("t", "", ValueError),
            ("t", "phx_reply", ValueError),
        ],
    )
    def test_what_no_server_would_take_is_not_sent(self, path, topic, event, error):
        with scripted(path) as server, to(path) as publisher:
            with pytest.raises(error):
                publisher.broadcast(topic, event, {})
            if event == "e":
                with pytest.raises(error):
                    publisher.disconnect(topic)
        assert server.connections == 0

    def test_what_is_nested_too_deeply_is_not_sent(self, path):
        payload: dict[str, Any] = {}
        for _ in range(100_000):
            payload = {"x": payload}
        with to(path) as publisher, pytest.raises(ValueError, match="too deeply"):
            publisher.broadcast("t", "e", payload)
        while payload:  # one by one: to forget it at once would recurse as well
            payload = payload["x"]


class TestConnections:
    def test_one_serves_message_after_message(self, path):
        with scripted(path) as server, to(path) as publisher:
            for _ in range(5):
                publisher.broadcast("t", "e")
        assert (len(server.requests), server.connections) == (5, 1)

    def test_one_that_the_server_has_closed_is_not_used_again(self, path):
        with scripted(path) as server, to(path) as publisher:
            publisher.broadcast("t", "e")
            server.hang_up()
            assert publisher.broadcast("t", "e") == Receipt(1, 2)
        assert server.connections == 2

    def test_one_that_is_to_be_closed_is(self, path):
        closing = answer("200 OK", RECEIPT, "Connection: close")
        with scripted(path, lambda _: closing) as server, to(path) as publisher:
            publisher.broadcast("t", "e")
            publisher.broadcast("t", "e")
        assert server.connections == 2

    def test_one_that_was_idle_for_long_is_not_used_again(self, path, monkeypatch):
        with scripted(path) as server, to(path) as publisher:
            publisher.broadcast("t", "e")
            monkeypatch.setattr("actors.publish.MAX_AGE", 0.0)
            publisher.broadcast("t", "e")
        assert server.connections == 2

    def test_threads_publish_at_the_same_time(self, path):
        with (
            scripted(path) as server,
            to(path) as publisher,
            ThreadPoolExecutor(4 * MAX_IDLE) as threads,
        ):
            told = threads.map(lambda n: publisher.broadcast("t", "e", {"n": n}), range(500))
            assert set(told) == {Receipt(1, 2)}
            assert len(publisher._idle) <= MAX_IDLE
        bodies = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in server.requests]
        assert {each["payload"]["n"] for each in bodies} == set(range(500))

    def test_a_forked_child_opens_its_own(self, path):
        code = f"""
import os, sys
from actors.publish import Publisher
publisher = Publisher("unix:{path}")
publisher.broadcast("t", "e", {{"who": "parent"}})
child = os.fork()
for _ in range(50):
    publisher.broadcast("t", "e", {{"who": "child" if child == 0 else "parent"}})
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
        with scripted(path) as server:
            subprocess.run(
                [sys.executable, "-W", "error", "-c", code], cwd=ROOT, timeout=DEADLINE, check=True
            )
        assert (len(server.requests), server.connections) == (101, 2)

    def test_a_child_that_is_forked_while_a_thread_holds_the_lock_is_not_held_up(self, path):
        code = f"""
import os, sys
from actors.publish import Publisher
publisher = Publisher("unix:{path}")
with publisher._lock:
    child = os.fork()
if child == 0:
    publisher.broadcast("t", "e")
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
        with scripted(path):
            subprocess.run(
                [sys.executable, "-W", "error", "-c", code], cwd=ROOT, timeout=DEADLINE, check=True
            )

    def test_it_waits_for_the_loop_where_gevent_has_patched(self, path):
        """Two messages are under way at once, though there is one thread."""
        code = f"""
from gevent import monkey
monkey.patch_all()
import gevent
from actors.publish import Publisher
publisher = Publisher("unix:{path}")
both = [gevent.spawn(publisher.broadcast, "t", "e") for _ in range(2)]
gevent.joinall(both, raise_error=True)
"""
        barrier = threading.Barrier(2)

        def meet(_count: int) -> bytes:
            barrier.wait(DEADLINE)
            return answer()

        with scripted(path, meet) as server:
            subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=DEADLINE, check=True)
        assert server.connections == 2

    def test_what_is_kept_is_closed_with_the_publisher(self, path):
        with scripted(path):
            publisher = to(path)
            publisher.broadcast("t", "e")
            kept = publisher._idle[0][1]
            del publisher
            assert kept.fileno() == -1

    def test_tls_checks_the_certificate(self, tmp_path):
        pem = certificate.make(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, pem.with_suffix(".key"))
        ours = ssl.create_default_context(cafile=pem)
        plain = socket.create_server(("127.0.0.1", 0))
        url = f"https://localhost:{plain.getsockname()[1]}/x"
        sock = context.wrap_socket(plain, server_side=True)
        server = Scripted(sock, lambda _: answer())
        with Publisher(url, key=KEY, tls=ours) as publisher:
            assert publisher.broadcast("t", "e") == Receipt(1, 2)
            assert publisher.broadcast("t", "e") == Receipt(1, 2)
        assert server.connections == 1
        assert "certificate" in str(error(Publisher(url, key=KEY)))
        server.close()


class TestErrors:
    def test_nobody_at_the_path(self, path):
        found = error(to(path))
        assert (found.status, str(found)) == (
            None, f"unix:{path}: nobody serves there (No such file or directory)",
        )  # fmt: skip

    def test_nobody_listens(self, path):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        assert "nobody serves there (Connection refused)" in str(error(to(path)))

    def test_a_file_that_is_no_socket(self, path):
        path.write_text("")
        assert "nobody serves there (Connection refused)" in str(error(to(path)))

    def test_a_port_where_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = sock.getsockname()[1]
        assert "nobody serves there" in str(error(Publisher(f"http://127.0.0.1:{port}/")))

    def test_a_name_that_no_host_can_have(self):
        assert "no connection: " in str(error(Publisher("http://a..b/")))

    def test_a_server_that_takes_nobody(self, path):
        with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as before:
            full.bind(str(path))
            full.listen(0)
            before.connect(str(path))
            assert "no connection in 0.05 s" in str(error(to(path, timeout=0.05)))

    def test_a_server_that_does_not_answer(self, path):
        with scripted(path, lambda _: b""):
            found = error(to(path, timeout=0.05))
        assert "no answer in 0.05 s: it may have been published or not" in str(found)

    @pytest.mark.parametrize("begins", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
    def test_a_server_that_answers_byte_by_byte_has_the_same_time(self, path, begins):
        over = threading.Event()

        def drip(connection: socket.socket) -> None:
            with suppress(OSError):  # the client has gone
                connection.sendall(begins)
                while not over.wait(0.01):
                    connection.sendall(b"x")

        with by_hand(path, drip):
            found = error(to(path, timeout=0.2))
            over.set()
        assert "no answer in 0.2 s: it may have been published or not" in str(found)

    @pytest.mark.parametrize("secure", [False, True])
    def test_a_server_that_reads_byte_by_byte_has_the_same_time(
        self, tmp_path, monkeypatch, secure
    ):
        monkeypatch.setattr(publish_message, "MAX_BODY", 100_000_000)
        pem = certificate.make(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, pem.with_suffix(".key"))
        over = threading.Event()

        def sip(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) if secure else connection as it:
                while not over.wait(0.01):
                    it.recv(16_384)

        with by_hand(None, sip) as port:
            url = f"http{'s' * secure}://localhost:{port}/x"
            publisher = Publisher(url, timeout=0.5, tls=ssl.create_default_context(cafile=pem))
            found = error(publisher, "t", "e", {"x": "x" * 50_000_000})
            over.set()
        assert "no answer in 0.5 s: it may have been published or not" in str(found)

    def test_a_server_that_greets_nobody_by_tls(self, tmp_path):
        over = threading.Event()
        with by_hand(None, lambda _: over.wait(DEADLINE)) as port:
            found = error(Publisher(f"https://localhost:{port}/x", timeout=0.05))
            over.set()
        assert "no connection in 0.05 s" in str(found)

    @pytest.mark.parametrize("ours", [True, False])
    def test_a_server_that_closes_without_an_answer(self, path, monkeypatch, ours):
        if not ours:
            user = os.geteuid() + 1
            monkeypatch.setattr(os, "geteuid", lambda: user)
        with scripted(path, lambda _: None):
            found = error(to(path))
        assert ("is it another user's?" in str(found)) is not ours
        assert "may have been published or not" in str(found)

    def test_a_server_that_goes_with_its_file_without_an_answer(self, path):
        def go(_: int) -> None:
            path.unlink()

        with scripted(path, go):
            assert "is it another user's?" not in str(error(to(path)))

    @pytest.mark.parametrize(
        "said",
        [
            b"hello\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + RECEIPT,
            b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n" + RECEIPT,
            b"HTTP/1.1 200 OK\r\nContent-Length: 33\r\nContent-Length: +33\r\n\r\n" + RECEIPT,
        ],
    )
    def test_what_is_no_whole_answer(self, path, said):
        with scripted(path, lambda _: said) as server:
            server.closes = True
            found = error(to(path))
        assert found.status is None
        assert "may have been published or not" in str(found)

    @pytest.mark.parametrize(
        ("status", "body", "said"),
        [
            ("400 Bad Request", b'{"error": "message 0: topic is missing"}', "topic is missing"),
            ("401 Unauthorized", b'{"error": "a key is wanted"}', "401: a key is wanted"),
            ("413 Content Too Large", b"the body", "refused with 413 Content Too Large"),
            ("500 Internal Server Error", b"", "refused with 500 Internal Server Error"),
            ("502 Bad Gateway", b"<html>", "refused with 502 Bad Gateway"),
            ("503 Service Unavailable", b'["x"]', "refused with 503 Service Unavailable"),
            ("301 Moved Permanently", b"", "refused with 301 Moved Permanently"),
            ("200 OK", b"", "is it another server?"),
            ("200 OK", b"{}", "is it another server?"),
            ("200 OK", b"[" * 20_000, "is it another server?"),
            ("500 No", b"[" * 20_000, "refused with 500 No"),
            ("200 OK", b'{"accepted": "1", "workers": 1}', "is it another server?"),
            ("204 No Content", b"", "refused with 204"),
        ],
    )
    def test_each_refusal_has_its_status_and_what_was_said(self, path, status, body, said):
        with scripted(path, lambda _: answer(status, body)):
            found = error(to(path, key=KEY))
        assert found.status == int(status[:3])
        assert said in str(found)

    @pytest.mark.parametrize(
        "said",
        [
            answer("400 Bad", json.dumps({"error": "\x1b[31mred\r\nline" + "\x07" * 900}).encode()),
            answer("400 \x1b[31mred"),
            b"\x1b[31mred\r\n\r\n",
            b"HTTP/1.1 \x1b[31mred\r\n\r\n",
        ],
    )
    def test_no_error_has_control_characters_of_an_answer(self, path, said):
        with scripted(path, lambda _: said) as server:
            server.closes = True
            found = str(error(to(path)))
        assert found.isprintable()
        assert len(found) < 3000

    def test_a_server_that_refuses_a_body_unread_is_heard(self, path, monkeypatch):
        monkeypatch.setattr(publish_message, "MAX_BODY", 100_000_000)
        """It answers by the head and closes, while the body is still being sent."""
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(path))
        sock.listen()
        over = threading.Event()

        def refuse() -> None:
            connection, _ = sock.accept()
            with connection:
                connection.recv(100)
                connection.sendall(answer("413 Content Too Large", b'{"error": "a body of"}'))
                connection.shutdown(socket.SHUT_RDWR)
                over.wait(DEADLINE)  # what is not read would make its end a reset

        thread = threading.Thread(target=refuse)
        thread.start()
        found = error(to(path), "t", "e", {"x": "x" * 5_000_000})
        over.set()
        thread.join()
        sock.close()
        assert found.status == 413

    def test_no_error_and_no_repr_shows_the_key(self, path):
        publisher = to(path, key=KEY)
        assert repr(publisher) == f"Publisher('unix:{path}')"
        assert KEY not in str(error(publisher))
        secret = Publisher("http://127.0.0.1:1/x?token=s3cret", key=KEY)
        assert "s3cret" not in repr(secret) + str(error(secret))


class TestOptions:
    @pytest.mark.parametrize(
        "to",
        [
            "", "unix:", "/run/app.sock", "ftp://example.com/", "https://", "https:///x", None, 7,
            "http://example.com:x/", "http://example.com/ x", "http://example.com/\r\nX: y",
            "http://example.com/#x", "http://exämple.com/", "http://[::1/",
        ],
    )  # fmt: skip
    def test_no_place_is_refused(self, to):
        with pytest.raises(ConfigError, match=r"^to"):
            Publisher(to)

    def test_a_url_with_a_password_is_refused_without_it(self):
        with pytest.raises(ConfigError, match="without a user") as caught:
            Publisher("https://user:s3cret@example.com/")
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("/" + "x" * 107, "a path of 108 bytes: at most 107"),
            ("/" + "é" * 54, "a path of 109 bytes: at most 107"),
            ("/run/\0app", "has a NUL"),
            ("\0app", "has a NUL"),
            ("/run/\ud800", "cannot be encoded"),
        ],
    )
    def test_a_path_that_no_socket_can_have_is_refused(self, path, said):
        with pytest.raises(ConfigError, match=rf"^to: unix: .*{said}"):
            Publisher(f"unix:{path}")

    def test_the_longest_path_is_one(self):
        assert "nobody serves there" in str(error(Publisher(f"unix:/{'x' * 106}")))

    def test_an_empty_key_is_none_on_a_unix_socket_and_named_elsewhere(self, path):
        with scripted(path), to(path, key="") as publisher:
            assert publisher.broadcast("t", "e") == Receipt(1, 2)
        with pytest.raises(ConfigError, match=r"^key: is empty"):
            Publisher("http://example.com/", key="")

    @pytest.mark.parametrize("key", ["two words", "a\r\nX: y", b"bytes", "ö" * 20, 7])
    def test_no_key_is_refused_without_being_shown(self, key):
        with pytest.raises(ConfigError, match=r"^key: must be") as caught:
            Publisher("http://example.com/", key=key)
        assert str(key) not in str(caught.value) or key == 7

    @pytest.mark.parametrize(
        "timeout", [0, -1, 86_401, 1e10, float("inf"), float("nan"), "5", None, True]
    )
    def test_no_timeout_is_refused(self, timeout):
        with pytest.raises(ConfigError, match=r"^timeout="):
            Publisher("http://example.com/", timeout=timeout)

    @pytest.mark.parametrize(
        ("to", "host", "port"),
        [
            ("http://example.com", "example.com", 80),
            ("https://example.com", "example.com", 443),
            ("https://[::1]:4000/x", "::1", 4000),
        ],
    )
    def test_a_url_names_host_and_port(self, to, host, port):
        place = Publisher(to)._place
        assert (place.host, place.port) == (host, port)


HEAVY = "gevent greenlet pykka httptools orjson msgpack websockets msgspec"


def test_it_needs_the_standard_library_alone(path):
    code = f"""
import sys
from actors.publish import Publisher
loaded = set(sys.modules)
Publisher("unix:{path}").broadcast("t", "e")
assert not loaded & {{"ssl", "http.client", "asyncio", "subprocess"}}, loaded
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    environ = unmeasured()
    with scripted(path):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True,
            timeout=DEADLINE, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert not loaded & set(HEAVY.split())
    ours = loaded & {"actors", "supervision", "transports"}
    assert ours == {"actors"}
    assert loaded - ours <= set(sys.stdlib_module_names) | {"__main__", "sitecustomize"} | {
        name for name in loaded if name.startswith(("_", "a1_", "distutils"))
    }
