"""What is told of turns that are blocked in user code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gevent.event import Event

from actors import telemetry
from actors.runtime import Actor
from actors.runtime import blocked as module
from actors.runtime.dispatcher import Dispatcher
from tests.support.carriers import few_carriers
from tests.support.recorder import Recorder, actor_of
from tests.support.waiting import eventually

EVENTS = ("carriers.many", "carriers.full", "carriers.free")
LIMIT = 10


class Waiting(Recorder):
    """Blocks in a function that its callback calls."""

    def on_receive(self, message: Any) -> Any:
        wait(self.release)


def wait(release: Event) -> None:
    release.wait()


Block = Callable[[int], list[Any]]


@pytest.fixture
def events() -> Iterator[list[tuple[str, float, float, str]]]:
    seen: list[tuple[str, float, float, str]] = []

    def handler(event: str, measured: Any, metadata: Any) -> None:
        told = (event, measured["blocked"], measured["limit"], metadata.get("where", ""))
        seen.append(told)

    for event in EVENTS:
        telemetry.attach(event, handler)
    yield seen
    for event in EVENTS:
        telemetry.detach(event, handler)


@pytest.fixture
def block(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> Iterator[Block]:
    """Block so many more turns; of :data:`LIMIT` that there may be."""
    monkeypatch.setattr(module, "EVERY", -1.0)
    held: list[Any] = []

    def more(count: int) -> list[Any]:
        refs = [Waiting.start() for _ in range(count)]
        before = len(dispatcher.blocked)
        for ref in refs:
            ref.tell("x")
        eventually(lambda: len(dispatcher.blocked) == before + count)
        held.extend(refs)
        return refs

    with few_carriers(dispatcher, LIMIT):
        yield more
        for ref in held:
            actor_of(ref).release.set()
        eventually(lambda: not len(dispatcher.blocked))


def free(dispatcher: Dispatcher, refs: list[Any]) -> None:
    left = len(dispatcher.blocked) - len(refs)
    for ref in refs:
        actor_of(ref).release.set()
    eventually(lambda: len(dispatcher.blocked) == left)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{each.levelname} {each.message}" for each in caplog.records]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_many_are_told_from_four_fifths_on(
    block: Block, events: list[Any], caplog: pytest.LogCaptureFixture, more: int
) -> None:
    block(8 + more)
    assert [event[:3] for event in events] == [("carriers.many", 8, LIMIT)] * (more >= 0)
    assert len(lines(caplog)) == (more >= 0)


@pytest.mark.parametrize("more", [-1, 0])
def test_the_limit_is_told_when_it_is_reached(
    dispatcher: Dispatcher,
    block: Block,
    events: list[Any],
    caplog: pytest.LogCaptureFixture,
    more: int,
) -> None:
    block(LIMIT + more)
    assert dispatcher.blocked.full == (more >= 0)
    assert ("carriers.full" in [event[0] for event in events]) == (more >= 0)
    if more >= 0:
        assert lines(caplog)[-1].startswith("ERROR 10 of 10 carriers are blocked, 10 of 10")
        assert lines(caplog)[-1].endswith("new clients are told 503, others wait")


def test_it_is_told_where_most_of_them_block(
    dispatcher: Dispatcher, block: Block, events: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    release = Event()
    dispatcher.submit(release.wait)
    eventually(lambda: len(dispatcher.blocked) == 1)
    block(7)
    line = Waiting.on_receive.__code__.co_firstlineno + 1
    place = f"Waiting.on_receive at tests/actors/runtime/test_blocked.py:{line}"
    assert events == [("carriers.many", 8, LIMIT, place)]
    assert f"8 of 10 carriers are blocked, 7 of 8 looked at in {place}: " in caplog.text
    release.set()


def test_a_turn_without_code_of_an_application_is_named_by_what_runs(
    dispatcher: Dispatcher, block: Block, events: list[Any]
) -> None:
    release = Event()
    for _ in range(8):
        dispatcher.submit(release.wait)  # gevent's own function is all there is
    eventually(lambda: events)
    assert events == [("carriers.many", 8, LIMIT, "Job")]
    release.set()


def test_an_actor_of_which_no_code_is_on_the_stack_is_named_by_its_class(
    dispatcher: Dispatcher, block: Block, events: list[Any]
) -> None:
    release = Event()
    waits = type("Waits", (Actor,), {"on_receive": release.wait})
    for _ in range(8):
        waits.start().tell(None)  # which is no timeout
    eventually(lambda: events)
    assert events == [("carriers.many", 8, LIMIT, "Waits")]
    release.set()


def test_that_they_are_few_again_is_told_once(
    dispatcher: Dispatcher,
    block: Block,
    events: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    refs = block(LIMIT)
    free(dispatcher, refs[:3])
    assert not dispatcher.blocked.full
    assert [event[0] for event in events] == ["carriers.many", "carriers.full"]
    free(dispatcher, refs[3:4])
    assert [event[:2] for event in events[2:]] == [("carriers.free", 6)]
    assert lines(caplog)[-1] == "INFO again below 70 %: 6 of 10 carriers are blocked"
    free(dispatcher, refs[4:])
    assert len(events) == len(lines(caplog)) == 3


def test_around_the_limit_nothing_is_repeated(
    dispatcher: Dispatcher, block: Block, events: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    refs = block(LIMIT)
    free(dispatcher, refs[:2])
    block(2)
    assert [event[0] for event in events] == ["carriers.many", "carriers.full"]
    assert len(lines(caplog)) == 2


def test_lines_of_a_kind_are_capped_and_events_are_not(
    dispatcher: Dispatcher,
    block: Block,
    events: list[Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EVERY", 1e9)
    caplog.set_level(logging.INFO)
    for _ in range(3):
        free(dispatcher, block(8))
    assert [event[0] for event in events] == ["carriers.many", "carriers.free"] * 3
    assert len(lines(caplog)) == 2
