"""Every cell of a WebSocket connection's lifecycle, driven through a real connection."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from actors.reasons import CLOSED as GONE
from actors.reasons import Shutdown
from tests.support.raw import TEXT, Client, close_frame, frame
from tests.support.waiting import eventually
from tests.transports.websocket.lab import DEADLINE, Lab
from transports.websocket.lifecycle import TRANSITIONS, Event, State

BREACH = frame(0x3, "an opcode that is reserved")
LEGAL = sorted(TRANSITIONS.items(), key=str)
ILLEGAL = [(s, e) for s in State for e in Event if (s, e) not in TRANSITIONS]


class Driven:
    """A connection whose socket blocks, and its client; ``wait`` reads for a Close frame."""

    def __init__(self, lab: Lab, client: Client) -> None:
        self.client = client
        self.client.send(frame(TEXT, "block"))  # so that the actor ends when the test says so
        assert lab.entered.wait(DEADLINE)
        self.connection: Any = lab.sockets[-1].transport
        self.stream = self.connection.stream
        self.record = self.connection.protocol
        self.wait: Any = None

    def reach(self, state: State) -> None:
        """Have the connection in ``state``, by the shortest way that leads there."""
        if state is State.PEER_CLOSED:
            self.cause(Event.PEER_CLOSE)
        elif state is State.FAILED:
            self.cause(Event.BREACH)
        elif state is State.LOST:
            self.cause(Event.HANGUP)
        elif state is not State.OPEN:
            self.cause(Event.CLOSE_SENT)
            if state is State.CLOSED:
                self.cause(Event.PEER_CLOSE)
        eventually(lambda: self.record.state is state)

    def cause(self, event: Event) -> None:
        if event is Event.PEER_CLOSE:
            self.client.send(close_frame(1000))
        elif event is Event.BREACH:
            self.client.send(BREACH)
        elif event is Event.HANGUP:
            self.hang_up()
        elif event is Event.CLOSE_SENT:
            self.connection.on_ended(Shutdown("restart"))
            self.wait = self.wait or self.stream.protocol
        elif event is Event.DROPPED:
            self.connection.on_ended(GONE)
        else:
            self.wait._late()

    def hang_up(self) -> None:
        """Say that no more comes, have that read again, or have the stream say that it is gone."""
        if self.record.state is State.CLOSED:
            self.wait.connection_lost(None)
        elif self.record.state is State.LOST:
            self.stream.resume_reading()
            eventually(lambda: self.stream.paused)
        else:
            self.client.sock.shutdown(socket.SHUT_WR)
            eventually(lambda: self.stream.paused or self.stream.closed)


@pytest.mark.parametrize(("cell", "after"), LEGAL, ids=lambda each: getattr(each, "name", None))
def test_a_legal_event_leads_where_the_table_says(cell: tuple[State, Event], after: State) -> None:
    state, event = cell
    with Lab(close_timeout=DEADLINE) as lab, lab.connect() as client:
        driven = Driven(lab, client)
        driven.reach(state)
        driven.cause(event)
        eventually(lambda: driven.record.state is after)


@pytest.mark.parametrize(("state", "event"), ILLEGAL, ids=lambda each: each.name)
def test_an_event_that_cannot_happen_is_a_mistake_of_ours(state: State, event: Event) -> None:
    with Lab(close_timeout=DEADLINE) as lab, lab.connect() as client:
        driven = Driven(lab, client)
        driven.reach(state)
        with pytest.raises(RuntimeError, match=f"^{event.name} cannot happen in {state.name}$"):
            driven.record.move(event)
        assert driven.record.state is state


@pytest.mark.parametrize("state", [State.PEER_CLOSED, State.FAILED, State.CLOSED])
def test_bytes_behind_the_end_are_no_event(state: State) -> None:
    with Lab(close_timeout=DEADLINE) as lab, lab.connect() as client:
        driven = Driven(lab, client)
        driven.reach(state)
        assert driven.record.receive_data(close_frame(1000) + BREACH) == []
        assert driven.record.state is state
