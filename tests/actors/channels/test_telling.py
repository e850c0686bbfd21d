"""What channels tell telemetry: joins, events, refusals and ends, and nothing to nobody."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from actors import Channel, ChannelSocket, Endpoint, Error, Ok, Shutdown, Stop, on, telemetry
from actors.channels import telling
from actors.crash_log import capped
from actors.reasons import Crash, Killed
from actors.serializers import V2
from tests.support.raw import TEXT, Client, frame
from tests.support.server import serve
from tests.support.waiting import eventually


@dataclass
class Words:
    body: str


class Room(Channel):
    def join(self, topic: str, payload: Any) -> Ok | Error:
        if self.subtopic == "crash":
            raise RuntimeError("on purpose")
        return Error("no") if self.subtopic == "closed" else Ok()

    @on("say")
    def say(self, words: Words) -> Ok:
        return Ok({"said": words.body})

    @on("crash")
    def crash(self, payload: Any) -> None:
        raise RuntimeError("on purpose")

    @on("stop")
    def stop_it(self, payload: Any) -> Stop:
        return Stop()

    @on("kill")
    def kill(self, payload: Any) -> None:
        self.kill_now()


class UserSocket(ChannelSocket):
    channels = {"room:*": Room}
    max_channels = 1
    max_join_rate = 1_000_000.0
    max_message_rate = 50.0


class Told(list):
    """What handlers were told: ``(event, measurements, metadata)``."""

    def of(self, event):
        return [(measured, about) for name, measured, about in self if name == event]

    def wait(self, event, count=1):
        return eventually(lambda: len(self.of(event)) >= count and self.of(event))


EVENTS = (
    telling.JOINED,
    telling.HANDLED_IN,
    telling.REFUSED,
    telling.CLOSED,
    telling.LEFT,
    telling.UNDECODABLE,
    telling.UNDELIVERABLE,
)


@pytest.fixture
def told():
    found = Told()

    def hear(*what):
        found.append(what)

    for event in EVENTS:
        telemetry.attach(event, hear)
    yield found
    for event in EVENTS:
        telemetry.detach(event, hear)


@pytest.fixture
def client():
    endpoint = Endpoint()
    endpoint.socket("/socket", UserSocket)
    with serve(endpoint) as served, Client(served.address) as opened:
        assert opened.upgrade("/socket/websocket?vsn=2.0.0").status == 101
        yield opened


@pytest.fixture
def lines(caplog, monkeypatch):
    """Return what was logged, as levels and words; nothing of before is in the way."""
    monkeypatch.setattr(telling, "LINES", capped(telling.logger))
    caplog.set_level(logging.INFO, "roost.channels")
    return lambda: [(each.levelname, each.getMessage()) for each in caplog.records]


def ask(client, topic, event, payload=None, join_ref="1"):
    """Send a message, and return the next one's event and payload."""
    message = [join_ref, "9", topic, event, {} if payload is None else payload]
    client.send(frame(TEXT, json.dumps(message).encode()))
    return json.loads(client.frame().payload)[3:]


def test_join_and_event_are_told_with_how_long_they_took(client, told):
    ask(client, "room:1", "phx_join")
    assert ask(client, "room:1", "say", {"body": "hi"})[1]["response"] == {"said": "hi"}
    [(joined, about)] = told.wait(telling.JOINED)
    assert about == {"channel": Room, "topic": "room:1"}
    assert 0.0 < joined["duration"] < 60.0
    [(handled, about)] = told.wait(telling.HANDLED_IN)
    assert about == {"channel": Room, "topic": "room:1", "event": "say"}
    assert 0.0 < handled["duration"] < 60.0


@pytest.mark.parametrize(
    ("event", "reason"), [("stop", "Normal"), ("crash", "Crash"), ("kill", "Killed")]
)
def test_end_is_told_once_whatever_it_is(client, told, event, reason):
    ask(client, "room:1", "phx_join")
    ask(client, "room:1", event)
    [(measured, about)] = told.wait(telling.CLOSED)
    assert measured == {"count": 1}
    assert type(about.pop("reason")).__name__ == reason
    assert about == {"channel": Room, "topic": "room:1"}
    assert len(told.of(telling.HANDLED_IN)) == 1  # also of what raised


