"""The dispatcher: what is ready runs, what blocks is left alone, and nothing is lost."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from select import EPOLLIN, EPOLLOUT
from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.runtime import dispatcher as module
from actors.runtime.carrier import Carrier
from actors.runtime.dispatcher import Dispatcher
from tests.actors.runtime.descriptors import Watching
from tests.support.recorder import Recorder
from tests.support.waiting import DEADLINE, eventually


class TestSlices:
    def test_reading_is_never_starved_by_what_is_always_ready(
        self,
        dispatcher: Dispatcher,
        watch: Watching,
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        read = Event()

        class Endless(Recorder):
            def on_receive(self, message: Any) -> Any:
                if not read.is_set():
                    self.actor_ref.tell(message)

        def reading(mask: int) -> None:
            pair[0].recv(10)
            read.set()

        for _ in range(5):
            Endless.start().tell("again")
        watch(pair[0], reading)
        pair[1].send(b"x")
        assert read.wait(DEADLINE)

    def test_timers_are_never_starved_by_what_is_always_ready(self, dispatcher: Dispatcher) -> None:
        fired = Event()

        class Endless(Recorder):
            def on_receive(self, message: Any) -> Any:
                if not fired.is_set():
                    self.actor_ref.tell(message)

        Endless.start().tell("again")
        dispatcher.timers.call_later(0.001, fired.set)
        assert fired.wait(DEADLINE)

    def test_the_clock_is_asked_after_each_turn_while_turns_are_long(
        self, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        time, looks = [0.0], []

        def clock() -> float:
            looks.append(time[0])
            return time[0]

        def long() -> None:
            time[0] += 1.0

        monkeypatch.setattr(dispatcher, "clock", clock)
        for _ in range(module.TURNS_BETWEEN_CLOCKS + 10):
            dispatcher.submit(long)
        eventually(lambda: not dispatcher.ready)
        after = [look for look in looks if look > module.TURNS_BETWEEN_CLOCKS]
        first = module.TURNS_BETWEEN_CLOCKS + 1
        assert {float(n) for n in range(first, first + 10)} <= set(after)

        for _ in range(100 * module.TURNS_BETWEEN_CLOCKS):
            dispatcher.submit(int)
        del looks[:]
        eventually(lambda: not dispatcher.ready)
        assert len(looks) < 150


class TestDescriptors:
    def test_a_handler_that_raises_is_logged_and_others_are_served(
        self,
        dispatcher: Dispatcher,
        watch: Watching,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        pairs = [socket.socketpair() for _ in range(3)]
        served: list[int] = []

        def handler(number: int) -> Callable[[int], None]:
            def handle(mask: int) -> None:
                pairs[number][0].recv(10)
                if number == 1:
                    raise KeyError("a handler's own")
                served.append(number)

            return handle

        for number, (one, _) in enumerate(pairs):
            watch(one, handler(number))
        for _, two in pairs:
            two.send(b"x")
        eventually(lambda: sorted(served) == [0, 2])
        eventually(lambda: "reading a connection failed" in caplog.text)
        assert "a handler's own" in caplog.text
        for fd in watch.fds:
            dispatcher.unregister(fd)
        for one, two in pairs:
            one.close()
            two.close()

    def test_one_that_is_closed_within_a_round_is_not_served(
        self, dispatcher: Dispatcher, watch: Watching
    ) -> None:
        pairs = [socket.socketpair() for _ in range(2)]
        served: list[int] = []

        def handler(number: int) -> Callable[[int], None]:
            def handle(mask: int) -> None:
                served.append(number)
                for one, _ in pairs:
                    dispatcher.unregister(one.fileno())
                    one.close()

            return handle

        for number, (one, _) in enumerate(pairs):
            watch(one, handler(number))
        for _, two in pairs:
            two.send(b"x")
        eventually(lambda: served)
        gevent.idle()
        assert len(served) == 1
        for _, two in pairs:
            two.close()

    def test_a_number_used_again_within_a_round_gets_no_event_of_the_old_one(
        self, dispatcher: Dispatcher, watch: Watching
    ) -> None:
        old, new = [socket.socketpair() for _ in range(2)], socket.socketpair()
        served: list[str] = []
        numbers = [one.fileno() for one, _ in old]

        def replace(mask: int) -> None:
            served.append("old")
            for number in numbers:
                dispatcher.unregister(number)
                os.dup2(new[0].fileno(), number)
                dispatcher.register(number, EPOLLIN, lambda mask: served.append("new"))

        for one, _ in old:
            watch(one, replace)
        for _, two in old:
            two.send(b"x")
        eventually(lambda: served)
        gevent.idle()
        assert served == ["old"]  # the round's second event was not for the new one
        for fd in watch.fds:
            dispatcher.unregister(fd)
        for sock in (*old[0], *old[1], *new):
            sock.close()

    def test_other_events_may_be_asked_for(
        self,
        dispatcher: Dispatcher,
        watch: Watching,
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        seen: list[int] = []
        writable = Event()

        def handler(mask: int) -> None:
            seen.append(mask)
            dispatcher.modify(fd, EPOLLIN)
            writable.set()

        fd = watch(pair[0], handler)
        dispatcher.modify(fd, EPOLLOUT)
        assert writable.wait(DEADLINE)
        assert seen == [EPOLLOUT]

    def test_unregister_of_what_is_not_registered_does_nothing(
        self, dispatcher: Dispatcher
    ) -> None:
        dispatcher.unregister(123_456)


class TestSends:
    def test_what_is_ready_runs_before_it_is_sent(self, dispatcher: Dispatcher) -> None:
        order: list[str] = []
        sent = Event()

        def turn() -> None:
            order.append("turn")
            dispatcher.send_soon(lambda: order.append("send"))

        for _ in range(3 * module.TURNS_BETWEEN_CLOCKS):
            dispatcher.submit(turn)
        dispatcher.submit(lambda: dispatcher.send_soon(sent.set))
        assert sent.wait(DEADLINE)
        turns = 3 * module.TURNS_BETWEEN_CLOCKS
        assert order == ["turn"] * turns + ["send"] * turns

    def test_it_is_sent_although_something_is_always_ready(self, dispatcher: Dispatcher) -> None:
        sent = Event()

        class Endless(Recorder):
            def on_receive(self, message: Any) -> Any:
                if not sent.is_set():
                    self.actor_ref.tell(message)

        Endless.start().tell("again")
        dispatcher.submit(lambda: dispatcher.send_soon(sent.set))
        assert sent.wait(DEADLINE)

    def test_it_is_sent_while_the_turn_blocks(self, dispatcher: Dispatcher) -> None:
        sent = Event()

        def turn() -> None:
            dispatcher.send_soon(sent.set)
            assert sent.wait(DEADLINE)

        done = Event()
        dispatcher.submit(lambda: (turn(), done.set()))
        assert done.wait(DEADLINE)

    def test_it_is_sent_from_a_turn_that_was_blocked(self, dispatcher: Dispatcher) -> None:
        woken, sent = Event(), Event()

        def turn() -> None:
            woken.wait()
            dispatcher.send_soon(sent.set)

        dispatcher.submit(turn)
        eventually(lambda: not dispatcher.ready)
        woken.set()
        assert sent.wait(DEADLINE)

    def test_it_is_sent_while_every_carrier_is_blocked(
        self, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dispatcher.blocked, "limit", dispatcher.carriers + 1)
        monkeypatch.setattr(dispatcher, "_idle", [])
        begun, woken, sent = Event(), Event(), Event()

        def turn() -> None:
            begun.set()
            woken.wait()

        dispatcher.submit(turn)
        assert begun.wait(DEADLINE)
        dispatcher.timers.call_later(0.001, lambda: dispatcher.send_soon(sent.set))
        assert sent.wait(DEADLINE)
        woken.set()

    def test_one_that_fails_keeps_none_of_the_others_back(
        self, dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
    ) -> None:
        def failing() -> None:
            raise RuntimeError("cannot send")

        sent = Event()
        dispatcher.send_soon(failing)
        dispatcher.send_soon(sent.set)
        assert sent.wait(DEADLINE)
        assert [record.message for record in caplog.records] == ["sending failed"]

    def test_a_send_may_lead_to_another_and_that_to_others(self, dispatcher: Dispatcher) -> None:
        sent = Event()

        def send(left: int) -> None:
            if left:
                dispatcher.send_soon(lambda: send(left - 1))
            else:
                sent.set()

        send(10)
        assert sent.wait(DEADLINE)


class TestTimed:
    @pytest.mark.parametrize("at_once", [1, 7, 16, 100, 640])
    def test_one_turn_of_so_many_is_told_however_they_come(
        self, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, at_once: int
    ) -> None:
        told: list[tuple[Any, float]] = []
        monkeypatch.setattr(dispatcher, "timed", lambda *turn: told.append(turn))
        turns: list[Carrier] = []

        class Runs:
            on_turn = staticmethod(turns.append)

        for due in range(at_once, 10 * module.SAMPLE + at_once, at_once):
            for _ in range(at_once):
                dispatcher.schedule(Runs())
            eventually(lambda due=due: len(turns) == due)
        of_ours = [seconds for runnable, seconds in told if isinstance(runnable, Runs)]
        assert abs(len(of_ours) - due / module.SAMPLE) <= 1.25  # turns of others are between
        assert all(0.0 <= seconds < DEADLINE for seconds in of_ours)

    def test_a_turn_that_blocks_is_told_too_and_the_others_go_on(
        self, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[float] = []
        monkeypatch.setattr(dispatcher, "timed", lambda _, seconds: told.append(seconds))
        monkeypatch.setattr(dispatcher, "_until_timed", 0)
        over, other = Event(), Event()

        class Blocks:
            def on_turn(self, carrier: Carrier) -> None:
                assert over.wait(DEADLINE)

        class Runs:
            def on_turn(self, carrier: Carrier) -> None:
                other.set()

        dispatcher.schedule(Blocks())
        dispatcher.schedule(Runs())
        assert other.wait(DEADLINE)
        assert told == []
        over.set()
        eventually(lambda: len(told) == 1)
