"""Carriers: they park with what blocks, come back, and outlive whatever they run."""

from __future__ import annotations

import socket
from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.runtime import dispatcher as module
from actors.runtime.dispatcher import Dispatcher
from tests.actors.runtime.descriptors import Watching
from tests.support.recorder import Recorder
from tests.support.waiting import DEADLINE, eventually


class TestCarriers:
    def test_a_job_that_raises_is_logged_and_the_queue_goes_on(
        self, dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
    ) -> None:
        done = Event()

        def exiting() -> None:
            raise SystemExit

        dispatcher.submit(exiting)
        dispatcher.submit(done.set)
        assert done.wait(DEADLINE)
        assert "a job failed" in caplog.text

    def test_a_carrier_that_was_parked_is_used_again(self, dispatcher: Dispatcher) -> None:
        seen: list[Any] = []
        release, parked, done = Event(), Event(), Event()

        def blocking() -> None:
            seen.append(gevent.getcurrent())
            parked.set()
            release.wait()
            done.set()

        dispatcher.submit(blocking)
        assert parked.wait(DEADLINE)
        before = dispatcher.carriers
        release.set()
        assert done.wait(DEADLINE)
        eventually(lambda: seen[0].idle)
        dispatcher.submit(lambda: seen.append(gevent.getcurrent()))
        eventually(lambda: len(seen) == 2)
        assert seen[0] is seen[1]
        assert dispatcher.carriers == before

    @pytest.mark.parametrize("more", [-1, 0, 1])
    def test_no_more_than_so_many_are_kept(
        self, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, more: int
    ) -> None:
        monkeypatch.setattr(module, "IDLE_CARRIERS", 20)
        self.block_and_release(dispatcher, 100)  # what other tests left is gone as well
        assert dispatcher.carriers <= 20
        self.block_and_release(dispatcher, 20 + more)
        assert len(dispatcher._idle) == min(20, max(dispatcher.carriers, 20 + more))

    @staticmethod
    def block_and_release(dispatcher: Dispatcher, count: int) -> None:
        release, left = Event(), [count]

        def blocking() -> None:
            release.wait()
            left[0] -= 1

        for _ in range(count):
            dispatcher.submit(blocking)
        eventually(lambda: not dispatcher.ready)
        release.set()
        eventually(lambda: left == [0] and len(dispatcher._idle) == dispatcher.carriers)

    @pytest.mark.parametrize("more", [-1, 0, 1])
    def test_so_many_may_block_and_the_next_waits_for_the_first(
        self, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, more: int
    ) -> None:
        limit = dispatcher.carriers + 5
        monkeypatch.setattr(dispatcher.blocked, "limit", limit)
        release = Event()
        running: list[int] = []

        def blocking(number: int) -> None:
            running.append(number)
            release.wait()
            running.remove(number)

        try:
            for number in range(limit + more):
                dispatcher.submit(lambda number=number: blocking(number))
            eventually(lambda: len(running) == limit + min(more, 0))
            gevent.idle()
            assert len(running) == limit + min(more, 0)
            # One that is free may have served what an earlier test has left.
            assert len(running) <= dispatcher.carriers <= limit
            assert len(dispatcher.ready) == max(more, 0)
        finally:  # else those behind this test have fewer carriers than they count
            release.set()
        eventually(lambda: not running and not dispatcher.ready)

    def test_at_the_limit_a_carrier_whose_slice_is_over_is_woken_again(
        self, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        TestCarriers.block_and_release(dispatcher, 2)
        monkeypatch.setattr(dispatcher.blocked, "limit", dispatcher.carriers)
        monkeypatch.setattr(module, "SLICE", -1.0)  # each look at the clock finds it over
        done: list[int] = []
        for number in range(100):
            dispatcher.submit(lambda number=number: done.append(number))
        eventually(lambda: len(done) == 100)
        assert done == list(range(100))

    def test_at_the_limit_connections_are_still_read(
        self,
        dispatcher: Dispatcher,
        monkeypatch: pytest.MonkeyPatch,
        watch: Watching,
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        limit = dispatcher.carriers + 1
        monkeypatch.setattr(dispatcher.blocked, "limit", limit)
        release, read = Event(), Event()
        for _ in range(limit):
            dispatcher.submit(release.wait)
        eventually(lambda: not dispatcher.ready and not dispatcher._idle)

        def reading(mask: int) -> None:
            pair[0].recv(10)
            read.set()

        watch(pair[0], reading)
        pair[1].send(b"x")
        assert read.wait(DEADLINE)
        release.set()
        eventually(lambda: dispatcher._idle)

    def test_connections_are_read_between_handlers_that_wake_together(
        self,
        dispatcher: Dispatcher,
        monkeypatch: pytest.MonkeyPatch,
        watch: Watching,
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        count = 50
        release, done = Event(), Event()
        order: list[str] = []

        def waking() -> None:
            release.wait()
            pair[1].send(b"x")
            order.append("woken")

        def reading(mask: int) -> None:
            pair[0].recv(100)
            order.append("read")
            if order.count("woken") == count:
                done.set()

        for _ in range(count):
            dispatcher.submit(waking)
        eventually(lambda: not dispatcher.ready)
        watch(pair[0], reading)
        monkeypatch.setattr(module, "SLICE", -1.0)
        release.set()
        assert done.wait(DEADLINE)
        assert order[:4] == ["woken", "read", "woken", "read"]

    def test_a_runnable_that_fails_to_park_is_logged_and_the_rest_runs(
        self, dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
    ) -> None:
        release, parked, done = Event(), Event(), Event()

        class Failing:
            def on_turn(self, carrier: Any) -> None:
                release.wait()

            def on_blocked(self) -> None:
                parked.set()
                raise ValueError("no")

        dispatcher.schedule(Failing())
        dispatcher.submit(done.set)
        assert done.wait(DEADLINE)
        assert parked.wait(DEADLINE)
        assert "failed to park" in caplog.text
        release.set()

    def test_an_error_outside_of_a_turn_does_not_end_the_carrier(
        self, dispatcher: Dispatcher, capsys: pytest.CaptureFixture[str]
    ) -> None:
        done = Event()

        class Broken:
            def on_turn(self, carrier: Any) -> None:
                raise ValueError("a runnable must not raise")

            def on_blocked(self) -> None:
                pass

        eventually(lambda: not dispatcher.ready)
        before = dispatcher.carriers
        dispatcher.schedule(Broken())
        dispatcher.submit(done.set)
        assert done.wait(DEADLINE)
        assert dispatcher.carriers <= max(before, 1)
        assert "a runnable must not raise" in capsys.readouterr().err

    def test_ctrl_c_between_turns_reaches_the_main_greenlet(self, dispatcher: Dispatcher) -> None:
        class Interrupted:
            def on_turn(self, carrier: Any) -> None:
                raise KeyboardInterrupt

            def on_blocked(self) -> None:
                pass

        done = Event()
        dispatcher.schedule(Interrupted())
        dispatcher.submit(done.set)
        with pytest.raises(KeyboardInterrupt):
            Event().wait(DEADLINE)
        assert done.wait(DEADLINE)

    @pytest.mark.parametrize("kept", [0, 64], ids=["ended", "idle"])
    def test_what_is_thrown_at_a_carrier_without_a_handler_is_ignored(
        self,
        dispatcher: Dispatcher,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        kept: int,
    ) -> None:
        monkeypatch.setattr(module, "IDLE_CARRIERS", kept)
        left: list[gevent.Timeout] = []
        ref = Recorder.start()

        class Careless(Recorder):
            def on_receive(self, message: Any) -> Any:
                left.append(gevent.Timeout.start_new(0))

        careless = Careless.start()
        careless.ask("go", timeout=DEADLINE)
        eventually(lambda: not left[0].pending)
        assert "was a gevent.Timeout left open?" in caplog.text
        assert careless.is_alive()
        assert ref.ask("on", timeout=DEADLINE) == "on"

    def test_a_late_switch_to_an_idle_carrier_is_ignored(self, dispatcher: Dispatcher) -> None:
        TestCarriers.block_and_release(dispatcher, 2)
        idle = list(dispatcher._idle)
        for carrier in idle:
            dispatcher.hub.loop.run_callback(carrier.switch)
        gevent.idle()
        assert dispatcher._idle == idle
