"""Handlers that block."""

from __future__ import annotations

import gc
from typing import Any

import gevent

from actors.runtime import Actor
from tests.support.recorder import Recorder, actor_of
from tests.support.waiting import DEADLINE


class TestBlocking:
    def test_a_blocked_handler_delays_nobody(self) -> None:
        blocked = [Recorder.start() for _ in range(200)]
        for ref in blocked:
            ref.tell("block")
        other = Recorder.start()
        assert other.ask("quick", timeout=DEADLINE) == "quick"
        for ref in blocked:
            actor_of(ref).release.set()
            assert ref.ask("after", timeout=DEADLINE) == "after"

    def test_one_actor_never_runs_twice_at_once(self) -> None:
        class Counting(Recorder):
            running = most = 0

            def on_receive(self, message: Any) -> Any:
                self.running += 1
                self.most = max(self.most, self.running)
                gevent.idle()
                self.running -= 1

        ref = Counting.start()
        for _ in range(20):
            ref.tell("x")
        ref.ask("end", timeout=DEADLINE)
        assert actor_of(ref).most == 1

    def test_an_actor_may_ask_another(self) -> None:
        inner = Recorder.start()

        class Outer(Actor):
            def on_receive(self, message: Any) -> Any:
                return inner.ask(message, timeout=DEADLINE)

        assert Outer.start().ask("deep", timeout=DEADLINE) == "deep"

    def test_idle_carriers_do_not_pile_up(self) -> None:
        refs = [Recorder.start() for _ in range(300)]
        for ref in refs:
            ref.tell("block")
        for ref in refs:
            assert actor_of(ref).entered.wait(DEADLINE)
        dispatcher = actor_of(refs[0]).dispatcher
        assert dispatcher.carriers >= 300
        for ref in refs:
            actor_of(ref).release.set()
        for ref in refs:
            ref.ask("x", timeout=DEADLINE)
        gc.collect()
        assert dispatcher.carriers <= 66
