"""Attacks on channels, D1 to D10 and D12 to D13 of the list of threats; D11 is about presence."""

from __future__ import annotations

import gc
import json
import logging
import sys
from typing import Any

import gevent
import pytest
from greenlet import GreenletExit
from hypothesis import given, settings
from hypothesis import strategies as st
from pykka import ActorDeadError

from actors import Channel, ChannelSocket, Ok, intercept, on
from actors.channels import telling
from actors.errors import InvalidMessage
from actors.reasons import Crash
from actors.runtime import get_dispatcher
from actors.serializers import packed, v1, v2
from actors.serializers.message import Incoming
from tests.channels.stage import PACKED, V1, V2, Room, closed, crashed, error, reply
from tests.support.raw import TEXT, Client, close_frame, frame
from tests.support.waiting import DEADLINE, eventually

TOPIC = "room:1"


def text(payload: str) -> bytes:
    """Return a frame whose payload is written out, as no library would write it."""
    return frame(TEXT, f'["1","2","room:1","echo",{payload}]')


def refused(play: Any, payload: str, code: int = 1007) -> None:
    """Check that a payload ends its client alone."""
    stage = play()
    other, peer = stage.joined(), stage.joined()
    peer.client.send(text(payload))
    peer.closes(code)
    other.send("1", "2", TOPIC, "echo")
    other.expect(reply("1", "2", TOPIC))


@pytest.mark.parametrize("levels", [65, 1000, 1100, 100_000])
def test_d1_deep_json_closes_with_1007(play: Any, levels: int) -> None:
    refused(play, "[" * levels + "]" * levels)


def test_d2_long_integers_are_floats_or_close_with_1007(play: Any) -> None:
    peer = play().joined()
    peer.client.send(text('{"n":123456789012345678901234567890}'))
    peer.expect(reply("1", "2", TOPIC, {"n": 123456789012345678901234567890.0}))
    refused(play, "1" * 5000)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_d3_what_is_no_number_closes_with_1007(play: Any, number: str) -> None:
    refused(play, number)


def test_d4_of_two_equal_keys_the_last_one_counts(play: Any) -> None:
    peer = play().joined()
    peer.client.send(text('{"a":1,"a":2}'))
    peer.expect(reply("1", "2", TOPIC, {"a": 2}))


@pytest.mark.parametrize("surrogate", [r"\ud800", r"\udc00\ud800"])
def test_d5_halves_of_pairs_close_with_1007(play: Any, surrogate: str) -> None:
    refused(play, f'"{surrogate}"')


def test_d6_a_message_beyond_the_limit_closes_with_1009(play: Any) -> None:
    refused(play, "[" + "[]," * 400_000 + "[]]", code=1009)


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=7), inner),
    max_leaves=12,
)


@given(st.one_of(SHAPES.map(json.dumps), st.text(), st.binary(), SHAPES.map(str)))
@settings(max_examples=300, deadline=None)
def test_d7_whatever_comes_is_a_message_or_cannot_be_read(data: Any) -> None:
    for serializer in (v1.V1, v2.V2, packed.MSGPACK):
        try:
            got = serializer.decode(data)
        except InvalidMessage:
            continue
        assert isinstance(got, Incoming)
        assert type(got.topic) is type(got.event) is str


@pytest.mark.parametrize(
    "message",
    [
        [],
        ["1", "2", TOPIC, "echo"],
        [None] * 5,
        [["1"], "2", TOPIC, "echo", {}],
        ["1", "2", "", "", {}],
        ["1", "2", "t" * 900_000, "echo", {}],
        ["1", "2", TOPIC, "e" * 900_000, {}],
        ["1", "2", "phoenix", "echo", {}],
        ["1", "2", "room:\x00\x1b[31m\n", "echo\r\n", {}],
        ["1", "2", TOPIC, "echo", {}, "more", "and more"],
    ],
    ids=range(10),
)
def test_d7_messages_of_wrong_shapes_concern_their_client_alone(play: Any, message: Any) -> None:
    stage = play()
    other, peer = stage.joined(), stage.joined()
    peer.client.send(frame(TEXT, json.dumps(message)))
    peer.client.send(close_frame())
    peer.code()
    other.beat()


def test_d8_a_client_that_joins_all_topics_gets_a_hundred(play: Any) -> None:
    stage = play(max_join_rate=1e6)
    peer = stage.connect()
    names = [str(number) for number in range(1000)]
    peer.send_many([(name, name, f"room:{name}", "phx_join", {}) for name in names])
    got = [peer.recv()[4]["status"] for _ in names]
    assert (got.count("ok"), got.count("error")) == (100, 900)
    assert len(stage.live()) == 100
    peer.beat()