def test_leave_says_so(client, told):
    ask(client, "room:1", "phx_join")
    ask(client, "room:1", "phx_leave")
    [(_, about)] = told.wait(telling.CLOSED)
    assert about["reason"] == Shutdown("left")
    assert not isinstance(about["reason"], Crash | Killed)
    [(measured, about)] = told.wait(telling.LEFT)
    assert about == {"channel": Room, "topic": "room:1"}
    assert 0.0 <= measured["duration"] < 60.0


def test_who_is_closed_otherwise_has_not_left(client, told):
    ask(client, "room:1", "phx_join")
    ask(client, "room:1", "stop")
    told.wait(telling.CLOSED)
    assert told.of(telling.LEFT) == []


def test_a_message_that_cannot_be_read_is_told_with_its_size(client, told):
    client.send(frame(TEXT, b"[nonsense"))
    [(measured, about)] = told.wait(telling.UNDECODABLE)
    assert measured == {"bytes": 9}
    assert (about["socket"], about["serializer"]) == (UserSocket, "2.0.0")
    assert about["cause"]
    assert "nonsense" not in about["cause"]


class Picky(type(V2)):
    def broadcast(self, topic, event, body):
        raise ValueError("on purpose")


def test_a_broadcast_that_cannot_be_encoded_is_told_once_for_all(told):
    endpoint = Endpoint()
    endpoint.socket("/socket", UserSocket, serializer=[(Picky(), "~> 2.0")])
    with serve(endpoint) as served, Client(served.address) as one, Client(served.address) as two:
        for client in (one, two):
            client.upgrade("/socket/websocket?vsn=2.0.0")
            ask(client, "room:1", "phx_join")
        endpoint.broadcast("room:1", "news", {"a": 1})
        told.wait(telling.UNDELIVERABLE)
    assert told.of(telling.UNDELIVERABLE) == [
        (
            {"bytes": 7},
            {"topic": "room:1", "event": "news", "serializer": Picky, "cause": ValueError},
        )
    ]


@pytest.mark.parametrize(
    ("topic", "event", "payload", "owner", "reason"),
    [
        ("lobby", "phx_join", {}, UserSocket, "unmatched topic"),
        ("lobby", "say", {}, UserSocket, "unmatched topic"),
        ("room:2", "phx_join", {}, UserSocket, "too many channels joined"),
        ("room:1", "phx_close", {}, UserSocket, "unknown event"),
        ("room:1", "what", {}, Room, "unknown event"),
        ("room:1", "say", {"body": 5}, Room, "invalid payload"),
    ],
)
def test_refusal_is_told_with_its_reason(client, told, topic, event, payload, owner, reason):
    ask(client, "room:1", "phx_join")
    assert ask(client, topic, event, payload)[1]["status"] == "error"
    about = {"owner": owner, "topic": topic, "reason": reason}
    assert told.of(telling.REFUSED) == [({"count": 1}, about)]


@pytest.mark.parametrize(
    ("topic", "reason"), [("room:closed", "join refused"), ("room:crash", "join crashed")]
)
def test_refused_join_is_no_channel_that_closed(client, told, topic, reason):
    assert ask(client, topic, "phx_join")[1]["status"] == "error"
    eventually(lambda: told.of(telling.REFUSED))
    assert told.of(telling.REFUSED)[0][1] == {"owner": Room, "topic": topic, "reason": reason}
    assert ask(client, "room:1", "phx_join")[1]["status"] == "ok"
    assert told.of(telling.CLOSED) == []


@pytest.mark.parametrize(
    ("topic", "event", "words"),
    [
        ("room:closed", "phx_join", "Room: refused a client at 'room:closed': join refused"),
        ("room:a", "what?", "Room: refused a client at 'room:a': unknown event"),
        (
            "room:b",
            "phx_join",
            "UserSocket: refused a client at 'room:b': too many channels joined",
        ),
    ],
)
def test_refusal_is_a_line_in_our_words(client, lines, topic, event, words):
    if topic != "room:closed":
        ask(client, "room:a", "phx_join")
    assert ask(client, topic, event)[1]["status"] == "error"
    assert lines() == [("INFO", words)]


def test_a_topic_that_nobody_has_is_no_second_line(client, lines):
    assert ask(client, "nobody:1", "phx_join")[1]["status"] == "error"
    assert lines() == [("WARNING", "UserSocket: ignored the join of an unmatched topic 'nobody:1'")]


def test_nothing_is_measured_while_nobody_listens():
    assert telling.begin(telling.JOINED) == 0.0
