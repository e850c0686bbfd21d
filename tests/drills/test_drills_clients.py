"""The drills' clients and named points, against servers that send exactly what a test says."""

from __future__ import annotations

import socket
import threading

import pytest

from supervision.drills.clients import LongPoll, WebSocket
from supervision.drills.connection import HTTP, Connection, pump
from tests.drills import point as application
from tests.drills.points import Points

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n"


@pytest.fixture
def websocket(listening):
    """A client whose handshake was answered, and the server's end."""
    client = WebSocket(listening.getsockname(), "/x")
    server, _ = listening.accept()
    server.settimeout(5.0)
    server.recv(4096)
    server.sendall(SWITCHING)
    assert client.opened(5.0)
    yield client, server
    client.close()
    server.close()


def test_a_connection_to_nobody_is_refused(listening):
    address = listening.getsockname()
    listening.close()
    assert Connection(address).end == "refused"


@pytest.mark.parametrize(("how", "end"), [("fin", "eof"), ("rst", "reset")])
def test_the_end_of_a_connection_has_a_name(listening, how, end):
    client = Connection(listening.getsockname())
    server, _ = listening.accept()
    if how == "rst":
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server.close()
    assert pump([client], 5.0)
    assert client.end == end


def test_pump_answers_false_when_time_is_over(listening):
    client = Connection(listening.getsockname())
    assert not pump([client], 0.01)
    client.close()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70000])
def test_messages_of_every_length_are_read(websocket, size):
    client, server = websocket
    text = b"x" * size
    head = bytes([0x81]) + (
        bytes([size])
        if size < 126
        else b"\x7e" + size.to_bytes(2, "big")
        if size < 65536
        else b"\x7f" + size.to_bytes(8, "big")
    )
    sending = threading.Thread(target=server.sendall, args=(head + text,))
    sending.start()
    assert pump([client], 5.0, lambda: bool(client.texts))
    sending.join()
    assert client.texts == [text.decode()]


def test_a_close_frame_is_answered_and_what_follows_it_is_late(websocket):
    client, server = websocket
    server.sendall(b"\x88\x05\x03\xf4bye" + b"\x81\x01x")
    assert pump([client], 5.0, lambda: client.late > 0)
    assert client.saw == "close 1012 'bye'"
    first, second = server.recv(2)
    assert (first, second) == (0x88, 0x80 | 2)
    assert client.late == 1


def test_a_client_that_leaves_sends_one_close_frame(websocket):
    client, server = websocket

    def answer():
        server.recv(4096)
        server.sendall(b"\x88\x02\x03\xe8")
        server.shutdown(socket.SHUT_WR)

    answering = threading.Thread(target=answer)
    answering.start()
    client.leave()
    answering.join()
    assert client.saw == "left"
    assert server.recv(4096) == b""


def test_an_answer_in_pieces_is_one_answer(listening):
    client = HTTP(listening.getsockname())
    server, _ = listening.accept()
    for piece in (
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"ngth: 2\r\n\r\n{",
        b"}HTTP/1.1 503 x\r\n\r\n",
    ):
        server.sendall(piece)
        client.pump()
    assert pump([client], 5.0, lambda: len(client.answers) == 2)
    assert [answer.status for answer in client.answers] == [200, 503]
    client.close()
    server.close()


def test_a_long_poll_keeps_the_token_that_came_last(listening):
    client = LongPoll(listening.getsockname(), "/poll?vsn=2")
    server, _ = listening.accept()
    bodies = [b'{"status":410,"token":"a b","messages":[]}', b'{"status":200,"messages":["x"]}']
    client.poll()
    server.recv(4096)
    for body in bodies:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
        server.sendall(head + body)
    assert client.answered(5.0) == 410
    client.poll()
    assert b"GET /poll?vsn=2&token=a%20b HTTP/1.1" in server.recv(4096)
    assert client.answered(5.0) == 200
    assert (client.texts, client.saw) == (["x"], "status 200")
    client.close()
    server.close()


@pytest.fixture
def points(tmp_path, monkeypatch):
    """The drill's side of named points, which this process reports to."""
    notes = []
    path = tmp_path / "points"
    made = Points(path, lambda who, what: notes.append(what))
    made.notes = notes
    monkeypatch.setenv(application.VARIABLE, str(path))
    yield made
    made.close()


def test_a_point_that_is_not_held_lets_go_on(points):
    application.point("here", client="a")
    (fact,) = points.at("here")
    assert fact["client"] == "a"
    assert points.notes == ["is at here client=a"]


def test_a_point_that_is_held_waits_for_its_release(points):
    points.held.add("here")
    gone = []
    thread = threading.Thread(target=lambda: gone.append(application.point("here")))
    thread.start()
    points.wait("here", seconds=5.0)
    application.point("there")
    assert gone == []
    points.release("here")
    thread.join(5.0)
    assert gone == [None]


def test_those_at_a_point_can_go_on_one_by_one(points):
    points.held.add("here")
    threads = [threading.Thread(target=application.point, args=("here",)) for _ in range(2)]
    for count, thread in enumerate(threads, 1):
        thread.start()
        points.wait("here", count, 5.0)
    points.release_one("here")
    threads[0].join(5.0)
    assert threads[1].is_alive()
    points.close()
    threads[1].join(5.0)
    assert not threads[1].is_alive()
    points.close = lambda: None


def test_without_a_drill_a_point_does_nothing(monkeypatch):
    monkeypatch.delenv(application.VARIABLE, raising=False)
    assert application.point("here") is None


def test_a_point_whose_drill_has_ended_does_nothing(points):
    points.close()
    assert application.point("here") is None
    points.close = lambda: None


def test_pump_reads_what_is_there_although_no_time_is_left(websocket):
    client, server = websocket
    server.sendall(b"\x81\x01x")
    assert pump([client], 0.0, lambda: bool(client.texts))


def test_pump_ends_in_time_although_there_is_always_more(websocket):
    client, server = websocket
    server.sendall(b"\x81\x01x" * 10)
    assert not pump([client], 0.0, lambda: False)
