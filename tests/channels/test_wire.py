"""Each row of the table of docs/channels.md, in each version, over each transport it applies to."""

from __future__ import annotations

from typing import Any

import pytest

from actors import Error, Ok, Stop, on
from actors.reasons import KILLED, NORMAL, Crash, Shutdown
from tests.channels.stage import (
    PACKED,
    V1,
    V2,
    Gate,
    Room,
    Stage,
    closed,
    crashed,
    error,
    reply,
)
from tests.support.waiting import eventually

TOPIC = "room:1"

SPOKEN = [
    (V1, "websocket"),
    (V2, "websocket"),
    (PACKED, "websocket"),
    (V1, "longpoll"),
    (V2, "longpoll"),
]


@pytest.fixture(params=SPOKEN, ids="-".join)
def spoken(request: Any) -> tuple[str, str]:
    return request.param


class Blocking(Room):
    """``room:join`` blocks in its join, ``block`` in a handler, ``room:last`` in ``terminate``."""

    gate: Gate

    def join(self, topic: str, payload: Any) -> Any:
        match self.subtopic:
            case "join" if self.join_ref != "9":
                self.gate.wait()
            case "raises":
                raise ValueError("no join today")
            case "wrong":
                return "nonsense"
            case "no":
                return Error("no entry")
            case "object":
                return Error({"code": 7})
            case "unsaid":
                return Error({"code": object()})
            case "unsaid_ok":
                return Ok({"code": object()})
        return Ok()

    def handle_in(self, event: str, payload: Any) -> Any:
        match event:
            case "block":
                self.gate.wait()
                return Ok({"blocked": True})
            case "stop":
                return Stop(reply=Ok({"bye": True}))
            case "fail":
                return Stop("broken")
        return super().handle_in(event, payload)

    def terminate(self, reason: Any) -> None:
        super().terminate(reason)
        if self.subtopic == "last" and self.join_ref == "1":
            self.gate.wait()
        if self.subtopic == "farewell":
            self.push("farewell", {"to": "you"})


@pytest.fixture
def stage(play: Any, gate: Gate) -> Any:
    class Here(Blocking):
        pass

    Here.gate = gate
    yield play({"room:*": Here})
    gate.open()


def reasons(stage: Stage) -> list[Any]:
    return [reason for _, _, reason in stage.ended]


# -- heartbeats


def test_a_heartbeat_is_answered_whatever_blocks(stage: Stage, spoken: Any, gate: Gate) -> None:
    peer = stage.joined(TOPIC, *spoken)
    peer.send("1", "2", TOPIC, "block")
    peer.send("3", "3", "room:join", "phx_join")
    gate.reached(2)
    peer.beat()


@pytest.mark.parametrize("event", ["hello", "phx_join"])
def test_nothing_but_heartbeats_is_for_the_topic_of_heartbeats(play: Any, event: str) -> None:
    peer = play({"*": Room}).connect()
    peer.send("1", "1", "phoenix", event)
    peer.expect(error(None, "1", "phoenix", "unmatched topic"))
    peer.beat()


def test_a_heartbeat_without_a_ref_is_answered_too(stage: Stage) -> None:
    peer = stage.connect()
    peer.send(None, None, "phoenix", "heartbeat")
    peer.expect(reply(None, None, "phoenix"))


# -- joins


def test_a_join_of_no_route_is_refused(stage: Stage, spoken: Any) -> None:
    peer = stage.connect(*spoken)
    peer.send("1", "1", "nowhere", "phx_join")
    peer.expect(error(None, "1", "nowhere", "unmatched topic"))


@pytest.mark.parametrize(
    ("subtopic", "response"),
    [
        ("no", {"reason": "no entry"}),
        ("object", {"code": 7}),
        ("raises", {"reason": "join crashed"}),
        ("wrong", {"reason": "join crashed"}),
        ("unsaid", {"reason": "join crashed"}),
        ("unsaid_ok", {"reason": "join crashed"}),
    ],
)
def test_a_join_that_does_not_succeed_is_all_that_the_client_hears_of_it(
    stage: Stage, spoken: Any, subtopic: str, response: Any
) -> None:
    peer, topic = stage.connect(*spoken), f"room:{subtopic}"
    for ref in ("1", "2"):
        peer.send(ref, ref, topic, "phx_join")
        peer.expect(reply(ref, ref, topic, response, "error"))
        peer.send(ref, "5", topic, "echo")
        peer.expect(error(None, "5", topic, "unmatched topic"))
    assert stage.ended == []
    eventually(lambda: stage.live() == [])


