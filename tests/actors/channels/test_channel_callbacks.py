"""What each callback of a channel gets, may answer and may call."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from gevent.event import Event

from actors import (
    Broadcast,
    Channel,
    ChannelSocket,
    Down,
    Error,
    Ok,
    Reply,
    Route,
    StartError,
    Stop,
    intercept,
    on,
)
from actors.errors import ConfigError
from actors.reasons import NORMAL, Crash, Shutdown
from actors.testing import Refused


def joined_to(channels, channel_class, payload=None, **attributes):
    """Join a topic whose channel is of this class; return the reply and the room."""
    routes = {"room:*": channel_class}
    socket_class = type("UserSocket", (ChannelSocket,), {"channels": routes, **attributes})
    socket = channels.socket(socket_class, {"user": "ada"})
    return socket.subscribe_and_join("room:1", payload)


class TestJoin:
    def test_gets_topic_and_payload_and_answers_with_a_response(self, channels):
        class Room(Channel):
            def join(self, topic, payload):
                return Ok({"topic": topic, "payload": payload, "subtopic": self.subtopic})

        reply, _ = joined_to(channels, Room, {"a": 1})
        assert reply == {"topic": "room:1", "payload": {"a": 1}, "subtopic": "1"}

    def test_without_one_everybody_may_join(self, channels):
        reply, _ = joined_to(channels, Channel)
        assert reply == {}

    @pytest.mark.parametrize(
        ("reason", "response"),
        [("full", {"reason": "full"}), ({"code": 7}, {"code": 7}), (None, {})],
    )
    def test_error_refuses_and_nothing_is_terminated(self, channels, reason, response):
        ended = []

        class Room(Channel):
            def join(self, topic, payload):
                return Error(reason)

            def terminate(self, reason):
                ended.append(reason)

        with pytest.raises(Refused) as refused:
            joined_to(channels, Room)
        assert (refused.value.reason, ended) == (response, [])

    @pytest.mark.parametrize("answer", [None, True, Stop(), {"ok": 1}])
    def test_another_answer_is_a_crash(self, channels, answer):
        class Room(Channel):
            def join(self, topic, payload):
                return answer

        with pytest.raises(Refused) as refused:
            joined_to(channels, Room)
        assert refused.value.reason == {"reason": "join crashed"}
        (error,) = channels.crashed
        assert "join answered" in str(error)

    def test_raising_refuses(self, channels):
        class Room(Channel):
            def join(self, topic, payload):
                raise OSError("no database")

        with pytest.raises(Refused) as refused:
            joined_to(channels, Room)
        assert refused.value.reason == {"reason": "join crashed"}
        assert [str(error) for error in channels.crashed] == ["no database"]

    def test_a_payload_that_does_not_fit_is_refused(self, channels):
        class Room(Channel):
            def join(self, topic, payload: dict[str, Any]):
                return Ok(payload)

        with pytest.raises(Refused) as refused:
            joined_to(channels, Room, [1])
        assert refused.value.reason["reason"] == "invalid payload"
        assert joined_to(channels, Room, {"a": 1})[0] == {"a": 1}

    @pytest.mark.parametrize("call", ["push", "broadcast", "broadcast_from"])
    def test_is_too_early_to_send(self, channels, call):
        class Room(Channel):
            def join(self, topic, payload):
                getattr(self, call)("x")
                return Ok()

        with pytest.raises(Refused):
            joined_to(channels, Room)
        (error,) = channels.crashed
        assert "Use joined()" in str(error)


class TestJoined:
    def test_runs_behind_the_reply_and_may_send(self, channels):
        class Room(Channel):
            def joined(self):
                self.push("first", {"n": 1})
                self.broadcast("second")

        _, room = joined_to(channels, Room)
        room.assert_push("first", {"n": 1})
        room.assert_push("second", {})

    def test_that_raises_ends_the_channel(self, channels):
        class Room(Channel):
            def joined(self):
                raise ValueError("on purpose")

        _, room = joined_to(channels, Room)
        room.assert_error()
        room.assert_crashed(ValueError)


@dataclass
class Point:
    x: int
    y: int = 0


class Answers(Channel):
    @on("none")
    def none(self, payload):
        return None

    @on("ok", "fine")
    def ok(self, payload):
        return Ok(payload or None)

    @on("error")
    def error(self, payload):
        return Error(payload.get("text"))

    @on("reply")
    def reply(self, payload):
        return Reply(payload, status="custom")

    @on("bytes")
    def binary(self, payload: bytes):
        return Ok(payload[::-1])

    @on("point")
    def point(self, payload: Point):
        return Ok(Point(payload.y, payload.x))

    @on("wrong")
    def wrong(self, payload):
        return {"ok": True}

    @on("stop")
    def stop(self, payload):
        return Stop(reply=Ok({"bye": 1}))

    @on("stop_badly")
    def stop_badly(self, payload):
        return Stop("worn out", reply=Error("enough"))

    def handle_in(self, event, payload):
        if event == "anything":
            return Ok({"event": event, "payload": payload})
        return super().handle_in(event, payload)


@pytest.fixture
def answers(channels):
    return joined_to(channels, Answers)[1]


class TestEvents:
    @pytest.mark.parametrize(
        ("event", "payload", "status", "response"),
        [
            ("ok", {"a": 1}, "ok", {"a": 1}),
            ("fine", {}, "ok", {}),
            ("error", {"text": "why"}, "error", {"reason": "why"}),
            ("error", {}, "error", {}),
            ("reply", {"a": 1}, "custom", {"a": 1}),
            ("bytes", b"abc", "ok", b"cba"),
            ("point", {"x": 1, "y": 2}, "ok", {"x": 2, "y": 1}),
            ("anything", {"b": 2}, "ok", {"event": "anything", "payload": {"b": 2}}),
            ("unheard", {}, "error", {"reason": "unknown event"}),
            ("bytes", {}, "error", {"reason": "invalid payload"}),
            ("point", {"x": "one"}, "error", {"reason": "invalid payload", "errors": list}),
        ],
    )
    def test_answers_become_replies(self, answers, event, payload, status, response):
        if isinstance(response, dict) and "errors" in response:
            response = {"reason": response["reason"], "errors": [{"at": "$.x", "message": str}]}
        answers.assert_reply(answers.push(event, payload), status, response)
        answers.refute_closed()

    def test_none_is_no_reply(self, answers):
        answers.refute_reply(answers.push("none"))

    def test_another_answer_ends_the_channel(self, answers):
        ref = answers.push("wrong")
        answers.assert_error()
        answers.refute_reply(ref)
        assert "accepted: None, Ok(...)" in str(answers.assert_crashed(TypeError))

    @pytest.mark.parametrize("outer", [Ok, Error, Reply])
    @pytest.mark.parametrize("inner", [Ok({"a": 1}), Error("no"), Reply({}), Stop()])
    def test_an_answer_within_an_answer_ends_the_channel(self, channels, outer, inner):
        class Room(Channel):
            @on("go")
            def go(self, payload):
                return outer(inner)

        _, room = joined_to(channels, Room)
        ref = room.push("go")
        room.assert_error()
        room.refute_reply(ref)
        assert "an answer within an answer" in str(room.assert_crashed(TypeError))

    def test_an_interceptor_that_answers_ends_the_channel(self, channels):
        class Room(Channel):
            @intercept("x")
            def x(self, payload):
                return Ok(payload)

        _, room = joined_to(channels, Room)
        room.broadcast("x", {"n": 1})
        room.assert_error()
        assert "accepted: a JSON object, bytes" in str(room.assert_crashed(TypeError))

    def test_a_broadcast_that_does_not_fit_its_interceptor_is_passed_over(self, channels, caplog):
        class Room(Channel):
            @intercept("x")
            def shown(self, payload: Point):
                return payload

        _, room = joined_to(channels, Room)
        room.broadcast("x", {"x": "one", "y": 2})
        room.broadcast("x", {"x": 1, "y": 2})
        room.assert_push("x", {"x": 1, "y": 2})
        [line] = [each.getMessage() for each in caplog.records]
        assert line.startswith("Room.shown: 'room:1' was not shown the broadcast 'x', which does")
        assert "{'at': '$.x'" in line
        assert "one" not in line

    @pytest.mark.parametrize("wrong", [7, Ok({1, 2}), Reply({}, status=3)])
    def test_an_answer_that_is_none_names_method_and_event(self, channels, caplog, wrong):
        class Room(Channel):
            @on("say")
            def spoken(self, payload):
                return wrong

            def handle_in(self, event, payload):
                return wrong

        for event, method in (("say", "spoken"), ("sing", "handle_in")):
            _, room = joined_to(channels, Room)
            room.push(event)
            room.assert_error()
            error = room.assert_crashed(TypeError)
            assert str(error).startswith(f"Room.{method}, to {event!r}: ")
            line = caplog.records[-1].getMessage()
            assert "at tests/actors/channels/test_channel_callbacks.py:" in line
            assert line.endswith(f" in {method}")

    def test_stop_replies_and_closes(self, answers):
        channel = answers.channel
        answers.assert_reply(answers.push("stop"), "ok", {"bye": 1})
        answers.assert_closed()
        assert channel.exit_reason == NORMAL

    def test_stop_with_a_reason_is_an_error_to_the_client(self, answers, caplog):
        channel = answers.channel
        answers.assert_reply(answers.push("stop_badly"), "error", {"reason": "enough"})
        answers.assert_error()
        assert channel.exit_reason.detail == "worn out"
        [line] = [each.getMessage() for each in caplog.records]
        assert line.endswith("'room:1' stopped for 'worn out': its client is told phx_error")

    def test_what_waits_behind_an_end_is_answered(self, answers):
        answers.push("stop")
        answers.assert_reply(answers.push("ok"), "error", {"reason": "unmatched topic"})

    def test_without_a_ref_nothing_is_replied(self, answers):
        answers.socket.send("room:1", "ok", join_ref=answers.join_ref)
        answers.socket.send("room:1", "unheard", join_ref=answers.join_ref)
        answers.assert_reply(answers.push("anything"))
        with pytest.raises(AssertionError, match="nothing else came"):
            answers.assert_push("x")

    def test_replies_come_in_order(self, answers):
        refs = [answers.push("ok", {"n": n}) for n in range(5)]
        for n, ref in enumerate(refs):
            answers.assert_reply(ref, "ok", {"n": n})

    def test_a_subclass_has_the_events_of_its_base(self, channels):
        class More(Answers):
            @on("more")
            def more(self, payload):
                return Ok({"more": True})

            def ok(self, payload):
                return Ok({"replaced": True})

        _, room = joined_to(channels, More)
        room.assert_reply(room.push("more"), "ok", {"more": True})
        room.assert_reply(room.push("ok"), "ok", {"replaced": True})


class Asked(Channel):
    def handle_info(self, message):
        if message == "stop":
            return Stop(Shutdown("done"))
        if message == "wrong":
            return Ok()
        self.push("told", {"kind": type(message).__name__})
        return None

    def handle_call(self, request):
        if isinstance(request, BaseException):
            raise request
        return {"asked": request}


class TestInfoAndCall:
    @pytest.fixture
    def room(self, channels):
        return joined_to(channels, Asked)[1]

    def test_info_gets_what_is_told(self, channels, room):
        room.tell(1)
        room.assert_push("told", {"kind": "int"})
        channels.endpoint.subscribe(room.channel, "elsewhere")
        channels.endpoint.broadcast("elsewhere", "x")
        room.assert_push("told", {"kind": Broadcast.__name__})
        room.channel.monitor(channels.socket(ChannelSocket).actor.actor_ref)
        room.refute_push("told")

    def test_info_may_stop(self, room):
        channel = room.channel
        room.tell("stop")
        room.assert_closed()
        assert channel.exit_reason == Shutdown("done")

    def test_info_that_answers_otherwise_ends_the_channel(self, room):
        room.tell("wrong")
        room.assert_error()
        room.assert_crashed(TypeError)

    def test_info_is_told_of_who_is_monitored(self, channels, room):
        other = channels.socket(ChannelSocket)
        room.channel.monitor(other.actor.actor_ref)
        other.close()
        room.assert_push("told", {"kind": Down.__name__})

    def test_call_answers(self, room):
        assert room.ask("x") == {"asked": "x"}

    def test_call_that_raises_tells_the_asker_and_ends_the_channel(self, room):
        with pytest.raises(ValueError, match="on purpose"):
            room.ask(ValueError("on purpose"))
        room.assert_error()
        room.assert_crashed(ValueError)

    def test_without_one_a_question_ends_the_channel(self, channels):
        _, room = joined_to(channels, Channel)
        with pytest.raises(NotImplementedError):
            room.ask("x")
        room.assert_error()
        room.assert_crashed(NotImplementedError)


class TestBroadcasts:
    def test_interceptors_say_what_the_client_gets(self, channels):
        class Room(Channel):
            intercepts = ("all", "none")

            @intercept("some")
            def some(self, payload: dict[str, Any]):
                return None if payload["from"] == self.assigns["user"] else {**payload, "seen": 1}

            def handle_out(self, event, payload):
                return {"out": event, **payload} if event == "all" else None

        _, room = joined_to(channels, Room)
        room.broadcast("some", {"from": "ada"})
        room.broadcast("none", {})
        room.refute_push("some")
        room.refute_push("none")
        room.broadcast("some", {"from": "eve"})
        room.broadcast("all", {"n": 1})
        room.broadcast("other", {"n": 2})
        assert room.assert_push("some") == {"from": "eve", "seen": 1}
        assert room.assert_push("all") == {"out": "all", "n": 1}
        assert room.assert_push("other") == {"n": 2}

    def test_an_interceptor_does_not_change_what_others_get(self, channels):
        class Room(Channel):
            @intercept("x")
            def x(self, payload):
                payload["mine"] = self.assigns["user"]
                return payload

        _, one = joined_to(channels, Room)
        _, other = joined_to(channels, Room)
        one.broadcast("x", {"n": 1})
        for each in (one, other):
            assert each.assert_push("x") == {"n": 1, "mine": "ada"}
        one.assert_broadcast("x", {"n": 1})

    @pytest.mark.parametrize("payload", [[1], "text", 7, {1, 2}, object(), Ok({"a": 1})])
    @pytest.mark.parametrize("call", ["push", "broadcast", "broadcast_from"])
    def test_what_is_no_object_is_a_mistake_of_the_caller(self, channels, call, payload):
        class Room(Channel):
            @on("go")
            def go(self, _):
                try:
                    getattr(self, call)("x", payload)
                except TypeError:
                    return Ok({"refused": True})
                return Ok()

        _, room = joined_to(channels, Room)
        room.assert_reply(room.push("go"), "ok", {"refused": True})
        room.refute_push("x")
        room.refute_broadcast("x")

    @pytest.mark.parametrize("call", ["push", "broadcast", "broadcast_from"])
    def test_an_event_is_a_str(self, channels, call):
        class Room(Channel):
            @on("go")
            def go(self, payload):
                getattr(self, call)(5, {})

        _, room = joined_to(channels, Room)
        room.push("go")
        assert "must be a str" in str(room.assert_crashed(TypeError))

    def test_reserved_events_are_not_broadcast(self, channels):
        class Room(Channel):
            @on("go")
            def go(self, payload):
                self.broadcast("phx_close")

        _, room = joined_to(channels, Room)
        room.push("go")
        assert "reserved" in str(room.assert_crashed(ValueError))


class TestSocketRef:
    class Room(Channel):
        @on("keep")
        def keep(self, payload):
            self.kept = self.socket_ref()

        @on("both")
        def both(self, payload):
            ref = self.socket_ref()
            return Ok({"first": ref.reply(Ok({"early": True}))})

        def handle_info(self, message):
            self.socket_ref()

    @pytest.fixture
    def room(self, channels):
        return joined_to(channels, self.Room)[1]

    def test_replies_late_and_once(self, room):
        ref = room.push("keep")
        room.refute_reply(ref)
        kept = room.channel.kept
        assert kept.reply(Reply({"n": 1}, status="done"))
        assert not kept.reply(Ok({"n": 2}))
        room.assert_reply(ref, "done", {"n": 1})
        room.refute_reply(ref)

    def test_of_a_push_without_ref_says_so(self, room):
        room.socket.send("room:1", "keep", join_ref=room.join_ref)
        kept = room.channel.kept
        assert kept.ref is None
        assert kept.reply(Ok()) is False

    def test_replies_from_a_thread(self, channels, room):
        ref = room.push("keep")
        kept, told = room.channel.kept, []
        thread = threading.Thread(target=lambda: told.append(kept.reply(Ok({"thread": True}))))
        thread.start()
        room.assert_reply(ref, "ok", {"thread": True}, within=20)
        thread.join(20)
        assert told == [True]

    def test_is_of_no_use_when_the_channel_has_ended(self, room):
        ref = room.push("keep")
        kept = room.channel.kept
        room.leave()
        room.assert_closed()
        assert kept.reply(Ok()) is False
        room.refute_reply(ref)

    def test_takes_answers_alone_and_may_be_tried_again(self, room):
        ref = room.push("keep")
        kept = room.channel.kept
        with pytest.raises(TypeError):
            kept.reply({"no": "answer"})
        assert kept.reply(Error("no"))
        room.assert_reply(ref, "error", {"reason": "no"})

    def test_is_for_callbacks_of_events(self, room):
        room.tell("x")
        assert "callbacks of a client's events" in str(room.assert_crashed(RuntimeError))


class TestAssigns:
    class Room(Channel):
        @on("set")
        def set_assign(self, payload):
            self.assigns.update(payload)
            return Ok(self.assigns)

    def test_a_mapping_is_each_channel_s_own_with_the_route_s_over_it(self, channels):
        class UserSocket(ChannelSocket):
            channels = {
                "room:*": self.Room,
                "admin": Route(self.Room, assigns={"user": "root", "admin": True}),
            }

        socket = channels.socket(UserSocket, {"user": "ada"})
        _, one = socket.subscribe_and_join("room:1")
        _, two = socket.subscribe_and_join("room:2")
        _, admin = socket.subscribe_and_join("admin")
        one.assert_reply(one.push("set", {"seen": 1}), "ok", {"user": "ada", "seen": 1})
        assert two.assigns == {"user": "ada"}
        assert admin.assigns == {"user": "root", "admin": True}
        assert socket.assigns == {"user": "ada"}

    def test_ok_alone_is_an_empty_mapping(self, channels):
        class UserSocket(ChannelSocket):
            channels = {"room:*": self.Room}

            @classmethod
            def connect(cls, info):
                return Ok()

        _, room = channels.connect(UserSocket).subscribe_and_join("room:1")
        room.assert_reply(room.push("set", {"seen": 1}), "ok", {"seen": 1})

    def test_another_object_is_shared(self, channels):
        class UserSocket(ChannelSocket):
            channels = {"room:*": Channel}

        user = Point(1, 2)
        socket = channels.socket(UserSocket, user)
        _, room = socket.subscribe_and_join("room:1")
        assert room.assigns is user


class TestTerminate:
    class Room(Channel):
        @on("stop")
        def stop(self, payload):
            return Stop(Shutdown("done"))

        @on("crash")
        def crash(self, payload):
            raise ValueError("on purpose")

        @on("stuck")
        def stuck(self, payload):
            Event().wait()

        def handle_drain(self):
            self.push("farewell")

        def terminate(self, reason):
            self.push("last", {})
            ENDED.append(reason)

    @pytest.fixture(autouse=True)
    def ended(self):
        ENDED.clear()
        return ENDED

    @pytest.fixture
    def room(self, channels):
        return joined_to(channels, self.Room)[1]

    def test_of_a_leave(self, room, ended):
        room.assert_reply(room.leave())
        room.assert_closed()
        room.assert_push("last")
        assert ended == [Shutdown("left")]

    def test_of_a_stop(self, room, ended):
        room.push("stop")
        room.assert_closed()
        assert ended == [Shutdown("done")]

    def test_of_a_crash(self, room, ended):
        room.push("crash")
        room.assert_error()
        assert ended == [Crash(room.assert_crashed(ValueError))]

    def test_of_a_kill_while_it_blocks(self, room, ended):
        room.push("stuck")
        room.channel.actor_ref.kill()
        room.assert_error()
        assert [str(reason) for reason in ended] == ["Killed()"]

    def test_of_a_duplicate_join(self, room, ended):
        _, again = room.socket.subscribe_and_join("room:1")
        room.assert_closed()
        again.refute_closed()
        assert ended == [Shutdown("duplicate")]

    def test_of_a_client_that_goes_away(self, room, ended):
        room.socket.close(1001)
        room.socket.assert_closed()
        assert [(type(reason).__name__, reason.code) for reason in ended] == [("Closed", 1001)]

    def test_of_a_drain_which_has_the_last_word(self, room, ended):
        room.socket.drain()
        room.assert_push("farewell")
        room.socket.assert_closed(1012)
        room.refute_closed()
        assert ended == [Shutdown("draining")]

    def test_of_a_disconnect_by_id(self, channels, ended):
        named = classmethod(lambda cls, assigns: assigns["user"])
        _, room = joined_to(channels, self.Room, id=named)
        channels.endpoint.disconnect("nobody")
        room.socket.refute_closed()
        channels.endpoint.disconnect("ada")
        room.socket.assert_closed(1001)
        assert ended == [Shutdown("disconnected")]

    def test_that_raises_is_told_and_the_end_goes_on(self, channels):
        class Room(Channel):
            def terminate(self, reason):
                raise KeyError("on purpose")

        _, room = joined_to(channels, Room)
        room.assert_reply(room.leave())
        room.assert_closed()
        assert [type(error) for error in channels.crashed] == [KeyError]
        room.socket.subscribe_and_join("room:1")
        room.socket.close()
        assert len(channels.crashed) == 2


ENDED: list[Any] = []


class TestReadOnly:
    def test_what_a_channel_knows_of_its_connection(self, channels):
        named = classmethod(lambda cls, assigns: f"user:{assigns['user']}")
        _, room = joined_to(channels, Channel, id=named)
        channel = room.channel
        assert (channel.topic, channel.subtopic, channel.join_ref) == ("room:1", "1", room.join_ref)
        assert (channel.id, channel.transport, channel.vsn) == ("user:ada", "websocket", "2.0.0")
        assert channel.endpoint is channels.endpoint

    @pytest.mark.parametrize("name", ["topic", "subtopic", "join_ref", "id", "endpoint", "vsn"])
    def test_it_is_read_only(self, channels, name):
        _, room = joined_to(channels, Channel)
        with pytest.raises(AttributeError):
            setattr(room.channel, name, "x")


class TestId:
    @pytest.mark.parametrize("given", [7, ""])
    def test_a_wrong_one_refuses_the_client(self, channels, given):
        class UserSocket(ChannelSocket):
            @classmethod
            def id(cls, assigns):
                return given

        with pytest.raises(Refused):
            channels.connect(UserSocket)
        assert "accepted: a str, None" in str(channels.crashed[0])


class NoChannels:
    """A transport that is too old for channels."""

    def on_ended(self, reason):
        pass


def test_a_transport_that_takes_no_channels_is_said_once(channels):
    actor = ChannelSocket(NoChannels(), None)
    with pytest.raises(StartError, match="NoChannels has no prepare"):
        actor.on_begin()
    assert [type(error) for error in channels.crashed] == [TypeError]


class TestLog:
    @pytest.mark.parametrize(
        ("join", "handle_in", "wanted"),
        [
            ("debug", False, [("DEBUG", "a join")]),
            (False, False, []),
            ("info", "warning", [("INFO", "a join"), ("WARNING", "'say'"), ("WARNING", "'odd'")]),
        ],
    )
    def test_joins_and_events_are_logged_at_their_level(
        self, channels, caplog, join, handle_in, wanted
    ):
        class Room(Channel):
            log_join = join
            log_handle_in = handle_in

            @on("say")
            def say(self, payload):
                return Ok({})

        with caplog.at_level("DEBUG", "roost.channels"):
            _, room = joined_to(channels, Room, {"password": "secret"})
            for event, status in (("say", "ok"), ("odd", "error")):
                room.assert_reply(room.push(event, {"password": "secret"}), status)
        lines = [
            (each.levelname, each.getMessage())
            for each in caplog.records
            if " handled " in each.getMessage()
        ]
        assert [(level, line.rpartition(" in ")[0]) for level, line in lines] == [
            (level, f"Room: 'room:1' handled {what}") for level, what in wanted
        ]
        assert all(line.endswith(" ms") for _, line in lines)

    @pytest.mark.parametrize("name", ["log_join", "log_handle_in"])
    @pytest.mark.parametrize("setting", ["loud", True, 10, None, 0])
    def test_a_level_that_is_none_is_refused(self, name, setting):
        with pytest.raises(ConfigError, match=rf"Room.{name} = .*must be one of 'debug', 'info'"):
            type("Room", (Channel,), {name: setting})


class TestHandleOutAndIntercepts:
    def test_one_without_the_other_is_refused_where_it_is_mounted(self):
        def handle_out(self, event, payload):
            return payload

        for body, words in (
            ({"intercepts": ("x",)}, "there is no handle_out for them"),
            ({"handle_out": handle_out}, "Room.handle_out is never called"),
        ):
            room = type("Room", (Channel,), body)
            with pytest.raises(ConfigError, match=words):
                type("UserSocket", (ChannelSocket,), {"channels": {"room:*": room}})


@pytest.mark.parametrize("assigns", ["ada", 7])
def test_assigns_of_a_route_need_a_mapping_to_go_over(channels, caplog, assigns):
    class UserSocket(ChannelSocket):
        channels = {"room:*": Route(Channel, assigns={"role": "guest"})}

        @classmethod
        def connect(cls, info):
            return Ok(assigns)

    with pytest.raises(Refused):
        channels.connect(UserSocket)
    [line] = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert line.startswith("UserSocket.connect failed: a client was refused: TypeError: connect")
    assert line.endswith(" in connect")
    assert [type(error) for error in channels.crashed] == [TypeError]
