"""Every callback x every kind of exception.

That connection ends with 1011 (408 for the POST) and one line in the log; its neighbour does not
notice.
"""

from __future__ import annotations

import re
from typing import Any

import gevent
import pytest
from greenlet import GreenletExit

from actors.reasons import NORMAL, Closed, Crash
from actors.results import Error, Ok, Reply, Stop
from tests.contract.logged import errors, still_echoes
from tests.contract.stage import scripted, terminated
from tests.contract.test_contract_results import CALLBACKS
from tests.contract.transports import CODES, OPENS_FIRST, each_callback, needs
from tests.support.waiting import DEADLINE, eventually

EXCEPTIONS = [
    ValueError("no"),
    Exception(),
    OSError(5, "no"),
    KeyError("k"),
    StopIteration(),
    RecursionError("deep"),
    MemoryError(),
    AssertionError("wrong"),
    SystemExit(3),
    KeyboardInterrupt(),
    GreenletExit(),
    gevent.Timeout(1),
    BaseException("bare"),
]
raised = pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda e: type(e).__name__)


def raising(error: BaseException) -> Any:
    def callback(*_: Any) -> Any:
        raise error

    return callback


def assert_init_failed(client: Any, transport: Any, pushed: list[str]) -> None:
    """Where the connection is open by then, it gets what was pushed; else nobody could."""
    if OPENS_FIRST not in transport.can:
        assert client.status == 500
        return
    assert [client.recv() for _ in pushed] == pushed
    assert client.closed() == transport.ending(1011, None)


@each_callback(CALLBACKS)
@raised
def test_an_exception_ends_that_connection_alone(
    play: Any,
    transport: Any,
    caplog: pytest.LogCaptureFixture,
    callback: str,
    error: BaseException,
) -> None:
    stage = play(scripted(**{callback: raising(error)}))
    client, neighbour = stage.connect(), stage.neighbour()
    CALLBACKS[callback](client, stage.newest)
    post = 408 if callback == "handle_in" else None
    assert client.closed() == transport.ending(1011, post)
    assert terminated(stage.newest) == Crash(error)
    (line,) = errors(caplog)
    assert f"crashed: {type(error).__name__}: " in line
    assert line.endswith(" in callback")
    assert [r.exc_info[1] for r in caplog.records if r.exc_info] == [error]
    still_echoes(neighbour)


@raised
def test_an_exception_after_blocking_ends_that_connection_alone(
    play: Any, transport: Any, error: BaseException
) -> None:
    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        self.push("first")
        gevent.sleep(0)
        raise error

    stage = play(scripted(handle_in=handle_in))
    client, neighbour = stage.connect(), stage.neighbour()
    client.send("go")
    assert client.recv() == "first"
    assert client.closed() == transport.ending(1011, 408)
    assert terminated(stage.newest) == Crash(error)
    still_echoes(neighbour)


