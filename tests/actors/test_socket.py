"""``Socket`` over a transport that keeps what it is given, as an application could write one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gevent.event import Event

from actors.errors import ConfigError
from actors.messages import ConnectInfo, ConnectionEnded, Control, Opcode, Receipt
from actors.reasons import CLOSED, KILLED, NORMAL, Crash, Shutdown
from actors.results import Ok, Push, Reply
from actors.runtime import StartError, registry
from actors.socket import Socket
from tests.support.recorder import rounds_pass
from tests.support.waiting import DEADLINE, eventually


class Kept:
    """A transport; ``calls`` says what was asked of it, in order."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def deliver(self, result: Any) -> None:
        self.calls.append(result)

    def flush(self) -> None:
        self.calls.append("flush")

    def on_blocked(self) -> None:
        self.calls.append("parked")

    def on_ended(self, reason: Any) -> None:
        self.calls.append(reason)


class Echo(Socket):
    def __init__(self, transport: Any, state: Any = None) -> None:
        super().__init__(transport, state)
        self.ends: list[Any] = []
        self.entered, self.release = Event(), Event()

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        if payload == "block":
            self.entered.set()
            self.release.wait()
            self.push("woken")
        return Reply(payload)

    def handle_info(self, message: Any) -> Any:
        return Push(message)

    def terminate(self, reason: Any) -> None:
        self.ends.append(reason)


@pytest.fixture
def kept() -> Iterator[Kept]:
    yield Kept()
    for ref in registry.get_by_class(Socket):
        ref.kill()


def test_the_defaults_accept_and_ignore(kept: Kept) -> None:
    info = ConnectInfo(endpoint=None, transport="kept", params={}, options=None)
    assert Socket.connect(info) == Ok(None)
    socket = Socket(kept, "state").on_begin()
    assert socket.state == "state"
    socket.on_events(["text", b"bytes", Control(None, Opcode.PONG)])
    assert socket.actor_ref.ask("told", timeout=DEADLINE) is None
    assert kept.calls == ["flush"]
    socket.on_events([ConnectionEnded(CLOSED)])
    assert socket.actor_ref.wait(DEADLINE)
    assert kept.calls == ["flush", CLOSED]


def test_the_events_of_a_turn_are_flushed_once(kept: Kept) -> None:
    socket = Echo(kept).on_begin()
    socket.on_events(["one", b"two"])
    socket.actor_ref.ask("three", timeout=DEADLINE)
    eventually(lambda: kept.calls[-1:] == ["flush"])
    assert kept.calls == [Reply("one"), Reply(b"two"), Push("three"), "flush"]


def test_before_it_has_begun_events_wait(kept: Kept) -> None:
    socket = Echo(kept)
    socket.on_events(["early"])
    assert kept.calls == []
    socket.on_begin()
    eventually(lambda: kept.calls == [Reply("early"), "flush"])


def test_a_callback_that_blocks_parks_and_what_is_pushed_then_is_flushed(kept: Kept) -> None:
    socket = Echo(kept).on_begin()
    socket.on_events(["one", "block", "three"])
    assert socket.entered.wait(DEADLINE)
    eventually(lambda: kept.calls == [Reply("one"), "parked"])
    socket.on_events(["four"])
    socket.release.set()
    socket.actor_ref.ask("five", timeout=DEADLINE)
    eventually(lambda: len(kept.calls) == 10)
    assert kept.calls[2:] == [
        *(Push("woken"), "flush", Reply("block"), "flush"),
        *(Reply("three"), Reply("four"), Push("five"), "flush"),
    ]


def test_a_receipt_is_handled_after_what_it_was_queued_behind(kept: Kept) -> None:
    socket = Echo(kept).on_begin()
    socket.on_events(["one", Receipt(kept.calls.append), "two"])
    eventually(lambda: kept.calls == [Reply("one"), True, Reply("two"), "flush"])


def test_a_receipt_is_told_when_the_socket_ends_before_it(kept: Kept) -> None:
    socket = Echo(kept).on_begin()
    socket.on_events([ConnectionEnded(CLOSED), "never", Receipt(kept.calls.append)])
    assert socket.actor_ref.wait(DEADLINE)
    assert kept.calls == [CLOSED, False]


