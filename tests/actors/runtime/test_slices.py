"""A slice for each turn of the loop: whatever there is to do, the loop's other watchers come up."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from select import EPOLLIN
from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.runtime import descriptors
from actors.runtime import dispatcher as module
from actors.runtime.dispatcher import Dispatcher
from tests.actors.runtime.descriptors import Watching
from tests.support.recorder import Recorder, joined
from tests.support.waiting import DEADLINE, eventually

COUNT = 40
FEW = 16


class LoopTurns:
    """Counts the turns of gevent's loop."""

    def __init__(self) -> None:
        self.count = 0
        self.watcher: Any = gevent.get_hub().loop.check(ref=False)
        self.watcher.start(self._turn)

    def _turn(self) -> None:
        self.count += 1


@pytest.fixture
def turns() -> Iterator[LoopTurns]:
    turns = LoopTurns()
    yield turns
    turns.watcher.close()


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    pairs = [socket.socketpair() for _ in range(COUNT)]
    yield pairs
    for one, two in pairs:
        one.close()
        two.close()


@pytest.fixture
def few_events(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a poll serve fewer descriptors than there are."""
    monkeypatch.setattr(descriptors, "POLL_EVENTS", FEW)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each look at the clock find the slice over."""
    monkeypatch.setattr(module, "SLICE", -1.0)
    module.get_dispatcher()._new_slice()  # the one at hand may have begun before


class Readers:
    """Handlers of pairs that stay readable: what they read is written again."""

    def __init__(self, pairs: list[tuple[socket.socket, socket.socket]], watch: Watching) -> None:
        self.order: list[int] = []
        self.enough = 3 * len(pairs)
        self.done = Event()
        for number, (one, two) in enumerate(pairs):
            watch(one, self.reader(number, one, two))
        for _, two in pairs:
            two.send(b"x")

    def reader(self, number: int, one: Any, two: Any) -> Callable[[int], None]:
        def read(mask: int) -> None:
            one.recv(10)
            self.order.append(number)
            if len(self.order) < self.enough:
                two.send(b"x")
            else:
                self.done.set()

        return read


def gaps(order: list[int]) -> list[int]:
    """Return how many events were between two of each, for all pairs of neighbours."""
    last: dict[int, int] = {}
    found = []
    for place, number in enumerate(order):
        if number in last:
            found.append(place - last[number])
        last[number] = place
    return found


@pytest.mark.usefixtures("short", "few_events")
def test_who_is_always_readable_is_served_in_rotation_although_no_slice_is_long_enough(
    pairs: list[tuple[socket.socket, socket.socket]], watch: Watching, turns: LoopTurns
) -> None:
    before = turns.count
    readers = Readers(pairs, watch)
    assert readers.done.wait(DEADLINE)
    assert sorted(readers.order[:COUNT]) == list(range(COUNT))
    assert max(gaps(readers.order)) <= COUNT + FEW
    assert turns.count - before >= len(readers.order)


@pytest.mark.usefixtures("few_events")
def test_a_poll_takes_few_events_and_what_they_made_ready_runs_before_the_next(
    dispatcher: Dispatcher, pairs: list[tuple[socket.socket, socket.socket]], watch: Watching
) -> None:
    order: list[str] = []

    def read(one: Any) -> None:
        one.recv(10)
        order.append("read")
        dispatcher.submit(lambda: order.append("turn"))

    for one, two in pairs:
        watch(one, lambda mask, one=one: read(one))
        two.send(b"x")
    eventually(lambda: order.count("turn") == COUNT)
    runs = "".join("r" if each == "read" else " " for each in order).split()
    assert max(map(len, runs)) <= FEW


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("how", ["reused", "closed", "paused"])
def test_an_event_that_no_time_was_left_for_is_not_for_who_has_the_number_next(
    dispatcher: Dispatcher,
    pairs: list[tuple[socket.socket, socket.socket]],
    watch: Watching,
    how: str,
) -> None:
    served: list[object] = []
    spare = socket.socketpair()
    for number, (one, two) in enumerate(pairs[:4]):

        def read(mask: int, number: int = number, one: Any = one) -> None:
            one.recv(10)
            served.append(number)

        watch(one, read)
        two.send(b"x")
    eventually(lambda: len(served) == 1, pause=0)
    assert len(dispatcher._events) == 3
    left = [one.fileno() for number, (one, _) in enumerate(pairs[:4]) if number not in served]
    for fd in left:
        if how == "paused":
            dispatcher.modify(fd, 0)
            continue
        dispatcher.unregister(fd)
        if how == "reused":
            os.dup2(spare[0].fileno(), fd)
            dispatcher.register(fd, EPOLLIN, lambda mask: served.append("stale"))
    for _ in range(20):
        gevent.sleep(0)
    assert len(served) == 1
    for sock in spare:
        sock.close()


@pytest.mark.usefixtures("short")
class TestTheLoopHasItsTurn:
    def test_between_turns_of_actors_that_are_always_ready(self, turns: LoopTurns) -> None:
        seen: list[int] = []

        class Endless(Recorder):
            def on_receive(self, message: Any) -> Any:
                seen.append(turns.count)
                if message:
                    self.actor_ref.tell(message - 1)

        Endless.start().tell(100)
        eventually(lambda: len(seen) == 101)
        assert len(set(seen)) >= 90  # the clock is asked after some turns only, at first

    def test_between_functions_of_other_threads(
        self, dispatcher: Dispatcher, turns: LoopTurns
    ) -> None:
        seen: list[int] = []
        thread = threading.Thread(
            target=lambda: [
                dispatcher.call_from_thread(lambda: seen.append(turns.count)) for _ in range(100)
            ]
        )
        thread.start()
        joined(thread)
        eventually(lambda: len(seen) == 100)
        assert len(set(seen)) == 100

    def test_between_sends(self, dispatcher: Dispatcher, turns: LoopTurns) -> None:
        seen: list[int] = []
        for _ in range(100):
            dispatcher.send_soon(lambda: seen.append(turns.count))
        eventually(lambda: len(seen) == 100)
        assert len(set(seen)) >= 30  # a round may have several phases that send

    def test_sends_leave_together_and_wait_for_no_more_than_some(
        self,
        dispatcher: Dispatcher,
        pairs: list[tuple[socket.socket, socket.socket]],
        watch: Watching,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What is readable is read first, a few at a time, as long as few sends wait."""
        monkeypatch.setattr(module, "LULL", DEADLINE)
        monkeypatch.setattr(module, "SLICE", DEADLINE)
        monkeypatch.setattr(descriptors, "POLL_EVENTS", 4)
        monkeypatch.setattr(module, "SENDS", 10)
        order: list[str] = []

        def reader(sock: socket.socket) -> Callable[[int], None]:
            def read(mask: int) -> None:
                sock.recv(10)
                order.append("read")
                dispatcher.submit(lambda: dispatcher.send_soon(lambda: order.append("send")))

            return read

        for one, two in pairs:
            watch(one, reader(one))
            two.send(b"x")
        eventually(lambda: order.count("send") == COUNT)
        expected = (["read"] * 12 + ["send"] * 12) * 3 + ["read"] * 4 + ["send"] * 4
        assert order == expected

    @pytest.mark.parametrize(
        ("lull", "expected"), [(-1.0, ["send", "read"]), (DEADLINE, ["read", "send"])]
    )
    def test_what_comes_after_a_lull_is_answered_before_another_look(
        self,
        dispatcher: Dispatcher,
        pairs: list[tuple[socket.socket, socket.socket]],
        watch: Watching,
        monkeypatch: pytest.MonkeyPatch,
        lull: float,
        expected: list[str],
    ) -> None:
        monkeypatch.setattr(module, "SLICE", DEADLINE)
        monkeypatch.setattr(module, "LULL", lull)
        order: list[str] = []
        (one, alone), (other, meanwhile) = pairs[:2]

        def read_one(mask: int) -> None:
            one.recv(10)
            meanwhile.send(b"x")  # which another look would find
            dispatcher.send_soon(lambda: order.append("send"))

        def read_other(mask: int) -> None:
            other.recv(10)
            order.append("read")

        watch(one, read_one)
        watch(other, read_other)
        alone.send(b"x")
        eventually(lambda: len(order) == 2)
        assert order == expected

    def test_between_deadlines(self, dispatcher: Dispatcher, turns: LoopTurns) -> None:
        seen: list[int] = []
        at = dispatcher.clock()
        for _ in range(100):
            dispatcher.timers.call_at(at, lambda: seen.append(turns.count))
        eventually(lambda: len(seen) == 100)
        assert len(set(seen)) == 100

    def test_and_none_of_them_keeps_a_connection_from_being_read(
        self,
        dispatcher: Dispatcher,
        watch: Watching,
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        """Each makes another of its kind, until the connection was read."""
        read = Event()

        def foreign() -> None:
            if not read.is_set():
                dispatcher.call_from_thread(foreign)

        def deadline() -> float | None:
            return None if read.is_set() else dispatcher.clock()

        def send() -> None:
            if not read.is_set():
                dispatcher.send_soon(send)

        def turn() -> None:
            if not read.is_set():
                dispatcher.submit(turn)

        foreign()
        dispatcher.timers.call_later(0, deadline)
        send()
        turn()

        def reading(mask: int) -> None:
            pair[0].recv(10)
            read.set()

        watch(pair[0], reading)
        pair[1].send(b"x")
        assert read.wait(DEADLINE)


def test_who_holds_more_is_called_again_without_an_event(
    dispatcher: Dispatcher, watch: Watching, pair: tuple[socket.socket, socket.socket]
) -> None:
    masks: list[int] = []
    fd = watch(pair[0], masks.append)
    dispatcher.call_again(fd, EPOLLIN)
    eventually(lambda: masks == [EPOLLIN])
    dispatcher.call_again(fd, EPOLLIN)
    dispatcher.unregister(fd)
    for _ in range(5):
        gevent.sleep(0)
    assert masks == [EPOLLIN]