@raised
@needs(CODES)
def test_an_exception_in_terminate_changes_nothing_for_a_client_that_closes(
    play: Any, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    def terminate(self: Any, reason: Any) -> None:
        self.ends.append(reason)
        self.ended.set()
        raise error

    stage = play(scripted(terminate=terminate))
    client, neighbour = stage.connect(), stage.neighbour()
    client.send("on")
    client.recv()
    client.leave(4001, "bye")
    assert client.closed() == 4001
    assert terminated(stage.newest) == Closed(4001, "bye")
    eventually(lambda: errors(caplog))
    (line,) = errors(caplog)
    assert f"terminate failed: {type(error).__name__}: " in line
    still_echoes(neighbour)


@raised
def test_an_exception_in_terminate_changes_nothing_for_the_client(
    play: Any, transport: Any, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    class Stopping(scripted()):  # type: ignore[misc]
        def handle_in(self, payload: Any, opcode: Any) -> Any:
            return Stop(code=4001)

        def terminate(self, reason: Any) -> None:
            super().terminate(reason)
            raise error

    stage = play(Stopping)
    client, neighbour = stage.connect(), stage.neighbour()
    client.send("go")
    assert client.closed() == transport.ending(4001, 200)
    assert terminated(stage.newest) == NORMAL
    eventually(lambda: errors(caplog))
    (line,) = errors(caplog)
    assert f"terminate failed: {type(error).__name__}: " in line
    still_echoes(neighbour)


@raised
def test_an_exception_in_terminate_after_a_crash_is_a_second_line(
    play: Any, transport: Any, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    class Both(scripted()):  # type: ignore[misc]
        def handle_in(self, payload: Any, opcode: Any) -> Any:
            raise ValueError("first")

        def terminate(self, reason: Any) -> None:
            super().terminate(reason)
            raise error

    stage = play(Both)
    client = stage.connect()
    client.send("go")
    assert client.closed() == transport.ending(1011, 408)
    terminated(stage.newest)
    eventually(lambda: len(errors(caplog)) == 2)
    assert "crashed: ValueError: first" in errors(caplog)[0]
    assert f"terminate failed: {type(error).__name__}" in errors(caplog)[1]


@raised
def test_an_exception_in_init_ends_that_connection_without_terminate(
    play: Any, transport: Any, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    seen: list[Any] = []

    def init(self: Any, state: Any) -> Any:
        seen.append(self)
        self.push("from init")
        raise error

    def terminate(self: Any, reason: Any) -> None:
        seen.append(reason)

    stage = play(scripted(init=init, terminate=terminate))
    neighbour = stage.neighbour()
    client = stage.connect()
    assert_init_failed(client, transport, ["from init"])
    (line,) = errors(caplog)
    assert f"crashed: {type(error).__name__}: " in line
    eventually(lambda: seen[0].exit_reason == Crash(error))
    still_echoes(neighbour)
    assert len(seen) == 1


@pytest.mark.parametrize("answer", [None, {"a": 1}, Ok, Error("x"), Reply("x"), Stop()], ids=repr)
def test_an_illegal_answer_of_init_names_what_is_accepted(
    play: Any, transport: Any, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    stage = play(scripted(init=lambda self, state: answer))
    neighbour = stage.neighbour()
    assert_init_failed(stage.connect(), transport, [])
    (line,) = errors(caplog)
    assert "crashed: TypeError: init must answer Ok(state), not " in line
    assert re.search(r" at tests/contract/test_contract_failures\.py:\d+ in <lambda>$", line)
    still_echoes(neighbour)


@raised
def test_an_exception_in_connect_is_a_500(
    play: Any, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    stage = play(scripted(connect=raising(error)))
    neighbour = stage.neighbour()
    client = stage.connect("?token=hush")
    assert client.status == 500
    assert "hush" not in caplog.text
    (line,) = errors(caplog)
    assert f": the handler failed: {type(error).__name__}: " in line
    assert line.endswith(" in callback")
    still_echoes(neighbour)
    assert stage.socket_class.born == []


@pytest.mark.parametrize("answer", [None, True, {"a": 1}, Ok, Reply("x"), Stop()], ids=repr)
def test_an_illegal_answer_of_connect_names_what_is_accepted(
    play: Any, transport: Any, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    stage = play(scripted(connect=lambda info: answer))
    assert stage.connect().status == 500
    assert "TypeError: connect answered" in caplog.text
    assert "accepted: Ok(state), Error(reason)" in caplog.text
    (line,) = errors(caplog)
    assert re.search(transport.place(r"tests/contract/stage\.py:\d+ in <lambda>"), line)


def test_what_was_answered_before_the_exception_is_still_sent(play: Any, transport: Any) -> None:
    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        if payload == "crash":
            raise ValueError("no")
        return Reply(payload)

    client = play(scripted(handle_in=handle_in)).connect()
    client.send("one")
    client.send("two")
    client.send("crash")
    client.send("never")
    assert [client.recv(), client.recv()] == ["one", "two"]
    assert client.closed() == transport.ending(1011, 410)  # the POST after the crash


def test_a_push_that_is_wrong_may_be_caught_and_the_connection_goes_on(
    play: Any, transport: Any
) -> None:
    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        try:
            self.push(1)
        except TypeError as error:
            return Reply(str(error))

    client = play(scripted(handle_in=handle_in)).connect()
    client.send("go")
    assert client.recv() == f"a payload 1; {transport.form('accepted: str, bytes')}"


def test_a_hundred_that_crash_at_once_leave_their_neighbour_alone(
    play: Any, transport: Any
) -> None:
    stage = play(scripted(handle_in=raising(SystemExit())))
    neighbour = stage.neighbour()
    clients = [stage.connect() for _ in range(100)]
    for client in clients:
        client.send("go")
    still_echoes(neighbour)
    assert [client.closed() for client in clients] == [transport.ending(1011, 408)] * 100
    for socket in stage.socket_class.born:
        assert socket.ended.wait(DEADLINE)
    still_echoes(neighbour)
