"""The plan: who stops, who starts, in which order; no actor is needed for that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.reasons import (
    CLOSED,
    KILLED,
    NORMAL,
    SHUTDOWN,
    Crash,
    FailedToStart,
    Failure,
    Shutdown,
)
from supervision.plan import (
    Child,
    ChildInfo,
    Counts,
    Move,
    Plan,
    count,
    ended_as_asked,
    kept,
    remarkable,
    restarts,
    which,
)
from supervision.specs import ChildSpec, Flags

CLEAN = [NORMAL, SHUTDOWN, Shutdown("why"), CLOSED, FailedToStart(child="c", reason=KILLED)]
ABNORMAL = [KILLED, Failure("x"), Crash(ValueError())]
RESTART = ["permanent", "transient", "temporary"]
STATES = ["runs", "restarting", "stopped"]


def spec_of(child_id, restart="permanent", **options):
    return ChildSpec(id=child_id, start=print, restart=restart, **options)


def plan_of(children, **flags):
    """A plan whose children are (restart, state); the ref of a running one is its id."""
    plan = Plan(Flags(**flags))
    for number, (restart, state) in enumerate(children):
        child = Child(spec_of(number, restart))
        if state == "runs":
            child.runs(number)
        elif state == "restarting":
            child.failed()
        plan.children[number] = child
    return plan


def ids(children):
    return [child.spec.id for child in children]


TABLES = st.lists(
    st.tuples(st.sampled_from(RESTART), st.sampled_from(STATES)), min_size=1, max_size=8
)


class TestCasualties:
    @given(TABLES, st.data())
    def test_one_for_one_concerns_one(self, table, data):
        plan = plan_of(table, strategy="one_for_one")
        child = plan.children[data.draw(st.integers(0, len(table) - 1))]
        child.ref = None
        assert plan.casualties(child) == ([], [child])

    @given(TABLES, st.data(), st.sampled_from(["one_for_all", "rest_for_one"]))
    def test_the_others_stop_in_reverse_and_start_in_order(self, table, data, strategy):
        plan = plan_of(table, strategy=strategy)
        failed = data.draw(st.integers(0, len(table) - 1))
        plan.children[failed].ref = None
        stop, start = plan.casualties(plan.children[failed])
        first = 0 if strategy == "one_for_all" else failed
        concerned = list(enumerate(table))[first:]
        assert ids(stop) == [
            n for n, (_, state) in reversed(concerned) if state == "runs" and n != failed
        ]
        assert ids(start) == [n for n, (restart, _) in concerned if restart != "temporary"]

    def test_attempt_that_is_due_is_off_when_its_child_is_started_with_the_rest(self):
        plan = plan_of([("permanent", "restarting"), ("permanent", "runs")], strategy="one_for_all")
        plan.children[1].ref = None
        plan.casualties(plan.children[1])
        assert not plan.children[0].restarting

    def test_attempt_of_a_child_that_is_not_concerned_stays_due(self):
        table = [("permanent", "restarting"), ("permanent", "runs")]
        plan = plan_of(table, strategy="rest_for_one")
        plan.casualties(plan.children[1])
        assert plan.children[0].restarting

    @given(TABLES)
    def test_all_that_run_stop_in_reverse(self, table):
        expected = [n for n, (_, state) in reversed(list(enumerate(table))) if state == "runs"]
        assert ids(plan_of(table).stop_order()) == expected


class TestEnd:
    @pytest.mark.parametrize("reason", CLEAN)
    def test_restart_types_after_a_clean_end(self, reason):
        assert [restarts(spec_of("c", kind), reason) for kind in RESTART] == [True, False, False]
        assert [remarkable(spec_of("c", kind), reason) for kind in RESTART] == [True, False, False]

    @pytest.mark.parametrize("reason", ABNORMAL)
    def test_restart_types_after_an_abnormal_end(self, reason):
        assert [restarts(spec_of("c", kind), reason) for kind in RESTART] == [True, True, False]
        assert [remarkable(spec_of("c", kind), reason) for kind in RESTART] == [True] * 3

    def test_transient_child_that_ended_cleanly_is_kept_stopped(self):
        plan = plan_of([("transient", "runs")])
        assert plan.ended(plan.children[0], NORMAL, 1.0) is Move.STAY
        assert plan.children[0].stopped

    def test_temporary_child_is_forgotten(self):
        plan = plan_of([("temporary", "runs")])
        assert plan.ended(plan.children[0], KILLED, 1.0) is Move.STAY
        assert plan.children == {}

    def test_budget_is_the_supervisors_and_attempts_use_it_up(self):
        plan = plan_of([("permanent", "runs"), ("transient", "runs")], intensity=2)
        first, second = plan.children.values()
        assert plan.ended(first, KILLED, 1.0) is Move.RESTART
        assert plan.retried(first, 1.0) is Move.RESTART
        assert plan.ended(second, KILLED, 1.0) is Move.GIVE_UP
        assert second.stopped

    @pytest.mark.parametrize(
        ("mode", "moves"),
        [
            ("never", [Move.STAY, Move.STAY]),
            ("any_significant", [Move.SHUTDOWN, Move.SHUTDOWN]),
            ("all_significant", [Move.STAY, Move.SHUTDOWN]),
        ],
    )
    def test_significant_children_end_the_supervisor_as_its_flag_says(self, mode, moves):
        plan = Plan(
            Flags(auto_shutdown=mode),
            [
                spec_of("t", "temporary", significant=True),
                spec_of("r", "transient", significant=True),
                spec_of("other"),
            ],
        )
        for child in plan.children.values():
            child.runs(object())
        children = list(plan.children.values())[:2]
        assert [plan.ended(child, NORMAL, 1.0) for child in children] == moves

    @pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
    def test_others_do_not(self, mode):
        plan = plan_of([("transient", "runs")], auto_shutdown=mode)
        assert plan.ended(plan.children[0], NORMAL, 1.0) is Move.STAY


class TestStop:
    @pytest.mark.parametrize(
        ("restart", "shutdown", "accepted"),
        [
            ("permanent", 5, {SHUTDOWN}),
            ("permanent", 0, {KILLED}),
            ("transient", 5, {*CLEAN}),
            ("transient", 0, {*CLEAN, KILLED}),
            ("temporary", 5, {*CLEAN}),
            ("temporary", 0, {*CLEAN, KILLED}),
        ],
    )
    def test_reasons_that_are_as_asked(self, restart, shutdown, accepted):
        spec = spec_of("c", restart, shutdown=shutdown)
        assert {r for r in [*CLEAN, *ABNORMAL] if ended_as_asked(spec, r)} == accepted


class TestTable:
    def test_temporary_child_needs_its_arguments_no_more(self):
        assert kept(spec_of("c", "temporary", args=(1,))).args == ()
        assert kept(spec_of("c", "permanent", args=(1,))).args == (1,)
        bare = spec_of("c", "temporary")
        assert kept(bare) is bare

    def test_added_child_is_last_and_a_known_one_keeps_its_place(self):
        plan = plan_of([("permanent", "runs"), ("permanent", "runs")])
        plan.add(Child(spec_of("new")))
        plan.add(plan.children[0])
        assert list(plan.children) == [0, 1, "new"]

    def test_which_shows_the_three_states(self):
        plan = plan_of([("permanent", state) for state in STATES])
        plan.children[0].info = "extra"
        assert which(plan.children.values()) == [
            ChildInfo(0, 0, "worker", "extra"),
            ChildInfo(1, "restarting", "worker"),
            ChildInfo(2, None, "worker"),
        ]
        assert which([plan.children[2]], ids=False) == [ChildInfo(None, None, "worker")]

    def test_count_tells_what_runs_and_what_is_of_which_type(self):
        plan = plan_of([("permanent", state) for state in STATES])
        supervisor = Child(spec_of("s", type="supervisor"))
        supervisor.runs("s")
        assert count([*plan.children.values(), supervisor]) == Counts(4, 2, 1, 3)
