"""Who is appointed when: the decisions alone, and every history of workers that come and go."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from supervision.processes.appointment import QUICKLY, Appointment, Order
from supervision.processes.lifecycle import Event, State

APPOINT, RESIGN = Order.APPOINT, Order.RESIGN


@pytest.fixture
def it():
    return Appointment(lambda: 0.0)


def test_nobody_is_appointed_while_nobody_serves(it):
    assert it.decide({}, 1.0) is None
    assert it.retry_at == math.inf


def test_the_first_that_serves_is_appointed_and_stays(it):
    assert it.decide({"a": 0}, 1.0) == (APPOINT, "a")
    assert it.decide({"a": 0, "b": 0}, 2.0) is None
    assert it.decide({"b": 0, "a": 0}, 3.0) is None
    assert it.holder == "a"


def test_the_next_is_appointed_when_the_holder_was_reaped(it):
    it.decide({"a": 0}, 1.0)
    it.reaped("a", 2.0)
    assert it.decide({"b": 0}, 2.0) == (APPOINT, "b")


def test_one_that_is_to_go_is_told_and_waited_for(it):
    it.decide({"a": 0}, 1.0)
    assert it.decide({"b": 0}, 2.0) == (RESIGN, "a")
    assert it.decide({"b": 0}, 3.0) is None
    assert not it.resigned("b", 3.0, gave_up=False)  # which means nothing
    assert it.decide({"b": 0}, 4.0) is None
    assert not it.resigned("a", 4.0, gave_up=False)
    assert it.decide({"b": 0}, 5.0) == (APPOINT, "b")
    it.reaped("a", 6.0)
    assert it.holder == "b"


def test_a_reload_moves_it_once_to_the_first_new_worker(it):
    it.decide({"a": 0, "b": 0}, 1.0)
    assert it.decide({"a": 0, "b": 0, "c": 1}, 2.0) == (RESIGN, "a")
    it.resigned("a", 2.0, gave_up=False)
    assert it.decide({"b": 0, "c": 1}, 2.0) == (APPOINT, "c")
    assert it.decide({"c": 1, "d": 1}, 3.0) is None


def test_where_it_gave_up_another_is_tried_after_a_while(it):
    it.decide({"a": 0, "b": 0}, 1.0)
    assert it.resigned("a", 1.5, gave_up=True)
    assert it.decide({"a": 0, "b": 0}, 1.5) is None
    assert it.retry_at == 2.5
    assert it.decide({"a": 0, "b": 0}, 2.5) == (APPOINT, "b")
    it.resigned("b", 3.0, gave_up=True)
    assert it.retry_at == 5.0
    assert it.decide({"a": 0, "b": 0}, 5.0) == (APPOINT, "a")


def test_where_there_is_no_other_the_same_is_tried_again(it):
    it.decide({"a": 0}, 1.0)
    it.resigned("a", 1.0, gave_up=True)
    assert it.decide({"a": 0}, 2.0) == (APPOINT, "a")
    assert not it.reaped("a", 3.0)
    assert not it.reaped("a", 3.0)
    assert it.decide({}, 3.0) is None


def test_the_waits_begin_anew_after_30_seconds_with_one_worker(it):
    it.decide({"a": 0}, 0.0)
    it.resigned("a", 0.0, gave_up=True)
    it.decide({"a": 0}, 1.0)
    assert it.resigned("a", 30.9, gave_up=True)
    assert it.retry_at == 32.9
    it.decide({"a": 0}, 33.0)
    assert it.resigned("a", 63.0, gave_up=True)
    assert it.retry_at == 64.0


def test_after_a_reload_what_gave_up_is_tried_at_once(it):
    it.decide({"a": 0}, 1.0)
    it.resigned("a", 1.0, gave_up=True)
    assert it.decide({"a": 0, "b": 1}, 1.1) == (APPOINT, "b")
    assert it.retry_at == math.inf


def test_what_may_have_ended_its_worker_is_not_at_once_let_into_the_next(it):
    now = 0.0
    for number, wait in enumerate([1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]):
        assert it.decide({number: 0}, now) == (APPOINT, number)
        it.decide({}, now)  # its channel has ended, which may be seen before the process has
        assert it.reaped(number, now)
        assert it.decide({"next": 0}, now) is None
        assert it.retry_at == now + wait
        now += wait
    assert it.decide({"sound": 0}, now) == (APPOINT, "sound")
    it.reaped("sound", now + QUICKLY)
    assert it.decide({"next": 0}, now + QUICKLY) == (APPOINT, "next")


class Worker:
    """A model: it runs what exists once from an order until it says that it has resigned."""

    ids = itertools.count(1)

    def __init__(self, generation):
        self.name = f"w{next(self.ids)}"
        self.generation = generation
        self.ready = self.stopping = self.dead = self.stopped = False
        self.orders = []
        self.said = []
        self.runs = False


class Histories(RuleBasedStateMachine):
    """Workers start, are told, hang, resign, are killed, and are reaped later than they died."""

    appointment_class = Appointment

    @initialize()
    def begin(self):
        self.now = 0.0
        self.generation = 0
        self.changes = 0
        self.workers = []
        self.it = self.appointment_class(lambda: 0.5)
        self.lately = {}

    def some(self, data, wanted):
        return data.draw(st.sampled_from([each for each in self.workers if wanted(each)]))

    def has(self, wanted):
        return any(map(wanted, self.workers))

    def turn(self):
        candidates = {
            each.name: each.generation for each in self.workers if each.ready and not each.stopping
        }
        while told := self.it.decide(candidates, self.now):
            order, name = told
            worker = next(each for each in self.workers if each.name == name)
            worker.orders.append(order)
            if order is APPOINT:
                self.lately[self.generation] = self.lately.get(self.generation, 0) + 1

    @rule(seconds=st.sampled_from([0.1, 1.0, 40.0]))
    def time_passes(self, seconds):
        self.now += seconds
        self.turn()

    @precondition(lambda self: len(self.workers) < 6)
    @rule()
    def one_starts(self):
        self.workers.append(Worker(self.generation))

    @rule()
    def a_reload_is_asked_for(self):
        self.generation += 1

    @precondition(lambda self: self.has(lambda each: not each.ready and not each.dead))
    @rule(data=st.data())
    def one_is_ready(self, data):
        self.some(data, lambda each: not each.ready and not each.dead).ready = True
        self.turn()

    @precondition(lambda self: self.has(lambda each: not each.stopping))
    @rule(data=st.data())
    def one_is_told_to_stop(self, data):
        worker = self.some(data, lambda each: not each.stopping)
        worker.stopping = True
        worker.orders.append("stop")
        self.turn()

    @precondition(lambda self: self.has(lambda each: each.orders and not each.dead))
    @rule(data=st.data())
    def one_reads_an_order(self, data):
        worker = self.some(data, lambda each: each.orders and not each.dead)
        order = worker.orders.pop(0)
        if order is APPOINT and worker.stopped:
            worker.said.append(False)
        elif order is APPOINT:
            worker.runs = True
        elif worker.runs:
            worker.runs = False
            worker.said.append(False)
        worker.stopped |= order == "stop"

    @precondition(lambda self: self.has(lambda each: each.runs and not each.dead))
    @rule(data=st.data())
    def it_gives_up(self, data):
        worker = self.some(data, lambda each: each.runs and not each.dead)
        worker.runs = False
        worker.said.append(True)

    @precondition(lambda self: self.has(lambda each: each.said))
    @rule(data=st.data())
    def one_is_heard(self, data):
        worker = self.some(data, lambda each: each.said)
        self.it.resigned(worker.name, self.now, gave_up=worker.said.pop(0))
        self.turn()

    @precondition(lambda self: self.has(lambda each: not each.dead))
    @rule(data=st.data())
    def one_dies(self, data):
        """It is killed, and runs on for a moment: the kernel says when it has ended."""
        worker = self.some(data, lambda each: not each.dead)
        worker.dead = True
        self.turn()

    @precondition(lambda self: self.has(lambda each: each.dead))
    @rule(data=st.data())
    def one_is_reaped(self, data):
        worker = self.some(data, lambda each: each.dead)
        self.workers.remove(worker)
        self.it.reaped(worker.name, self.now)
        self.turn()

    @invariant()
    def never_two(self):
        """One that was told to run it may do so at any time until it has said that it does not."""
        able = [each for each in self.workers if each.runs or APPOINT in each.orders]
        assert len(able) <= 1, [each.name for each in able]

    @invariant()
    def somebody_is_appointed_where_somebody_can_be(self):
        can = [each for each in self.workers if each.ready and not each.stopping]
        if can and self.it.holder is None:
            assert self.it.retry_at < math.inf


def test_no_history_has_two():
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )


class Hasty(Appointment):
    """Appoints the next one as soon as the holder is told to resign."""

    def decide(self, candidates, now):
        told = super().decide(candidates, now)
        if told is not None and told[0] is RESIGN:
            self.resigned(told[1], now, gave_up=False)
        return told


class Forgetful(Appointment):
    """Takes the end of any worker for that of the holder."""

    def reaped(self, worker, now):
        if self.holder is not None:
            super().reaped(self.holder, now)


class Lazy(Appointment):
    """Appoints nobody after the first."""

    def decide(self, candidates, now):
        told = super().decide(candidates, now) if not hasattr(self, "once") else None
        self.once = told
        return told


@pytest.mark.parametrize("mistaken", [Hasty, Forgetful, Lazy])
def test_the_histories_find_a_planted_mistake(mistaken):
    planted = type("Planted", (Histories,), {"appointment_class": mistaken})
    with pytest.raises((AssertionError, RuntimeError)):
        run_state_machine_as_test(
            planted,
            settings=settings(
                max_examples=2000,
                stateful_step_count=40,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
            ),
        )


def test_what_cannot_happen_raises():
    with pytest.raises(RuntimeError, match="RESIGN cannot happen in VACANT"):
        Appointment(lambda: 0.0)._move(Event.RESIGN)
    assert Appointment(lambda: 0.0).state is State.VACANT
