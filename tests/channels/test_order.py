"""The six statements about order, as docs/channels.md makes them."""

from __future__ import annotations

from typing import Any

import gevent

from actors import Ok, intercept, on
from tests.channels.stage import V2, Gate, Room, closed, crashed, reply

TOPIC = "room:1"


class Talking(Room):
    """Says much in one callback, and handles what blocks."""

    gate: Gate

    @on("talk")
    def talk(self, payload: Any) -> Ok:
        for number in range(3):
            self.push("push", {"n": number})
            self.broadcast("shout", {"n": number})
        return Ok({"n": 3})

    @on("pause")
    def pause(self, payload: Any) -> Ok:
        gevent.sleep(0)
        return Ok({"n": payload["n"]})

    @intercept("slow")
    def slow(self, payload: Any) -> Any:
        gevent.sleep(0)
        return payload

    def joined(self) -> None:
        self.push("welcome", {})
        self.broadcast("arrived", {"who": self.join_ref})


def news(event: str, **payload: Any) -> tuple[Any, ...]:
    return None, None, TOPIC, event, payload


def come_in(stage: Any, transport: str = "websocket") -> Any:
    peer = stage.connect(V2, transport)
    peer.send("1", "1", TOPIC, "phx_join")
    peer.expect(reply("1", "1", TOPIC), ("1", None, TOPIC, "welcome", {}), news("arrived", who="1"))
    return peer


def test_1_messages_of_a_topic_are_handled_as_they_came(play: Any) -> None:
    peer = come_in(play({"room:*": Talking}))
    peer.send_many([("1", str(n), TOPIC, "pause", {"n": n}) for n in range(200)])
    peer.expect(*(reply("1", str(n), TOPIC, {"n": n}) for n in range(200)))


def test_2_what_a_channel_sends_arrives_in_the_order_of_its_program(play: Any) -> None:
    stage = play({"room:*": Talking})
    for transport in ("websocket", "longpoll"):
        peer = come_in(stage, transport)
        peer.send("1", "2", TOPIC, "talk")
        for number in range(3):
            peer.expect(("1", None, TOPIC, "push", {"n": number}), news("shout", n=number))
        peer.expect(reply("1", "2", TOPIC, {"n": 3}))
        peer.send("1", "3", TOPIC, "phx_leave")
        peer.expect(reply("1", "3", TOPIC), closed("1", TOPIC))


def test_3_broadcasts_of_a_publisher_arrive_in_its_order_everywhere(play: Any) -> None:
    stage = play()
    peers = [stage.joined(TOPIC, V2, kind) for kind in ("websocket", "longpoll", "websocket")]
    for number in range(100):
        stage.endpoint.broadcast(TOPIC, "news", {"n": number})
        if number % 7 == 0:
            gevent.sleep(0)
    for peer in peers:
        peer.expect(*(news("news", n=number) for number in range(100)))


def test_4_the_reply_of_a_join_is_the_first_and_its_end_the_last(play: Any) -> None:
    stage = play({"room:*": Talking})
    publishing = gevent.spawn(publish, stage)
    peer = stage.connect()
    for number in range(20):
        ref, crashes = f"j{number}", number % 2
        peer.send(ref, ref, TOPIC, "phx_join")
        assert peer.recv() == reply(ref, ref, TOPIC)
        peer.send(ref, "end", TOPIC, "raise" if crashes else "phx_leave")
        end = crashed(ref, TOPIC) if crashes else closed(ref, TOPIC)
        while peer.recv() != end:
            pass
        gevent.sleep(0.001)
        peer.beat()  # nothing of the topic is before this
    publishing.kill()


def publish(stage: Any) -> None:
    while True:
        stage.endpoint.broadcast(TOPIC, "news", {})
        gevent.sleep(0)


def test_5_intercepted_events_keep_their_order_and_may_come_later_than_others(play: Any) -> None:
    stage = play({"room:*": Talking})
    peer = come_in(stage)
    for number in range(20):
        stage.endpoint.broadcast(TOPIC, "slow", {"n": number})
    stage.endpoint.broadcast(TOPIC, "fast", {})
    got = [peer.recv() for _ in range(21)]
    slow = [each[4]["n"] for each in got if each[3] == "slow"]
    assert slow == list(range(20))
    assert got.index(news("fast")) < 20


def test_6_topics_do_not_wait_for_each_other(play: Any) -> None:
    gate = Gate()

    class Blocking(Room):
        def handle_in(self, event: str, payload: Any) -> Ok:
            gate.wait()
            return Ok()

    stage = play({"room:1": Blocking, "room:*": Room})
    peer = stage.joined()
    peer.join("room:2", "2")
    peer.send("1", "3", TOPIC, "block")
    peer.send("2", "4", "room:2", "echo")
    peer.expect(reply("2", "4", "room:2"))
    gate.open()
    peer.expect(reply("1", "3", TOPIC))
