"""Callbacks of one socket never overlap, and nothing overtakes anything."""

from __future__ import annotations

from typing import Any

import gevent
from gevent.event import Event

from actors.results import Ok, Reply, Stop
from tests.contract.stage import scripted
from tests.contract.transports import FRAMES, needs
from tests.support import raw
from tests.support.waiting import DEADLINE, eventually


class TestOrder:
    def test_callbacks_of_one_socket_never_overlap(self, play: Any) -> None:
        running, most, handled = [0], [0], [0]

        def busy(self: Any, *_: Any) -> Any:
            running[0] += 1
            most[0] = max(most[0], running[0])
            gevent.sleep(0)
            running[0] -= 1
            handled[0] += 1

        stage = play(scripted(handle_in=busy, handle_info=busy))
        client = stage.connect()
        socket = stage.newest
        for number in range(20):
            client.send(str(number))
            socket.actor_ref.tell(number)
        eventually(lambda: handled[0] == 40)
        assert most == [1]

    def test_what_comes_while_a_callback_blocks_is_handled_after_it_in_order(
        self, play: Any
    ) -> None:
        release = Event()

        def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
            if payload == "block":
                self.push("blocked")
                release.wait()
            return Reply(payload)

        client = play(scripted(handle_in=handle_in)).connect()
        client.send("block")
        assert client.recv() == "blocked"
        words = [str(number) for number in range(500)]  # more than is read for a busy socket
        sender = gevent.spawn(lambda: [client.send(word) for word in words])
        gevent.idle()
        release.set()
        assert [client.recv() for _ in range(501)] == ["block", *words]
        sender.get(timeout=DEADLINE)

    @needs(FRAMES)  # there is no session to post to before it is open
    def test_what_comes_while_init_blocks_is_handled_after_it_in_order(self, play: Any) -> None:
        release, entered = Event(), Event()
        seen: list[Any] = []

        def init(self: Any, state: Any) -> Ok:
            entered.set()
            release.wait()
            seen.append("init")
            return Ok(state)

        def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
            seen.append(payload)
            return Reply(payload)

        stage = play(scripted(init=init, handle_in=handle_in))
        # The first frames come with the request, and the last of them in two parts.
        third = _text("three")
        client = stage.connect(glued=_text("one") + _text("two") + third[:3])
        assert entered.wait(DEADLINE)
        client.raw.send(third[3:] + _text("four"))
        gevent.idle()
        assert seen == []
        release.set()
        words = ["one", "two", "three", "four"]
        assert [client.recv() for _ in words] == words
        assert seen == ["init", *words]

    def test_a_drain_while_init_blocks_comes_after_it(self, play: Any, transport: Any) -> None:
        release, entered = Event(), Event()

        def init(self: Any, state: Any) -> Ok:
            entered.set()
            release.wait()
            return Ok(state)

        stage = play(scripted(init=init))
        opening = gevent.spawn(stage.connect)
        assert entered.wait(DEADLINE)
        stopping = gevent.spawn(stage.served.drain)
        gevent.idle()
        release.set()
        # A long poll's connection may still be there to say that the session is gone.
        ends = {transport.drained(None), transport.ending(1012, None)}
        assert opening.get(timeout=DEADLINE).closed() in ends
        stopping.get(timeout=DEADLINE)

    def test_stop_ends_the_turn_it_is_answered_in(self, play: Any, transport: Any) -> None:
        seen: list[Any] = []

        def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
            seen.append(payload)
            return Stop() if payload == "[stop]" else Reply(payload)

        client = play(scripted(handle_in=handle_in)).connect()
        client.together("[one]", "[stop]", "[never]")
        assert client.recv() == "[one]"
        assert client.closed() == transport.ending(1000, 408)
        assert seen == ["[one]", "[stop]"]


def _text(word: str) -> bytes:
    return raw.frame(raw.TEXT, word)
