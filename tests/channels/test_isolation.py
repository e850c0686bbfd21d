"""Who blocks, or is behind, holds up its own client at most."""

from __future__ import annotations

import time
from typing import Any

import gevent
import pytest

from actors import ChannelSocket, Ok
from tests.channels.stage import V2, Gate, Room, Stage, error, reply
from tests.support.raw import TEXT, frame
from tests.support.waiting import DEADLINE, eventually

TOPIC = "room:1"


@pytest.fixture
def stage(play: Any, gate: Gate) -> Any:
    """Serve ``room:slow``, in which everything blocks, and quick rooms."""

    class Blocking(Room):
        def join(self, topic: str, payload: Any) -> Ok:
            if "size" in payload:
                gate.wait()
            return Ok()

        def handle_in(self, event: str, payload: Any) -> Ok:
            gate.wait()
            return Ok()

    yield play({"room:slow": Blocking, "room:*": Room})
    gate.open()


def held(stage: Stage) -> list[Any]:
    """Return the connections that are not read from."""
    return [each for each in stage.served.streams if each.paused]


def session(stage: Stage, topic: str) -> Any:
    """Return the transport of the connection that has joined ``topic``."""
    return next(
        each.transport
        for each in stage.live(ChannelSocket)
        if topic in each._ChannelSocket__topics.seats
    )


def echoes(peer: Any, join_ref: str = "1", topic: str = TOPIC) -> None:
    peer.send(join_ref, "e", topic, "echo")
    peer.expect(reply(join_ref, "e", topic))


@pytest.mark.slow
def test_a_thousand_joins_that_block_hold_up_no_echo(play: Any) -> None:
    class Sleeping(Room):
        def join(self, topic: str, payload: Any) -> Ok:
            gevent.sleep(1.0)
            return Ok()

    stage = play({"slow:*": Sleeping, "room:*": Room}, max_join_rate=1e6)
    peer = stage.joined()

    def slowest_of(count: int) -> float:
        took = []
        for _ in range(count):
            began = time.perf_counter()
            echoes(peer)
            took.append(time.perf_counter() - began)
        return sorted(took)[int(count * 0.9)]

    before = slowest_of(200)
    joining = [stage.connect() for _ in range(20)]
    names = [str(number) for number in range(50)]
    for each in joining:
        each.send_many([(name, name, f"slow:{name}", "phx_join", {}) for name in names])
    eventually(lambda: len(stage.live()) > 1000)
    during = slowest_of(200)
    assert len(stage.live()) > 1000  # all of them still join
    assert during < 20 * before + 0.05
    for each in joining:
        each.expect(*(reply(name, name, f"slow:{name}") for name in names))


def test_a_channel_that_is_64_messages_behind_is_read_no_more_until_it_has_caught_up(
    stage: Stage, gate: Gate
) -> None:
    other, peer = stage.joined(), stage.joined("room:slow")
    peer.send_many([("1", str(number), "room:slow", "wait", {}) for number in range(64)])
    gate.reached()
    peer.beat()
    assert held(stage) == []
    peer.send("1", "64", "room:slow", "wait")
    eventually(lambda: len(held(stage)) == 1)
    peer.send(None, "late", "phoenix", "heartbeat")
    echoes(other)
    gate.open()
    got = [peer.recv() for _ in range(66)]
    assert sorted(got, key=str) == sorted(
        [
            reply(None, "late", "phoenix"),
            *(reply("1", str(number), "room:slow") for number in range(65)),
        ],
        key=str,
    )
    assert held(stage) == []
    peer.beat()


@pytest.mark.parametrize("what", ["a message", "a join"])
def test_64_kibibytes_that_wait_hold_their_client_too(stage: Stage, gate: Gate, what: str) -> None:
    other, large = stage.joined(), {"size": "x" * 65536}
    peer = stage.connect()
    if what == "a message":
        peer.join("room:slow")
        peer.send("1", "2", "room:slow", "wait", large)
    else:
        peer.send("1", "1", "room:slow", "phx_join", large)
    eventually(lambda: len(held(stage)) == 1)
    echoes(other)
    gate.open()
    peer.recv()
    eventually(lambda: held(stage) == [])
    peer.beat()


