"""When what exists once may run in a worker: the decisions alone, in every order of answers."""

from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from actors.endpoint.serving.lease import KILL_BEFORE, STOP_BEFORE
from actors.endpoint.serving.lifecycle import Event, State
from actors.endpoint.serving.tenure import Deed, Tenure

SECONDS, EVERY, RETRY = 10.0, 2.0, 0.5


@pytest.fixture
def it():
    return Tenure(SECONDS, EVERY, RETRY)


@pytest.fixture
def holding(it):
    it.appoint(0.0)
    it.granted(7, 0.0)
    return it


def test_nothing_is_due_before_it_is_appointed(it):
    assert it.due() == math.inf
    assert it.act(1e9) == []
    assert it.resign() == []


def test_it_asks_until_the_lease_is_granted(it):
    assert it.appoint(1.0) == [Deed.ACQUIRE]
    assert it.due() == math.inf  # until there is an answer
    assert it.refused(1.5) == []
    assert it.due() == 2.0
    assert it.act(1.9) == []
    assert it.act(2.0) == [Deed.ACQUIRE]
    assert it.granted(7, 2.5) == [Deed.START]
    assert (it.state, it.number) == (State.HOLDING, 7)


def test_appointed_twice_is_once(it):
    it.appoint(0.0)
    assert it.appoint(0.1) == []
    it.granted(7, 0.2)
    assert it.appoint(0.3) == []
    it.resign()
    assert it.appoint(0.4) == []
    assert it.state is State.RESIGNING


def test_who_asks_and_resigns_gives_back_what_is_granted_then(it):
    it.appoint(0.0)
    assert it.resign() == [Deed.RESIGNED]
    assert it.granted(7, 0.1) == [Deed.RELEASE]
    assert it.state is State.OUT


def test_who_resigns_and_is_refused_then_asks_no_more(it):
    it.appoint(0.0)
    it.resign()
    assert it.refused(0.1) == []
    assert it.due() == math.inf


def test_an_answer_to_an_earlier_appointment_counts(it):
    it.appoint(0.0)
    it.resign()
    assert it.appoint(1.0) == []
    assert it.granted(7, 2.0) == [Deed.START]
    assert it.due() == 2.0 + EVERY


def test_an_answer_that_took_too_long_is_not_used(it):
    it.appoint(0.0)
    assert it.granted(7, SECONDS - STOP_BEFORE) == [Deed.RELEASE]
    assert it.due() == SECONDS - STOP_BEFORE + RETRY
    assert it.state is State.ASKING


def test_a_grant_that_nobody_asked_for_counts_from_now(it):
    it.appoint(0.0)
    it.refused(0.0)
    assert it.granted(7, 5.0) == [Deed.START]
    it.renewed(None, 5.0)
    assert it.due() == 5.0 + RETRY


def test_it_resigns_when_what_ran_has_ended(holding):
    assert holding.resign() == [Deed.STOP]
    assert holding.resign() == []
    assert holding.ended(1.0) == [Deed.RELEASE, Deed.RESIGNED]
    assert holding.state is State.OUT
    assert holding.due() == math.inf
    assert holding.ended(1.0) == []


def test_what_ends_by_itself_is_resigned(holding):
    assert holding.ended(1.0) == [Deed.RELEASE, Deed.RESIGNED]


def test_it_is_renewed_from_the_moment_of_the_question(holding):
    assert holding.due() == EVERY
    assert holding.act(2.0) == [Deed.RENEW]
    assert holding.due() == SECONDS - STOP_BEFORE  # an answer may not come
    assert holding.renewed(True, 3.0) == []
    assert holding.due() == 3.0 + EVERY
    assert holding.act(5.0) == [Deed.RENEW]
    assert holding.renewed(None, 5.5) == []  # nobody knows
    assert holding.due() == 6.0
    assert holding.act(6.0) == [Deed.RENEW]
    assert holding.due() == 2.0 + SECONDS - STOP_BEFORE


def test_who_cannot_renew_is_stopped_and_killed_before_the_end(holding):
    holding.act(2.0)
    assert holding.act(SECONDS - STOP_BEFORE) == [Deed.STOP]
    assert holding.state is State.LOSING
    assert holding.due() == SECONDS - KILL_BEFORE
    assert holding.renewed(True, 8.0) == []  # too late to go on
    assert holding.act(SECONDS - KILL_BEFORE) == [Deed.KILL]
    assert holding.due() == math.inf
    assert holding.ended(9.5) == [Deed.RELEASE]
    assert holding.state is State.ASKING
    assert holding.act(9.5 + RETRY) == [Deed.ACQUIRE]
    assert holding.granted(9, 10.5) == [Deed.START]
    assert holding.number == 9