def test_cut_short_tells_the_transport_why_and_ends_at_once(kept: Kept) -> None:
    socket = Echo(kept).on_begin()
    socket.on_events(["block"])
    assert socket.entered.wait(DEADLINE)
    socket.end_now(Shutdown("restart"))
    assert socket.exit_reason == KILLED
    eventually(lambda: socket.ends)
    assert socket.ends == [KILLED]
    assert kept.calls == ["parked", Shutdown("restart"), KILLED]


def test_a_transport_that_fails_does_not_keep_the_socket(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(reason: Any) -> None:
        raise OSError("the socket is gone")

    monkeypatch.setattr(kept, "on_ended", failing)
    socket = Echo(kept).on_begin()
    socket.actor_ref.stop(timeout=DEADLINE)
    assert socket.ends == [NORMAL]
    assert "on_ending failed: OSError: the socket is gone" in caplog.text


def test_a_transport_that_fails_to_flush_ends_its_socket(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = OSError("no")

    def failing() -> None:
        raise error

    monkeypatch.setattr(kept, "flush", failing)
    socket = Echo(kept).on_begin()
    socket.on_events(["one"])
    assert socket.actor_ref.wait(DEADLINE)
    assert socket.exit_reason == Crash(error)
    assert socket.ends == [Crash(error)]


def test_init_that_fails_is_the_starters_and_the_transport_is_told(kept: Kept) -> None:
    class Failing(Echo):
        def init(self, state: Any) -> Any:
            return state

    socket = Failing(kept, "no Ok")
    with pytest.raises(StartError) as caught:
        socket.on_begin()
    assert isinstance(caught.value.__cause__, TypeError)
    assert kept.calls == [socket.exit_reason]
    assert socket.ends == []


def test_a_mailbox_is_bounded_as_declared() -> None:
    assert (Socket.mailbox_messages, Socket.mailbox_policy) == (1000, "stop")
    with pytest.raises(ConfigError):
        type("Odd", (Socket,), {"mailbox_policy": "block"})


@pytest.mark.parametrize(("count", "alive"), [(999, True), (1000, True), (1001, False)])
def test_a_thousand_messages_may_be_told_to_a_busy_one(kept: Kept, count: int, alive: bool) -> None:
    socket = Echo(kept).on_begin()
    socket.on_events(["block"])
    assert socket.entered.wait(DEADLINE)
    for number in range(count):
        if number == count - 1:
            rounds_pass()
        socket.actor_ref.tell(number)
    socket.release.set()
    if alive:
        eventually(lambda: kept.calls[-2:] == [Push(count - 1), "flush"])
    else:
        assert socket.actor_ref.wait(DEADLINE)
        assert socket.exit_reason == Shutdown("overflow")
    assert socket.actor_ref.is_alive() is alive


@pytest.mark.parametrize("name", ["dispatcher", "exit_reason", "transport", "actor_ref"])
def test_what_the_runtime_knows_of_a_socket_cannot_be_replaced_by_chance(kept: Kept, name) -> None:
    socket = Echo(kept).on_begin()
    with pytest.raises(AttributeError, match=name):
        setattr(socket, name, "mine")
    socket.on_events(["one"])
    eventually(lambda: Reply("one") in kept.calls)


def test_private_names_of_a_socket_are_its_own(kept: Kept) -> None:
    class Quiz(Echo):
        def init(self, state: Any) -> Ok:
            self._ref = self._answer = self._terminate_ran = self._dispatcher = "mine"
            self._transport = self._turn_over = self._tell_self = "mine too"
            return Ok(state)

    socket = Quiz(kept).on_begin()
    socket.send_after(0, "later")
    assert socket.actor_ref.ask("a question", timeout=DEADLINE) is None
    socket.on_events(["one"])
    eventually(lambda: Reply("one") in kept.calls)
    socket.actor_ref.exit()
    assert socket.actor_ref.wait(DEADLINE)
