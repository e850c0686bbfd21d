"""What a handler sees of ``contextvars``: never what another actor set."""

from __future__ import annotations

from contextvars import ContextVar, copy_context
from typing import Any

import gevent

from tests.support.recorder import Recorder, actor_of
from tests.support.waiting import DEADLINE


class TestContext:
    def test_a_turn_never_sees_what_anothers_set(self) -> None:

        variable: ContextVar[str] = ContextVar("variable", default="nobody's")

        class Setting(Recorder):
            def on_receive(self, message: Any) -> Any:
                seen = variable.get()
                variable.set(message)
                return seen

        refs = [Setting.start() for _ in range(3)]
        asked = [ref.ask("mine", block=False) for ref in refs]
        assert [future.get(timeout=DEADLINE) for future in asked] == ["nobody's"] * 3
        assert variable.get() == "nobody's"

    def test_it_lasts_for_a_turn_also_where_the_turn_blocks(self) -> None:

        variable: ContextVar[str] = ContextVar("variable", default="nobody's")

        class Setting(Recorder):
            def on_receive(self, message: Any) -> Any:
                variable.set(message)
                self.entered.set()
                self.release.wait()
                return variable.get(), gevent.spawn(variable.get).get()

        one, two = Setting.start(), Setting.start()
        asked = [one.ask("one", block=False), two.ask("two", block=False)]
        for ref in (one, two):
            assert actor_of(ref).entered.wait(DEADLINE)
            actor_of(ref).release.set()
        answers = [future.get(timeout=DEADLINE) for future in asked]
        assert answers == [("one", "nobody's"), ("two", "nobody's")]

    def test_on_start_sees_its_starters(self) -> None:

        variable: ContextVar[str] = ContextVar("variable", default="nobody's")

        class Looking(Recorder):
            def on_start(self) -> None:
                self.seen.append(variable.get())

        def start() -> Any:
            variable.set("the starter's")
            return Looking.start()

        ref = copy_context().run(start)
        assert actor_of(ref).seen == ["the starter's"]
