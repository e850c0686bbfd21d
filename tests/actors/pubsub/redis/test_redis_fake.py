"""What a real Redis cannot be made to do: it stalls amid a reply, or lies. And TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket

from actors.errors import ConfigError
from actors.pubsub import PubSub
from actors.pubsub.redis import connection as connections
from actors.pubsub.redis import frames
from actors.pubsub.redis.adapter import Redis
from actors.redis_options import RedisOptions
from tests.actors.pubsub.test_pubsub import DEADLINE
from tests.support import certificate
from tests.support.ports import unused_port
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

HELLO = b"*14\r\n" + b"".join(
    b"$%d\r\n%b\r\n" % (len(each), each)
    for each in (
        b"server", b"redis", b"version", b"7", b"proto", b"2", b"id", b"1", b"mode",
        b"standalone", b"role", b"master", b"modules", b"",
    )
)  # fmt: skip
SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"

Script = Callable[[Any], object]


class Fake:
    """Answers each connection by ``script(socket)``, which may raise when the client hangs up."""

    def __init__(self, path: Path, script: Script) -> None:
        self.url = f"unix://{path}"
        self.count = 0
        self.script = script
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(8)
        self._greenlets = [gevent.spawn(self._accept)]

    def _accept(self) -> None:
        while True:
            sock, _ = self._listening.accept()
            self.count += 1
            self._greenlets.append(gevent.spawn(self._serve, sock))

    def _serve(self, sock: Any) -> None:
        with sock:
            try:
                self.script(sock)
            except (OSError, EOFError):
                pass

    def close(self) -> None:
        gevent.killall(self._greenlets)
        self._listening.close()


def read(sock: Any, word: bytes) -> bytes:
    """Read until ``word`` has come."""
    data = b""
    while word not in data:
        more = sock.recv(65536)
        if not more:
            raise EOFError
        data += more
    return data


def serves(
    sock: Any,
    after: Callable[[Any], object],
    *,
    subscriber: bool = True,
    acknowledged: bytes = 2 * SUBSCRIBED,
) -> None:
    """Do all that a link wants; then ``after(sock)`` of the subscriber, or of the other one."""
    read(sock, b"HELLO")
    sock.sendall(HELLO)
    first = read(sock, b"\r\n$")
    mine = b"SUBSCRIBE" in first
    sock.sendall(acknowledged if mine else b":1\r\n")
    if mine == subscriber:
        after(sock)
    gevent.sleep(DEADLINE)


@pytest.fixture
def linking(tmp_path: Path, monkeypatch: Any) -> Iterator[Callable[[Script], tuple[Redis, Fake]]]:
    made: list[Any] = []
    for module in ("connection", "link"):
        monkeypatch.setattr(f"actors.pubsub.redis.{module}.SILENCE", 0.2)
    monkeypatch.setattr("actors.pubsub.redis.link.DIAL", 0.5)

    def start(script: Script) -> tuple[Redis, Fake]:
        fake = Fake(tmp_path / "r", script)
        redis = Redis(RedisOptions(url=fake.url), PubSub(), "one-1")
        redis.start()
        made.extend([redis, fake])
        return redis, fake

    yield start
    for each in made:
        each.close()


def message(data: bytes) -> bytes:
    return b"*3\r\n$7\r\nmessage\r\n$7\r\nroost:b\r\n$%d\r\n%b\r\n" % (len(data), data)


AFTER: dict[str, tuple[Callable[[Any], object], str]] = {
    "hangs up": (lambda sock: sock.close(), "hung up|Bad file|aborted"),
    "stalls amid a message": (lambda sock: sock.sendall(message(b"x" * 99)[:60]), "no answer"),
    "says nothing more": (lambda sock: None, "no answer within"),
    "does not speak RESP": (lambda sock: sock.sendall(b"HTTP/1.1 400\r\n"), "does not speak RESP"),
    "sends a number": (lambda sock: sock.sendall(b":7\r\n"), "not of a subscription"),
    "sends an error": (lambda sock: sock.sendall(b"-ERR no\r\n"), "not of a subscription"),
    "sends another list": (lambda sock: sock.sendall(b"*1\r\n:7\r\n"), "not of a subscription"),
    "says a bad length": (lambda sock: sock.sendall(b"$-7\r\n"), "does not speak RESP"),
    "has a message without end": (
        lambda sock: [sock.sendall(b"$2000000000\r\n")] + [sock.sendall(b"x" * 2**20)] * 8,
        "a reply of over",
    ),
}


@pytest.mark.parametrize("what", AFTER)
def test_subscription_that(linking, what, caplog):
    after, cause = AFTER[what]
    if what == "has a message without end":

        def after(sock: Any) -> None:
            sock.sendall(b"$2000000000\r\n")
            for _ in range(8):
                sock.sendall(b"x" * 2**20)

    causes: list[str] = []
    redis, fake = linking(lambda sock: serves(sock, after))
    redis.gone(lambda _: None)
    with gevent.Timeout(DEADLINE):
        while fake.count < 4:  # it is dialled anew
            if redis.cause not in causes:
                causes.append(redis.cause)
            gevent.sleep(0.001)
    assert any(gevent_matches(cause, each) for each in causes), causes


def gevent_matches(cause: str, text: str) -> bool:
    return any(each in text for each in cause.split("|"))


def test_message_between_two_subscriptions_is_delivered(linking):
    told: list[Any] = []
    early = frames.written(frames.head("two"), ["notify", "two-1", "k", "early"])

    acknowledged = SUBSCRIBED + message(early) + SUBSCRIBED
    redis, _ = linking(lambda sock: serves(sock, lambda _: None, acknowledged=acknowledged))
    redis.serve("k", lambda worker, body, reply: told.append((worker, body)))
    eventually(lambda: told == [("two-1", "early")])


@pytest.mark.parametrize(("answer", "cause"), [
    (b"+PONG\r\n" * 3, "a reply to nothing"),
    (b"-NOPERM may not\r\n", "NOPERM may not"),
    (b"-NOAUTH once more\r\n", "NOAUTH"),
])  # fmt: skip
def test_answers_that_end_the_link(linking, answer, cause):
    def after(sock: Any) -> None:
        read(sock, b"PUBLISH")
        sock.sendall(answer)

    redis, _ = linking(lambda sock: serves(sock, after, subscriber=False))
    assert redis.wait_linked(DEADLINE)
    redis.publish(1, "t", "plain", b"\xc0")
    eventually(lambda: cause in redis.cause)


@pytest.mark.parametrize(("hello", "cause"), [
    (b"-ERR unknown command\r\n", "unknown command"),
    (b"+OK\r\n", "does not answer HELLO as Redis 6 does"),
    (b"*2\r\n:1\r\n:2\r\n", "does not answer HELLO as Redis 6 does"),
    (b"*2\r\n$4\r\nrole\r\n$7\r\nreplica\r\n", "read-only replica"),
    (b"", "timed out"),
    (b"*2\r\n$4\r\nro", "timed out"),
])  # fmt: skip
def test_greetings_that_are_refused(linking, hello, cause):
    def script(sock: Any) -> None:
        read(sock, b"HELLO")
        sock.sendall(hello)
        gevent.sleep(DEADLINE)

    redis, fake = linking(script)
    eventually(lambda: cause in redis.cause)
    eventually(lambda: fake.count > 2)
    assert not redis.up


def test_crash_in_the_link_is_not_its_end(linking, monkeypatch, caplog):
    crashes = [ZeroDivisionError("once")]
    greet = connections.Connection._greet

    def once(self: Any, *rest: Any) -> None:
        if crashes:
            raise crashes.pop()
        greet(self, *rest)

    monkeypatch.setattr(connections.Connection, "_greet", once)
    redis, _ = linking(lambda sock: serves(sock, lambda _: None))
    assert redis.wait_linked(DEADLINE)
    assert "ZeroDivisionError" in caplog.text


class TestTLS:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[RedisServer]:
        port = unused_port()
        pem = certificate.make(tmp_path)
        options = [
            "--tls-port", str(port), "--tls-cert-file", str(pem),
            "--tls-key-file", str(pem.with_suffix(".key")), "--tls-ca-cert-file", str(pem),
            "--tls-auth-clients", "optional",
        ]  # fmt: skip
        url = f"rediss://me:s3cret@localhost:{port}?ssl_ca_certs={pem}"
        with RedisServer(*options, url=url) as running:
            running.ask("ACL", "SETUSER", "me", "on", ">s3cret", "~*", "&roost:*", "+@all")
            yield running

    @pytest.fixture
    def start(self) -> Iterator[Callable[..., Redis]]:
        made: list[Redis] = []

        def link(url: str, name: str = "one-1") -> Redis:
            made.append(Redis(RedisOptions(url=url), PubSub(), name))
            made[-1].start()
            return made[-1]

        yield link
        for each in made:
            each.close()

    def test_user_over_tls(self, server, start):
        one, two = start(server.url), start(server.url, "two-1")
        assert one.wait_linked(DEADLINE), one.cause
        assert two.wait_linked(DEADLINE), two.cause
        got: list[Any] = []
        two.serve("k", lambda worker, body, reply: got.append(body))
        for size in (1, 100_000):
            one.notify("two-1", "k", "x" * size)
            eventually(lambda size=size: got[-1:] == ["x" * size])

    def test_certificate_that_nobody_knows(self, server, start, caplog):
        one = start(server.url.partition("?")[0])
        eventually(lambda: "certificate verify failed" in one.cause.lower())
        assert "s3cret" not in caplog.text + one.cause
        two = start(server.url.partition("?")[0] + "?ssl_cert_reqs=none", "two-1")
        assert two.wait_linked(DEADLINE), two.cause

    def test_another_host(self, server, start):
        one = start(server.url.replace("localhost", "127.0.0.1"))
        eventually(lambda: "127.0.0.1" in one.cause)
        two = start(
            server.url.replace("localhost", "127.0.0.1") + "&ssl_check_hostname=false", "two-1"
        )
        assert two.wait_linked(DEADLINE), two.cause

    def test_certificate_of_ours(self, server, start, tmp_path):
        pem = tmp_path / "server.pem"
        one = start(f"{server.url}&ssl_certfile={pem}&ssl_keyfile={pem.with_suffix('.key')}")
        assert one.wait_linked(DEADLINE), one.cause

    def test_plain_text_is_not_taken(self, server, start):
        one = start(server.url.partition("?")[0].replace("rediss", "redis"))
        eventually(lambda: one.cause not in {"", "not tried yet"})
        assert not one.up

    @pytest.mark.parametrize("query", ["ssl_ca_certs=/nowhere", "ssl_certfile=/nowhere"])
    def test_file_that_is_not_there_is_told_at_once(self, query):
        with pytest.raises(ConfigError, match=r"redis: /nowhere: .*No such file"):
            Redis(RedisOptions(url=f"rediss://h?{query}"), PubSub(), "one-1")

    def test_key_with_a_password_is_refused(self, tmp_path):
        pem = certificate.make(tmp_path, "locked", passphrase="secret")
        url = f"rediss://h?ssl_certfile={pem}&ssl_keyfile={pem.with_suffix('.key')}"
        with pytest.raises(ConfigError, match=r"locked.pem or .*locked.key"):
            Redis(RedisOptions(url=url), PubSub(), "one-1")
