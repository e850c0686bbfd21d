"""Facts 30 to 49: the administration calls (OTP's supervisor suite)."""

from __future__ import annotations

import pytest

from actors.errors import SupervisionError
from supervision.dynamic import DynamicSupervisor
from supervision.plan import RESTARTING, ChildInfo
from supervision.supervisor import Supervisor
from tests.supervision.family import (
    DEADLINE,
    Starter,
    Worker,
    child,
    end,
    kill,
    queued,
    ref_of,
    refs_of,
    stop,
)


def reason_of(call, *args):
    with pytest.raises(SupervisionError) as caught:
        call(*args)
    return caught.value.reason


@pytest.fixture
def supervisor():
    return Supervisor.start([child("c")])


@pytest.fixture
def dynamic():
    return DynamicSupervisor.start()


def test_f30_start_child_of_a_running_id_is_already_started_with_its_ref(supervisor):
    with pytest.raises(SupervisionError) as caught:
        supervisor.start_child(child("c"))
    assert caught.value.reason == "already_started"
    assert caught.value.detail is ref_of(supervisor, "c")


def test_f31_start_child_of_a_stopped_id_is_already_present(supervisor):
    supervisor.terminate_child("c")
    assert reason_of(supervisor.start_child, child("c")) == "already_present"


def test_f32_terminate_child_of_an_unknown_id_is_not_found(supervisor):
    assert reason_of(supervisor.terminate_child, "nobody") == "not_found"


def test_f33_terminate_child_twice_is_fine(supervisor):
    supervisor.terminate_child("c")
    supervisor.terminate_child("c")
    assert supervisor.which_child("c").ref is None


def test_f34_restart_child_of_a_running_one_is_running(supervisor):
    assert reason_of(supervisor.restart_child, "c") == "running"


def test_f35_restart_child_of_an_unknown_id_is_not_found(supervisor):
    assert reason_of(supervisor.restart_child, "nobody") == "not_found"


def test_f36_delete_child_of_a_running_one_is_running(supervisor):
    assert reason_of(supervisor.delete_child, "c") == "running"
    assert ref_of(supervisor, "c").exit_reason is None


def test_f37_delete_child_of_an_unknown_id_is_not_found(supervisor):
    assert reason_of(supervisor.delete_child, "nobody") == "not_found"


def test_f38_deleted_child_cannot_be_restarted(supervisor):
    supervisor.terminate_child("c")
    supervisor.delete_child("c")
    assert supervisor.which_children() == []
    assert reason_of(supervisor.restart_child, "c") == "not_found"


def test_f39_terminate_child_by_ref_is_for_dynamic_supervisors(supervisor, dynamic):
    ref = ref_of(supervisor, "c")
    assert reason_of(supervisor.terminate_child, ref) == "not_found"
    assert ref.exit_reason is None
    other = dynamic.start_child(Worker)
    dynamic.terminate_child(other)
    assert other.exit_reason is not None
    assert dynamic.which_children() == []


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
def test_f40_calls_to_a_dead_supervisor_are_noproc(kind):
    supervisor = kind.start()
    stop(supervisor)
    for call, *args in (
        (supervisor.start_child, Worker),
        (supervisor.restart_child, "c"),
        (supervisor.terminate_child, "c"),
        (supervisor.delete_child, "c"),
        (supervisor.which_children,),
        (supervisor.which_child, "c"),
        (supervisor.count_children,),
        (supervisor.get_childspec, "c"),
    ):
        assert reason_of(call, *args) == "noproc"


def test_f41_calls_by_id_are_not_for_dynamic_supervisors(dynamic):
    dynamic.start_child(child("c"))
    assert reason_of(dynamic.terminate_child, "c") == "simple_one_for_one"
    assert reason_of(dynamic.restart_child, "c") == "simple_one_for_one"
    assert reason_of(dynamic.delete_child, "c") == "simple_one_for_one"


def test_f42_terminate_child_of_a_dead_ref_is_fine(dynamic):
    ref = dynamic.start_child(child("c", restart="temporary"))
    kill(ref)
    dynamic.terminate_child(ref)
    assert dynamic.which_children() == []


def test_f43_terminate_child_of_a_stranger_is_not_found_and_it_lives_on(dynamic):
    stranger = Worker.start()
    assert reason_of(dynamic.terminate_child, stranger) == "not_found"
    assert stranger.ask("alive", timeout=DEADLINE) == "alive"


