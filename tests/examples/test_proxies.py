"""``docs/proxies.md`` with the real nginx and HAProxy, before two workers of a command."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

import gevent
import pytest

from tests.support.command import ROOT, Command
from tests.support.haproxy import haproxy
from tests.support.nginx import nginx
from tests.support.raw import Client
from tests.support.waiting import DEADLINE, eventually
from tests.support.who import LONGPOLL, WEBSOCKET, by_longpoll, by_websocket

pytestmark = pytest.mark.slow

HUPS = int(os.environ.get("ROOST_HUPS", "3"))
WORKERS = 2
FORWARDED, PREFACE = "x-forwarded", "proxy-protocol"
APP = (
    "from tests.support.who import who\n"
    "endpoint = who(max_connections_per_address=2, check_origin='conn',"
    " longpoll={'max_sessions_per_address': 2})\n"
)
SPOOFED = (
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Port: 1",
    "Forwarded: for=203.0.113.7;proto=https",
    "X-Real-IP: 203.0.113.7",
)
MEANS = [
    ("nginx", FORWARDED, False),
    ("nginx", FORWARDED, True),
    ("haproxy", FORWARDED, False),
    ("haproxy", FORWARDED, True),
    ("haproxy send-proxy", PREFACE, False),
    ("haproxy send-proxy-v2", PREFACE, True),
]


@pytest.fixture(params=MEANS, ids=lambda means: f"{means[0]}, {'unix' if means[2] else 'tcp'}")
def proxied(request):
    """Return the command, and the address of a proxy in front of it."""
    by, mode, local = request.param
    name, _, speaks = by.partition(" ")
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        directory = Path(made)
        directory.chmod(0o755)  # nginx's workers are another user's, where we are root
        (directory / "few.py").write_text(APP)
        path = directory / "app.sock"
        command = stack.enter_context(
            Command(
                "few:endpoint", "--bind", "127.0.0.1:0", "--bind-mode", "0666",
                "--trusted-proxy", "127.0.0.1", "--trusted-proxy", "unix", "--forwarded", mode,
                bind=f"unix:{path}", workers=WORKERS,
                env={**os.environ, "PYTHONPATH": f"{directory}:{ROOT}"},
            )
        )  # fmt: skip
        command.wait_for(f"{WORKERS} workers are ready")
        upstream = path if local else command.address
        if name == "nginx":
            address = stack.enter_context(nginx(directory, upstream))
        else:
            address = stack.enter_context(haproxy(directory, upstream, speaks=speaks))
        yield command, address


@pytest.mark.parametrize("asked", [by_websocket, by_longpoll])
@pytest.mark.parametrize("lines", [(), SPOOFED])
def test_client_is_known_and_what_it_writes_is_not_believed(proxied, asked, lines):
    _, (host, port) = proxied
    for source in ("127.0.0.2", "127.0.0.3"):
        with Client((host, port), source=source) as client:
            said = asked(client, *lines, host=f"{host}:{port}").split()
        assert said[0] == source
        if not lines:
            assert said[2] == f"http://{host}:{port}"
        assert "evil" not in said[2]


def test_origin_of_the_page_is_compared_with_what_the_proxy_is_asked_for(proxied):
    _, (host, port) = proxied
    for origin, status in ((f"http://{host}:{port}", 101), ("http://evil.example", 403)):
        with Client((host, port), source="127.0.0.2") as client:
            answer = client.upgrade(
                WEBSOCKET, f"Origin: {origin}", *SPOOFED[2:], host=f"{host}:{port}"
            )
        assert answer.status == status


def test_limits_of_an_address_are_those_of_the_client(proxied):
    _, address = proxied
    most = 2 * WORKERS
    with ExitStack() as stack:

        def statuses(source, count):
            clients = [stack.enter_context(Client(address, source=source)) for _ in range(count)]
            return [client.upgrade(WEBSOCKET).status for client in clients]

        first = statuses("127.0.0.2", most + 1)
        assert first.count(503) >= 1
        assert first[:2] == [101, 101]
        assert statuses("127.0.0.3", 2) == [101, 101]
    with Client(address, source="127.0.0.4") as one, Client(address, source="127.0.0.5") as two:
        sessions = [one.ask(LONGPOLL) for _ in range(most + 1)]
        assert [answer.status for answer in sessions].count(503) >= 1
        assert two.ask(LONGPOLL).status == 200


def test_reloads_lose_no_request(proxied):
    command, address = proxied
    over, asked = [], []

    def ask(source):
        while not over:
            with Client(address, source=source) as client:
                kept = True
                while kept and not over:
                    answer = client.ask("/page")
                    assert (answer.status, answer.body) == (200, f"{source} http".encode())
                    asked.append(source)
                    kept = answer.headers.get("connection") != "close"  # nginx's keepalive_requests

    clients = [gevent.spawn(ask, f"127.0.0.{number}") for number in range(2, 8)]
    for _ in range(HUPS):
        before, old = len(asked), set(command.children())
        command.signal(signal.SIGHUP)
        eventually(lambda old=old: len(set(command.children()) - old) == WORKERS, 4 * DEADLINE)
        eventually(lambda old=old: not set(command.children()) & old, 4 * DEADLINE)
        assert len(asked) > before
    over.append(True)
    gevent.joinall(clients, raise_error=True)
    assert {*asked} == {f"127.0.0.{number}" for number in range(2, 8)}
