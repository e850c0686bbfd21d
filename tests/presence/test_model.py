"""Any history of sets over a bad net goes as it must: 5,000 steps.

``make presence`` takes 100,000; ``ROOST_PRESENCE_STEPS`` says how many else.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.presence.model import KEYS, MACHINES, OWNERS, TOPICS, World

STEPS = int(os.environ.get("ROOST_PRESENCE_STEPS", "5000"))
LENGTH = 50
"""Steps of one history."""

which = st.integers(0, 4)
anything = st.integers(0, 99)
owners, topics, keys = st.sampled_from(OWNERS), st.sampled_from(TOPICS), st.sampled_from(KEYS)
kinds = st.sampled_from(["left", "lost"])
machines = st.sampled_from(MACHINES)


class Histories(RuleBasedStateMachine):
    """Workers of two machines, and whatever may happen to them."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        for machine in ("a", "a", "b"):
            self.world.boot(machine)

    def pick(self, number: int) -> Any:
        return self.world.processes[number % len(self.world.processes)]

    @rule(at=which, owner=owners, topic=topics, key=keys)
    def track(self, at: int, owner: int, topic: str, key: str) -> None:
        self.world.track(self.pick(at), owner, topic, key)

    @rule(at=which, owner=owners)
    def crowd(self, at: int, owner: int) -> None:
        self.world.crowd(self.pick(at), owner)

    @rule(at=which, owner=owners, topic=topics, key=keys)
    def update(self, at: int, owner: int, topic: str, key: str) -> None:
        self.world.update(self.pick(at), owner, topic, key)

    @rule(at=which, owner=owners, topic=topics, key=keys, kind=kinds)
    def untrack(self, at: int, owner: int, topic: str, key: str, kind: Any) -> None:
        self.world.untrack(self.pick(at), owner, topic, key, kind)

    @rule(at=which, owner=owners, kind=kinds)
    def ended(self, at: int, owner: int, kind: Any) -> None:
        self.world.ended(self.pick(at), owner, kind)

    @rule(machine=machines)
    def boot(self, machine: str) -> None:
        self.world.boot(machine)

    @rule(at=which, how=st.sampled_from(["kill", "leave"]))
    def end(self, at: int, how: str) -> None:
        if len(self.world.processes) > 1:
            getattr(self.world, how)(self.pick(at))

    @rule(at=which, polite=st.booleans())
    def restart(self, at: int, polite: bool) -> None:
        self.world.restart(self.pick(at), polite=polite)

    @rule(at=which)
    def tell_list(self, at: int) -> None:
        self.world.tell_list(self.pick(at))

    @rule(number=anything, again=st.booleans())
    def deliver(self, number: int, again: bool) -> None:
        self.world.deliver(number, again=again)

    @rule(number=anything)
    def lose(self, number: int) -> None:
        self.world.lose(number)

    @rule()
    def flow(self) -> None:
        self.world.flow()

    @rule(one=machines)
    def part(self, one: str) -> None:
        self.world.part(one, "b" if one == "a" else "a")

    @rule(machine=machines)
    def link(self, machine: str) -> None:
        self.world.link(machine)

    @rule(at=which)
    def sleep(self, at: int) -> None:
        self.world.sleep(self.pick(at))

    @rule(at=which)
    def wake(self, at: int) -> None:
        self.world.wake(self.pick(at))

    @rule(
        seconds=st.sampled_from([0.01, 0.06, 0.06, 0.06, 0.5, 1.1, 2.1, 5.0, 11.0, 30.0, 65.0]),
        quick=st.booleans(),
    )
    def wait(self, seconds: float, quick: bool) -> None:
        self.world.wait(seconds, quick=quick)

    @invariant()
    def all_holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.heal()


@pytest.mark.slow
@pytest.mark.timeout(120 + STEPS // 20)
def test_every_history_goes_as_it_must() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=STEPS // LENGTH,
            stateful_step_count=LENGTH,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