def test_f44_which_children_lists_the_newest_first():
    hanging = Starter()
    supervisor = Supervisor.start(
        [child("old"), child("stopped"), child("hangs", hanging), child("new", type="supervisor")],
        intensity=100,
    )
    supervisor.terminate_child("stopped")
    hanging.hang()
    end(hanging.ref)
    hanging.wait_until_entered()
    answer = queued(supervisor, "which_children")
    hanging.permits.release()
    listed = answer.get(timeout=DEADLINE)
    assert [each.id for each in listed] == ["new", "hangs", "stopped", "old"]
    assert listed[1].ref == RESTARTING
    assert listed[2] == ChildInfo("stopped", None, "worker")
    assert listed[0].type == "supervisor"
    assert listed[3].ref.exit_reason is None


def test_f45_which_child_agrees_with_the_list():
    supervisor = Supervisor.start([child(n) for n in range(5)])
    supervisor.terminate_child(3)
    assert [supervisor.which_child(n) for n in (4, 3, 2, 1, 0)] == supervisor.which_children()
    assert reason_of(supervisor.which_child, 5) == "not_found"


def test_f45_under_a_dynamic_supervisor_too(dynamic):
    refs = [dynamic.start_child(child(n)) for n in range(3)]
    listed = dynamic.which_children()
    assert [dynamic.which_child(ref) for ref in reversed(refs)] == listed
    assert [each.id for each in listed] == [None, None, None]
    assert reason_of(dynamic.which_child, supervisor) == "not_found"


def test_f46_counts_of_many_dynamic_children(dynamic):
    """Port: as in Elixir there are as many specs as children; OTP's template counts as one."""
    spec = child("c", restart="temporary")
    refs = [dynamic.start_child(spec) for _ in range(1000)]
    assert dynamic.count_children() == (1000, 1000, 0, 1000)
    refs += [dynamic.start_child(spec) for _ in range(1000)]
    assert dynamic.count_children() == (2000, 2000, 0, 2000)
    for ref in refs:
        ref.kill()
    assert dynamic.count_children() == (0, 0, 0, 0)


def test_f47_supervisors_are_counted_as_such():
    supervisor = Supervisor.start(
        [child("w"), Supervisor, DynamicSupervisor, child("x", type="supervisor")]
    )
    assert supervisor.count_children() == (4, 4, 3, 1)


def test_f48_counts_while_some_are_restarted():
    hanging = Starter()
    supervisor = Supervisor.start([child("c"), child("hangs", hanging)], intensity=100)
    assert supervisor.count_children() == (2, 2, 0, 2)
    hanging.hang()
    end(hanging.ref)
    hanging.wait_until_entered()
    answer = queued(supervisor, "count_children")
    hanging.permits.release()
    assert answer.get(timeout=DEADLINE) == (2, 1, 0, 2)


def test_f48_counts_while_some_are_restarted_under_a_dynamic_supervisor():
    hanging = Starter()
    dynamic = DynamicSupervisor.start(intensity=100)
    dynamic.start_child(Worker)
    dynamic.start_child(child("hangs", hanging))
    hanging.hang()
    end(hanging.ref)
    hanging.wait_until_entered()
    answer = queued(dynamic, "count_children")
    hanging.permits.release()
    assert answer.get(timeout=DEADLINE) == (2, 1, 0, 2)


def test_f49_what_a_start_function_gives_beside_the_ref_passes_through(supervisor):
    starter = Starter(info="extra")
    assert supervisor.start_child(child("x", starter)) == (starter.ref, "extra")
    end(starter.ref)
    assert len(starter.refs) == 2
    assert supervisor.which_child("x") == ChildInfo("x", starter.ref, "worker", "extra")
    supervisor.terminate_child("x")
    assert supervisor.which_child("x").info is None
    assert supervisor.restart_child("x") == (starter.ref, "extra")


def test_f49_under_a_dynamic_supervisor_too(dynamic):
    starter = Starter(info="extra")
    assert dynamic.start_child(child("x", starter)) == (starter.ref, "extra")
    end(starter.ref)
    assert refs_of(dynamic) == [starter.refs[1]]
    assert dynamic.which_children()[0].info == "extra"