def test_d8_topics_that_nobody_serves_leave_nothing(play: Any) -> None:
    stage = play(max_join_rate=1e6, max_channels=10_000)
    peer = stage.connect()
    for start in range(0, 2000, 500):
        names = [str(number) for number in range(start, start + 500)]
        peer.send_many([(name, name, f"no:{name}", "phx_join", {}) for name in names])
        peer.expect(*(error(None, name, f"no:{name}", "unmatched topic") for name in names))
    assert stage.live() == []
    assert len(telling.LINES._windows) < 100


def cycle(peer: Any, number: int) -> None:
    """Join, join again, and end in one of four ways; every other time in the midst of a join."""
    first, again, last = (f"{letter}{number}" for letter in "abc")
    how, waits = number % 4, number % 8 < 4
    end = ["phx_leave", "raise", "phx_join", "phx_leave"][how]
    pieces = [
        [(first, first, TOPIC, "phx_join", {}), (first, "0", TOPIC, "echo", {})],
        [(again, again, TOPIC, "phx_join", {}), (again, "1", TOPIC, "echo", {})],
        [(last if how == 2 else again, last, TOPIC, end, {})],
        [(last if how == 2 else again, "2", TOPIC, "phx_leave", {})],
        [(None, f"hb{number}", "phoenix", "heartbeat", {})],
    ]
    if how == 3:
        pieces[0].append((first, "3", TOPIC, "phx_leave", {}))
    for piece in pieces:
        peer.send_many(piece)
        if waits and piece[-1][3] == "echo":
            until(peer, piece[-1][1])
    until(peer, f"hb{number}")


def until(peer: Any, ref: str) -> None:
    while peer.recv()[1] != ref:
        pass


def kept() -> tuple[int, int]:
    """Count what is kept, once no table is on its way to be empty."""
    gc.collect()
    timers = get_dispatcher().timers
    return len(gc.get_objects()), len(timers)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_d9_joins_leaves_duplicates_and_crashes_leave_nothing(play: Any, caplog: Any) -> None:
    caplog.set_level(logging.CRITICAL)
    stage = play(max_join_rate=1e9, max_channels=1_000_000)
    stage.endpoint.ended = Forgetful()
    peer = stage.connect()
    seen = []
    for number in range(10_000):
        cycle(peer, number)
        if number % 2500 == 2499:
            eventually(lambda: not stage.live())
            seen.append(kept())
    objects = [count for count, _ in seen]
    assert max(objects[1:]) - objects[1] < 200, seen
    assert max(timers for _, timers in seen) <= seen[0][1] + 3, seen
    assert stage.endpoint.ended.count >= 5_000
    [connection] = stage.live(ChannelSocket)
    assert len(connection._ChannelSocket__topics) == 0
    peer.send(None, "last", "phoenix", "heartbeat")
    until(peer, "last")  # which the answers to what the last cycle sent may precede


class Forgetful(list):
    """Counts what it does not keep."""

    count = 0

    def append(self, _: Any) -> None:
        self.count += 1


def test_d10_what_clients_name_is_never_kept(play: Any, caplog: Any) -> None:
    stage = play(max_join_rate=1e6)
    peer = stage.connect()

    def visit(names: list[str]) -> None:
        for name in names:
            peer.send_many(
                [
                    (name, name, f"room:{name}", "phx_join", {}),
                    (name, "1", f"room:{name}", name, {}),
                    (name, "2", f"room:{name}", "phx_leave", {}),
                    (None, "3", name, name, {}),
                    (None, name, "phoenix", "heartbeat", {}),
                ]
            )
            while peer.recv()[1:3] != (name, "phoenix"):
                pass

    visit(["warm"])
    eventually(lambda: not stage.live())
    loggers, modules = set(logging.root.manager.loggerDict), set(sys.modules)
    visit([f"attacker-{number}" for number in range(300)])
    assert set(logging.root.manager.loggerDict) == loggers
    assert {name for name in sys.modules if "attacker" in name} == set()
    assert modules <= set(sys.modules)
    eventually(lambda: not stage.live())
    gc.collect()
    kept = [each for each in gc.get_objects() if type(each) is dict and "room:attacker-7" in each]
    assert kept == []


# -- D12 and D13: each callback, whatever it raises

KINDS = [
    SystemExit,
    KeyboardInterrupt,
    GreenletExit,
    gevent.Timeout,
    StopIteration,
    RecursionError,
    MemoryError,
    ValueError,
]


def raising(kind: type[BaseException]) -> Any:
    """Return a callback that raises."""

    def callback(*_: Any) -> Any:
        raise kind(7)

    return callback


def channel_class(name: str, kind: type[BaseException]) -> type[Channel]:
    """Make a channel whose callback ``name`` raises, for whatever reason it runs."""
    function = raising(kind)
    if name == "on":
        function = on("go")(lambda self, payload: raising(kind)())
    elif name == "intercept":
        function = intercept("shown")(lambda self, payload: raising(kind)())
    made = {name: function}
    if name == "handle_out":
        made["intercepts"] = ("shown",)
    return type("Raising", (Room,), made)


