"""Any history of a connection goes as the model of the wire table says.

``make histories`` runs 10,000 of them; ``ROOST_HISTORIES`` says how many else.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actors.channels.refs import SocketRef
from actors.channels.seat import DUPLICATE, Seat
from actors.channels.seat import State as SeatState
from tests.channels import model as models
from tests.channels.model import JOINED, JOINING, TOPICS, WAITING, Model, Real
from tests.channels.stage import TABLE

HISTORIES = int(os.environ.get("ROOST_HISTORIES", "300"))

topics = st.sampled_from(TOPICS)
refs = st.sampled_from(["own", "own", "own", "none", "stale"])


def open_for_business(machine: Any) -> bool:
    return not machine.model.leaving


class Histories(RuleBasedStateMachine):
    """A connection and its model, and whatever may happen to it."""

    @initialize()
    def connect(self) -> None:
        self.model, self.real = Model(), Real()
        self.count = 0
        self.ended = False

    def ref(self) -> str:
        self.count += 1
        return str(self.count)

    def join_ref(self, topic: str, which: str) -> Any:
        seat = self.model.seats.get(topic)
        if which == "none":
            return None
        return "0" if which == "stale" or seat is None else seat.ref

    def topics_where(self, *states: str, blocked: bool | None = None) -> list[str]:
        return [
            topic
            for topic in TOPICS
            if (seat := self.model.running(topic)) is not None
            and (not states or seat.state in states)
            and (blocked is None or (seat.blocked is not None) == blocked)
        ]

    @precondition(open_for_business)
    @rule(
        topic=topics,
        how=st.sampled_from(["ok", "ok", "error", "crash", "block"]),
        lingers=st.booleans(),
    )
    def join(self, topic: str, how: str, lingers: bool) -> None:
        ref = self.ref()
        self.model.join(topic, ref, how, lingers=lingers)
        self.real.send(ref, ref, topic, "phx_join", {"how": how, "lingers": lingers})

    @precondition(open_for_business)
    @rule(topic=topics, which=refs)
    def leave(self, topic: str, which: str) -> None:
        join_ref, ref = self.join_ref(topic, which), self.ref()
        self.model.leave(topic, join_ref, ref)
        self.real.send(join_ref, ref, topic, "phx_leave", {})

    @precondition(open_for_business)
    @rule(
        topic=topics,
        which=refs,
        kind=st.sampled_from(["echo", "late", "late", "late", "crash", "stop", "block"]),
    )
    def push(self, topic: str, which: str, kind: str) -> None:
        join_ref, ref = self.join_ref(topic, which), self.ref()
        self.model.push(topic, join_ref, ref, kind)
        self.real.send(join_ref, ref, topic, kind, {})

    @precondition(lambda self: self.topics_where(blocked=True))
    @rule(data=st.data())
    def open(self, data: Any) -> None:
        topic = data.draw(st.sampled_from(self.topics_where(blocked=True)))
        self.model.open(topic)
        self.real.open(topic)

    @precondition(lambda self: self.topics_where())
    @rule(data=st.data())
    def kill(self, data: Any) -> None:
        topic = data.draw(st.sampled_from(self.topics_where()))
        self.model.kill(topic)
        self.real.kill(topic)

    def late_joins(self) -> list[str]:
        found = []
        for topic, seat in self.model.seats.items():
            late = seat.state == JOINING and seat.blocked is not None
            if late or (seat.state == WAITING and not self.model.leaving):
                found.append(topic)
        return found

    @precondition(lambda self: self.late_joins())
    @rule(data=st.data())
    def time_is_over(self, data: Any) -> None:
        topic = data.draw(st.sampled_from(sorted(self.late_joins())))
        if self.model.seats[topic].state == JOINING:
            self.model.timeout(topic)
        else:
            self.model.kill(topic)
        self.real.expire(topic)

    @precondition(lambda self: self.model.late)
    @rule(data=st.data())
    def reply_late(self, data: Any) -> None:
        ref = data.draw(st.sampled_from(sorted(self.model.late)))
        assert self.real.reply_late(ref) == self.model.reply_late(ref)

    @rule(topic=topics)
    def broadcast(self, topic: str) -> None:
        self.model.broadcast(topic)
        self.real.broadcast(topic)

    @precondition(open_for_business)
    @rule()
    def drain(self) -> None:
        self.model.drain()
        self.real.drain()

    @precondition(lambda self: not self.model.deaf)
    @rule(how=st.sampled_from(["close", "disconnect"]))
    def close(self, how: str) -> None:
        if how == "disconnect" and self.real.over:
            return  # nobody listens any more
        if not self.real.over:
            self.model.close()
            getattr(self.real, how)()

    @invariant()
    def the_client_was_told_what_the_model_says(self) -> None:
        for topic in TOPICS:
            assert self.real.transport.told[topic] == self.model.told[topic]

    @invariant()
    def each_channel_that_joined_and_ended_was_terminated_once(self) -> None:
        assert self.real.endpoint.terminated == self.model.terminated

    @invariant()
    def the_connection_lives_as_long_as_its_client_and_its_channels(self) -> None:
        assert self.real.over == (self.model.leaving and not self.model.seats)

    @invariant()
    def seats_are_those_of_the_model(self) -> None:
        if not self.real.over:
            states = {topic: seat.state.value for topic, seat in self.real.topics.seats.items()}
            assert states == {topic: seat.state for topic, seat in self.model.seats.items()}
            lanes = {topic for topic in TOPICS if topic in TABLE._lanes}
            assert lanes == set(self.topics_where(JOINED))

    def teardown(self) -> None:
        try:
            if not self.model.deaf and not self.real.over:
                self.model.close()
                self.real.close()
            for topic in self.topics_where():
                self.model.open(topic)
                self.real.open(topic)
                while self.topics_where() and topic in self.topics_where():
                    self.model.open(topic)
                    self.real.open(topic)
            self.the_client_was_told_what_the_model_says()
            self.each_channel_that_joined_and_ended_was_terminated_once()
            assert self.real.over
            assert self.real.transport.holds == 0
            assert (TABLE._lanes, TABLE._topics, TABLE._of) == ({}, {}, {})
        finally:
            self.forget()

    def forget(self) -> None:
        """Leave nothing behind for the next history, whatever this one has shown."""
        self.real.socket.kill_now()
        for gates in self.real.endpoint.gates.values():
            for gate in gates:
                gate.set()
        models.settle()


def run(histories: int, steps: int = 30, *, shrinks: bool = True) -> None:
    phases = [Phase.generate, Phase.shrink] if shrinks else [Phase.generate]
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            phases=phases,
            database=None,
            derandomize=not shrinks,  # what finds a fault today finds it tomorrow
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(autouse=True)
def quiet() -> Any:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.timeout(240 + HISTORIES // 2)
def test_every_history_goes_as_the_wire_table_says() -> None:
    run(HISTORIES)


# -- planted faults, each of which has to be found


def lose_closes(monkeypatch: Any) -> None:
    """The end of a replaced channel is not told."""
    monkeypatch.setattr(Seat, "_tell_closes", lambda self: self.closes.clear())


def reply_to_the_dead(monkeypatch: Any) -> None:
    """A late reply goes out although its channel has ended."""

    def reply(self: Any, answer: Any) -> bool:
        seat = self._seat
        seat.connection.reply(seat.join_ref, self._ref, seat.topic, "ok", {})
        return True

    monkeypatch.setattr(SocketRef, "reply", reply)


def leave_an_orphan(monkeypatch: Any) -> None:
    """A leave answers for a join that goes on."""
    leave = Seat.leave

    def without_end(self: Any, message: Any) -> None:
        if self.state is SeatState.JOINING:
            self.connection.reply(message.join_ref, message.ref, self.topic, "ok", {})
            self.refuse("join cancelled")
        else:
            leave(self, message)

    monkeypatch.setattr(Seat, "leave", without_end)


def begin_beside_the_earlier(monkeypatch: Any) -> None:
    """A join does not wait for the end of the topic's earlier channel."""

    def replace(self: Any, earlier: Any) -> None:
        earlier.refuse("join replaced")
        if earlier.channel is not None:
            earlier.channel.actor_inbox.signal(DUPLICATE)

    monkeypatch.setattr(Seat, "replace", replace)


def forget_who_waited(monkeypatch: Any) -> None:
    """What waits for a channel that ends is not answered."""
    monkeypatch.setattr(Seat, "_answer", lambda self, left: self.caught_up())


@pytest.mark.slow
@pytest.mark.timeout(480)
@pytest.mark.parametrize(
    "plant",
    [lose_closes, reply_to_the_dead, leave_an_orphan, begin_beside_the_earlier, forget_who_waited],
)
def test_a_planted_fault_is_found(monkeypatch: Any, plant: Callable[[Any], None]) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        run(
            4000, shrinks=False
        )  # it ends at the first; which are tried depends on what is imported