def test_the_join_of_a_joined_topic_ends_the_earlier_channel(stage: Stage, spoken: Any) -> None:
    peer = stage.joined(TOPIC, *spoken)
    peer.send("2", "2", TOPIC, "phx_join")
    peer.send("2", "3", TOPIC, "echo", {"a": 1})
    peer.expect(reply("2", "2", TOPIC), closed("1", TOPIC), reply("2", "3", TOPIC, {"a": 1}))
    assert stage.ended == [(TOPIC, "1", Shutdown("duplicate"))]
    assert len(stage.live()) == 1


def test_the_join_of_a_joining_topic_takes_its_place(stage: Stage, gate: Gate, spoken: Any) -> None:
    peer = stage.connect(*spoken)
    peer.send("1", "1", "room:join", "phx_join")
    gate.reached()
    peer.send("9", "9", "room:join", "phx_join")
    peer.expect(error("1", "1", "room:join", "join replaced"))
    gate.open()
    peer.expect(reply("9", "9", "room:join"))
    assert stage.ended == []


def test_the_join_of_a_topic_that_ends_waits_for_the_end(stage: Stage, gate: Gate) -> None:
    peer = stage.joined("room:last")
    peer.send("1", "2", "room:last", "phx_leave")
    peer.expect(reply("1", "2", "room:last"), closed("1", "room:last"))
    gate.reached()
    peer.send("3", "3", "room:last", "phx_join")
    peer.send("3", "4", "room:last", "echo")
    peer.beat()
    gate.open()
    peer.expect(reply("3", "3", "room:last"), reply("3", "4", "room:last"))


@pytest.mark.parametrize("how", ["leave", "crash", "stop"])
def test_a_channel_whose_terminate_blocks_is_killed_for_a_later_join(
    play: Any, gate: Gate, how: str
) -> None:
    class Here(Blocking):
        pass

    Here.gate = gate
    stage = play({"room:*": Here}, channel_shutdown=0.05)
    peer = stage.joined("room:last")
    event = {"leave": "phx_leave", "crash": "raise", "stop": "stop"}[how]
    peer.send("1", "2", "room:last", event)
    gate.reached()
    seen = {
        "leave": (reply("1", "2", "room:last"), closed("1", "room:last")),
        "crash": (crashed("1", "room:last"),),
        "stop": (reply("1", "2", "room:last", {"bye": True}), closed("1", "room:last")),
    }
    peer.expect(*seen[how])
    peer.send("3", "3", "room:last", "phx_join")
    peer.send("3", "4", "room:last", "echo")
    peer.expect(reply("3", "3", "room:last"), reply("3", "4", "room:last"))
    assert len(stage.ended) == 1


@pytest.mark.parametrize("swallows", [False, True])
def test_a_killed_channel_terminates_before_the_next_join(
    play: Any, gate: Gate, swallows: bool
) -> None:
    events: list[str] = []

    class Here(Room):
        def join(self, topic: str, payload: Any) -> Ok:
            events.append(f"join {self.join_ref}")
            return Ok()

        @on("block")
        def block(self, payload: Any) -> None:
            try:
                gate.wait()
            except BaseException:
                if not swallows:
                    raise
                gate.wait()

        def terminate(self, reason: Any) -> None:
            events.append(f"terminate {self.join_ref} {reason}")

    stage = play({"room:*": Here}, channel_shutdown=0.05)
    peer = stage.joined()
    peer.send("1", "2", TOPIC, "block")
    gate.reached()
    peer.send("3", "3", TOPIC, "phx_join")
    peer.expect(reply("3", "3", TOPIC), closed("1", TOPIC))
    assert events == (
        ["join 1", "join 3"] if swallows else ["join 1", "terminate 1 Killed()", "join 3"]
    )
    gate.open()
    eventually(lambda: "terminate 1 Killed()" in events)
    peer.send("3", "4", TOPIC, "phx_leave")
    peer.expect(reply("3", "4", TOPIC), closed("3", TOPIC))


