"""The model finds mistakes: each is planted, and random histories of fixed seeds must show it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from actors.presence.members import Members
from actors.presence.replica import Replica
from actors.presence.view import View
from tests.presence.model import KEYS, MACHINES, OWNERS, TOPICS, Process, World

HISTORIES = 600
"""That are tried until one shows the mistake: the slowest needs some 140."""
WITHOUT = 100
"""That are tried without a mistake; :mod:`tests.presence.test_model` tries more."""
STEPS = 80
SECONDS = (0.01, 0.06, 0.06, 0.5, 1.1, 2.1, 5.0, 11.0, 30.0)

Plant = Callable[[pytest.MonkeyPatch], None]


def act(world: World, chance: random.Random) -> None:
    """Do one of the things that may happen."""
    process = chance.choice(world.processes)
    what = (process, chance.choice(OWNERS), chance.choice(TOPICS), chance.choice(KEYS))
    actions: list[tuple[int, Callable[[], None]]] = [
        (6, lambda: world.track(*what)),
        (4, lambda: world.update(*what)),
        (5, lambda: world.untrack(*what)),
        (1, lambda: world.crowd(*what[:2])),
        (1, lambda: world.ended(*what[:2], chance.choice(["left", "lost"]))),
        (2, lambda: world.boot(chance.choice(MACHINES))),
        (2, lambda: world.kill(process) if len(world.processes) > 1 else None),
        (1, lambda: world.leave(process) if len(world.processes) > 1 else None),
        (1, lambda: world.restart(process, polite=chance.random() < 0.5)),
        (3, lambda: world.tell_list(process)),
        (20, lambda: world.deliver(chance.randrange(99), again=chance.random() < 0.3)),
        (2, lambda: world.lose(chance.randrange(99))),
        (2, world.flow),
        (1, lambda: world.part(*chance.sample(MACHINES, 2))),
        (1, lambda: world.link(chance.choice(MACHINES))),
        (1, lambda: world.sleep(process)),
        (1, lambda: world.wake(process)),
        (12, lambda: world.wait(chance.choice(SECONDS), quick=chance.random() < 0.5)),
    ]
    weights = [weight for weight, _ in actions]
    chance.choices([action for _, action in actions], weights)[0]()


def history(seed: int) -> None:
    chance = random.Random(seed)
    world = World()
    for machine in ("a", "a", "b"):
        world.boot(machine)
    for _ in range(STEPS):
        act(world, chance)
        world.check()
    world.heal()


def change_amid_a_transfer() -> None:
    """What chance seldom does: an entry of a later page is removed when the first has come."""
    world = World()
    world.boot("a")
    (owner,) = world.processes
    world.crowd(owner, 1)
    world.boot("a")
    viewer = world.processes[1]
    world.tell_list(owner)
    while not ((known := viewer.site._members.known(owner.worker)) and known.view.transfer):
        world.deliver(0)
    while len(world.net) > 1:  # what asks for the next page is the last
        world.lose(0)
    world.untrack(owner, 1, TOPICS[-1], KEYS[-1])
    while world.net:
        world.deliver(0)
        world.check()
    world.heal()


def histories(count: int) -> None:
    change_amid_a_transfer()
    for seed in range(count):
        history(seed)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_without_a_mistake_all_histories_go_as_they_must() -> None:
    histories(WITHOUT)


def ignore_removals_of_same_delta_adds(patch: pytest.MonkeyPatch) -> None:
    delta = Replica.delta

    def less(self: Replica, since: int, limit: int) -> Any:
        to, message = delta(self, since, limit)
        for tags in message[5:]:
            tags[:] = [tag for tag in tags if tag <= since]
        return to, message

    patch.setattr(Replica, "delta", less)


def list_adds_as_logged(patch: pytest.MonkeyPatch) -> None:
    delta = Replica.delta

    def logged(self: Replica, since: int, limit: int) -> Any:
        to, message = delta(self, since, limit)
        operations = self._since(since)[: to - since]
        message[4] = [[*added] for _, added, _ in operations if added is not None]
        for tags in message[5:]:  # else it is refused for its contradiction
            tags[:] = [tag for tag in tags if tag <= since]
        return to, message

    patch.setattr(Replica, "delta", logged)


def accept_a_gap(patch: pytest.MonkeyPatch) -> None:
    take = View.take_delta
    patch.setattr(
        View,
        "take_delta",
        lambda self, delta: take(self, delta._replace(since=min(delta.since, self.clock))),
    )


def forget_from(patch: pytest.MonkeyPatch) -> None:
    delta = Replica.delta

    def from_nowhere(self: Replica, since: int, limit: int) -> Any:
        to, message = delta(self, since, limit)
        return to, [*message[:2], 0, *message[3:]]

    patch.setattr(Replica, "delta", from_nowhere)


def take_adds_twice(patch: pytest.MonkeyPatch) -> None:
    """What a delta adds is added, whether the view has it or not."""
    take = View.take_delta

    def all_of_them(self: View, delta: Any) -> Any:
        clock = self.clock
        if clock < delta.to and delta.since <= clock:
            self.clock = delta.since
        try:
            return take(self, delta)
        finally:
            self.clock = max(clock, self.clock)

    patch.setattr(View, "take_delta", all_of_them)


def reuse_a_clock(patch: pytest.MonkeyPatch) -> None:
    note = Replica._note

    def still(self: Replica, removed: Any, added: Any, kind: Any) -> None:
        note(self, removed, added, kind)
        if added is None:
            self.clock -= 1

    patch.setattr(Replica, "_note", still)


def reuse_a_name(patch: pytest.MonkeyPatch) -> None:
    begin = Process.begin

    def again(self: Process, now: float) -> None:
        self.start = -1
        begin(self, now)

    patch.setattr(Process, "begin", again)


def purge_without_a_tombstone(patch: pytest.MonkeyPatch) -> None:
    bury = Members._bury

    def forget(self: Members, member: Any, now: float) -> None:
        bury(self, member, now)
        del self._graves[member.worker]

    patch.setattr(Members, "_bury", forget)


def judge_after_a_stall_of_ones_own(patch: pytest.MonkeyPatch) -> None:
    judge = Members.judge

    def harsh(self: Members, now: float) -> None:
        self.look = now
        judge(self, now)

    patch.setattr(Members, "judge", harsh)


def judge_while_nobody_can_be_heard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Members, "linked", lambda self, *, up, now: None)


def hear_who_is_not_in_the_list(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Members, "unlisted", lambda self, worker: False)
    patch.setattr(Members, "_bury", lambda self, member, now: self._known.pop(member.worker, None))


def page_the_set_as_it_is_now(patch: pytest.MonkeyPatch) -> None:
    page = Replica.page

    def now(self: Replica, clock: int, after: int, limit: int) -> Any:
        message: Any = page(self, clock, after, limit)
        message[4] = [each for each in message[4] if each[0] in self.part.entries]
        return message

    patch.setattr(Replica, "page", now)


def show_the_hidden_before_they_caught_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(View, "behind", property(lambda self: False))


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "plant",
    [
        ignore_removals_of_same_delta_adds,
        list_adds_as_logged,
        accept_a_gap,
        forget_from,
        take_adds_twice,
        reuse_a_clock,
        reuse_a_name,
        purge_without_a_tombstone,
        judge_after_a_stall_of_ones_own,
        judge_while_nobody_can_be_heard,
        hear_who_is_not_in_the_list,
        page_the_set_as_it_is_now,
        show_the_hidden_before_they_caught_up,
    ],
)
def test_a_planted_mistake_is_found(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        histories(HISTORIES)
