"""The server goes away: what was routed is handled, all is told, nothing lingers."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from actors import Ok, on
from actors.reasons import KILLED, Shutdown
from tests.channels.stage import V2, Gate, Room, Stage, closed, error, reply
from tests.support.waiting import eventually

TOPIC = "room:1"
DRAINING = Shutdown("draining")


class Blocking(Room):
    """``room:join`` blocks in its join, ``block`` in a handler, ``room:last`` in ``terminate``."""

    gate: Gate

    def join(self, topic: str, payload: Any) -> Ok:
        if self.subtopic == "join":
            self.gate.wait()
        return Ok()

    @on("block")
    def block(self, payload: Any) -> Ok:
        self.gate.wait()
        return Ok({"n": payload.get("n")})

    def handle_drain(self) -> None:
        self.push("farewell", {"from": self.topic})
        self.broadcast_from("left", {"who": self.topic})

    def terminate(self, reason: Any) -> None:
        super().terminate(reason)
        if self.subtopic == "last" and self.join_ref == "1":
            self.gate.wait()


@pytest.fixture
def stage(play: Any, gate: Gate) -> Any:
    class Here(Blocking):
        pass

    Here.gate = gate
    yield play({"room:*": Here})
    gate.open()


def farewell(topic: str = TOPIC, ref: str = "1") -> tuple[Any, ...]:
    return ref, None, topic, "farewell", {"from": topic}


def ended(stage: Stage, count: int) -> list[Any]:
    eventually(lambda: len(stage.ended) >= count)
    assert len(stage.ended) == count
    return [reason for _, _, reason in stage.ended]


def test_a_drain_says_farewell_and_closes_with_1012(stage: Stage) -> None:
    peers = [stage.joined() for _ in range(5)]
    stage.drain()
    for peer in peers:
        got = [peer.recv()]
        while got[-1] != farewell():
            got.append(peer.recv())
        assert {each[3] for each in got[:-1]} <= {"left"}
        assert peer.code() == 1012
    assert ended(stage, 5) == [DRAINING] * 5


def test_what_was_routed_before_the_drain_is_handled_and_answered(stage: Stage, gate: Gate) -> None:
    peer = stage.joined()
    peer.send_many([("1", str(n), TOPIC, "block", {"n": n}) for n in range(64)])
    gate.reached()
    peer.beat()
    stage.drain()
    gevent.sleep(0)
    gate.open()
    peer.expect(*(reply("1", str(n), TOPIC, {"n": n}) for n in range(64)))
    peer.expect(farewell())
    peer.closes(1012)
    assert ended(stage, 1) == [DRAINING]


def test_a_post_that_was_answered_is_handled_before_the_session_ends(
    stage: Stage, gate: Gate
) -> None:
    peer = stage.joined(TOPIC, V2, "longpoll")
    peer.send("1", "2", TOPIC, "block", {"n": 1})
    peer.send("1", "3", TOPIC, "block", {"n": 2})
    gate.reached()
    stage.drain()
    gevent.sleep(0)
    gate.open()
    peer.expect(reply("1", "2", TOPIC, {"n": 1}), reply("1", "3", TOPIC, {"n": 2}), farewell())
    assert ended(stage, 1) == [DRAINING]


def test_a_join_that_still_runs_is_answered_before_the_close(stage: Stage, gate: Gate) -> None:
    peer = stage.connect()
    peer.send("1", "1", "room:join", "phx_join")
    peer.send("1", "2", "room:join", "echo")
    gate.reached()
    stage.drain()
    gevent.sleep(0)
    gate.open()
    peer.expect(reply("1", "1", "room:join"), reply("1", "2", "room:join"), farewell("room:join"))
    peer.closes(1012)
    assert ended(stage, 1) == [DRAINING]


def test_a_join_that_waits_for_another_is_cancelled(stage: Stage, gate: Gate) -> None:
    peer = stage.joined("room:last")
    peer.send("1", "2", "room:last", "phx_leave")
    peer.expect(reply("1", "2", "room:last"), closed("1", "room:last"))
    gate.reached()
    peer.send("3", "3", "room:last", "phx_join")
    peer.beat()
    stage.drain()
    peer.expect(error("3", "3", "room:last", "join cancelled"))
    gate.open()
    peer.closes(1012)
    assert ended(stage, 1) == [Shutdown("left")]


def test_a_handler_has_the_drainers_time_and_not_that_of_channels(play: Any, gate: Gate) -> None:
    class Here(Blocking):
        pass

    Here.gate = gate
    stage = play({"room:*": Here}, channel_shutdown=0.01)
    peer = stage.joined()
    peer.send("1", "2", TOPIC, "block", {"n": 1})
    peer.send("1", "3", TOPIC, "echo")
    gate.reached()
    other = stage.connect()
    other.send("1", "1", "room:join", "phx_join")
    stage.drain()
    other.expect(error("1", "1", "room:join", "join cancelled"))  # by what ends late channels
    gate.open()
    peer.expect(reply("1", "2", TOPIC, {"n": 1}), reply("1", "3", TOPIC), farewell())
    peer.closes(1012)
    assert ended(stage, 1) == [DRAINING]


@pytest.mark.parametrize("where", ["join", "handler", "terminate"])
def test_who_blocks_for_longer_than_there_is_time_is_killed(
    play: Any, gate: Gate, where: str
) -> None:
    class Here(Blocking):
        pass

    Here.gate = gate
    drainer = {"drainer": {"shutdown": 0.1}}
    stage = play({"room:*": Here}, channel_shutdown=0.05, mount=drainer)
    peer = stage.connect()
    topic = {"join": "room:join", "handler": TOPIC, "terminate": "room:last"}[where]
    if where == "join":
        peer.send("1", "1", topic, "phx_join")
    else:
        peer.join(topic)
    if where == "handler":
        peer.send("1", "2", topic, "block")
    if where != "terminate":
        gate.reached()
    stage.drain()
    assert peer.code() == 1012
    stage.wait_empty()
    assert [reason for _, _, reason in stage.ended] == {
        "join": [],
        "handler": [KILLED],
        "terminate": [DRAINING],
    }[where]


def test_a_client_that_closes_in_the_midst_of_a_drain_ends_it(stage: Stage, gate: Gate) -> None:
    peer = stage.joined()
    peer.send("1", "2", TOPIC, "block")
    gate.reached()
    stage.drain()
    eventually(lambda: stage.live()[0].actor_inbox.items)  # it has been told
    peer.close()
    gate.open()
    eventually(lambda: len(stage.ended) == 1)
    stage.wait_empty()


def test_a_crash_in_the_midst_of_a_drain_ends_its_channel_alone(play: Any, gate: Gate) -> None:
    class Here(Blocking):
        def handle_drain(self) -> None:
            if self.subtopic == "2":
                raise ValueError("no farewell")
            super().handle_drain()

    Here.gate = gate
    stage = play({"room:*": Here})
    peer = stage.joined()
    peer.join("room:2", "2")
    stage.drain()
    peer.expect(farewell())
    peer.closes(1012)
    ended(stage, 2)


def test_what_comes_during_the_drain_is_not_taken(stage: Stage, gate: Gate) -> None:
    peer = stage.joined()
    peer.send("1", "2", TOPIC, "block")
    gate.reached()
    stage.drain()
    eventually(lambda: stage.live()[0].actor_inbox.items)
    peer.send("1", "3", TOPIC, "echo")
    peer.send("4", "4", "room:2", "phx_join")
    gevent.sleep(0)
    gate.open()
    peer.expect(reply("1", "2", TOPIC, {"n": None}), farewell())
    peer.closes(1012)
    ended(stage, 1)


def test_a_connection_that_is_ended_at_once_leaves_no_channel(stage: Stage, gate: Gate) -> None:
    peer = stage.joined()
    peer.send("1", "2", TOPIC, "block")
    peer.join("room:2", "2")
    gate.reached()
    [connection] = stage.live(stage.socket_class)
    connection.end_now(Shutdown("restart"))
    peer.closes(1012)
    assert sorted(map(str, ended(stage, 2))) == sorted(map(str, [KILLED, KILLED]))


def test_a_channel_that_kills_its_own_connection_leaves_nothing(play: Any) -> None:
    class Killing(Room):
        def handle_in(self, event: str, payload: Any) -> None:
            connections[0].kill_now()

    stage = play({"room:*": Killing})
    peer = stage.joined()
    peer.join("room:2", "2")
    connections = stage.live(stage.socket_class)
    watcher = connections[0].actor_ref
    peer.send("1", "3", TOPIC, "kill")
    assert watcher.wait(20)
    assert ended(stage, 2) == [KILLED] * 2


def test_a_socket_whose_init_fails_is_one_line_in_the_log(play: Any, caplog: Any) -> None:
    def init(self: Any, state: Any) -> Any:
        raise RuntimeError("no init today")

    stage = play()
    stage.socket_class.init = init
    peer = stage.connect()
    assert peer.code() == 1011
    [line] = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert "no init today" in line