@pytest.mark.parametrize("subtopic", ["1", "no", "join"])
def test_a_leave_right_behind_its_join_waits_for_what_does_not_block(
    stage: Stage, gate: Gate, subtopic: str
) -> None:
    peer, topic = stage.connect(), f"room:{subtopic}"
    peer.send_many(
        [
            ("1", "1", topic, "phx_join", {}),
            ("1", "2", topic, "echo", {"n": 1}),
            ("1", "3", topic, "phx_leave", {}),
            ("1", "4", topic, "echo", {}),
        ]
    )
    unmatched = [error(None, ref, topic, "unmatched topic") for ref in ("2", "4")]
    wanted = {
        "1": [
            reply("1", "1", topic),
            reply("1", "2", topic, {"n": 1}),
            reply("1", "3", topic),
            closed("1", topic),
            unmatched[1],
        ],
        "no": [
            reply("1", "1", topic, {"reason": "no entry"}, "error"),
            unmatched[0],
            reply("1", "3", topic),
            unmatched[1],
        ],
        "join": [
            reply("1", "3", topic),
            error("1", "1", topic, "join cancelled"),
            *unmatched,
        ],
    }
    peer.expect(*wanted[subtopic])
    eventually(lambda: stage.live() == [])
    peer.beat()


def test_of_three_joins_the_last_one_gets_the_topic(play: Any, gate: Gate, spoken: Any) -> None:
    class Here(Blocking):
        pass

    Here.gate = gate
    stage = play({"room:*": Here}, channel_shutdown=0.05)
    peer = stage.joined("room:last", *spoken)
    peer.send("2", "2", "room:last", "phx_join")
    peer.send("2", "20", "room:last", "echo")
    peer.send("3", "3", "room:last", "phx_join")
    peer.send("3", "30", "room:last", "echo")
    unmatched = error(None, "20", "room:last", "unmatched topic")
    got = [peer.recv() for _ in range(5)]
    wanted = [
        error("2", "2", "room:last", "join replaced"),
        closed("1", "room:last"),
        unmatched,
        reply("3", "3", "room:last"),
        reply("3", "30", "room:last"),
    ]
    wanted = [peer._as_told(each) for each in wanted]
    assert sorted(got, key=str) == sorted(wanted, key=str)
    assert got.index(wanted[0]) < got.index(wanted[1])  # the end is told behind an answer
    assert got[-2:] == wanted[-2:] or got[-1] == wanted[-1]
    peer.beat()


def test_a_join_without_any_ref_is_not_answered_and_can_be_used(stage: Stage) -> None:
    peer = stage.connect()
    peer.send(None, None, TOPIC, "phx_join")
    peer.send(None, "2", TOPIC, "echo", {"a": 1})
    peer.expect(reply(None, "2", TOPIC, {"a": 1}))


# -- leaves


def test_a_leave_of_what_is_not_joined_is_granted(stage: Stage, spoken: Any) -> None:
    peer = stage.connect(*spoken)
    peer.send("8", "9", TOPIC, "phx_leave")
    peer.expect(reply("8", "9", TOPIC))


@pytest.mark.parametrize("join_ref", ["1", None])
def test_a_leave_ends_the_channel_behind_what_came_before(
    stage: Stage, spoken: Any, join_ref: Any
) -> None:
    peer = stage.joined(TOPIC, *spoken)
    peer.send_many(
        [
            ("1", "2", TOPIC, "echo", {}),
            (join_ref, "3", TOPIC, "phx_leave", {}),
            ("1", "4", TOPIC, "echo", {}),
        ]
    )
    peer.expect(reply("1", "2", TOPIC), reply("1", "3", TOPIC), closed("1", TOPIC))
    peer.expect(error(None, "4", TOPIC, "unmatched topic"))
    assert stage.ended == [(TOPIC, "1", Shutdown("left"))]


def test_what_terminate_pushes_comes_behind_the_close(stage: Stage, spoken: Any) -> None:
    peer = stage.joined("room:farewell", *spoken)
    peer.send("1", "2", "room:farewell", "phx_leave")
    peer.expect(reply("1", "2", "room:farewell"), closed("1", "room:farewell"))
    peer.expect(("1", None, "room:farewell", "farewell", {"to": "you"}))


