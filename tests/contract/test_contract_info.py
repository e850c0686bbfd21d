"""Messages told to a socket: from whom, of what kind, and when."""

from __future__ import annotations

import threading
from typing import Any

import gevent
import pykka
import pytest

from actors.messages import Down
from actors.reasons import KILLED
from actors.results import Push, Reply
from actors.runtime import Actor
from tests.contract.stage import scripted
from tests.support.recorder import Recorder
from tests.support.waiting import DEADLINE


class TestInfo:
    def test_from_another_actor(self, play: Any) -> None:
        stage = play(scripted(handle_info=lambda self, message: Push(message)))
        client = stage.connect()

        class Teller(Actor):
            def on_receive(self, message: Any) -> Any:
                message.tell("from an actor")

        Teller.start().tell(stage.newest.actor_ref)
        assert client.recv() == "from an actor"

    def test_from_a_greenlet_and_from_a_thread(self, play: Any) -> None:
        stage = play(scripted(handle_info=lambda self, message: Push(message)))
        client = stage.connect()
        ref = stage.newest.actor_ref
        gevent.spawn(ref.tell, "from a greenlet")
        assert client.recv() == "from a greenlet"
        thread = threading.Thread(target=ref.tell, args=("from a thread",))
        thread.start()
        assert client.recv() == "from a thread"
        thread.join(DEADLINE)

    def test_from_pykkas_actor_on_a_thread(self, play: Any) -> None:
        stage = play(scripted(handle_info=lambda self, message: Push(message)))
        client = stage.connect()

        class Native(pykka.ThreadingActor):
            use_daemon_thread = True

            def on_receive(self, message: Any) -> Any:
                message.tell("from Pykka's")

        native = Native.start()
        native.tell(stage.newest.actor_ref)
        assert client.recv() == "from Pykka's"
        native.stop(timeout=DEADLINE)

    @pytest.mark.parametrize("message", ["text", b"bytes", 1, None, {"a": 1}, ("t",), Push("x")])
    def test_of_any_kind_is_no_message_of_the_client(self, play: Any, message: Any) -> None:
        seen: list[Any] = []

        def handle_info(self: Any, told: Any) -> Any:
            seen.append(told)
            return Push("told")

        stage = play(scripted(handle_info=handle_info))
        client = stage.connect()
        stage.newest.actor_ref.tell(message)
        assert client.recv() == "told"
        assert seen == [message]

    def test_later_by_a_timer(self, play: Any) -> None:
        def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
            self.send_after(0.01, "late")
            self.send_after(0.02, "never").cancel()
            self.send_after(0, "soon")
            return Reply("now")

        client = play(
            scripted(handle_in=handle_in, handle_info=lambda self, message: Push(message))
        ).connect()
        client.send("go")
        assert [client.recv() for _ in range(3)] == ["now", "soon", "late"]

    def test_that_an_actor_it_monitors_is_down(self, play: Any) -> None:
        other = Recorder.start()
        downs: list[Any] = []

        def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
            self.monitor(other)
            return Reply("watching")

        def handle_info(self: Any, message: Any) -> Any:
            downs.append(message)
            return Push("down")

        client = play(scripted(handle_in=handle_in, handle_info=handle_info)).connect()
        client.send("go")
        assert client.recv() == "watching"
        other.kill()
        assert client.recv() == "down"
        (down,) = downs
        assert isinstance(down, Down)
        assert (down.actor, down.reason) == (other, KILLED)

    def test_asked_is_answered_with_none(self, play: Any) -> None:
        stage = play(scripted(handle_info=lambda self, message: Push(message)))
        client = stage.connect()
        assert stage.newest.actor_ref.ask("asked", timeout=DEADLINE) is None
        assert client.recv() == "asked"

    def test_asked_and_crashed_is_the_askers_too(self, play: Any, transport: Any) -> None:
        def handle_info(self: Any, message: Any) -> Any:
            raise ValueError("no")

        stage = play(scripted(handle_info=handle_info))
        client = stage.connect()
        with pytest.raises(ValueError, match="no"):
            stage.newest.actor_ref.ask("x", timeout=DEADLINE)
        assert client.closed() == transport.ending(1011, None)

    def test_a_proxy_calls_its_methods(self, play: Any) -> None:
        stage = play(scripted(double=lambda self, number: number * 2))
        stage.connect()
        assert stage.newest.actor_ref.proxy().double(21).get(timeout=DEADLINE) == 42

    def test_keeps_the_order_of_one_sender(self, play: Any) -> None:
        stage = play(scripted(handle_info=lambda self, message: Push(str(message))))
        client = stage.connect()
        for number in range(300):
            stage.newest.actor_ref.tell(number)
        assert [client.recv() for _ in range(300)] == [str(number) for number in range(300)]

    def test_to_one_that_has_gone_is_refused(self, play: Any, transport: Any) -> None:
        stage = play(scripted(), **transport.impatient)
        client = stage.connect()
        ref = stage.newest.actor_ref
        client.leave()
        assert ref.wait(DEADLINE)
        with pytest.raises(pykka.ActorDeadError):
            ref.tell("late")
