"""Events of channels over the bus, beside plain messages, and what the release before gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors import packets, telemetry
from actors.messages import Broadcast, Opcode
from actors.packets import FrameReader, pack
from actors.pubsub import wire
from actors.serializers.message import Body
from actors.serializers.v1 import V1
from actors.serializers.v2 import V2
from tests.actors.pubsub.before import Receiver
from tests.actors.pubsub.test_bus import Worker
from tests.actors.pubsub.test_pubsub import DEADLINE, Listener
from tests.support.waiting import eventually


@pytest.fixture
def workers(tmp_path: Path) -> Any:
    """Start workers that are linked to each other, and receivers of the release before."""
    made: list[Worker] = []
    older: list[Receiver] = []

    def start(*names: str, before: str = "") -> tuple[list[Worker], Receiver | None]:
        directory = tmp_path / "bus"
        made.extend(Worker(directory, name) for name in names)
        if before:
            older.append(Receiver(directory / before))
        for worker in made:
            worker.bus.set_peers([*names, *([before] if before else [])])
        if not before:
            for worker in made:
                assert worker.bus.wait_linked(DEADLINE)
        return made, older[0] if older else None

    yield start
    for receiver in older:
        receiver.close()
    for worker in made:
        worker.bus.close(flush=0)
        worker.ref.kill()


class Lane:
    """A client's: it keeps the frames that it gets."""

    def __init__(self, serializer: Any = V2, intercepts: tuple[str, ...] = ()) -> None:
        self.inbox = Listener.start().actor_inbox
        self.intercepts = frozenset(intercepts)
        self.key = serializer
        self.got: list[Any] = []
        self.post = self.got.append

    def prepare(self, topic: str, event: str, body: Any) -> Any:
        return self.key.broadcast(topic, event, body)


def test_an_event_reaches_the_clients_of_every_worker_in_the_same_bytes(workers: Any) -> None:
    (one, two, three), _ = workers("one", "two", "three")
    here, there, old = Lane(), Lane(), Lane(V1)
    one.pubsub.enter("r", here)
    two.pubsub.enter("r", there)
    two.pubsub.enter("r", old)
    one.pubsub.broadcast_event("r", "news", {"n": 1, "ü": None})
    one.pubsub.broadcast_event("r", "bytes", b"\x00\xff")
    one.pubsub.broadcast_event("r", "alone", {}, local=True)
    one.pubsub.broadcast_event("r", "last", {})
    eventually(lambda: len(there.got) == 3)
    assert here.got[:2] + here.got[3:] == there.got
    assert there.got[0] == (Opcode.TEXT, '[null,null,"r","news",{"n":1,"ü":null}]'.encode())
    assert there.got[1] == (Opcode.BINARY, b"\x02\x01\x05rbytes\x00\xff")
    assert len(old.got) == 2  # version 1 has no bytes
    assert three.pubsub.subscribers("r") == 0
    for worker, lane in ((one, here), (two, there), (two, old)):
        worker.pubsub.leave("r", lane)
        assert worker.pubsub.subscribers("r") == (1 if lane is there else 0)


def test_clients_of_several_kinds_each_get_their_own_bytes_made_once(workers: Any) -> None:
    (one,), _ = workers("one")
    lanes = [Lane(serializer) for serializer in (V2, V2, V1, V1, V2, V1, V2)]
    asked: list[Any] = []
    for lane in lanes:
        lane.key = (lane.key, "ws")  # equal, and not the same object
        lane.prepare = lambda *event, kind=lane.key: asked.append(kind) or kind[0].broadcast(*event)
        one.pubsub.enter("r", lane)
    one.pubsub.leave("r", lanes.pop(3))
    one.pubsub.broadcast_event("r", "news", {})
    assert asked == [(V2, "ws"), (V1, "ws")]
    for lane in lanes:
        assert lane.got == [lane.key[0].broadcast("r", "news", Body.of({}))]
        one.pubsub.leave("r", lane)


def test_an_actor_that_subscribes_gets_the_events_of_other_workers(workers: Any) -> None:
    (one, two), _ = workers("one", "two")
    one.pubsub.broadcast_event("t", "news", {"n": 1})
    assert two.listener.wait_for(1) == [Broadcast("t", "news", {"n": 1})]


