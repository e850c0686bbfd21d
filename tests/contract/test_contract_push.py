"""``push``: when it leaves, and in which order."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.messages import Opcode
from actors.results import Ok, Push, Reply
from tests.contract.clients import Sent
from tests.contract.stage import scripted
from tests.contract.test_contract_results import expect, is_binary
from tests.contract.transports import BINARY, FRAMES, needs, skip_unless
from tests.support.waiting import DEADLINE


class TestPush:
    def test_comes_before_the_answer_of_its_callback(self, play: Any, transport: Any) -> None:
        second = b"two" if BINARY in transport.can else "two"

        def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
            self.push("one")
            self.push(second)
            return [Push("three"), Reply("four")]

        client = play(scripted(handle_in=handle_in)).connect()
        client.send("go")
        expect(client, transport, ["one", second, "three", "four"])

    @pytest.mark.parametrize(
        ("payload", "opcode", "frame"),
        [
            ("x", Opcode.TEXT, "x"),
            ("x", Opcode.BINARY, b"x"),
            (b"x", None, b"x"),
            (b"x", Opcode.TEXT, "x"),
        ],
    )
    def test_takes_an_opcode(
        self, play: Any, transport: Any, payload: Any, opcode: Any, frame: str | bytes
    ) -> None:
        if is_binary(payload, opcode):
            skip_unless(transport, BINARY)
        client = play(
            scripted(handle_in=lambda self, *_: self.push(payload, opcode=opcode))
        ).connect()
        client.send("go")
        expect(client, transport, [frame])

    @needs(FRAMES)
    def test_of_a_ping_is_answered_by_the_client(self, play: Any) -> None:
        seen: list[Any] = []

        def handle_control(self: Any, payload: Any, opcode: Any) -> Any:
            seen.append((payload, opcode))
            return Push("got it")

        client = play(
            scripted(
                handle_in=lambda self, *_: self.push(b"x", Opcode.PING),
                handle_control=handle_control,
            )
        ).connect()
        client.send("go")
        assert client.recv() == Sent(Opcode.PING, b"x")
        client.control(Opcode.PONG, b"x")
        assert client.recv() == "got it"
        assert seen == [(b"x", Opcode.PONG)]

    def test_leaves_when_the_callback_blocks_and_after_that_at_once(self, play: Any) -> None:
        steps = [Event(), Event()]

        def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
            self.push("before")
            steps[0].wait()
            self.push("between")
            steps[1].wait()
            self.push("after")
            return Reply("answer")

        stage = play(scripted(handle_in=handle_in))
        client = stage.connect()
        client.send("go")
        assert client.recv() == "before"
        stage.listen(client)
        steps[0].set()
        assert client.recv() == "between"
        stage.listen(client)
        steps[1].set()
        assert [client.recv(), client.recv()] == ["after", "answer"]

    def test_answers_of_the_same_turn_leave_when_a_later_callback_blocks(self, play: Any) -> None:
        release = Event()

        def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
            if payload == "[block]":
                release.wait()
            return Reply(payload)

        client = play(scripted(handle_in=handle_in)).connect()
        client.together("[one]", "[two]", "[block]", "[three]")
        assert [client.recv(), client.recv()] == ["[one]", "[two]"]
        release.set()
        assert [client.recv(), client.recv()] == ["[block]", "[three]"]

    def test_in_init_comes_first(self, play: Any) -> None:
        def init(self: Any, state: Any) -> Ok:
            self.push("welcome")
            gevent.sleep(0)
            self.push("once more")
            return Ok(state)

        client = play(scripted(init=init)).connect()
        assert [client.recv(), client.recv()] == ["welcome", "once more"]
        client.send("on")
        assert client.recv() == "on"

    def test_in_handle_info(self, play: Any) -> None:
        stage = play(scripted(handle_info=lambda self, message: self.push(message)))
        client = stage.connect()
        stage.newest.actor_ref.tell("told")
        assert client.recv() == "told"

    def test_after_the_end_is_forgotten(self, play: Any, transport: Any) -> None:
        stage = play(scripted(), **transport.impatient)
        client = stage.connect()
        socket = stage.newest
        operator = socket.transport
        client.leave()
        assert socket.actor_ref.wait(DEADLINE)
        for _ in range(3):
            socket.push("late")
            socket.push("x" * 100_000)
        assert not transport.kept(operator)

    def test_of_much_keeps_its_order(self, play: Any) -> None:
        sizes = [10, 70_000, 20, 200_000, 30, 0, 66_000]

        def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
            for size in sizes:
                self.push("x" * size)
            return Reply("end")

        client = play(scripted(handle_in=handle_in)).connect()
        client.send("go")
        assert [len(client.recv()) for _ in sizes] == sizes
        assert client.recv() == "end"
