"""Handlers of events: they are told, and whatever they do, who tells them goes on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import gevent
import pytest
from gevent.event import Event as Waiter

from actors import telemetry
from actors.runtime import Actor, get_dispatcher
from actors.runtime.exits import ActorKilled
from tests.architecture.test_import_levels import run_python

EVENT = "tests.happened"
Told = tuple[str, Mapping[str, float], Mapping[str, Any]]


@pytest.fixture
def told() -> Iterator[list[Told]]:
    """What a handler of ``EVENT`` and of its span was told; nobody listens behind the test."""
    told: list[Told] = []

    def handler(*what: Any) -> None:
        told.append(what)

    names = [EVENT, *(f"{EVENT}.{part}" for part in ("start", "stop", "exception"))]
    for name in names:
        telemetry.attach(name, handler)
    yield told
    for name in names:
        telemetry.attached.pop(name, None)


def raising(error: BaseException) -> telemetry.Handler:
    def handler(*_: Any) -> None:
        raise error

    return handler


def exiting(*_: Any) -> None:
    sys.exit(3)


def waits_for_nothing(*_: Any) -> None:
    Waiter().wait()


class TestExecute:
    def test_handlers_are_told_in_the_order_they_came(self, told):
        telemetry.attach(EVENT, lambda *what: told.append(("second", *what)))
        telemetry.execute(EVENT, {"count": 1}, {"who": "me"})
        telemetry.execute(EVENT, {"count": 2})
        assert told == [
            (EVENT, {"count": 1}, {"who": "me"}),
            ("second", EVENT, {"count": 1}, {"who": "me"}),
            (EVENT, {"count": 2}, {}),
            ("second", EVENT, {"count": 2}, {}),
        ]

    def test_attached_twice_is_told_once_and_detached_no_more(self):
        told = []

        def handler(*what: Any) -> None:
            told.append(what)

        telemetry.attach(EVENT, handler)
        telemetry.attach(EVENT, handler)
        assert telemetry.listens(EVENT)
        telemetry.execute(EVENT, {"count": 1})
        telemetry.detach(EVENT, handler)
        telemetry.detach(EVENT, handler)
        assert not telemetry.listens(EVENT)
        telemetry.execute(EVENT, {"count": 2})
        assert len(told) == 1

    @pytest.mark.parametrize(
        "handler",
        [
            raising(ValueError("no")),
            raising(SystemExit(3)),
            raising(gevent.GreenletExit()),
            raising(gevent.Timeout(1)),
            raising(ActorKilled()),
            exiting,
        ],
        ids=["ValueError", "SystemExit", "GreenletExit", "Timeout", "ActorKilled", "sys.exit"],
    )
    def test_what_a_handler_raises_is_logged_once_and_detaches_it(self, told, caplog, handler):
        before = telemetry.attached[EVENT]
        telemetry.attached[EVENT] = (handler, *before)
        telemetry.execute(EVENT, {"count": 1})
        telemetry.execute(EVENT, {"count": 2})
        assert [measured["count"] for _, measured, _ in told] == [1, 2]
        assert telemetry.attached[EVENT] == before
        lines = [each for each in caplog.records if each.name == "roost.telemetry"]
        assert [each.levelno for each in lines] == [logging.ERROR]
        assert f"a handler of {EVENT!r} failed and is detached" in lines[0].getMessage()

    def test_what_is_thrown_in_from_outside_passes_through_and_detaches_nobody(self, told, caplog):
        telemetry.attach(EVENT, waits_for_nothing)
        greenlet = gevent.spawn(telemetry.execute, EVENT, {"count": 1})
        gevent.sleep(0)
        greenlet.kill()
        assert isinstance(greenlet.value, gevent.GreenletExit)
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
            telemetry.execute(EVENT, {"count": 2})
        assert waits_for_nothing in telemetry.attached[EVENT]
        assert caplog.records == []

    def test_an_interrupt_is_nobodys_failure(self, told):
        telemetry.attach(EVENT, raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            telemetry.execute(EVENT, {"count": 1})

    def test_a_handler_that_blocks_on_the_loop_is_detached(self, told, caplog):
        telemetry.attach(EVENT, waits_for_nothing)
        done = Waiter()

        def on_loop() -> None:
            telemetry.execute(EVENT, {"count": 1})
            done.set()

        get_dispatcher().hub.loop.run_callback(on_loop)
        assert done.wait(10)
        assert waits_for_nothing not in telemetry.attached[EVENT]
        assert "BlockingSwitchOutError" in caplog.text

    def test_an_actor_is_killed_although_a_handler_of_its_event_blocks(self, told, caplog):
        blocked = Waiter()

        def handler(*_: Any) -> None:
            blocked.set()
            Waiter().wait()

        class Telling(Actor):
            def on_receive(self, message: Any) -> None:
                telemetry.execute(EVENT, {"count": 1})
                told.append("went on")

        telemetry.attach(EVENT, handler)
        ref = Telling.start()
        ref.tell("now")
        assert blocked.wait(10)
        ref.kill()
        assert ref.wait(10)
        gevent.sleep(0)
        assert "went on" not in told
        assert handler in telemetry.attached[EVENT]


class TestSpan:
    def test_a_block_has_a_start_and_a_stop(self, told):
        with telemetry.span(EVENT, {"kind": "book"}) as about:
            about["status"] = "paid"
        (start, began, what), (stop, ended, known) = told
        assert (start, stop) == (f"{EVENT}.start", f"{EVENT}.stop")
        assert began.keys() == {"time"}
        assert began["time"] > 1e9
        assert ended.keys() == {"duration"}
        assert 0 <= ended["duration"] < 60
        assert (what, known) == ({"kind": "book"}, {"kind": "book", "status": "paid"})

    @pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), gevent.GreenletExit()])
    def test_what_the_block_raises_is_told_and_goes_on(self, told, error):
        with pytest.raises(type(error)) as raised, telemetry.span(EVENT, {"kind": "book"}):
            raise error
        assert raised.value is error
        name, measured, about = told[-1]
        assert name == f"{EVENT}.exception"
        assert measured.keys() == {"duration"}
        assert about == {"kind": "book", "error": error}
        assert len(told) == 2

    def test_a_handler_that_fails_is_no_failure_of_the_block(self, told, caplog):
        for part in ("start", "stop"):
            telemetry.attach(f"{EVENT}.{part}", raising(SystemExit(1)))
        with telemetry.span(EVENT):
            pass
        assert [name for name, *_ in told] == [f"{EVENT}.start", f"{EVENT}.stop"]
        assert caplog.text.count("failed and is detached") == 2

    def test_the_mapping_that_was_given_stays_as_it_is(self, told):
        given = {"kind": "book"}
        with telemetry.span(EVENT, given) as about:
            about["more"] = 1
        assert given == {"kind": "book"}

    def test_as_a_decorator_each_call_has_its_own(self, told):
        @telemetry.span(EVENT)
        def function() -> int:
            return 3

        assert [function(), function()] == [3, 3]
        assert [name.rpartition(".")[2] for name, *_ in told] == ["start", "stop"] * 2


def test_telemetry_imports_nothing_that_the_master_must_not() -> None:
    code = "import actors.telemetry, actors.events, sys; print(*sys.modules)"
    assert not {"gevent", "greenlet", "orjson", "pykka"} & set(run_python(code).split())
