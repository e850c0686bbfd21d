"""Each assertion of ``sockets``: when it passes, and what it says when it fails."""

from __future__ import annotations

import re

import pytest

from actors import Error, Ok, Opcode, Push, Reply, Socket, StartError, Stop
from actors.testing import Refused


class Chat(Socket):
    @classmethod
    def connect(cls, info):
        if info.params.get("token") == "bad":
            return Error("bad token")
        return Ok({"endpoint": info.endpoint, "transport": info.transport, **info.connect_info})

    def init(self, state):
        if state.get("fails"):
            raise OSError("no disk")
        return Ok(state)

    def handle_in(self, payload, opcode):  # noqa: PLR0911 - one answer each
        match payload:
            case "nothing":
                return None
            case "two":
                return [Reply("one"), Push("two")]
            case "json":
                return Reply('{"a": 1, "b": [2]}')
            case "stop":
                return Stop(push=[Push("bye")], code=4000, detail="enough")
            case "crash":
                raise ValueError("on purpose")
            case "wrong":
                return Reply({"not": "a str"})
            case "text as bytes":
                return Reply("é".encode(), opcode=Opcode.TEXT)
            case "pong":
                return Reply("x", opcode=Opcode.PONG)
            case "push":
                self.push("pushed")
                return Reply("replied")
        return Reply(payload)

    def handle_control(self, payload, opcode):
        return Push(f"{opcode.name} {payload}")

    def handle_info(self, message):
        return Push(f"told {message}")

    def handle_drain(self):
        return Push("farewell")


@pytest.fixture
def chat(sockets):
    return sockets.connect(Chat)


def fails(words):
    return pytest.raises(AssertionError, match="(?s)" + ".*".join(map(re.escape, words)))


class TestConnect:
    def test_shows_what_was_given(self, sockets):
        sockets.endpoint = "the endpoint"
        chat = sockets.connect(Chat, {"token": "t"}, connect_info={"uri": "/x"}, transport="sse")
        assert chat.state == {"endpoint": "the endpoint", "transport": "sse", "uri": "/x"}

    def test_a_refusal_has_the_reason(self, sockets):
        with pytest.raises(Refused, match="Chat refused the connection: 'bad token'") as refused:
            sockets.connect(Chat, {"token": "bad"})
        assert refused.value.reason == "bad token"

    def test_what_init_raises_is_said_and_expected(self, sockets):
        with pytest.raises(StartError, match="no disk"):
            sockets.connect(Chat, connect_info={"fails": True})


class TestExpect:
    @pytest.mark.parametrize("payload", ["hello", b"\x00\xff", "", "é"])
    def test_returns_what_came(self, chat, payload):
        chat.send(payload)
        assert chat.expect(payload) == payload
        chat.expect_nothing()

    def test_takes_messages_in_order(self, chat):
        chat.send("two")
        with fails(["the next message is not 'two'; $: 'one' is not 'two'", "text 'one'"]):
            chat.expect("two")
        assert chat.expect(str) == "one"
        assert chat.expect() == "two"

    def test_compares_json(self, chat):
        chat.send("json")
        with fails(["the next message is not {'a': 2}; $.a: 1 is not 2"]):
            chat.expect({"a": 2})
        assert chat.expect({"b": [int]}) == {"a": 1, "b": [2]}
        chat.send("no json")
        with fails(["$: 'no json' is no mapping"]):
            chat.expect({})

    def test_says_when_nothing_came(self, chat):
        chat.send("nothing")
        with fails(["no message came, expected 'x'", "nothing else came"]):
            chat.expect("x")

    def test_opcodes(self, chat):
        chat.send("text as bytes")
        with fails(["opcode: ", "is not"]):
            chat.expect("é", opcode=Opcode.BINARY)
        chat.expect("é", opcode=Opcode.TEXT)
        chat.send("pong")
        chat.expect(b"x", opcode=Opcode.PONG)

    def test_pushes_come_before_the_answer(self, chat):
        chat.send("push")
        chat.expect("pushed")
        chat.expect("replied")

    def test_something_fails_expect_nothing(self, chat):
        chat.send("hello")
        with fails(["a message came", "text 'hello'"]):
            chat.expect_nothing()

    def test_pings_and_pongs_reach_the_socket(self, chat):
        chat.ping(b"x")
        chat.expect("PING b'x'")
        chat.ping(opcode=Opcode.PONG)
        chat.expect("PONG None")

    def test_it_can_be_told(self, chat):
        chat.tell("news")
        chat.expect("told news")

    def test_only_text_and_bytes_are_sent(self, chat):
        with pytest.raises(TypeError, match="must be str or bytes"):
            chat.send({"a": 1})


class TestEnds:
    def test_stop_has_its_code_and_text(self, chat):
        chat.send("stop")
        chat.expect("bye")
        closing = chat.assert_closed(4000)
        assert (closing.code, closing.text) == (4000, "enough")
        assert chat.closed is closing
        chat.send("anybody?")
        chat.close()
        chat.expect_nothing()

    def test_a_crash_closes_with_1011(self, sockets, chat):
        chat.send("crash")
        chat.assert_closed(1011)
        assert str(chat.assert_crashed(ValueError)) == "on purpose"
        with fails(["no callback raised KeyError"]):
            chat.assert_crashed(KeyError)
        assert [type(error) for error in sockets.crashed] == [ValueError]

    def test_what_cannot_be_sent_is_a_crash(self, chat):
        chat.send("wrong")
        assert "accepted: str, bytes" in str(chat.assert_crashed(TypeError))

    def test_a_crash_is_named_in_messages(self, chat):
        chat.send("crash")
        with fails(["closed with 1011, not 1000", "Chat", "crashed: ValueError: on purpose"]):
            chat.assert_closed(1000)

    def test_the_client_goes_away(self, chat):
        chat.close(code=None)
        assert chat.assert_closed(None).reason.code is None

    def test_the_server_goes_away(self, chat):
        chat.drain()
        chat.expect("farewell")
        chat.assert_closed(1012)
