"""The partition supervisor: as many of one child as there are cores, or as one says."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import SupervisionError
from actors.runtime import StartError
from supervision.dynamic import DynamicSupervisor
from supervision.partition import PartitionSupervisor, route
from supervision.specs import IGNORE
from tests.supervision.family import Worker, actor_of, child, ids_of, kill, ref_of, refs_of


def test_there_is_one_per_core_by_default():
    assert ids_of(PartitionSupervisor.start(Worker)) == list(range(os.cpu_count()))


def test_whole_numbers_are_routed_by_their_remainder():
    supervisor = PartitionSupervisor.start(Worker, partitions=3)
    refs = refs_of(supervisor)
    assert [supervisor.partition(key) for key in (0, 1, 2, 3, -4)] == [*refs, refs[0], refs[1]]


@given(st.one_of(st.integers(), st.text(), st.tuples(st.binary())), st.integers(1, 64))
def test_any_key_is_routed_and_always_to_the_same(key, partitions):
    assert 0 <= route(key, partitions) < partitions
    assert route(key, partitions) == route(key, partitions)


def test_each_may_have_arguments_of_its_own():
    supervisor = PartitionSupervisor.start(
        child("c", args=("shared",)),
        partitions=2,
        with_arguments=lambda args, partition: (f"{args[0]} {partition}",),
    )
    assert [actor_of(ref).name for ref in refs_of(supervisor)] == ["shared 0", "shared 1"]


def test_partitions_are_supervised_and_may_be_supervisors():
    supervisor = PartitionSupervisor.start(DynamicSupervisor, partitions=2)
    assert supervisor.count_children() == (2, 2, 2, 0)
    before = supervisor.partition("room")
    worker = before.start_child(Worker)
    kill(before)
    assert worker.exit_reason is not None
    assert supervisor.count_children().active == 2
    assert supervisor.partition("room") is not before


def test_partitions_have_no_name():
    with pytest.raises(StartError) as caught:
        PartitionSupervisor.start(child("c", name="n"), partitions=1)
    assert str(caught.value.reason.exception) == (
        "bad_combination: name='n' of a partition: must be None, there are several of it"
    )


def test_flags_pass_through():
    supervisor = PartitionSupervisor.start(Worker, partitions=2, strategy="one_for_all")
    before = refs_of(supervisor)
    kill(before[0])
    assert set(refs_of(supervisor)).isdisjoint(before)


def test_partition_that_does_not_run_is_noproc():
    supervisor = PartitionSupervisor.start(Worker, partitions=1)
    supervisor.terminate_child(0)
    with pytest.raises(SupervisionError) as caught:
        supervisor.partition("key")
    assert caught.value.reason == "noproc"


def test_partition_that_ignores_is_noproc():
    supervisor = PartitionSupervisor.start(
        child("c", lambda: IGNORE, restart="temporary"), partitions=1
    )
    with pytest.raises(SupervisionError) as caught:
        supervisor.partition("key")
    assert caught.value.reason == "noproc"


def test_ref_of_a_killed_partition_is_not_answered():
    supervisor = PartitionSupervisor.start(Worker, partitions=1)
    kill(supervisor)
    with pytest.raises(SupervisionError) as caught:
        supervisor.partition(0)
    assert caught.value.reason == "noproc"


@pytest.mark.parametrize(("partitions", "fits"), [(0, False), (1, True), (-1, False), (2.0, False)])
def test_there_is_at_least_one(partitions, fits):
    if fits:
        assert ref_of(PartitionSupervisor.start(Worker, partitions=partitions), 0)
    else:
        with pytest.raises(StartError) as caught:
            PartitionSupervisor.start(Worker, partitions=partitions)
        assert caught.value.reason.exception.reason == "invalid_partitions"
