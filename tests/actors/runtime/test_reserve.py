"""What still runs when every ordinary carrier is blocked in user code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.messages import Down
from actors.reasons import SHUTDOWN, Reason
from actors.runtime.dispatcher import Dispatcher
from actors.runtime.reserve import Reserve
from tests.actors.runtime.test_slices import LoopTurns
from tests.support.carriers import few_carriers
from tests.support.recorder import Recorder, actor_of, wait_until_down
from tests.support.waiting import DEADLINE, eventually


class Keeper(Recorder):
    """One of those that end others."""


Keeper.ends_others = True  # which a class outside of our packages may not say itself


class Ending(Recorder):
    """Stops at ``may_end`` in its ``terminate``."""

    def __init__(self) -> None:
        super().__init__()
        self.ending, self.may_end = Event(), Event()

    def terminate(self, reason: Reason) -> None:
        self.ending.set()
        self.may_end.wait()
        super().terminate(reason)


@pytest.fixture
def full(dispatcher: Dispatcher) -> Iterator[Event]:
    """Every ordinary carrier is blocked until the event is set."""
    release = Event()
    with few_carriers(dispatcher, 3):
        for _ in range(3):
            dispatcher.submit(release.wait)
        eventually(lambda: dispatcher.blocked.full and not dispatcher.ready)
        yield release
        release.set()
        eventually(lambda: not len(dispatcher.blocked) and not dispatcher.ready)
    assert dispatcher.keepers.taken == dispatcher.ends.taken == 0


def rest(dispatcher: Dispatcher) -> None:
    """Let the loop turn until it has nothing to do."""
    for _ in range(5):
        gevent.idle()


class TestFull:
    def test_an_ordinary_message_waits(self, dispatcher: Dispatcher, full: Event) -> None:
        ref = Recorder.start()
        ref.tell("x")
        rest(dispatcher)
        assert actor_of(ref).seen == []
        full.set()
        eventually(lambda: actor_of(ref).seen == ["x"])

    def test_an_idle_actor_serves_its_exit(self, dispatcher: Dispatcher, full: Event) -> None:
        ref = Recorder.start()
        ref.exit(SHUTDOWN)
        assert ref.wait(DEADLINE)
        assert actor_of(ref).ended == ["stop"]
        assert not full.is_set()

    def test_a_queued_actor_serves_its_exit_once(self, dispatcher: Dispatcher, full: Event) -> None:
        ref = Recorder.start()
        ref.tell("never handled")
        ref.exit(SHUTDOWN)
        assert ref.wait(DEADLINE)
        full.set()
        eventually(lambda: not dispatcher.ready)
        assert (actor_of(ref).seen, actor_of(ref).ended) == ([], ["stop"])

    def test_one_that_survives_its_exit_runs_its_turns_one_after_the_other(
        self, dispatcher: Dispatcher, full: Event
    ) -> None:
        most, running = [0], [0]
        go_on, handled = Event(), []

        class Surviving(Recorder):
            def handle_exit(self, reason: Reason) -> None:
                running[0] += 1
                most[0] = max(most[0], running[0])
                go_on.wait()
                running[0] -= 1

            def on_receive(self, message: Any) -> Any:
                most[0] = max(most[0], running[0] + 1)
                handled.append(message)

        ref = Surviving.start()
        ref.tell("first")  # is queued with all others
        ref.exit(SHUTDOWN)  # and ahead of them
        eventually(lambda: running[0] == 1)
        full.set()  # the first place in the queue comes while it blocks
        eventually(lambda: not dispatcher.ready)
        ref.tell("second")
        rest(dispatcher)
        assert handled == []
        go_on.set()
        eventually(lambda: handled == ["first", "second"])
        assert most[0] == 1

    def test_a_keeper_handles_its_messages(self, dispatcher: Dispatcher, full: Event) -> None:
        ref, keeper = Recorder.start(), Keeper.start()
        actor_of(keeper).monitor(ref)
        ref.exit(SHUTDOWN)
        assert isinstance(wait_until_down(keeper), Down)
        assert keeper.ask("x", timeout=DEADLINE) == "x"
        assert not full.is_set()

    def test_ends_that_block_leave_keepers_their_carriers(
        self, dispatcher: Dispatcher, full: Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dispatcher.ends, "size", 2)
        refs = [Ending.start() for _ in range(5)]
        for ref in refs:
            ref.exit(SHUTDOWN)
        eventually(lambda: dispatcher.ends.taken == 2 and actor_of(refs[1]).ending.is_set())
        assert Keeper.start().ask("x", timeout=DEADLINE) == "x"
        for ref in refs:
            ref.kill()  # as the drainer does when its time is over
        eventually(lambda: dispatcher.ends.taken == 0)
        again = Recorder.start()
        again.exit(SHUTDOWN)
        assert again.wait(DEADLINE)

    @pytest.mark.parametrize("more", [-1, 0, 1])
    @pytest.mark.parametrize("part", ["keepers", "ends"])
    def test_so_many_of_a_reserve_may_block_and_the_next_waits(
        self,
        dispatcher: Dispatcher,
        full: Event,
        monkeypatch: pytest.MonkeyPatch,
        part: str,
        more: int,
    ) -> None:
        size = 3
        reserve: Reserve = getattr(dispatcher, part)
        monkeypatch.setattr(reserve, "size", size)
        kind = Keeper if part == "keepers" else Ending
        refs = [kind.start() for _ in range(size + more)]
        for ref in refs:
            if part == "keepers":
                ref.tell("block")
            else:
                ref.exit(SHUTDOWN)

        def begun() -> int:
            name = "entered" if part == "keepers" else "ending"
            return sum(getattr(actor_of(ref), name).is_set() for ref in refs)

        eventually(lambda: begun() == min(size, size + more))
        rest(dispatcher)
        assert (begun(), len(reserve.waiting)) == (size + min(more, 0), max(more, 0))
        for ref in refs:
            actor = actor_of(ref)
            (actor.release if part == "keepers" else actor.may_end).set()
        eventually(lambda: begun() == size + more and reserve.taken == 0)

    def test_an_error_outside_of_a_turn_gives_the_carrier_back(
        self, dispatcher: Dispatcher, full: Event, capsys: pytest.CaptureFixture[str]
    ) -> None:
        class Broken:
            def on_turn(self, carrier: Any) -> None:
                raise ValueError("a runnable must not raise")

            def on_blocked(self) -> None:
                pass

        dispatcher.ends.schedule(Broken())
        eventually(lambda: not dispatcher.ends.waiting and not dispatcher.ends.taken)
        assert "a runnable must not raise" in capsys.readouterr().err


class TestOrder:
    def test_ends_come_before_what_was_ready_sooner(self, dispatcher: Dispatcher) -> None:
        order: list[str] = []

        class Noting(Recorder):
            def on_receive(self, message: Any) -> Any:
                order.append(message)

            def on_stop(self) -> None:
                order.append("end")

        ref = Noting.start()
        others = [Noting.start() for _ in range(3)]
        for other in others:
            other.tell("message")
        ref.exit(SHUTDOWN)
        eventually(lambda: len(order) == 4)
        assert order[0] == "end"

    def test_many_ends_leave_the_loop_its_turns(
        self, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("actors.runtime.dispatcher.SLICE", -1.0)  # is always over
        refs = [Recorder.start() for _ in range(20)]
        turns = LoopTurns()
        eventually(lambda: turns.count)  # a slice that began before is no more
        before = turns.count
        for ref in refs:
            ref.exit(SHUTDOWN)
        eventually(lambda: all(ref.exit_reason is not None for ref in refs))
        turns.watcher.close()
        assert turns.count >= before + 20
