"""What is the dynamic supervisor's own: the bound, the extra arguments, its flags."""

from __future__ import annotations

import pytest

from actors.errors import SupervisionError
from actors.runtime import Actor
from supervision.dynamic import DynamicSupervisor
from supervision.specs import DynamicFlags
from tests.supervision.family import (
    DEADLINE,
    Starter,
    Worker,
    actor_of,
    child,
    end,
    kill,
    queued,
    refs_of,
)


@pytest.mark.parametrize(("count", "fits"), [(2, True), (3, True), (4, False)])
def test_max_children_bounds_them(count, fits):
    supervisor, starter = DynamicSupervisor.start(max_children=3), Starter()
    for _ in range(count - 1):
        supervisor.start_child(child("c", starter))
    if fits:
        supervisor.start_child(child("c", starter))
    else:
        with pytest.raises(SupervisionError) as caught:
            supervisor.start_child(child("c", starter))
        assert (caught.value.reason, caught.value.detail) == ("max_children", 3)
        assert len(starter.refs) == 3, "the bound is checked before the start"


def test_max_children_of_0_allows_none():
    with pytest.raises(SupervisionError):
        DynamicSupervisor.start(max_children=0).start_child(Worker)


def test_end_of_a_child_makes_room():
    supervisor = DynamicSupervisor.start(max_children=1)
    kill(supervisor.start_child(child("c", restart="temporary")))
    assert supervisor.start_child(Worker).exit_reason is None


def test_child_that_is_being_restarted_keeps_its_place():
    supervisor, starter = DynamicSupervisor.start(max_children=1, intensity=100), Starter()
    supervisor.start_child(child("c", starter))
    starter.hang()
    end(starter.ref)
    starter.wait_until_entered()
    answer = queued(supervisor, "start_child", child("d"))
    starter.permits.release()
    assert answer.get(timeout=DEADLINE).reason == "max_children"


class Named(Actor):
    def __init__(self, *names):
        super().__init__()
        self.names = names


def test_extra_arguments_come_first_and_survive_a_restart():
    supervisor = DynamicSupervisor.start(extra_arguments=("extra",))
    ref = supervisor.start_child(Named, "own")
    assert actor_of(ref).names == ("extra", "own")
    kill(ref)
    (again,) = refs_of(supervisor)
    assert actor_of(again).names == ("extra", "own")


def test_subclass_may_say_its_flags():
    class Rooms(DynamicSupervisor):
        def init(self):
            return DynamicFlags(max_children=1)

    supervisor = Rooms.start()
    supervisor.start_child(Worker)
    with pytest.raises(SupervisionError):
        supervisor.start_child(Worker)


def test_ids_mean_nothing():
    supervisor = DynamicSupervisor.start()
    first, second = supervisor.start_child(child("c")), supervisor.start_child(child("c"))
    assert refs_of(supervisor) == [first, second]
    assert supervisor.get_childspec(first) == child("c")
