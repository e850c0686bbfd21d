"""Every cell of an HTTP exchange's lifecycle, driven through a real connection."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from gevent.event import Event as Waiter

from actors import Endpoint, Socket
from tests.support.raw import Client
from tests.support.server import serve
from transports import Response, StreamProtocol, TransportOptions
from transports.http.lifecycle import TRANSITIONS, Event, State

DEADLINE = 20.0
HEAD = b"POST /x/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
BODY = b"body"
OK = Response(200, b"fine")
LEGAL = sorted(TRANSITIONS.items(), key=str)


class Nobody(StreamProtocol):
    """Has the stream, and does nothing with it."""


class Steered:
    """A transport that judges and handles as its test says."""

    holds = False
    verdict: Response | None = None
    release: Waiter

    def __init__(self, mount: Any) -> None: ...

    def judge_unread(self, request: Any, http: Any) -> Response | None:
        if self.holds:
            http.hold()
        return self.verdict

    def handle(self, request: Any, http: Any) -> None:
        assert self.release.wait(DEADLINE)


class Driven:
    """A connection, its client and its handler. Nothing of it runs while the test does not wait."""

    def __init__(self, connection: Any, transport: type[Steered]) -> None:
        self.connection = connection
        self.transport = transport

    @property
    def state(self) -> State:
        found: State = self.connection.state
        return found

    def wait_for(self, state: State) -> None:
        with gevent.Timeout(DEADLINE):
            while self.state is not state:
                gevent.sleep(0)

    def reach(self, state: State, event: Event) -> None:
        """Have the exchange in ``state``, so that ``event`` can happen next."""
        if state is State.HELD and event is Event.COMPLETE:
            self.steps(Event.COMPLETE, Event.HOLD)
        elif state is State.HELD and event is Event.CLOSE:
            pass  # held and refused by one judge
        else:
            self.steps(*WAYS[state])
        if (state, event) != (State.HELD, Event.CLOSE):
            assert self.state is state

    def steps(self, *events: Event) -> None:
        for event in events:
            self.cause(event)

    def cause(self, event: Event) -> None:
        getattr(self, event.name.lower())()

    def admit(self) -> None:
        self.connection.data_received(HEAD)

    def hold(self) -> None:
        if self.state is State.WAITING:
            self.transport.holds = True
            self.connection.data_received(HEAD)
        else:
            self.connection.hold()

    def proceed(self) -> None:
        self.connection.proceed()

    def complete(self) -> None:
        if self.state is State.HELD:
            self.connection.proceed()
        else:
            self.connection.data_received(BODY if self.state is State.JUDGED else HEAD + BODY)

    def start(self) -> None:
        self.wait_for(State.HANDLED)

    def begin(self) -> None:
        self.connection.begun = True

    def finish(self) -> None:
        self.connection.answered()

    def respond(self) -> None:
        self.connection.respond(OK)

    def sent(self) -> None:
        self.wait_for(State.WAITING)

    def hand_over(self) -> None:
        self.connection.hand_over(Nobody())

    def close(self) -> None:
        if self.state is State.BROKEN:
            self.wait_for(State.CLOSED)
        elif self.state is State.CLOSED:
            self.connection._close()
        else:
            self.connection.end_now()

    def lost(self) -> None:
        if self.state in {State.HANDED_OVER, State.CLOSED}:
            self.connection.connection_lost(None)
        else:
            self.connection.stream.abort()

    def refuse_what_is_held(self) -> None:
        self.transport.holds, self.transport.verdict = True, Response(403)
        self.connection.data_received(HEAD)


WAYS = {
    State.WAITING: (),
    State.JUDGED: (Event.ADMIT,),
    State.HELD: (Event.HOLD,),
    State.QUEUED: (Event.COMPLETE,),
    State.HANDLED: (Event.COMPLETE, Event.START),
    State.WRITTEN: (Event.COMPLETE, Event.START, Event.BEGIN),
    State.ANSWERED: (Event.COMPLETE, Event.START, Event.RESPOND),
    State.BROKEN: (Event.COMPLETE, Event.START, Event.BEGIN, Event.RESPOND),
    State.HANDED_OVER: (Event.COMPLETE, Event.START, Event.HAND_OVER),
    State.CLOSED: (Event.LOST,),
}


@pytest.fixture
def driven():
    transport = type("Mine", (Steered,), {"release": Waiter()})
    endpoint = Endpoint(check_origin=False)
    endpoint.transport("steered", transport, TransportOptions)
    endpoint.socket("/x", Socket, websocket=False, steered=True)
    with serve(endpoint) as served, Client(served.address):
        with gevent.Timeout(DEADLINE):
            while not served.streams:
                gevent.sleep(0)
        (stream,) = served.streams
        yield Driven(stream.protocol, transport)
        transport.release.set()
        stream.abort()


def names(each: Any) -> str | None:
    return "-".join(part.name for part in each) if isinstance(each, tuple) else each.name


@pytest.mark.parametrize(("cell", "after"), LEGAL, ids=names)
def test_a_legal_event_leads_where_the_table_says(driven, cell, after):
    state, event = cell
    if cell == (State.HELD, Event.CLOSE):
        driven.refuse_what_is_held()
    else:
        driven.reach(state, event)
        driven.cause(event)
    assert driven.state is after


@pytest.mark.parametrize("state", State, ids=names)
def test_an_event_that_cannot_happen_is_a_mistake_of_ours(driven, state):
    driven.steps(*WAYS[state])
    assert driven.state is state
    for event in Event:
        if (state, event) not in TRANSITIONS:
            with pytest.raises(RuntimeError, match=f"^{event.name} cannot happen in {state.name}$"):
                driven.connection.move(event)
            assert driven.state is state


def test_a_handler_says_that_it_writes_and_nothing_else(driven):
    driven.steps(Event.COMPLETE, Event.START)
    driven.connection.begun = False
    assert (driven.state, driven.connection.begun) == (State.HANDLED, False)
    driven.connection.begun = True
    assert (driven.state, driven.connection.begun) == (State.WRITTEN, True)
