"""Static supervisors against a model: any sequence of calls and ends, under each strategy.

The model is a table of (restart type, number of starts, whether it runs), in start order, and
OTP's rules in one line each. It is compared with what the supervisor lists after every step.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from actors.errors import SupervisionError
from actors.reasons import KILLED, NORMAL, SHUTDOWN
from supervision.supervisor import Supervisor
from tests.supervision.family import ABNORMAL, Worker, child, end, ended, kill, stop


class Entry:
    def __init__(self, restart):
        self.restart, self.starts, self.runs = restart, 1, True


class SupervisorModel(RuleBasedStateMachine):
    ids = Bundle("ids")

    @initialize(strategy=st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]))
    def start(self, strategy):
        self.strategy = strategy
        self.supervisor = Supervisor.start(strategy=strategy, intensity=10**6)
        self.table = {}
        self.starts = Counter()
        self.numbers = iter(range(10**6))

    def call(self, method, *args):
        try:
            getattr(self.supervisor, method)(*args)
        except SupervisionError as error:
            return error.reason
        return "ok"

    @rule(target=ids, restart=st.sampled_from(["permanent", "transient", "temporary"]))
    def start_child(self, restart):
        name = next(self.numbers)

        def begin():
            self.starts[name] += 1
            return Worker.start()

        assert self.call("start_child", child(name, begin, restart=restart)) == "ok"
        self.table[name] = Entry(restart)
        return name

    @rule(name=ids)
    def terminate_child(self, name):
        expected = "ok" if name in self.table else "not_found"
        assert self.call("terminate_child", name) == expected
        self.ends(name)

    @rule(name=ids)
    def restart_child(self, name):
        entry = self.table.get(name)
        expected = "not_found" if entry is None else "running" if entry.runs else "ok"
        assert self.call("restart_child", name) == expected
        if expected == "ok":
            self.begins(name)

    @rule(name=consumes(ids))
    def delete_child(self, name):
        entry = self.table.get(name)
        expected = "not_found" if entry is None else "running" if entry.runs else "ok"
        assert self.call("delete_child", name) == expected
        if expected == "ok":
            del self.table[name]

    @rule(name=ids, how=st.sampled_from(["kill", ABNORMAL, NORMAL, SHUTDOWN]))
    def child_ends(self, name, how):
        entry = self.table.get(name)
        if entry is None or not entry.runs:
            return
        ref = self.supervisor.which_child(name).ref
        if how == "kill":
            kill(ref)
        else:
            end(ref, how)
        clean = how != "kill" and how.clean
        self.ends(name)
        if entry.restart == "permanent" or (entry.restart == "transient" and not clean):
            self.round(name)

    def round(self, name):
        names = list(self.table)
        concerned = {
            "one_for_one": [name],
            "one_for_all": names,
            "rest_for_one": names[names.index(name) :],
        }[self.strategy]
        for each in concerned:
            self.ends(each)
        for each in concerned:
            self.begins(each)

    def ends(self, name):
        entry = self.table.get(name)
        if entry is not None:
            entry.runs = False
            if entry.restart == "temporary":
                del self.table[name]

    def begins(self, name):
        if name in self.table:
            self.table[name].runs = True
            self.table[name].starts += 1

    @invariant()
    def the_list_is_the_models(self):
        listed = list(reversed(self.supervisor.which_children()))
        assert [each.id for each in listed] == list(self.table)
        assert [each.ref is not None for each in listed] == [e.runs for e in self.table.values()]
        assert [self.starts[name] for name in self.table] == [e.starts for e in self.table.values()]
        assert all(each.ref is None or each.ref.exit_reason is None for each in listed)

    def teardown(self):
        refs = [each.ref for each in self.supervisor.which_children() if each.ref is not None]
        assert stop(self.supervisor) == SHUTDOWN
        assert all(ended(ref) != KILLED for ref in refs)


TestSupervisorModel = SupervisorModel.TestCase
TestSupervisorModel.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