@pytest.mark.parametrize("end", ["kill", "crash", "leave", "replace"])
def test_a_channel_that_ends_holds_its_client_no_more(play: Any, gate: Gate, end: str) -> None:
    class Blocking(Room):
        def handle_in(self, event: str, payload: Any) -> Any:
            gate.wait()
            if end == "crash":
                raise ValueError

    stage = play({"room:slow": Blocking, "room:*": Room}, channel_shutdown=0.1)
    peer = stage.joined("room:slow")
    last = {"leave": "phx_leave", "replace": "phx_join"}.get(end)
    batch: list[Any] = [("1", str(number), "room:slow", "wait", {}) for number in range(70)]
    if last is not None:
        batch.append(("2" if end == "replace" else "1", "2", "room:slow", last, {}))
    peer.send_many(batch)
    gate.reached()
    if end != "replace":  # whose grace ends what blocks
        eventually(lambda: len(held(stage)) == 1)
    if end == "kill":
        stage.live()[0].actor_ref.kill()
    elif end != "replace":
        gate.open()
    peer.send(None, "hb", "phoenix", "heartbeat")
    while peer.recv()[1] != "hb":
        pass
    eventually(lambda: held(stage) == [])
    gate.open()


def test_two_channels_that_are_behind_hold_their_client_until_both_have_caught_up(
    play: Any,
) -> None:
    gates = {"a": Gate(), "b": Gate()}

    class Blocking(Room):
        def handle_in(self, event: str, payload: Any) -> None:
            gates[self.subtopic].wait()

    stage = play({"room:*": Blocking})
    peer = stage.joined("room:a", V2)
    peer.join("room:b", "2")
    peer.send_many(
        [("1", None, "room:a", "wait", {})] * 65 + [("2", None, "room:b", "wait", {})] * 65
    )
    eventually(lambda: len(held(stage)) == 1)
    gates["a"].open()
    [connection] = [each.protocol for each in held(stage)]
    eventually(lambda: connection._holds == 1)
    assert len(held(stage)) == 1
    gates["b"].open()
    eventually(lambda: held(stage) == [])
    peer.beat()


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_client_that_vanishes_while_it_is_held_is_noticed(
    stage: Stage, gate: Gate, how: str
) -> None:
    peer = stage.joined("room:slow")
    peer.send_many([("1", None, "room:slow", "wait", {})] * 70)
    eventually(lambda: len(held(stage)) == 1)
    getattr(peer.client, how)()
    if how == "close":  # its FIN is behind what is not read yet
        gate.open()
    eventually(lambda: held(stage) == [])
    gate.open()
    stage.wait_empty()


def test_a_ping_finds_out_that_a_client_has_vanished_while_it_is_held(
    play: Any, gate: Gate
) -> None:
    class Blocking(Room):
        def handle_in(self, event: str, payload: Any) -> None:
            gate.wait()

    stage = play({"room:*": Blocking}, websocket={"ping_interval": 0.05}, channel_shutdown=0.1)
    peer = stage.joined()
    peer.send_many([("1", None, TOPIC, "wait", {})] * 70)
    eventually(lambda: len(held(stage)) == 1)
    peer.close()
    stage.wait_empty()  # the channel was killed, as it blocks
    assert gate.count == 1


def test_posts_are_held_while_a_channel_is_behind_and_the_session_full(
    stage: Stage, gate: Gate
) -> None:
    stage.socket_class.mailbox_messages = 100
    peer, other = stage.connect(V2, "longpoll"), stage.joined(TOPIC, V2, "longpoll")
    peer.join("room:slow")
    lines = "\n".join(['["1",null,"room:slow","wait",{}]'] * 65)
    kind = "Content-Type: application/x-ndjson"
    for _ in range(2):
        assert peer.poller.post(lines, kind)["status"] == 200
    held_post = gevent.spawn(peer.poller.post, lines, kind)
    eventually(lambda: session(stage, "room:slow").intake._held)
    assert not held_post.ready()
    echoes(other)
    gate.open()
    assert held_post.get(timeout=DEADLINE)["status"] == 200
    peer.beat()


def test_a_session_that_nobody_polls_any_more_ends_although_it_is_held(play: Any) -> None:
    gate = Gate()

    class Blocking(Room):
        def handle_in(self, event: str, payload: Any) -> None:
            gate.wait()

    stage = play({"room:*": Blocking}, longpoll={"window": 0.1}, channel_shutdown=0.1)
    peer = stage.joined(TOPIC, V2, "longpoll")
    peer.send_many([("1", None, TOPIC, "wait", {})] * 70)
    gate.reached()
    stage.wait_empty()
    gate.open()


def test_what_comes_in_one_read_is_routed_though_a_channel_is_behind(
    stage: Stage, gate: Gate
) -> None:
    peer = stage.joined("room:slow")
    peer.join(TOPIC, "2")
    data = b"".join(frame(TEXT, f'["1",null,"room:slow","wait",{{"n":{n}}}]') for n in range(70))
    peer.client.send(data + frame(TEXT, '["2","3","room:1","echo",{}]'))
    peer.expect(reply("2", "3", TOPIC))
    gate.open()
    peer.send("0", "4", "room:none", "echo")
    peer.expect(error(None, "4", "room:none", "unmatched topic"))
