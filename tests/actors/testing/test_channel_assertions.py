"""Each assertion of ``channels``: when it passes, and what it says when it fails."""

from __future__ import annotations

import re
import threading
from typing import ClassVar

import gevent
import pytest
from gevent.event import Event

from actors import Actor, Channel, ChannelSocket, ConfigError, Endpoint, Error, Ok, Reply, on
from actors.errors import InvalidMessage
from actors.serializers import V1, V2
from actors.testing import Refused


class RoomChannel(Channel):
    def join(self, topic, payload):
        if payload.get("wait"):
            payload_event = Event()
            payload_event.wait()
        if "refuse" in payload:
            return Error(payload["refuse"])
        return Ok({"room": self.subtopic})

    @on("echo")
    def echo(self, payload):
        return Ok(payload)

    @on("status")
    def status(self, payload):
        return Reply(payload, status="maybe")

    @on("push")
    def push_back(self, payload):
        self.push("pushed", payload)

    @on("say")
    def say(self, payload):
        self.broadcast("said", payload)

    @on("say_to_others")
    def say_to_others(self, payload):
        self.broadcast_from("said", payload)

    @on("crash")
    def crash(self, payload):
        raise ValueError("on purpose")

    @on("slow")
    def slow(self, payload):
        gevent.sleep(0.01)  # not virtual: something real to wait for
        return Ok({"slow": True})

    @on("stuck")
    def stuck(self, payload):
        Event().wait()

    @on("from_thread")
    def from_thread(self, payload):
        ref = self.socket_ref()
        threading.Timer(0.01, lambda: ref.reply(Ok({"late": True}))).start()

    @on("raw")
    def raw(self, payload):
        self.push("raw", {"bytes within": b"x"})

    @on("set")
    def set_reply(self, payload):
        return Ok({"a set": {1, 2}})

    def handle_info(self, message):
        self.push("told", {"message": message})

    def handle_call(self, request):
        if request == "raise":
            raise KeyError(request)
        return [request, request]

    def handle_drain(self):
        self.push("farewell")


class UserSocket(ChannelSocket):
    channels: ClassVar = {"room:*": RoomChannel}

    @classmethod
    def connect(cls, info):
        user = info.params.get("user")
        if user == "raise":
            raise RuntimeError("no database")
        if user == "nothing":
            return None
        return Ok({"user": user}) if user else Error("user required")

    @classmethod
    def id(cls, assigns):
        return f"user:{assigns['user']}"


@pytest.fixture
def socket(channels):
    return channels.connect(UserSocket, {"user": "ada"})


@pytest.fixture
def room(socket):
    _, room = socket.subscribe_and_join("room:1")
    return room


def fails(words):
    """The assertion fails, and its message has these words in this order."""
    return pytest.raises(AssertionError, match="(?s)" + ".*".join(map(re.escape, words)))


class TestConnect:
    def test_accepts_with_assigns_and_an_id(self, socket):
        assert (socket.assigns, socket.id) == ({"user": "ada"}, "user:ada")
        assert socket.closed is None
        socket.refute_closed()

    def test_a_refusal_has_the_reason(self, channels):
        with pytest.raises(
            Refused, match="UserSocket refused the connection: 'user required'"
        ) as e:
            channels.connect(UserSocket)
        assert e.value.reason == "user required"

    def test_what_connect_raises_is_raised(self, channels):
        with pytest.raises(RuntimeError, match="no database"):
            channels.connect(UserSocket, {"user": "raise"})

    def test_an_answer_that_is_none_is_a_type_error(self, channels):
        with pytest.raises(TypeError, match="connect answered None"):
            channels.connect(UserSocket, {"user": "nothing"})

    def test_a_version_that_is_not_served_is_refused(self, channels):
        with pytest.raises(Refused, match="is not served"):
            channels.connect(UserSocket, {"user": "ada"}, vsn="3.0.0")

    def test_the_socket_without_connect(self, channels):
        socket = channels.socket(UserSocket, {"user": "eve"})
        assert socket.id == "user:eve"
        assert socket.subscribe_and_join("room:7")[0] == {"room": "7"}

    def test_versions_and_serializers_are_those_of_a_mount(self, channels):
        old = channels.connect(UserSocket, {"user": "ada"}, vsn="1.0.0")
        _, room = old.subscribe_and_join("room:1")
        assert (room.channel.vsn, room.channel.transport) == ("1.0.0", "websocket")
        own = channels.connect(
            UserSocket, {"user": "ada"}, vsn="9.0.0", serializer=[(V2, "9.0.0")], transport="sse"
        )
        _, room = own.subscribe_and_join("room:1")
        assert (room.channel.vsn, room.channel.transport) == ("9.0.0", "sse")
        with pytest.raises(ConfigError):
            channels.connect(UserSocket, {"user": "ada"}, serializer=[(V1, "newest")])

    def test_the_endpoint_is_the_test_s(self, channels):
        endpoint = channels.endpoint = Endpoint()
        socket = channels.connect(UserSocket, {"user": "ada"})
        _, room = socket.subscribe_and_join("room:1")
        assert room.channel.endpoint is endpoint
        channels.endpoint.broadcast("room:1", "news", {"n": 1})
        room.assert_push("news", {"n": 1})


