"""Who is dear to serve waits for the others: descriptors by their reads, actors by their turns."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from select import EPOLLIN, EPOLLOUT
from typing import Any

import pytest

from actors.runtime.actor import Actor
from actors.runtime.dear import DEAR, PATIENCE
from actors.runtime.dispatcher import SLICE, TURN_MESSAGES, Dispatcher
from tests.support.waiting import eventually

COUNT = 40


class Clock:
    """A clock that stands still but for what is said to take time."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class Peers:
    """Pairs whose one side is served; ``served`` has the number of each in the order of reads."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock) -> None:
        self.dispatcher, self.clock = dispatcher, clock
        self.served: list[int] = []
        self.pairs: list[tuple[socket.socket, socket.socket]] = []

    def add(self, seconds: float, *, yields: bool = True) -> int:
        """Serve one more pair, each read of which takes ``seconds``."""
        number = len(self.pairs)
        one, two = socket.socketpair()
        one.setblocking(False)
        self.pairs.append((one, two))
        handler = self.reader(number, one, seconds)
        self.dispatcher.register(one.fileno(), EPOLLIN, handler, yields=yields)
        return number

    def reader(self, number: int, one: socket.socket, seconds: float) -> Callable[[int], None]:
        def read(mask: int) -> None:
            if not mask & EPOLLIN:
                return
            try:
                one.recv(1)
            except BlockingIOError:
                return
            self.served.append(number)
            self.clock.time += seconds

        return read

    def send(self, number: int, size: int) -> None:
        self.pairs[number][1].send(b"x" * size)

    def fd(self, number: int) -> int:
        return self.pairs[number][0].fileno()

    def close(self) -> None:
        for one, two in self.pairs:
            self.dispatcher.unregister(one.fileno())
            one.close()
            two.close()


@pytest.fixture
def clock(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(dispatcher, "clock", clock)
    monkeypatch.setattr(dispatcher, "_until", None)
    return clock


@pytest.fixture
def peers(dispatcher: Dispatcher, clock: Clock) -> Iterator[Peers]:
    peers = Peers(dispatcher, clock)
    yield peers
    peers.close()


def crowd(peers: Peers, size: int) -> None:
    """Have forty that are dear, and always readable."""
    for _ in range(COUNT):
        peers.send(peers.add(4 * DEAR), size)
    eventually(lambda: len(peers.served) >= 4 * COUNT)


def test_who_is_cheap_is_read_before_those_that_are_dear(peers: Peers) -> None:
    crowd(peers, 10_000)
    light = peers.add(0)
    for _ in range(20):
        before = len(peers.served)
        peers.send(light, 1)
        eventually(lambda: light in peers.served[before:])  # noqa: B023 - called at once
        assert peers.served.index(light, before) - before <= SLICE / (4 * DEAR) + 2


def test_all_that_is_dear_is_read_in_rotation(peers: Peers, dispatcher: Dispatcher) -> None:
    crowd(peers, 30)
    eventually(lambda: len(peers.served) == 30 * COUNT)
    rest = peers.served[4 * COUNT :]
    for start in range(0, 25 * COUNT, COUNT):
        assert len(set(rest[start : start + COUNT])) >= COUNT - 1
    eventually(lambda: not dispatcher._dear.muted)
    assert not dispatcher._dear.line


def test_dear_ones_are_read_although_others_are_always_readable(
    peers: Peers, dispatcher: Dispatcher
) -> None:
    dear = peers.add(4 * DEAR)
    peers.send(dear, 3)
    eventually(lambda: peers.served == [dear] * 3)
    dispatcher._dear.judge(peers.fd(dear), EPOLLIN, 2 * DEAR)
    dispatcher._dear.judge(peers.fd(dear), EPOLLIN, 2 * DEAR)
    busy = peers.add(DEAR / 2)
    peers.send(busy, 100_000)
    peers.send(dear, 1)
    eventually(lambda: peers.served.count(dear) == 4)
    between = peers.served[3 : len(peers.served) - 1 - peers.served[::-1].index(dear)]
    assert between.count(busy) <= 2 * PATIENCE / (DEAR / 2)


def test_one_read_that_took_long_changes_nothing(peers: Peers, dispatcher: Dispatcher) -> None:
    fd = peers.fd(peers.add(0))
    dear = dispatcher._dear
    dear.judge(fd, EPOLLIN, 2 * DEAR)
    assert fd not in dear.muted
    for _ in range(2):
        dear.judge(fd, EPOLLIN, 0)
    assert not dear.strikes
    dear.judge(fd, EPOLLIN, DEAR)
    assert not dear.strikes


def test_who_sends_what_is_dear_every_second_time_is_found(
    peers: Peers, dispatcher: Dispatcher
) -> None:
    fd = peers.fd(peers.add(0))
    dear = dispatcher._dear
    for seconds in (2 * DEAR, 0, 2 * DEAR):
        dear.judge(fd, EPOLLIN, seconds)
    assert fd in dear.muted
    dear.judge(fd, EPOLLOUT, 0)  # no read, which says nothing
    assert fd in dear.muted


def test_one_that_never_yields_is_not_judged(peers: Peers, dispatcher: Dispatcher) -> None:
    number = peers.add(4 * DEAR, yields=False)
    peers.send(number, 10)
    eventually(lambda: len(peers.served) == 10)
    assert not dispatcher._dear.strikes


def test_one_that_its_own_read_closes_leaves_nothing_to_who_has_its_number_next(
    dispatcher: Dispatcher, clock: Clock
) -> None:
    one, two = socket.socketpair()
    fd, dear = one.fileno(), dispatcher._dear

    def read(mask: int) -> None:
        clock.time += 4 * DEAR
        dispatcher.unregister(fd)
        one.close()

    dispatcher.register(fd, EPOLLIN, read, yields=True)
    two.send(b"x")
    eventually(lambda: fd not in dispatcher.handlers)
    assert [*dear.line, *dear.muted, *dear.strikes] == []
    two.close()


@pytest.mark.parametrize("how", ["pause", "close"])
def test_a_dear_one_that_is_paused_or_closed_leaves_the_line(
    peers: Peers, dispatcher: Dispatcher, how: str
) -> None:
    number = peers.add(4 * DEAR)
    fd, dear = peers.fd(number), dispatcher._dear
    dear.judge(fd, EPOLLIN, 2 * DEAR)
    dear.judge(fd, EPOLLIN, 2 * DEAR)
    assert fd in dear.line
    if how == "close":
        dispatcher.unregister(fd)
        assert [*dear.line, *dear.muted, *dear.strikes] == []
        return
    dispatcher.modify(fd, 0)
    assert fd not in dear.line
    dispatcher.modify(fd, EPOLLIN)
    peers.send(number, 1)
    eventually(lambda: peers.served == [number])


class Counting(Actor):
    """Enters its name for each message."""

    def __init__(self, name: str, order: list[str]) -> None:
        super().__init__()
        self.name, self.order = name, order

    def on_receive(self, message: Any) -> None:
        self.order.append(self.name)


def test_an_actor_with_one_message_goes_before_those_that_had_their_turn(
    dispatcher: Dispatcher,
) -> None:
    order: list[str] = []
    busy = [Counting.start(str(number), order) for number in range(COUNT)]
    light = Counting.start("light", order)
    told = []

    def tell() -> None:
        told.append(len(order))
        light.tell("x")

    for ref in busy:
        for _ in range(3 * TURN_MESSAGES):
            ref.tell("x")
    eventually(lambda: len(order) >= COUNT * TURN_MESSAGES)
    dispatcher.submit(tell)
    eventually(lambda: len(order) == 3 * COUNT * TURN_MESSAGES + 1)
    assert order.index("light") - told[0] <= 3 * TURN_MESSAGES
    for ref in (*busy, light):
        ref.stop()


def test_turns_of_what_clients_send_get_shorter_while_they_are_long(
    dispatcher: Dispatcher, clock: Clock
) -> None:
    for _ in range(3):
        dispatcher._pace(SLICE)
    assert dispatcher.turn_messages == TURN_MESSAGES // 8
    for _ in range(10):
        dispatcher._pace(SLICE)
    assert dispatcher.turn_messages == 1
    for _ in range(10):
        dispatcher._pace(0)
    assert dispatcher.turn_messages == TURN_MESSAGES
