"""The life of an actor: every cell of its table, and what real actors do at each move."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from actors.reasons import KILLED, NORMAL, SHUTDOWN, Crash
from actors.runtime import ActorKilled, StartError, get_dispatcher, monitors, registry
from actors.runtime.lifecycle import TRANSITIONS, Event, State
from actors.runtime.mailbox import Mailbox
from supervision import ChildSpec, Supervisor
from tests.support.recorder import Recorder, actor_of
from tests.support.waiting import DEADLINE, eventually

PATHS: dict[State, list[Event]] = {
    State.STARTING: [],
    State.LIVE: [Event.STARTED],
    State.CLOSING: [Event.STARTED, Event.ENDING],
    State.GONE: [Event.STARTED, Event.ENDING, Event.ENDED],
}
"""How a cell gets to a state."""


class Noting(Recorder):
    """Notes its state in each of its hooks; ``slow`` ones block at their end."""

    slow = False

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, State] = {}

    def note(self, hook: str) -> None:
        self.states[hook] = self.actor_inbox.state

    def on_start(self) -> None:
        self.note("on_start")

    def on_receive(self, message: Any) -> Any:
        self.note("on_receive")
        return super().on_receive(message)

    def on_ending(self, reason: Any) -> None:
        self.note("on_ending")

    def on_stop(self) -> None:
        self.note("on_stop")
        self.entered.set()
        if self.slow:
            self.release.wait()

    def on_killed(self) -> None:
        self.note("on_killed")


class Slow(Noting):
    slow = True


def state_of(actor: Any) -> tuple[State, bool, bool]:
    """Return the state of an actor, and what must go with it."""
    cell = actor.actor_inbox
    return cell.state, cell.closed, cell.reason is not None


STARTING = (State.STARTING, False, False)
LIVE = (State.LIVE, False, False)
CLOSING = (State.CLOSING, True, False)
GONE = (State.GONE, True, True)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_move_is_made_as_the_table_says_or_refused(state: State, event: Event) -> None:
    cell = Mailbox(Recorder(), get_dispatcher())
    for each in PATHS[state]:
        cell.move(each)
    assert cell.state is state
    wanted = TRANSITIONS.get((state, event))
    if wanted is None:
        with pytest.raises(RuntimeError):
            cell.move(event)
        wanted = state
    else:
        assert cell.move(event) is wanted
    assert (cell.state, cell.closed) == (wanted, wanted in {State.CLOSING, State.GONE})


def test_the_end_is_final_and_nobody_becomes_younger() -> None:
    order = list(State).index
    assert all(order(after) >= order(before) for (before, _), after in TRANSITIONS.items())
    assert {after for (before, _), after in TRANSITIONS.items() if before is State.GONE} == {
        State.GONE
    }


class TestStarting:
    def test_it_is_live_when_on_start_has_returned(self) -> None:
        actor = Noting()
        assert state_of(actor) == STARTING
        actor.on_begin()
        assert (actor.states, state_of(actor)) == ({"on_start": State.STARTING}, LIVE)

    def test_it_closes_and_is_gone_when_on_start_raises(self) -> None:
        class Failing(Noting):
            def on_start(self) -> None:
                raise OSError("no")

        actor = Failing()
        with pytest.raises(StartError):
            actor.on_begin()
        assert (actor.states, state_of(actor)) == ({"on_ending": State.CLOSING}, GONE)
        assert isinstance(actor.exit_reason, Crash)

    def test_it_is_gone_when_it_is_killed_before_it_has_begun(self) -> None:
        actor = Noting()
        actor.kill_now()
        assert (actor.states, state_of(actor)) == ({"on_killed": State.GONE}, GONE)
        with pytest.raises(StartError):
            actor.on_begin()

    def test_it_stays_gone_when_it_swallows_the_kill_and_on_start_returns(self) -> None:
        class Stubborn(Noting):
            def on_start(self) -> None:
                try:
                    self.kill_now()
                except ActorKilled:
                    self.note("on_start")

        actor = Stubborn()
        with pytest.raises(StartError):
            actor.on_begin()
        assert actor.states == {"on_start": State.GONE, "on_killed": State.GONE}
        assert (state_of(actor), actor.exit_reason) == (GONE, KILLED)

    def test_it_begins_once(self) -> None:
        actor = Noting().on_begin()
        with pytest.raises(StartError, match="begun already"):
            actor.on_begin()
        assert state_of(actor) == LIVE


class TestLive:
    def test_it_closes_while_its_hooks_run_and_is_gone_then(self) -> None:
        ref = Slow.start()
        actor = actor_of(ref)
        assert ref.ask("hello", timeout=DEADLINE) == "hello"
        ref.exit(NORMAL)
        assert actor.entered.wait(DEADLINE)
        assert state_of(actor) == CLOSING
        assert ref not in registry.get_all()
        actor.release.set()
        assert ref.wait(DEADLINE)
        assert state_of(actor) == GONE
        assert actor.states == {
            "on_start": State.STARTING,
            "on_receive": State.LIVE,
            "on_ending": State.CLOSING,
            "on_stop": State.CLOSING,
        }

    def test_it_is_gone_at_once_when_it_is_killed(self) -> None:
        ref = Noting.start()
        ref.kill()
        assert state_of(actor_of(ref)) == GONE
        assert actor_of(ref).states["on_killed"] is State.GONE

    def test_it_stays_gone_when_the_kill_comes_out_of_its_handler(self) -> None:
        ref = Noting.start()
        ref.tell("block")
        actor = actor_of(ref)
        assert actor.entered.wait(DEADLINE)
        ref.kill()
        assert (state_of(actor), actor.states.get("on_killed")) == (GONE, None)
        eventually(lambda: "on_killed" in actor.states)  # its greenlet has unwound
        assert (state_of(actor), actor.exit_reason) == (GONE, KILLED)
        assert "on_ending" not in actor.states


class TestClosing:
    def test_a_kill_ends_it_although_its_hooks_run_and_they_end_nothing_more(self) -> None:
        ref = Slow.start()
        actor = actor_of(ref)
        ref.exit()
        assert actor.entered.wait(DEADLINE)
        ref.kill()
        assert (state_of(actor), actor.exit_reason) == (GONE, KILLED)
        eventually(lambda: "on_killed" in actor.states)
        assert (state_of(actor), actor.exit_reason) == (GONE, KILLED)

    def test_a_supervisor_that_ends_closes_once_more_when_it_is_killed(self) -> None:
        ref = Supervisor.start([ChildSpec(id="slow", start=Slow.start, shutdown=None)])
        actor = actor_of(ref)
        child = ref.which_child("slow").ref
        states: list[Any] = []
        assert monitors.at_end(child.actor_inbox, lambda _: states.append(state_of(actor)))
        ref.exit(SHUTDOWN)
        assert actor_of(child).entered.wait(DEADLINE)
        assert state_of(actor) == CLOSING
        ref.kill()
        assert states == [CLOSING]  # children are killed before anybody is told of its end
        assert (state_of(actor), actor.exit_reason) == (GONE, KILLED)


class TestGone:
    def test_a_second_kill_changes_nothing(self) -> None:
        ref = Noting.start()
        ref.exit(NORMAL)
        assert ref.wait(DEADLINE)
        ref.kill()
        assert (state_of(actor_of(ref)), ref.exit_reason) == (GONE, NORMAL)
        assert "on_killed" not in actor_of(ref).states