class TestJoin:
    def test_returns_the_reply_and_the_room(self, socket):
        reply, room = socket.subscribe_and_join("room:1", {"x": 1})
        assert (reply, room.topic) == ({"room": "1"}, "room:1")

    def test_a_refusal_has_the_response(self, socket):
        with pytest.raises(Refused, match=r"'room:1' was refused: {'reason': 'full'}") as refused:
            socket.subscribe_and_join("room:1", {"refuse": "full"})
        assert refused.value.reason == {"reason": "full"}

    def test_a_join_can_be_sent_alone(self, socket):
        room = socket.join("room:1", {"refuse": "full"})
        room.assert_reply(room.join_ref, "error", {"reason": "full"})
        with fails(["no channel runs for this join of 'room:1'"]):
            room.channel  # noqa: B018

    def test_a_join_that_is_not_answered_fails(self, socket):
        with fails(["the join of 'room:1' was not answered", "blocks: ", "join"]):
            socket.subscribe_and_join("room:1", {"wait": True}, within=0.01)

    def test_without_a_subscription_broadcasts_are_not_heard(self, socket):
        room = socket.join("room:1")
        with pytest.raises(RuntimeError, match="subscribe_and_join"):
            room.assert_broadcast("said")


class TestReply:
    def test_is_taken_once(self, room):
        ref = room.push("echo", {"a": 1, "b": 2})
        assert room.assert_reply(ref, "ok", {"a": 1}) == {"a": 1, "b": 2}
        room.refute_reply(ref)
        with fails([f"no reply 'ok' to '{ref}' with ...", "nothing else came"]):
            room.assert_reply(ref)

    def test_of_another_status_or_response_fails(self, room):
        ref = room.push("status", {"a": 1})
        with fails([f"no reply 'ok' to '{ref}'", "not asked about", f"reply 'maybe' to '{ref}'"]):
            room.assert_reply(ref, "ok")
        with fails([f"no reply 'maybe' to '{ref}' with {{'a': 2}}; $.a: 1 is not 2"]):
            room.assert_reply(ref, "maybe", {"a": 2})
        room.assert_reply(ref, "maybe", {"a": int})

    def test_that_came_fails_a_refutation(self, room):
        ref = room.push("echo")
        with fails([f"there is a reply 'ok' to '{ref}' on 'room:1': {{}}"]):
            room.refute_reply(ref)
        room.assert_reply(ref)

    def test_of_a_callback_that_blocks_is_waited_for(self, room):
        ref = room.push("slow")
        with fails(["there is a reply"]):
            room.refute_reply(ref)
        room.assert_reply(ref, "ok", {"slow": True})

    def test_of_a_callback_that_blocks_for_ever_is_not_waited_for_long(self, room):
        ref = room.push("stuck")
        room.refute_reply(ref, within=0)
        room.refute_reply(ref)
        with fails([f"no reply 'ok' to '{ref}'", "blocks: ", "RoomChannel.stuck"]):
            room.assert_reply(ref, within=0.01)

    def test_from_a_thread_needs_a_time(self, room):
        ref = room.push("from_thread")
        room.assert_reply(ref, "ok", {"late": True}, within=5)

    def test_that_cannot_be_encoded_ends_the_channel_as_it_would(self, room):
        ref = room.push("set")
        room.assert_error()
        room.refute_reply(ref)
        room.assert_crashed(TypeError)