def provoke(stage: Any, peer: Any, name: str) -> None:
    """Have the callback ``name`` run."""
    match name:
        case "on" | "handle_in":
            peer.send("1", "2", TOPIC, "go")
        case "handle_out" | "intercept":
            stage.endpoint.broadcast(TOPIC, "shown", {})
        case "handle_info":
            stage.live()[-1].actor_ref.tell("news")
        case "handle_call":
            with pytest.raises((Exception, ActorDeadError)):
                stage.live()[-1].actor_ref.ask("what?", timeout=DEADLINE)


def failures(caplog: Any) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "name",
    ["joined", "on", "handle_in", "handle_out", "intercept", "handle_info", "handle_call"],
)
def test_d13_what_a_callback_raises_ends_its_channel_alone(
    play: Any, caplog: Any, name: str, kind: type[BaseException]
) -> None:
    stage = play({TOPIC: channel_class(name, kind), "room:*": Room})
    peer = stage.joined("room:2")
    peer.send("1", "1", TOPIC, "phx_join")
    peer.expect(reply("1", "1", TOPIC))
    provoke(stage, peer, name)
    peer.expect(crashed("1", TOPIC))
    peer.send("1", "3", "room:2", "echo")
    peer.expect(reply("1", "3", "room:2"))
    [(topic, _, reason)] = stage.ended
    assert topic == TOPIC
    assert type(reason) is Crash
    assert type(reason.exception) is kind
    [line] = failures(caplog)
    assert f"{kind.__name__}" in line
    assert "test_threats.py:" in line


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_d13_what_join_raises_refuses_the_join(
    play: Any, caplog: Any, kind: type[BaseException]
) -> None:
    stage = play({TOPIC: channel_class("join", kind), "room:*": Room})
    peer = stage.joined("room:2")
    peer.send("1", "1", TOPIC, "phx_join")
    peer.expect(error("1", "1", TOPIC, "join crashed"))
    peer.send("1", "3", "room:2", "echo")
    peer.expect(reply("1", "3", "room:2"))
    assert stage.ended == []
    [line] = failures(caplog)
    assert "test_threats.py:" in line


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_d13_what_terminate_raises_changes_nothing(
    play: Any, caplog: Any, kind: type[BaseException]
) -> None:
    stage = play({TOPIC: channel_class("terminate", kind), "room:*": Room})
    peer = stage.joined("room:2")
    peer.join(TOPIC)
    peer.send("1", "2", TOPIC, "phx_leave")
    peer.expect(reply("1", "2", TOPIC), closed("1", TOPIC))
    eventually(lambda: len(stage.live()) == 1)
    peer.join(TOPIC, "3")
    [line] = failures(caplog)
    assert "terminate failed" in line
    assert "test_threats.py:" in line


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_d13_what_handle_drain_raises_holds_up_no_drain(
    play: Any, caplog: Any, kind: type[BaseException]
) -> None:
    stage = play({TOPIC: channel_class("handle_drain", kind), "room:*": Room})
    peer = stage.joined("room:2")
    peer.send("1", "1", TOPIC, "phx_join")
    peer.expect(reply("1", "1", TOPIC))
    stage.drain()
    peer.closes(1012)
    eventually(lambda: len(stage.ended) == 2)
    [line] = failures(caplog)
    assert "test_threats.py:" in line


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("name", "status"), [("connect", 500), ("id", 403)])
def test_d13_what_connect_or_id_raises_refuses_the_client(
    play: Any, caplog: Any, name: str, status: int, kind: type[BaseException]
) -> None:
    stage = play(**{name: classmethod(raising(kind))})
    assert stage.connect().answer.status == status
    with Client(stage.served.address) as client:
        assert client.ask("/socket/longpoll?vsn=2.0.0").status in (200, status)
    first = failures(caplog)[0]
    assert "test_threats.py:" in first
    assert stage.live(ChannelSocket) == []


def test_d12_a_handler_that_fails_for_each_message_does_not_flood_the_log(
    play: Any, caplog: Any
) -> None:
    stage = play(max_join_rate=1e6)
    peer = stage.connect()
    for number in range(60):
        ref = str(number)
        peer.join(TOPIC, ref)
        peer.send(ref, "x", TOPIC, "raise")
        peer.expect(crashed(ref, TOPIC))
    assert len(failures(caplog)) == 20  # in ten seconds; how many more is told afterwards


@pytest.mark.parametrize("vsn", [V1, V2, PACKED])
def test_d12_a_converter_that_fails_ends_the_channel(play: Any, caplog: Any, vsn: str) -> None:
    class Model:
        @classmethod
        def model_validate(cls, value: Any) -> Any:
            raise RuntimeError("no validation today")

    class Checked(Room):
        @on("go")
        def go(self, payload: Model) -> Ok:
            return Ok()

        go.__annotations__["payload"] = Model

    peer = play({"room:*": Checked}).joined(TOPIC, vsn)
    peer.send("1", "2", TOPIC, "go")
    peer.expect(crashed("1", TOPIC))
    assert "no validation today" in caplog.text
