"""Replies that are given later, from anywhere; and what is shared by many clients' frames."""

from __future__ import annotations

import zlib
from typing import Any

import gevent
import pytest
from gevent import get_hub

from actors import Error, Ok, Reply, SocketRef, on
from tests.channels.stage import V1, V2, Peer, Room, closed, error, reply
from tests.support.raw import Client
from tests.support.waiting import eventually

TOPIC = "room:1"


class Late(Room):
    @on("later")
    def later(self, payload: Any) -> None:
        self.endpoint.refs.append(self.socket_ref())

    @on("both")
    def both(self, payload: Any) -> Ok:
        self.later(payload)
        return Ok({"first": True})

    def handle_info(self, message: Any) -> None:
        with pytest.raises(RuntimeError, match="for callbacks of a client's events"):
            self.socket_ref()
        message.append(True)


@pytest.fixture
def stage(play: Any) -> Any:
    found = play({"room:*": Late})
    found.endpoint.refs = []
    return found


def asked(stage: Any, peer: Any, event: str = "later", ref: Any = "2") -> SocketRef:
    """Have a client ask, and return what its answer can be given by."""
    peer.send("1", ref, TOPIC, event)
    eventually(lambda: stage.endpoint.refs)
    return stage.endpoint.refs.pop()


@pytest.mark.parametrize("transport", ["websocket", "longpoll"])
def test_a_reply_is_given_once_from_any_greenlet(stage: Any, transport: str) -> None:
    peer = stage.joined(TOPIC, V2, transport)
    ref = asked(stage, peer)
    assert gevent.spawn(ref.reply, Ok({"late": True})).get() is True
    assert ref.reply(Ok()) is False
    peer.expect(reply("1", "2", TOPIC, {"late": True}))
    peer.beat()


@pytest.mark.parametrize("transport", ["websocket", "longpoll"])
def test_a_reply_may_come_from_another_thread(stage: Any, transport: str) -> None:
    peer = stage.joined(TOPIC, V1, transport)
    ref, pool = asked(stage, peer), get_hub().threadpool
    assert pool.apply(ref.reply, (Reply({"by": "thread"}, status="custom"),)) is True
    assert pool.apply(ref.reply, (Ok(),)) is False
    peer.expect(reply("1", "2", TOPIC, {"by": "thread"}, "custom"))
    peer.beat()


def test_a_late_reply_beside_an_answer_is_a_second_one(stage: Any) -> None:
    peer = stage.joined()
    ref = asked(stage, peer, "both")
    ref.reply(Error("late"))
    peer.expect(reply("1", "2", TOPIC, {"first": True}), error("1", "2", TOPIC, "late"))


def test_a_reply_that_cannot_be_encoded_may_be_given_again(stage: Any) -> None:
    peer = stage.joined()
    ref = asked(stage, peer)
    for wrong in ("text", None, Ok({"a": object()})):
        with pytest.raises(TypeError):
            ref.reply(wrong)
    assert ref.reply(Ok()) is True
    peer.expect(reply("1", "2", TOPIC))


def test_who_wants_no_reply_gets_none(stage: Any) -> None:
    peer = stage.joined()
    assert asked(stage, peer, ref=None).reply(Ok()) is False
    peer.beat()


def test_a_reply_after_the_end_goes_to_nobody(stage: Any) -> None:
    peer = stage.joined()
    ref, other = asked(stage, peer), asked(stage, peer, ref="3")
    peer.send("1", "4", TOPIC, "phx_leave")
    peer.expect(reply("1", "4", TOPIC), closed("1", TOPIC))
    assert ref.reply(Ok()) is False
    peer.join(TOPIC, "5")
    assert get_hub().threadpool.apply(other.reply, (Ok(),)) is False
    peer.beat()


def test_socket_ref_is_for_callbacks_of_events(stage: Any) -> None:
    peer, told = stage.joined(), []
    stage.live()[0].actor_ref.tell(told)
    eventually(lambda: told)
    peer.beat()


def test_clients_with_compression_share_a_frame_of_their_own(play: Any) -> None:
    stage = play(websocket={"compress": True})
    plain, made = stage.joined(), []
    for _ in range(2):
        client = Client(stage.served.address)
        offer = "Sec-WebSocket-Extensions: permessage-deflate"
        assert client.upgrade("/socket/websocket?vsn=2.0.0", offer).status == 101
        peer = Peer.__new__(Peer)
        peer.vsn, peer.client = V2, client
        made.append(peer)
        peer.send("1", "1", TOPIC, "phx_join")
        client.frame()
    text = "x" * 1000
    stage.endpoint.broadcast(TOPIC, "news", {"text": text})
    plain.expect((None, None, TOPIC, "news", {"text": text}))
    frames = [peer.client.frame() for peer in made]
    assert frames[0] == frames[1]
    assert frames[0].rsv == 4
    got = zlib.decompressobj(-15).decompress(frames[0].payload + b"\x00\x00\xff\xff")
    assert got == f'[null,null,"{TOPIC}","news",{{"text":"{text}"}}]'.encode()
    for peer in made:
        peer.close()


def test_a_broadcast_within_terminate_reaches_the_others(play: Any) -> None:
    class Leaving(Room):
        def terminate(self, reason: Any) -> None:
            super().terminate(reason)
            self.broadcast("left", {"who": self.join_ref})

    stage = play({"room:*": Leaving})
    other, peer = stage.joined(), stage.joined()
    peer.send("1", "2", TOPIC, "phx_leave")
    peer.expect(reply("1", "2", TOPIC), closed("1", TOPIC))
    other.expect((None, None, TOPIC, "left", {"who": "1"}))
    peer.beat()  # which heard nothing of it
    third = stage.joined()
    third.close()
    other.expect((None, None, TOPIC, "left", {"who": "1"}))
    killed = stage.joined()
    stage.live()[-1].actor_ref.kill()
    other.expect((None, None, TOPIC, "left", {"who": "1"}))
    assert killed.recv()[3] == "phx_error"