@pytest.mark.parametrize("join_ref", ["1", None])
def test_a_leave_of_what_joins_cancels_that(
    stage: Stage, spoken: Any, gate: Gate, join_ref: Any
) -> None:
    peer = stage.connect(*spoken)
    peer.send("1", "1", "room:join", "phx_join")
    peer.send("1", "2", "room:join", "echo")
    gate.reached()
    peer.send(join_ref, "3", "room:join", "phx_leave")
    peer.expect(reply(join_ref, "3", "room:join"))
    peer.expect(error("1", "1", "room:join", "join cancelled"))
    peer.expect(error(None, "2", "room:join", "unmatched topic"))
    eventually(lambda: stage.live() == [])
    assert stage.ended == []


def test_a_stale_leave_is_passed_over(stage: Stage) -> None:
    for vsn in (V2, PACKED):
        peer = stage.joined(TOPIC, vsn)
        peer.send("0", "2", TOPIC, "phx_leave")
        peer.beat()
        peer.send("1", "3", TOPIC, "echo")
        peer.expect(reply("1", "3", TOPIC))


def test_a_leave_of_a_join_that_waits_for_another_cancels_it(play: Any, gate: Gate) -> None:
    class Here(Blocking):
        pass

    Here.gate = gate
    peer = play({"room:*": Here}).joined("room:last")
    peer.send("2", "2", "room:last", "phx_join")
    gate.reached()
    peer.send("2", "3", "room:last", "phx_leave")
    peer.expect(reply("2", "3", "room:last"), error("2", "2", "room:last", "join cancelled"))
    peer.expect(closed("1", "room:last"))
    gate.open()


def test_a_leave_is_granted_before_the_close_also_for_a_join_that_was_cancelled(
    stage: Stage,
) -> None:
    peer = stage.joined(TOPIC)
    peer.send_many(
        [
            ("1", "3", TOPIC, "phx_leave", {}),
            ("5", "5", TOPIC, "phx_join", {}),
            ("5", "8", TOPIC, "phx_leave", {}),
        ]
    )
    got = [peer.recv() for _ in range(4)]
    wanted = [
        reply("5", "8", TOPIC),
        error("5", "5", TOPIC, "join cancelled"),
        reply("1", "3", TOPIC),
        closed("1", TOPIC),
    ]
    assert sorted(got, key=str) == sorted(wanted, key=str)
    assert got.index(wanted[2]) < got.index(wanted[3])
    peer.beat()


# -- events


def test_an_event_of_what_is_not_joined_is_refused(stage: Stage, spoken: Any) -> None:
    peer = stage.connect(*spoken)
    peer.send("1", "2", TOPIC, "echo")
    peer.expect(error(None, "2", TOPIC, "unmatched topic"))
    peer.send("1", None, TOPIC, "echo")
    peer.beat()


def test_events_wait_for_the_join(stage: Stage, spoken: Any, gate: Gate) -> None:
    peer = stage.connect(*spoken)
    peer.send("1", "1", "room:join", "phx_join")
    for ref in ("2", "3"):
        peer.send("1", ref, "room:join", "echo", {"n": ref})
    gate.reached()
    peer.beat()
    gate.open()
    peer.expect(reply("1", "1", "room:join"))
    peer.expect(*(reply("1", ref, "room:join", {"n": ref}) for ref in ("2", "3")))


@pytest.mark.parametrize("join_ref", ["1", None])
def test_an_event_of_this_join_or_of_none_is_handled(
    stage: Stage, spoken: Any, join_ref: Any
) -> None:
    peer = stage.joined(TOPIC, *spoken)
    peer.send(join_ref, "2", TOPIC, "echo", {"a": [1, "ü"]})
    peer.expect(reply("1", "2", TOPIC, {"a": [1, "ü"]}))


def test_an_event_of_an_earlier_join_is_dropped(stage: Stage) -> None:
    for vsn in (V2, PACKED):
        peer = stage.joined(TOPIC, vsn)
        peer.send("0", "2", TOPIC, "raise")
        peer.send("1", "3", TOPIC, "echo")
        peer.expect(reply("1", "3", TOPIC))


