"""What a client does wrong, and what an application does: who is told, and who lives on."""

from __future__ import annotations

import json
from typing import Any

import gevent
import pytest

from actors import Ok, telemetry
from actors.serializers import v2
from tests.channels.stage import PACKED, V1, V2, Gate, Room, closed, crashed, error, reply
from tests.support.raw import BINARY, TEXT, frame
from tests.support.waiting import eventually

TOPIC = "room:1"


# -- limits, one below, at and above each


class Measuring(Room):
    """Answers any event with how long it is."""

    def handle_in(self, event: str, payload: Any) -> Any:
        return Ok({"length": len(event.encode())})


@pytest.mark.parametrize("letter", ["t", "ü"])
def test_a_topic_may_have_255_bytes(play: Any, letter: str) -> None:
    peer = play({"*": Measuring}).connect()
    width = len(letter.encode())
    for size in (254, 255):
        topic = letter * (size // width) + "t" * (size % width)
        peer.join(topic, ref=str(size))
    topic = letter * (256 // width)
    peer.send("1", "1", topic, "phx_join")
    peer.send("1", "2", topic, "echo")
    peer.expect(error(None, "1", topic, "invalid topic"), error(None, "2", topic, "invalid topic"))
    peer.beat()


@pytest.mark.parametrize("letter", ["e", "ü"])
def test_an_event_may_have_255_bytes(play: Any, letter: str) -> None:
    peer = play({"*": Measuring}).joined()
    width = len(letter.encode())
    for size in (254, 255):
        event = letter * (size // width) + "e" * (size % width)
        peer.send("1", "2", TOPIC, event)
        peer.expect(reply("1", "2", TOPIC, {"length": size}))
    peer.send("1", "3", TOPIC, letter * (256 // width))
    peer.expect(error("1", "3", TOPIC, "unknown event"))
    peer.beat()


@pytest.mark.parametrize("place", ["join_ref", "ref"])
def test_a_ref_may_have_255_bytes(play: Any, place: str) -> None:
    stage = play({"*": Measuring})
    for size in (254, 255):
        ref = "r" * size
        names = (ref, "1") if place == "join_ref" else ("1", ref)
        peer = stage.connect()
        peer.send(*names, TOPIC, "phx_join")
        peer.expect(reply(*names, TOPIC))
    peer = stage.connect()
    names = ("r" * 256, "1") if place == "join_ref" else ("1", "r" * 256)
    peer.send(*names, TOPIC, "phx_join")
    peer.closes(1007)


def test_a_client_has_max_channels_and_no_more(play: Any) -> None:
    peer = play(max_channels=3, max_join_rate=1e6).connect()
    for number in "123":
        peer.join(f"room:{number}", number)
    peer.send("4", "4", "room:4", "phx_join")
    peer.expect(error("4", "4", "room:4", "too many channels joined"))
    peer.send("3", "5", "room:3", "phx_leave")
    peer.expect(reply("3", "5", "room:3"), closed("3", "room:3"))


def test_joins_within_the_rate_are_served_and_a_flood_of_them_ends_the_client(play: Any) -> None:
    stage = play(max_channels=3, max_join_rate=0.5)
    peer, other = stage.connect(), stage.joined()
    for n in "123":
        peer.join(f"room:{n}", n)
    peer.send_many([(n, n, f"room:{n}", "phx_join", {}) for n in "4567"])
    peer.expect(*(error(n, n, f"room:{n}", "too many joins") for n in "45"))
    peer.closes(1008)
    other.beat()


def test_joins_that_come_again_count_as_well(play: Any) -> None:
    peer = play(max_channels=3, max_join_rate=0.5).joined()
    for old, new in ("12", "23"):
        peer.send(new, new, TOPIC, "phx_join")
        peer.expect(reply(new, new, TOPIC), closed(old, TOPIC))
    peer.send("4", "4", TOPIC, "phx_join")
    peer.expect(error("4", "4", TOPIC, "too many joins"))
    peer.send("3", "5", TOPIC, "echo")
    peer.expect(reply("3", "5", TOPIC))


def test_messages_within_the_rate_are_served_and_a_flood_of_them_ends_the_client(play: Any) -> None:
    stage = play(max_message_rate=0.5)
    peer, other = stage.joined(), stage.joined()
    peer.send("1", "0", TOPIC, "echo")
    peer.expect(reply("1", "0", TOPIC))
    for _ in range(30):  # which never count
        peer.beat()
    peer.send_many([("1", n, TOPIC, "echo", {}) for n in "12345678"])
    peer.expect(*(error("1", n, TOPIC, "rate limited") for n in "1234"))
    peer.closes(1008)
    other.beat()


# -- what cannot be read


def nested(levels: int) -> Any:
    """Return a message of so many levels."""
    value: Any = {}
    for _ in range(levels - 2):
        value = [value]
    return ["1", "2", TOPIC, "echo", value]


BROKEN = {
    "no JSON": (V2, "{"),
    "no array": (V2, "{}"),
    "four elements": (V2, json.dumps(["1", "2", TOPIC, "echo"])),
    "a number": (V2, "7"),
    "NaN": (V2, '["1","2","room:1","echo",NaN]'),
    "infinity": (V2, '["1","2","room:1","echo",1e400]'),
    "half a pair": (V2, r'["1","2","room:1","echo","\ud800"]'),
    "topic": (V2, json.dumps(["1", "2", 7, "echo", {}])),
    "event": (V2, json.dumps(["1", "2", TOPIC, None, {}])),
    "ref": (V2, json.dumps(["1", [], TOPIC, "echo", {}])),
    "join_ref": (V2, json.dumps([{}, "2", TOPIC, "echo", {}])),
    "true as a ref": (V2, json.dumps(["1", True, TOPIC, "echo", {}])),
    "65 levels": (V2, json.dumps(nested(65))),
    "an empty frame": (V2, b""),
    "an unknown kind": (V2, b"\x05\x01\x01\x01\x01abcd"),
    "a reply of a client": (V2, b"\x01\x01\x01\x01\x01abcd"),
    "lengths beyond the frame": (V2, b"\x00\x01\x01\xff\x01abcd"),
    "an array": (V1, json.dumps(["1", "2", TOPIC, "echo", {}])),
    "no ref": (V1, json.dumps({"topic": TOPIC, "event": "echo", "payload": {}})),
    "binary": (V1, b"\x00\x01\x01\x06\x0411room:1echo"),
    "text": (PACKED, "[]"),
    "no msgpack": (PACKED, b"\xc1"),
    "a type of one's own": (PACKED, b"\x95\xa11\xa11\xa6room:1\xa4echo\xd4\x07\x00"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_closes_with_1007(play: Any, caplog: Any, name: str) -> None:
    vsn, data = BROKEN[name]
    stage = play()
    other = stage.joined()
    with caplog.at_level("INFO"):
        peer = stage.joined(TOPIC, vsn)
        peer.client.send(frame(TEXT if isinstance(data, str) else BINARY, data))
        peer.closes(1007)
        eventually(lambda: len(stage.ended) == 1)
    [line] = [each for each in caplog.records if each.name == "roost.channels"]
    assert line.exc_info is None
    assert "room:1" not in line.getMessage()
    other.send("1", "9", TOPIC, "echo")
    other.expect(reply("1", "9", TOPIC))


@pytest.mark.parametrize("levels", [63, 64])
def test_what_is_just_deep_enough_comes_back(play: Any, levels: int) -> None:
    peer, message = play().joined(), nested(levels)
    peer.send(*message)
    peer.expect(reply("1", "2", TOPIC, message[4]))


def test_what_cannot_be_read_over_long_polling_ends_the_session(play: Any) -> None:
    stage = play()
    peer = stage.joined(TOPIC, V2, "longpoll")
    assert peer.poller.post('["1","2",7,"echo",{}]')["status"] in (408, 410)
    peer.closes(1007)
    eventually(lambda: len(stage.ended) == 1)


# -- a join that takes its time


def test_a_join_that_blocks_for_ever_is_over_in_time(play: Any) -> None:
    gate = Gate()

    class Slow(Room):
        join_timeout = 0.05

        def join(self, topic: str, payload: Any) -> Any:
            if self.join_ref == "1":
                gate.wait()
            return Ok()

    stage = play({"room:*": Slow})
    peer = stage.connect()
    peer.send("1", "1", TOPIC, "phx_join")
    peer.send("1", "2", TOPIC, "echo")
    peer.expect(error("1", "1", TOPIC, "join timeout"))
    peer.expect(error(None, "2", TOPIC, "unmatched topic"))
    eventually(lambda: stage.live() == [])
    peer.join(TOPIC, "3")
    assert stage.ended == []


def test_a_join_that_ends_itself_is_answered(play: Any) -> None:
    class Leaving(Room):
        def join(self, topic: str, payload: Any) -> Any:
            self.exit_self()

    stage = play({"room:*": Leaving})
    peer = stage.connect()
    peer.send("1", "1", TOPIC, "phx_join")
    peer.expect(error("1", "1", TOPIC, "join crashed"))
    assert stage.ended == []


# -- what cannot be said


class Unsaid(Room):
    def handle_in(self, event: str, payload: Any) -> Any:
        wrong = {"wrong": object()}
        match event:
            case "reply":
                return Ok(wrong)
            case "answer":
                return "nonsense"
            case "push":
                self.push("news", wrong)
            case "broadcast":
                self.broadcast("news", wrong)
            case "catch":
                self._catch(wrong)
                return Ok({"caught": True})
        return None

    def _catch(self, wrong: Any) -> None:
        for tell in (self.push, self.broadcast, self.broadcast_from):
            for payload in (wrong, [1], "text", 7):
                with pytest.raises(TypeError):
                    tell("news", payload)
        for event in ("phx_close", "phx_error"):
            with pytest.raises(ValueError):
                self.broadcast(event, {})
        for tell in (self.push, self.broadcast):
            with pytest.raises(ValueError):
                tell("e" * 256, b"bytes")


class Bytes(Room):
    def handle_in(self, event: str, payload: Any) -> Any:
        match event:
            case "bytes":
                return Ok(b"bytes")
            case "push_bytes":
                self.push("news", b"bytes")
            case "shout_bytes":
                self.broadcast("news", b"bytes")
        return None


@pytest.mark.parametrize("event", ["reply", "answer", "push", "broadcast"])
@pytest.mark.parametrize("vsn", [V1, V2, PACKED])
def test_what_cannot_be_encoded_ends_the_channel_that_says_it(
    play: Any, caplog: Any, event: str, vsn: str
) -> None:
    stage = play({"room:*": Unsaid})
    other, peer = stage.joined(), stage.joined(TOPIC, vsn)
    peer.send("1", "2", TOPIC, event)
    peer.expect(crashed("1", TOPIC))
    [line] = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert "crashed: TypeError" in line
    other.beat()


def test_what_cannot_be_encoded_is_an_error_of_the_caller_who_may_catch_it(play: Any) -> None:
    stage = play({"room:*": Unsaid})
    other, peer = stage.joined(), stage.joined()
    peer.send("1", "2", TOPIC, "catch")
    peer.expect(reply("1", "2", TOPIC, {"caught": True}))
    other.beat()  # nobody was told


@pytest.mark.parametrize("event", ["bytes", "push_bytes"])
def test_bytes_for_a_client_of_version_1_end_its_channel(play: Any, event: str) -> None:
    peer = play({"room:*": Bytes}).joined(TOPIC, V1)
    peer.send("1", "2", TOPIC, event)
    peer.expect(crashed("1", TOPIC))


def test_a_broadcast_of_bytes_passes_over_clients_of_version_1_and_is_counted(play: Any) -> None:
    stage = play({"room:*": Bytes})
    refused: list[Any] = []
    telemetry.attach("pubsub.refused", handler := lambda *event: refused.append(event[1:3]))
    try:
        old, new, packed = (stage.joined(TOPIC, vsn) for vsn in (V1, V2, PACKED))
        old.send("1", "2", TOPIC, "shout_bytes")
        assert new.recv_raw() == b"\x02\x06\x04room:1newsbytes"
        packed.expect((None, None, TOPIC, "news", b"bytes"))
        old.beat()
        alone = stage.joined("room:alone", V1)
        alone.send("1", "2", "room:alone", "shout_bytes")  # nobody can be told
        alone.beat()
    finally:
        telemetry.detach("pubsub.refused", handler)
    assert refused == [({"count": 1}, {"topic": TOPIC}), ({"count": 1}, {"topic": "room:alone"})]


def test_a_binary_push_of_a_mebibyte_comes_back(play: Any) -> None:
    data, size = bytes(range(256)) * 4096, 2 * 1024 * 1024
    peer = play(websocket={"max_frame_size": size, "max_message_size": size}).joined()
    peer.client.send(frame(BINARY, b"\x00\x01\x01\x06\x0412room:1echo" + data))
    assert peer.recv_raw() == b"\x01\x01\x01\x06\x0212room:1ok" + data


# -- who does not handle, and who does not read


@pytest.mark.parametrize("policy", ["stop", "reject", "drop"])
def test_a_mailbox_that_is_full_goes_by_its_policy(play: Any, policy: str) -> None:
    gate = Gate()

    class Full(Room):
        mailbox_bytes = 1000
        mailbox_policy = policy

        def handle_in(self, event: str, payload: Any) -> Any:
            gate.wait()

    stage = play({"room:*": Full})
    peer = stage.joined()
    peer.send("1", "2", TOPIC, "block")
    gate.reached()
    ref = stage.live()[0].actor_ref
    if policy == "reject":
        with pytest.raises(Exception, match="waiting"):
            ref.tell("x" * 1000)
    else:
        ref.tell("x" * 1000)
    gate.open()
    if policy == "stop":
        peer.expect(crashed("1", TOPIC))
        eventually(lambda: stage.ended)
    else:
        peer.send("1", "3", TOPIC, "block")
        peer.beat()
        assert stage.ended == []


@pytest.mark.parametrize("policy", ["stop", "reject", "drop"])
def test_intercepted_events_that_a_mailbox_does_not_take_go_by_its_policy(
    play: Any, policy: str
) -> None:
    gate = Gate()

    class Full(Room):
        mailbox_bytes = 1000
        mailbox_policy = policy
        intercepts = ("large",)

        def handle_out(self, event: str, payload: Any) -> Any:
            return payload

        def handle_in(self, event: str, payload: Any) -> Any:
            gate.wait()

    stage = play({"room:*": Full, "other": Room})
    refused: list[Any] = []
    telemetry.attach("pubsub.refused", handler := lambda *event: refused.append(event[1]))
    try:
        peer = stage.joined()
        peer.send("1", "2", TOPIC, "block")
        gate.reached()
        stage.endpoint.broadcast(TOPIC, "large", {"text": "x" * 2000})
        stage.endpoint.broadcast(TOPIC, "small", {})
        peer.expect((None, None, TOPIC, "small", {}))
    finally:
        telemetry.detach("pubsub.refused", handler)
    assert refused == [{"count": 1}]
    gate.open()
    if policy == "stop":
        peer.expect(crashed("1", TOPIC))
    else:
        peer.beat()


def test_a_client_that_never_reads_is_closed_and_the_others_hear_all(play: Any) -> None:
    stage = play(websocket={"max_send_queue": 65536})
    silent, reader, count = stage.joined(), stage.joined(), 0
    text, got = "x" * 50_000, []

    def read() -> None:
        while (message := reader.recv())[3] != "last":
            got.append(message[4]["n"])

    reading = gevent.spawn(read)
    while len(stage.live()) == 2:
        stage.endpoint.broadcast(TOPIC, "news", {"n": count, "text": text})
        count += 1
        eventually(lambda: len(got) == count)  # noqa: B023 - looked at here and now
    stage.endpoint.broadcast(TOPIC, "last", {})
    reading.get(timeout=20)
    assert got == list(range(count))
    assert silent.code() == 1008


def test_a_join_whose_reply_is_beyond_the_send_bound_closes_the_client(play: Any) -> None:
    class Large(Room):
        def join(self, topic: str, payload: Any) -> Any:
            return Ok({"text": "x" * 30_000_000})

    stage = play({"room:*": Large}, websocket={"max_send_queue": 65536})
    peer = stage.connect()
    peer.send("1", "1", TOPIC, "phx_join")
    eventually(lambda: len(stage.ended) == 1)
    assert peer.code() == 1008


def test_a_session_whose_buffer_is_full_ends(play: Any) -> None:
    stage = play(longpoll={"max_buffer_messages": 4})
    peer = stage.joined(TOPIC, V2, "longpoll")
    other = stage.joined()
    for number in range(6):
        stage.endpoint.broadcast(TOPIC, "news", {"n": number})
    other.expect(*((None, None, TOPIC, "news", {"n": number}) for number in range(6)))
    eventually(lambda: len(stage.ended) == 1)
    other.beat()
    peer.close()


# -- names of connections


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        *((each, "accepted: a str, None") for each in (7, "", b"bytes", ["users:1"])),
        ("users:\ud800", "it has a lone surrogate"),
    ],
)
def test_an_id_that_is_no_name_refuses_the_client(
    play: Any, caplog: Any, answer: Any, why: str
) -> None:
    stage = play(id=classmethod(lambda cls, assigns: answer))
    assert stage.connect().answer.status == 403
    [line] = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert why in line


def test_a_serializer_that_fails_concerns_its_own_clients_alone(play: Any, caplog: Any) -> None:
    class Failing(type(v2.V2)):
        def broadcast(self, *_: Any) -> Any:
            raise RuntimeError("no broadcasts today")

    ours = [(Failing(), "~> 3.0.0"), (v2.V2, "~> 2.0.0")]
    stage = play(websocket={"serializer": ours})
    theirs, mine = stage.joined(TOPIC, "3.0.0"), stage.joined(TOPIC, V2)
    stage.endpoint.broadcast(TOPIC, "news", {"a": 1})
    mine.expect((None, None, TOPIC, "news", {"a": 1}))
    theirs.beat()
    assert "no broadcasts today" in caplog.text