def test_who_was_stopped_as_a_whole_stops_and_kills_at_once(holding):
    assert holding.act(100.0) == [Deed.STOP, Deed.KILL]


def test_a_renewal_that_is_due_while_it_loses_is_not_asked_for(holding):
    holding.act(2.0)
    holding.renewed(True, 2.0)
    assert holding.act(9.0) == [Deed.STOP]  # of 12
    assert holding.act(9.1) == []


def test_who_has_lost_it_is_killed_at_once(holding):
    holding.act(2.0)
    assert holding.renewed(False, 2.1) == [Deed.KILL]
    assert holding.resign() == []
    assert holding.state is State.RESIGNING
    assert holding.ended(2.2) == [Deed.RELEASE, Deed.RESIGNED]


def test_who_loses_it_and_hears_that_it_is_lost_is_killed_sooner(holding):
    holding.act(2.0)
    holding.act(SECONDS - STOP_BEFORE)
    assert holding.renewed(False, SECONDS - STOP_BEFORE + 0.1) == [Deed.KILL]
    assert holding.state is State.LOSING


def test_it_is_renewed_while_what_ran_ends(holding):
    holding.resign()
    assert holding.act(2.0) == [Deed.RENEW]
    assert holding.renewed(True, 2.0) == []
    assert holding.due() == 4.0
    holding.act(4.0)
    assert holding.renewed(False, 4.1) == [Deed.KILL]
    assert holding.due() == math.inf


def test_an_answer_to_a_renewal_that_comes_after_the_end_lets_it_ask_anew(holding):
    holding.act(2.0)
    holding.ended(2.1)
    assert holding.renewed(True, 2.2) == []
    assert holding.due() == math.inf
    again = Tenure(SECONDS, EVERY, RETRY)
    again.appoint(0.0)
    again.granted(7, 0.0)
    again.act(2.0)
    again.ended(2.1)
    assert again.appoint(2.2) == []
    again.renewed(True, 2.3)
    assert again.act(2.3) == [Deed.ACQUIRE]


def test_a_lease_that_lasts_as_long_as_the_process_is_looked_at_all_the_same():
    it = Tenure(math.inf, EVERY, RETRY)
    it.appoint(0.0)
    it.granted(7, 0.0)
    assert it.act(2.0) == [Deed.RENEW]
    it.renewed(True, 2.0)
    assert it.due() == 4.0
    it.resign()
    assert it.due() == 4.0


class Store:
    """A real lease, of which two workers ask; ``now`` is the time of all."""

    def __init__(self):
        self.number = 0
        self.holder = None
        self.until = 0.0

    def acquire(self, who, now):
        if self.holder is not None and now < self.until:
            return None
        self.number += 1
        self.holder, self.until = who, now + SECONDS
        return self.number

    def renew(self, who, number, now):
        if self.holder is not who or number != self.number or now >= self.until:
            return False
        self.until = now + SECONDS
        return True

    def release(self, who, number):
        if self.holder is who and number == self.number:
            self.holder = None


class Machine:
    """One worker: what it asks, and whether what exists once runs there."""

    tenure_class = Tenure

    def __init__(self):
        self.tenure = self.tenure_class(SECONDS, EVERY, RETRY)
        self.asked = None
        self.answer = None
        self.runs = None


