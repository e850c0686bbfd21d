"""Topics within one process."""

from __future__ import annotations

from typing import Any

import pytest
from gevent.event import Event

from actors import Actor, Socket, telemetry
from actors import packets as frames
from actors.errors import MailboxFull
from actors.pubsub import PubSub
from actors.runtime.mailbox import SHARED
from tests.support.recorder import rounds_pass

DEADLINE = 20.0


class Listener(Actor):
    """Keeps what it is told, and wakes who waits for so many."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.news = Event()
        self.gate: Event | None = None
        self.entered = Event()

    def on_receive(self, message: Any) -> None:
        if self.gate is not None:
            self.entered.set()
            self.gate.wait()
        self.heard.append(message)
        self.news.set()

    def wait_for(self, count: int) -> list[Any]:
        while len(self.heard) < count:
            self.news.clear()
            assert self.news.wait(DEADLINE), self.heard
        return self.heard


@pytest.fixture
def pubsub() -> PubSub:
    return PubSub("here")


@pytest.fixture
def listener() -> Any:
    made = []

    def start(cls: type[Listener] = Listener) -> Listener:
        ref = cls.start()
        made.append(ref)
        return ref.actor_inbox.actor

    yield start
    for ref in made:
        ref.kill()


def settle(listener: Listener) -> list[Any]:
    """Return what was heard once everything queued is handled."""
    count = len(listener.heard)
    listener.actor_ref.tell("settled")
    while listener.heard[count:].count("settled") == 0:
        listener.news.clear()
        assert listener.news.wait(DEADLINE)
    return [message for message in listener.heard if message != "settled"]


def test_every_subscriber_is_told_in_order(pubsub, listener):
    one, other = listener(), listener()
    pubsub.subscribe(one, "t")
    pubsub.subscribe(other.actor_ref, "t")
    for number in range(5):
        pubsub.broadcast("t", number)
    assert one.wait_for(5) == other.wait_for(5) == [0, 1, 2, 3, 4]


def test_other_topics_are_not_heard(pubsub, listener):
    one = listener()
    pubsub.subscribe(one, "t")
    pubsub.broadcast("u", "x")
    assert settle(one) == []


def test_subscribing_twice_is_once_and_unsubscribing_ends_it(pubsub, listener):
    one = listener()
    pubsub.subscribe(one, "t")
    pubsub.subscribe(one, "t")
    pubsub.broadcast("t", "x")
    assert settle(one) == ["x"]
    pubsub.unsubscribe(one, "t")
    pubsub.unsubscribe(one, "t")
    pubsub.unsubscribe(one, "never")
    pubsub.broadcast("t", "y")
    assert settle(one) == ["x"]
    assert pubsub.subscribers("t") == 0


def test_broadcast_from_leaves_the_sender_out(pubsub, listener):
    one, other = listener(), listener()
    pubsub.subscribe(one, "t")
    pubsub.subscribe(other, "t")
    pubsub.broadcast_from(one, "t", "x")
    assert other.wait_for(1) == ["x"]
    assert settle(one) == []


@pytest.mark.parametrize("how", ["stop", "exit", "kill"])
def test_actor_that_ended_is_forgotten(pubsub, listener, how):
    one = listener()
    for topic in ("t", "u"):
        pubsub.subscribe(one, topic)
    getattr(one.actor_ref, how)()
    assert one.actor_ref.wait(DEADLINE)
    assert [pubsub.subscribers(topic) for topic in ("t", "u")] == [0, 0]
    pubsub.subscribe(one, "t")  # too late
    assert pubsub.subscribers("t") == 0
    assert pubsub._table._of == {}


def test_what_is_broadcast_is_a_copy(pubsub, listener):
    one, other = listener(), listener()
    pubsub.subscribe(one, "t")
    message = {"list": [1]}
    pubsub.broadcast("t", message)
    message["list"].append(2)
    assert one.wait_for(1) == [{"list": [1]}]
    assert one.heard[0] is not message
    assert other.heard == []


def test_local_broadcast_takes_any_object_as_it_is(pubsub, listener):
    one = listener()
    pubsub.subscribe(one, "t")
    message = object()
    assert pubsub.local_broadcast("t", message) == 1
    assert one.wait_for(1)[0] is message


@pytest.mark.parametrize("message", [object(), {1: "x"}, {"a": {2: 3}}, {b"k": 1}, 1 << 70])
def test_what_cannot_travel_is_refused_and_nobody_is_told(pubsub, listener, message):
    one = listener()
    pubsub.subscribe(one, "t")
    if message == {b"k": 1}:
        pubsub.broadcast("t", message)  # bytes are plain values, as keys too
        assert one.wait_for(1) == [message]
        return
    with pytest.raises(TypeError, match="plain values"):
        pubsub.broadcast("t", message)
    with pytest.raises(TypeError, match="plain values"):
        pubsub.direct_broadcast("here", "t", message)
    assert settle(one) == []


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_message_is_bounded(pubsub, listener, extra):
    one = listener()
    pubsub.subscribe(one, "t")
    overhead = len(frames.pack(b"x" * 70_000)) - 70_000
    payload = b"x" * (frames.MAX_FRAME - overhead + extra)
    if extra > 0:
        with pytest.raises(ValueError, match="over 4194304"):
            pubsub.broadcast("t", payload)
    else:
        pubsub.broadcast("t", payload)
        assert len(one.wait_for(1)[0]) == len(payload)


@pytest.mark.parametrize(
    ("event", "payload", "wrong"),
    [
        ("large", {"text": "x" * frames.MAX_FRAME}, ValueError),
        ("e" * (frames.MAX_FRAME + 1), {}, ValueError),
        ("\ud800", {}, TypeError),
    ],
)
@pytest.mark.parametrize("local", [False, True])
def test_event_that_no_frame_can_carry_is_refused_where_none_has_to(
    pubsub, listener, event, payload, wrong, local
):
    one = listener()
    pubsub.subscribe(one, "t")
    with pytest.raises(wrong):
        pubsub.broadcast_event("t", event, payload, local=local)
    assert settle(one) == []


@pytest.mark.parametrize("topic", ["", None, 7, b"t"])
def test_topic_must_be_text(pubsub, listener, topic):
    one = listener()
    for call in (
        lambda: pubsub.subscribe(one, topic),
        lambda: pubsub.unsubscribe(one, topic),
        lambda: pubsub.local_broadcast(topic, "x"),
        lambda: pubsub.direct_broadcast("here", topic, "x"),
    ):
        with pytest.raises(TypeError, match="topic"):
            call()


def test_topic_must_be_utf8(pubsub, listener):
    one = listener()
    for call in (
        lambda: pubsub.subscribe(one, "t\ud800"),
        lambda: pubsub.broadcast("t\ud800", "x"),
        lambda: pubsub.broadcast_from(one, "t\ud800", "x"),
        lambda: pubsub.broadcast_event("t\ud800", "e", {}),
        lambda: pubsub.local_broadcast("t\ud800", "x"),
        lambda: pubsub.direct_broadcast("there", "t\ud800", "x"),
    ):
        with pytest.raises(ValueError, match="is no UTF-8: it has a lone surrogate"):
            call()
    pubsub.subscribe(one, "t\U0001f600é")
    pubsub.broadcast("t\U0001f600é", "x")
    assert one.wait_for(1) == ["x"]


def test_subscriber_must_be_an_actor(pubsub):
    with pytest.raises(TypeError, match="no actor"):
        pubsub.subscribe("me", "t")


class Narrow(Listener):
    mailbox_messages = 2


def test_full_mailbox_neither_stops_the_others_nor_raises(pubsub, listener):
    narrow, wide = listener(Narrow), listener()
    narrow.gate = Event()
    told: list[Any] = []
    telemetry.attach("pubsub.refused", handler := lambda *event: told.append(event))
    pubsub.subscribe(narrow, "t")
    pubsub.subscribe(wide, "t")
    pubsub.broadcast("t", 0)
    assert narrow.entered.wait(DEADLINE)
    for number in (1, 2, 3):
        pubsub.broadcast("t", number)
    rounds_pass()
    with pytest.raises(MailboxFull):
        narrow.actor_ref.tell("x")
    assert told == []
    pubsub.broadcast("t", 4)
    assert wide.wait_for(5) == [0, 1, 2, 3, 4]
    assert told == [("pubsub.refused", {"count": 1}, {"topic": "t"})]
    telemetry.detach("pubsub.refused", handler)
    narrow.gate.set()
    assert narrow.wait_for(4) == [0, 1, 2, 3]


class Phone(Listener):
    """Bounded as a socket is."""

    mailbox_messages = Socket.mailbox_messages
    mailbox_bytes = Socket.mailbox_bytes
    mailbox_policy = "stop"


@pytest.mark.parametrize("count", [5_000, 20_000])
def test_burst_in_one_callback_reaches_everybody_whole(pubsub, listener, count):
    phones = [listener(Phone) for _ in range(3)]
    for phone in phones:
        pubsub.subscribe(phone, "t")
    wanted = [f"{number:10}" for number in range(count)]
    for message in wanted:
        pubsub.broadcast("t", message)
    for phone in phones:
        assert phone.wait_for(count) == wanted


@pytest.mark.parametrize(("extra", "fits"), [(-1, True), (0, True), (1, False)])
def test_broadcast_weighs_what_it_has_packed(pubsub, listener, extra, fits):
    class Light(Phone):
        mailbox_bytes = 2 * (SHARED + len(frames.pack("x" * 100))) - extra

    light = listener(Light)
    pubsub.subscribe(light, "t")
    pubsub.broadcast("t", "x" * 100)
    pubsub.broadcast("t", "y" * 100)
    assert (light.actor_inbox.signals is None) is fits


def test_local_broadcast_weighs_its_message_alone(pubsub, listener):
    one = listener(Phone)
    pubsub.subscribe(one, "t")
    pubsub.local_broadcast("t", "x" * 10)
    assert one.actor_inbox.weight == SHARED + 10


def test_direct_broadcast_to_ourselves_and_to_nobody(pubsub, listener):
    one = listener()
    pubsub.subscribe(one, "t")
    assert pubsub.direct_broadcast("here", "t", "x") is True
    assert pubsub.direct_broadcast("elsewhere", "t", "y") is False
    assert one.wait_for(1) == ["x"]
    assert settle(one) == ["x"]
