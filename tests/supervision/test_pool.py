"""The pool of a class: children under one supervisor per core, found by the class."""

from __future__ import annotations

import pytest

from actors.errors import SupervisionError
from supervision import Supervisor
from supervision.pool import Pool, pool_spec, start_child
from tests.supervision.family import Worker, child, end, ended, kill, ref_of, stop


class Owner:
    """Has a pool."""


def test_child_is_started_in_the_pool_of_its_class():
    pool = Pool.start(Owner, partitions=2)
    first = start_child(Owner, child("a"), "a", key=0)
    second = start_child(Owner, child("b"), "b", key=1)
    partitions = [pool.partition(0), pool.partition(1)]
    assert [each.which_children()[0].ref for each in partitions] == [first, second]
    stop(pool)
    assert first.exit_reason is not None
    assert second.exit_reason is not None


def test_without_a_pool_the_error_says_how_to_get_one():
    with pytest.raises(SupervisionError, match=r"noproc.*Owner has no pool.*endpoint.socket") as e:
        start_child(Owner, Worker)
    assert e.value.reason == "noproc"


@pytest.mark.parametrize("how", [stop, lambda ref: (kill(ref), ended(ref))])
def test_pool_that_has_ended_is_not_found(how):
    how(Pool.start(Owner))
    with pytest.raises(SupervisionError, match="noproc"):
        start_child(Owner, Worker)


def test_pool_is_found_again_after_a_restart():
    root = Supervisor.start([pool_spec(Owner)])
    kill(ref_of(root, ("pool", Owner)))
    assert ref_of(root, ("pool", Owner)) is not None  # asked behind the restart
    assert start_child(Owner, Worker).is_alive()
    stop(root)


def test_older_pool_that_ends_does_not_hide_a_newer_one():
    older, newer = Pool.start(Owner), Pool.start(Owner)
    stop(older)
    assert start_child(Owner, Worker).is_alive()
    stop(newer)


def test_spec_is_a_supervisor_s_with_all_the_time_it_needs():
    spec = pool_spec(Owner)
    assert (spec.id, spec.type, spec.shutdown, spec.restart) == (
        ("pool", Owner), "supervisor", None, "permanent",
    )  # fmt: skip


def test_trouble_climbs_from_the_pool_to_the_top():
    """One child crashes more often than its supervisor bears, and so on, level by level."""
    root = Supervisor.start([pool_spec(Owner)], intensity=0)
    pool = ref_of(root, ("pool", Owner))
    for _ in range(4):  # more than three in five seconds, at each level
        dynamic = pool.partition(0)
        ref = start_child(Owner, child("x"))
        for _ in range(4):
            end(ref, RuntimeError("boom"))
            ref = last_of(dynamic)
        ended(dynamic)
        if pool.exit_reason is None and root.exit_reason is None:
            settle(pool)
    ended(root)
    assert root.actor_inbox.actor.trouble == (
        "('pool', <class 'tests.supervision.test_pool.Owner'>) ended (shutdown),"
        " as 0 ended (shutdown),"
        " as 'x' ended (RuntimeError: boom)"
    )


def last_of(dynamic):
    """The child of a dynamic supervisor once it has been restarted; ``None`` if it gave up."""
    try:
        return dynamic.which_children()[0].ref
    except SupervisionError:
        return None


def settle(supervisor):
    """Come back when a supervisor has served what was queued before."""
    try:
        supervisor.which_children()
    except SupervisionError:
        pass