def test_plain_messages_and_events_of_a_publisher_keep_their_order(workers: Any) -> None:
    (one, two), _ = workers("one", "two")
    for number in range(200):
        if number % 3:
            one.pubsub.broadcast_event("t", "n", {"n": number})
        else:
            one.pubsub.broadcast("t", number)
    for worker in (one, two):
        heard = worker.listener.wait_for(200)
        assert [each if type(each) is int else each.payload["n"] for each in heard] == [*range(200)]


def test_the_publisher_that_is_excluded_is_so_in_its_own_process_alone(workers: Any) -> None:
    (one, two), _ = workers("one", "two")
    mine, theirs = Lane(), Lane()
    one.pubsub.enter("r", mine)
    two.pubsub.enter("r", theirs)
    one.pubsub.broadcast_event("r", "news", {}, excluded=mine.inbox.number)
    eventually(lambda: theirs.got)
    assert mine.got == []
    one.pubsub.leave("r", mine)
    two.pubsub.leave("r", theirs)


def test_what_cannot_be_an_event_reaches_nobody(workers: Any) -> None:
    (one, two), _ = workers("one", "two")
    for payload, wrong in (([1], TypeError), ({"a": object()}, TypeError), ("text", TypeError)):
        with pytest.raises(wrong):
            one.pubsub.broadcast_event("t", "news", payload)
    with pytest.raises(ValueError, match="event of 256 characters: a binary frame takes 255"):
        one.pubsub.broadcast_event("t", "e" * 256, b"")
    with pytest.raises(ValueError, match="topic of 300 characters"):
        one.pubsub.broadcast_event("t" * 300, "e", b"")
    with pytest.raises(ValueError):
        one.pubsub.broadcast_event("t", "large", {"text": "x" * (packets.MAX_FRAME + 1)})
    one.pubsub.broadcast_event("t", "last", {})
    assert [each.event for each in two.listener.wait_for(1)] == ["last"]


def test_a_worker_of_the_release_before_is_not_disturbed_by_events(workers: Any) -> None:
    """It gets a request of a kind that it has no handler for, and replies to nobody's number."""
    (one,), old = workers("one", before="old")
    one.pubsub.broadcast("t", "first")
    one.pubsub.broadcast_event("t", "news", {"n": 1})
    one.pubsub.broadcast_event("t", "news", b"\x00")
    one.pubsub.broadcast("t", "last")
    eventually(lambda: len(old.messages) == 4)
    assert old.messages == [
        ["broadcast", 1, "t", pack("first")],
        ["request", 2, 0, "event", None],
        ["request", 3, 0, "event", None],
        ["broadcast", 4, "t", pack("last")],
    ]


def test_an_event_that_travels_in_parts_leaves_no_gap_for_the_release_before(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(wire, "MAX_FRAME", 1000)
    monkeypatch.setattr(wire, "PART", 400)
    event = wire.broadcast("one", 1, wire.EVENT, "t", b"x" * 1500)
    last = wire.broadcast("one", 2, wire.PLAIN, "t", pack("last"))
    numbered = [(1, event), (1 + event.parts + 1, last)]
    reader, whole, numbers = FrameReader(), b"", []
    for message in reader.feed(b"".join(wire.frames(wire.BEFORE, numbered))):
        numbers.append(message[1])
        if message[0] == "part":
            whole += message[2]
        elif message[0] == "whole":
            assert packets.unpack(whole)[0] == "request"
    assert numbers == [*range(1, len(numbers) + 1)]


def test_an_event_of_a_wrong_shape_is_a_broken_frame(workers: Any) -> None:
    (one,), _ = workers("one")
    for packed in (pack(["news", False]), pack("news"), pack([1, False, b"{}"])):
        with pytest.raises(packets.FrameError):
            one.pubsub.arrived("t", wire.EVENT, packed)


def test_a_kind_of_parcel_that_nobody_knows_is_counted(workers: Any) -> None:
    (one,), _ = workers("one")
    seen: list[Any] = []
    telemetry.attach("pubsub.unknown", handler := lambda *event: seen.append(event[2]))
    one.pubsub.arrived("t", "state", b"")
    telemetry.detach("pubsub.unknown", handler)
    assert seen == [{"kind": "state"}]