class Leases(RuleBasedStateMachine):
    """Two candidates of one lease; answers are late or lost, and time passes in small steps."""

    machine_class = Machine

    @initialize()
    def begin(self):
        self.now = 0.0
        self.store = Store()
        self.machines = [self.machine_class(), self.machine_class()]
        self.numbers = []

    def do(self, machine, deeds):
        for deed in deeds:
            match deed:
                case Deed.ACQUIRE | Deed.RENEW:
                    assert machine.asked is None, "it asks one thing at a time"
                    machine.asked = deed
                    machine.answer = None
                case Deed.START:
                    machine.runs = machine.tenure.number
                    self.numbers.append(machine.runs)
                case Deed.KILL:
                    self.end(machine)
                case Deed.RELEASE:
                    assert machine.runs is None
                    self.store.release(machine, machine.tenure.number)

    def end(self, machine):
        if machine.runs is not None:
            machine.runs = None
            self.do(machine, machine.tenure.ended(self.now))

    which = st.integers(0, 1)

    @rule(which=which)
    def one_is_appointed(self, which):
        machine = self.machines[which]
        if machine.tenure.state is State.OUT:
            self.do(machine, machine.tenure.appoint(self.now))

    @rule(which=which)
    def one_resigns(self, which):
        self.do(self.machines[which], self.machines[which].tenure.resign())

    @rule(which=which, reached=st.booleans())
    def the_store_hears(self, which, reached):
        machine = self.machines[which]
        if machine.asked is None or machine.answer is not None:
            return
        if not reached:
            machine.answer = (None,)
        elif machine.asked is Deed.ACQUIRE:
            machine.answer = (self.store.acquire(machine, self.now),)
        else:
            machine.answer = (self.store.renew(machine, machine.tenure.number, self.now),)

    @rule(which=which)
    def the_answer_comes(self, which):
        machine = self.machines[which]
        if machine.answer is None:
            return
        (answer,), asked = machine.answer, machine.asked
        machine.answer = machine.asked = None
        if asked is Deed.RENEW:
            self.do(machine, machine.tenure.renewed(answer, self.now))
        elif answer is None:
            self.do(machine, machine.tenure.refused(self.now))
        else:
            self.do(machine, machine.tenure.granted(answer, self.now))

    @rule(which=which)
    def one_is_appointed_and_answered_at_once(self, which):
        self.one_is_appointed(which)
        self.the_store_hears(which, reached=True)
        self.the_answer_comes(which)

    @rule(which=which)
    def what_runs_ends(self, which):
        self.end(self.machines[which])

    @rule(steps=st.integers(1, 50))
    def time_passes(self, steps):
        for _ in range(steps):
            self.now += 0.25
            for machine in self.machines:
                self.do(machine, machine.tenure.act(self.now))

    @invariant()
    def never_two(self):
        running = [each.runs for each in self.machines if each.runs is not None]
        assert len(running) <= 1, running

    @invariant()
    def numbers_grow(self):
        assert self.numbers == sorted(set(self.numbers))

    @invariant()
    def whoever_is_appointed_will_act_or_hear(self):
        for machine in self.machines:
            if machine.tenure.state in (State.ASKING, State.HOLDING):
                assert machine.asked is not None or machine.tenure.due() < math.inf


HISTORIES = {"stateful_step_count": 40, "deadline": None, "database": None}


def test_no_history_of_a_lease_has_two():
    run_state_machine_as_test(Leases, settings=settings(max_examples=60, **HISTORIES))


class Late(Tenure):
    """Counts the lease from the answer."""

    def granted(self, number, now):
        self._asked_at = now
        return super().granted(number, now)

    def renewed(self, kept, now):
        self._asked_at = now
        return super().renewed(kept, now)


class Stubborn(Tenure):
    """Does not kill in time."""

    def due(self):
        return math.inf if self.state is State.LOSING else super().due()


def worst_case(tenure_class):
    """Play what is worst: slow answers, a store out of reach, what runs ends by no word."""
    machine = type("Played", (Machine,), {"tenure_class": tenure_class})
    it = type("Worst", (Leases,), {"machine_class": machine})()
    it.begin()
    it.one_is_appointed(0)
    it.the_store_hears(0, reached=True)
    it.time_passes(20)
    it.the_answer_comes(0)
    it.one_is_appointed(1)
    for _ in range(80):
        it.time_passes(1)
        it.the_store_hears(1, reached=True)
        it.the_answer_comes(1)
        it.never_two()
    it.numbers_grow()
    return it.numbers


def test_the_worst_case_has_one_after_the_other():
    assert worst_case(Tenure) == [1, 2]


@pytest.mark.parametrize("mistaken", [Late, Stubborn])
def test_the_worst_case_finds_a_planted_mistake(mistaken):
    with pytest.raises(AssertionError):
        worst_case(mistaken)


def test_what_cannot_happen_raises(it):
    with pytest.raises(RuntimeError, match="GRANTED cannot happen in OUT"):
        it._move(Event.GRANTED)