class TestPush:
    def test_is_taken_once_and_in_order(self, room):
        room.push("push", {"n": 1})
        room.push("push", {"n": 2})
        assert room.assert_push("pushed") == {"n": 1}
        room.refute_push("pushed", {"n": 1})
        room.assert_push("pushed", {"n": 2})
        room.refute_push("pushed")

    def test_of_other_content_fails(self, room):
        room.push("push", {"n": 1})
        with fails(
            ["no push 'pushed' on 'room:1' with {'n': 2}; $.n: 1 is not 2", "push 'pushed'"]
        ):
            room.assert_push("pushed", {"n": 2})
        with fails(["no push 'other' on 'room:1' with ..."]):
            room.assert_push("other")
        with fails(["there is a push 'pushed' on 'room:1': {'n': 1}"]):
            room.refute_push("pushed", {"n": 1})

    def test_is_of_its_topic(self, socket, room):
        _, other = socket.subscribe_and_join("room:2")
        room.push("push", {"n": 1})
        other.refute_push("pushed")
        socket.assert_push("pushed", {"n": 1})
        socket.refute_push("pushed")

    def test_payloads_are_as_a_client_sees_them(self, room):
        ref = room.push("echo", {"pair": (1, 2)})
        assert room.assert_reply(ref) == {"pair": [1, 2]}
        room.push("push", b"\x00\xff")
        room.assert_push("pushed", b"\x00\xff")
        with pytest.raises(TypeError, match="set"):
            room.push("push", {"a set": {1}})
        with pytest.raises(InvalidMessage):
            room.push(7)

    def test_each_version_says_what_it_can(self, channels, room):
        packed = channels.connect(UserSocket, {"user": "eve"}, vsn="2.0.0-msgpack")
        _, theirs = packed.subscribe_and_join("room:2")
        theirs.push("raw")
        theirs.assert_push("raw", {"bytes within": b"x"})
        room.push("raw")
        room.assert_crashed(TypeError)
        old = channels.connect(UserSocket, {"user": "eve"}, vsn="1.0.0")
        _, third = old.subscribe_and_join("room:1")
        room.broadcast("binary", b"x")
        third.refute_push("binary")

    def test_to_a_topic_that_is_not_joined_is_answered(self, socket):
        ref = socket.push("room:9", "echo")
        socket.assert_reply(ref, "error", {"reason": "unmatched topic"})
        socket.send("room:9", "echo")  # without a ref
        socket.refute_push("phx_reply")


class TestBroadcast:
    def test_is_heard_and_sent_to_all(self, channels, room):
        other = channels.connect(UserSocket, {"user": "eve"})
        _, theirs = other.subscribe_and_join("room:1")
        room.push("say", {"body": "hi"})
        for each in (room, theirs):
            each.assert_broadcast("said", {"body": "hi"})
            each.assert_push("said", {"body": "hi"})
            each.refute_broadcast("said")

    def test_to_others_is_heard_and_not_sent_back(self, channels, room):
        other = channels.connect(UserSocket, {"user": "eve"})
        _, theirs = other.subscribe_and_join("room:1")
        room.push("say_to_others", {"body": "hi"})
        room.assert_broadcast("said", {"body": "hi"})
        room.refute_push("said")
        theirs.assert_push("said")

    def test_of_other_content_fails(self, room):
        room.push("say", {"body": "hi"})
        with fails(["no broadcast 'said' on 'room:1' with {'body': 'ho'}; $.body: 'hi' is not"]):
            room.assert_broadcast("said", {"body": "ho"})
        with fails(["no broadcast 'news' on 'room:1' with ...", "broadcast 'said' on 'room:1'"]):
            room.assert_broadcast("news")
        with fails(["there is a broadcast 'said' on 'room:1': {'body': 'hi'}"]):
            room.refute_broadcast("said")

    def test_from_the_test(self, room):
        room.broadcast("news", {"n": 1})
        room.assert_push("news", {"n": 1})
        room.broadcast_from("news", {"n": 2})
        room.refute_push("news")
        room.assert_broadcast("news", {"n": 1})
        room.assert_broadcast("news", {"n": 2})
        with pytest.raises(ValueError, match="reserved"):
            room.broadcast("phx_close")

    def test_any_topic_may_be_heard(self, channels):
        listener = channels.subscribe("lobby")
        channels.endpoint.broadcast("lobby", "opened")
        listener.assert_broadcast("opened", {})
        listener.refute_broadcast("opened")


