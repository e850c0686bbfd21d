"""examples/sse.py: a transport written on public names alone."""

from __future__ import annotations

import ast
import signal
from functools import partial
from typing import Any

import pytest

from tests.support.command import ROOT, Command
from tests.support.raw import Client, request
from tests.support.waiting import eventually


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


def test_it_imports_public_names_alone():
    tree = ast.parse((ROOT / "examples/sse.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {
        "__future__",
        "actors",
        "collections.abc",
        "dataclasses",
        "transports",
        "typing",
    }
    private = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr[0] == "_"}
    assert private == set()
