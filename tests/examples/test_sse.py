"""examples/sse.py: a transport written on public names alone."""

from __future__ import annotations

import ast
import json
import signal
from base64 import b64encode
from functools import partial
from typing import Any

import pytest
from gevent.event import Event

from actors import Channel, ChannelSocket, Endpoint
from examples.chat import UserSocket
from examples.sse import SSEOptions, SSETransport
from tests.support.command import ROOT, Command
from tests.support.raw import Client, request
from tests.support.server import serve
from tests.support.waiting import DEADLINE, eventually


@pytest.fixture
def served() -> Any:
    with Command("examples.sse:endpoint") as command:
        yield command


def event(client: Client) -> tuple[str, str]:
    """Return (event, data) of the next server-sent event."""
    fields = dict(line.split(": ", 1) if ": " in line else (line.strip(":"), "")
                  for line in client.read_until(b"\n\n").decode().strip().split("\n"))  # fmt: skip
    return fields.get("event", "message"), fields["data"]


def subscribe(served: Command) -> tuple[Client, str]:
    client = Client(served.address)
    client.send(request("/chat/events"))
    head = client.read_until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream")
    kind, key = event(client)
    assert kind == "id"
    return client, key


def test_what_is_posted_comes_back_as_an_event(served):
    client, key = subscribe(served)
    with client, Client(served.address) as poster:
        for text in ("hello", "again"):
            answer = poster.ask(f"/chat/events?id={key}", method="POST", body=text.encode())
            assert answer.status == 204
            assert event(client) == ("message", f"you said {text}")


def test_post_to_a_client_that_left_is_404(served):
    client, key = subscribe(served)
    client.close()
    with Client(served.address) as poster:
        target = f"/chat/events?id={key}"
        post = partial(poster.ask, target, method="POST", body=b"x")
        eventually(lambda: post().status == 404)  # the server has seen the end


def test_shutdown_says_goodbye(served):
    client, _ = subscribe(served)
    with client:
        served.signal(signal.SIGTERM)
        assert event(client) == ("end", "")
        assert client.read_to_end() == b""
    assert served.ended() == 0


def post(poster: Client, key: str, *message: object) -> int:
    target = f"/socket/events?vsn=2.0.0&id={key}"
    return poster.ask(target, method="POST", body=json.dumps(message).encode()).status


def test_channels_come_over_it_too():
    endpoint = Endpoint()
    endpoint.transport("sse", SSETransport, SSEOptions)
    endpoint.socket("/socket", UserSocket, transports={"sse": True})
    with serve(endpoint) as served, Client(served.address) as one, Client(served.address) as poster:
        one.send(request("/socket/events?vsn=2.0.0&user=ada"))
        one.read_until(b"\r\n\r\n")
        kind, key = event(one)
        assert kind == "id"
        assert post(poster, key, "1", "1", "room:lobby", "phx_join", {}) == 204
        joined = {"status": "ok", "response": {"room": "lobby"}}
        assert json.loads(event(one)[1]) == ["1", "1", "room:lobby", "phx_reply", joined]
        assert post(poster, key, "1", "2", "room:lobby", "new_msg", {"body": "hi"}) == 204
        said = {"from": "ada", "body": "hi"}
        assert json.loads(event(one)[1]) == [None, None, "room:lobby", "new_msg", said]
        assert json.loads(event(one)[1])[3:] == ["phx_reply", {"status": "ok", "response": {}}]
        endpoint.broadcast("room:lobby", "file", b"\x00\xff")
        assert event(one)[1] == b64encode(b"\x02\x0a\x04room:lobbyfile\x00\xff").decode()


class SlowChannel(Channel):
    def handle_in(self, event: str, payload: Any) -> None:
        GO.wait(DEADLINE)


class SlowSocket(ChannelSocket):
    channels = {"slow": SlowChannel}


GO = Event()


def test_client_of_a_channel_that_is_behind_is_told_to_wait():
    endpoint = Endpoint()
    endpoint.transport("sse", SSETransport, SSEOptions)
    endpoint.socket("/socket", SlowSocket, transports={"sse": True})
    with serve(endpoint) as served, Client(served.address) as one, Client(served.address) as poster:
        one.send(request("/socket/events?vsn=2.0.0"))
        one.read_until(b"\r\n\r\n")
        key = event(one)[1]
        post(poster, key, "1", "1", "slow", "phx_join", {})
        event(one)
        statuses = [post(poster, key, "1", None, "slow", "x", {}) for _ in range(80)]
        assert statuses[:65] == [204] * 65
        assert statuses[66:] == [503] * 14
        GO.set()
        eventually(lambda: post(poster, key, "1", None, "slow", "x", {}) == 204)


def test_it_imports_public_names_alone():
    tree = ast.parse((ROOT / "examples/sse.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {
        "__future__",
        "actors",
        "base64",
        "collections.abc",
        "dataclasses",
        "transports",
        "typing",
    }
    private = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr[0] == "_"}
    assert private == set()