def test_an_event_that_nobody_handles_is_an_error_and_no_end(stage: Stage, spoken: Any) -> None:
    peer = stage.joined(TOPIC, *spoken)
    peer.send("1", "2", TOPIC, "nonsense")
    peer.send("1", None, TOPIC, "nonsense")
    peer.expect(error("1", "2", TOPIC, "unknown event"))
    peer.beat()


@pytest.mark.parametrize("event", ["phx_close", "phx_error", "phx_reply", "phx_", "phx_other"])
@pytest.mark.parametrize("topic", [TOPIC, "room:2"])
def test_the_events_of_the_protocol_are_not_for_clients(
    stage: Stage, event: str, topic: str
) -> None:
    peer = stage.joined()
    peer.send("1", "2", topic, event)
    peer.expect(error("1" if topic == TOPIC else None, "2", topic, "unknown event"))
    peer.send("1", "3", TOPIC, "echo")
    peer.expect(reply("1", "3", TOPIC))


# -- ends


def test_a_crash_is_told_and_what_waited_is_answered(stage: Stage, spoken: Any, gate: Gate) -> None:
    peer = stage.joined(TOPIC, *spoken)
    peer.send_many(
        [
            ("1", "2", TOPIC, "raise", {}),
            ("1", "3", TOPIC, "echo", {}),
            ("1", "4", TOPIC, "phx_leave", {}),
        ]
    )
    peer.expect(crashed("1", TOPIC), error(None, "3", TOPIC, "unmatched topic"))
    peer.expect(reply("1", "4", TOPIC))
    assert [type(reason) for reason in reasons(stage)] == [Crash]
    peer.join(TOPIC, "5")


def test_a_stop_replies_and_closes(stage: Stage, spoken: Any) -> None:
    peer = stage.joined(TOPIC, *spoken)
    peer.send("1", "2", TOPIC, "stop")
    peer.expect(reply("1", "2", TOPIC, {"bye": True}), closed("1", TOPIC))
    assert reasons(stage) == [NORMAL]
    peer.join(TOPIC, "3")
    peer.send("3", "4", TOPIC, "fail")
    peer.expect(crashed("3", TOPIC))


def test_a_kill_is_told_at_once_and_terminate_runs(stage: Stage, spoken: Any, gate: Gate) -> None:
    peer = stage.joined(TOPIC, *spoken)
    peer.send("1", "2", TOPIC, "block")
    peer.send("1", "3", TOPIC, "echo")
    gate.reached()
    [channel] = stage.live()
    peer.beat()
    channel.actor_ref.kill()
    peer.expect(crashed("1", TOPIC), error(None, "3", TOPIC, "unmatched topic"))
    eventually(lambda: reasons(stage) == [KILLED])


def test_a_handler_that_survives_its_kill_replies_to_nobody(play: Any, gate: Gate) -> None:
    class Stubborn(Room):
        def handle_in(self, event: str, payload: Any) -> Any:
            try:
                gate.wait()
            except BaseException:  # noqa: BLE001
                return Ok({"still": "here"})

    stage = play({"room:*": Stubborn})
    peer = stage.joined()
    peer.send("1", "2", TOPIC, "block")
    gate.reached()
    stage.live()[0].actor_ref.kill()
    peer.expect(crashed("1", TOPIC))
    eventually(lambda: reasons(stage) == [KILLED])
    peer.beat()


def test_a_client_that_closes_ends_its_channels(stage: Stage, gate: Gate) -> None:
    peer = stage.joined(TOPIC)
    peer.join("room:2", "2")
    peer.close()
    eventually(lambda: len(stage.ended) == 2)
    assert {type(reason).__name__ for reason in reasons(stage)} == {"Closed"}


def test_a_disconnect_closes_with_1001_and_no_word_of_channels(play: Any) -> None:
    stage = play(id=classmethod(lambda cls, assigns: "users:7"))
    peer, other = stage.joined(), stage.joined(V1 and TOPIC, V1)
    stage.endpoint.disconnect("users:7")
    peer.closes(1001)
    other.closes(1001)
    eventually(lambda: len(stage.ended) == 2)