class TestEnds:
    def test_leave_closes(self, room):
        room.refute_closed()
        ref = room.leave()
        room.assert_reply(ref)
        room.assert_closed()
        with fails(["no push 'phx_error'"]):
            room.assert_error()

    def test_a_crash_is_named_in_messages(self, room):
        room.push("crash")
        with fails(
            ["no push 'x'", "'phx_error'", "RoomChannel", "crashed: ValueError: on purpose"]
        ):
            room.assert_push("x")

    def test_a_crash_can_be_expected(self, socket, room):
        room.push("crash")
        room.assert_error()
        assert str(room.assert_crashed(ValueError)) == "on purpose"
        with fails(["no callback raised KeyError"]):
            room.assert_crashed(KeyError)
        assert [type(error) for error in socket.crashed] == [ValueError]
        _, again = socket.subscribe_and_join("room:1")
        with fails(["no callback raised BaseException"]):
            again.assert_crashed()

    def test_crashes_belong_to_their_connection(self, channels, socket, room):
        other = channels.connect(UserSocket, {"user": "eve"})
        room.push("crash")
        assert other.crashed == []
        assert [str(each) for each in channels.crashed] == ["on purpose"]

    def test_the_client_goes_away(self, socket, room):
        channel = room.channel
        socket.close()
        assert socket.assert_closed(None).reason.code == 1001
        assert channel.exit_reason is not None
        with fails(["closed with None"]):
            socket.refute_closed()

    def test_the_server_goes_away(self, socket, room):
        socket.drain()
        room.assert_push("farewell")
        assert socket.assert_closed(1012).text == ""
        with fails(["closed with 1012, not 1000"]):
            socket.assert_closed(1000)

    def test_an_open_connection_is_not_closed(self, socket):
        with fails(["the connection is open"]):
            socket.assert_closed()

    def test_disconnect_by_id(self, channels, socket):
        channels.endpoint.disconnect("user:ada")
        socket.assert_closed(1001)


class TestActors:
    def test_the_channel_is_there_to_look_at(self, room):
        assert room.channel.subtopic == "1"
        assert room.assigns == {"user": "ada"}

    def test_it_can_be_told_and_asked(self, room):
        room.tell("hello")
        room.assert_push("told", {"message": "hello"})
        assert room.ask("x") == ["x", "x"]
        with pytest.raises(KeyError):
            room.ask("raise")
        room.assert_error()
        room.assert_crashed(KeyError)

    def test_the_connection_is_there_too(self, socket):
        assert socket.actor.assigns == {"user": "ada"}

    def test_a_question_that_a_plain_actor_fails_is_no_crash(self, channels):
        class Plain(Actor):
            def on_receive(self, message):
                raise ValueError("no answer")

        with pytest.raises(ValueError, match="no answer"):
            Plain.start().ask("x")
        assert channels.crashed == []


def test_a_client_that_a_channel_is_behind_is_not_read(channels, room):
    """Backpressure is real: what the transport does not read waits in it."""
    room.push("stuck")
    refs = [room.push("echo", {"n": n}) for n in range(70)]
    channels.settle()
    refs += [room.push("echo", {"n": n}) for n in range(20)]
    assert room.socket.actor.seat("room:1").waiting == 71
    room.channel.actor_ref.kill()
    for ref in refs:
        room.assert_reply(ref, "error", {"reason": "unmatched topic"})


@pytest.mark.parametrize("call", ["broadcast", "broadcast_from"])
def test_a_broadcast_of_the_test_is_checked_as_the_application_s_own(channels, call):
    class UserSocket(ChannelSocket):
        channels = {"room:*": Channel}

    _, room = channels.socket(UserSocket).subscribe_and_join("room:1")
    for payload in ([1], Ok({"a": 1})):
        with pytest.raises(TypeError, match="accepted: a JSON object, bytes"):
            getattr(room, call)("x", payload)
    room.refute_broadcast("x")
