"""Requests that their resource judges by the head, over real connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from actors import Endpoint, Reply, Socket
from actors.errors import HTTPError
from tests.support.raw import Client, request, upgrade
from tests.support.server import Served, serve
from tests.support.site import round_trip
from transports.http.response import Response
from transports.opening.options import TransportOptions

TARGET = "/s/websocket"


class Echo(Socket):
    def handle_in(self, payload, opcode):
        return Reply(payload, opcode=opcode)


class Judging:
    """A transport that refuses what ``?say=`` tells it to."""

    heads: ClassVar[list[tuple[str, str]]] = []

    def __init__(self, mount: object) -> None:
        pass

    def judge_head(self, asked, http):
        self.heads.append((asked.method, asked.path_params["room"]))
        said = asked.params.get("say")
        if said == "raise":
            raise HTTPError(413, "too much")
        if said == "crash":
            raise ValueError("boom")
        return Response(503, b"not now") if said == "no" else None

    def handle(self, asked, http):
        return Response(200, asked.body)


class JudgingUnread:
    """One that judges what has come whole when it handles it."""

    def __init__(self, mount: object) -> None:
        self.heads: list[str] = Judging.heads

    def judge_unread(self, asked, http):
        self.heads.append((asked.method, "unread"))
        return Response(503, b"not now") if asked.params.get("say") == "no" else None

    def handle(self, asked, http):
        return Response(200, asked.body)


@pytest.fixture
def served() -> Iterator[Served]:
    Judging.heads.clear()
    endpoint = Endpoint()
    endpoint.transport("judging", Judging, TransportOptions)
    endpoint.socket("/s", Echo)
    endpoint.transport("unread", JudgingUnread, TransportOptions)
    endpoint.socket("/own/:room", Echo, websocket=False, judging=True)
    endpoint.socket("/unread", Echo, websocket=False, unread=True)
    with serve(endpoint) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as client:
        yield client


def test_request_is_judged_once_whether_its_body_comes_with_it_or_later(
    client: Client, served: Served
) -> None:
    whole = request("/own/1/", method="POST", body=b"hello")
    for came in (len(whole), len(whole) - 5, len(whole) - 2):
        client.send(whole[:came])
        round_trip(served.address)
        client.send(whole[came:])
        assert client.answer().body == b"hello"
    assert client.ask("/own/1/").status == 200
    assert Judging.heads == [("POST", "1")] * 3 + [("GET", "1")]


@pytest.mark.parametrize("say", ["yes", "no"])
def test_judge_of_unread_bodies_is_not_asked_about_what_came_whole(
    client: Client, served: Served, say: str
) -> None:
    whole = request(f"/unread?say={say}", method="POST", body=b"hello")
    client.send(whole)
    assert client.answer().body == b"hello"
    assert Judging.heads == []
    client.send(whole[:-2])
    round_trip(served.address)
    assert Judging.heads == [("POST", "unread")]
    client.send(whole[-2:])
    assert client.answer().body == (b"hello" if say == "yes" else b"not now")


@pytest.mark.parametrize("sent", [b"", b"hel", b"hello"])
@pytest.mark.parametrize(("said", "status"), [("no", 503), ("raise", 413), ("crash", 500)])
def test_what_is_refused_by_its_head_is_answered_without_its_body(
    client: Client, sent: bytes, said: str, status: int
) -> None:
    client.send(request(f"/own/1/?say={said}", "Content-Length: 5", method="POST") + sent)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert client.read_to_end() == b""
    assert len(Judging.heads) == 1


def test_refusal_by_the_head_comes_instead_of_100_continue(client: Client) -> None:
    lines = ("Content-Length: 5", "Expect: 100-continue")
    client.send(request("/own/1/?say=no", *lines, method="POST"))
    assert client.answer().status == 503


@pytest.mark.parametrize("line", ["Content-Length: 1", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_body_for_a_websocket_mount_is_400_before_it_comes(
    client: Client, line: str, method: str
) -> None:
    client.send(request(TARGET, line, method=method))
    answer = client.answer()
    name = line.partition(":")[0].lower().encode()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert answer.body.startswith(b"'%b' header must be absent" % name)
    assert client.read_to_end() == b""


def test_length_of_zero_is_no_body(client: Client) -> None:
    client.send(upgrade(TARGET, "Content-Length: 0"))
    assert client.answer().status == 101
