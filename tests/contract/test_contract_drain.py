"""``handle_drain``: a word of farewell, over every transport."""

from __future__ import annotations

import re
from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.reasons import KILLED, NORMAL, Crash, Failure, Shutdown
from actors.results import Push, Reply, Stop
from tests.contract.logged import errors
from tests.contract.stage import scripted, terminated
from tests.contract.transports import TAKES_ON
from tests.support.waiting import DEADLINE, eventually

ERROR = ValueError("no farewell")
RESTART = Shutdown("restart")


def told(transport: Any, client: Any, code: int = 1012) -> None:
    """Check how the client was told the end."""
    closed = client.closed()
    assert transport.says(closed, code), closed


def drained(play: Any, **callbacks: Any) -> Any:
    """Open a connection, drain its server, and answer the stage and the client."""
    stage = play(scripted(**callbacks))
    client = stage.connect()
    client.send("on")
    assert client.recv() == "on"
    stage.listen(client)
    gevent.spawn(stage.served.drain)
    return stage, client


@pytest.mark.parametrize(
    "farewell",
    [
        lambda self: Push("bye"),
        lambda self: [Push("bye")],
        lambda self: self.push("bye"),
        lambda self: Stop(RESTART, push=[Push("bye")]),
    ],
    ids=["Push", "list", "push()", "Stop"],
)
def test_what_it_pushes_comes_before_the_close(play: Any, transport: Any, farewell: Any) -> None:
    stage, client = drained(play, handle_drain=farewell)
    assert client.recv() == "bye"
    told(transport, client)
    assert terminated(stage.newest) == RESTART


def test_what_it_pushes_before_it_blocks_is_sent_at_once(play: Any, transport: Any) -> None:
    go_on = Event()

    def handle_drain(self: Any) -> Any:
        self.push("wait")
        assert go_on.wait(DEADLINE)
        return Push("bye")

    stage, client = drained(play, handle_drain=handle_drain)
    assert client.recv() == "wait"
    stage.listen(client)
    go_on.set()
    assert client.recv() == "bye"
    told(transport, client)
    assert terminated(stage.newest) == RESTART


@pytest.mark.parametrize(
    ("stop", "code", "reason"),
    [
        (Stop(RESTART, code=4001, detail="moved"), 4001, RESTART),
        (Stop("elsewhere", code=1013), 1013, Failure("elsewhere")),
        (Stop(), 1000, NORMAL),
        (Stop(RESTART), 1012, RESTART),
    ],
    ids=["code", "code and reason", "neither", "as without"],
)
def test_code_of_a_stop_replaces_1012(
    play: Any, transport: Any, stop: Any, code: int, reason: Any
) -> None:
    stage, client = drained(play, handle_drain=lambda self: stop)
    told(transport, client, code)
    assert terminated(stage.newest) == reason


@pytest.mark.parametrize("wrong", ["raises", "answers what is no result"])
def test_one_that_fails_is_a_crash_of_that_connection(
    play: Any, transport: Any, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    def handle_drain(self: Any) -> Any:
        if wrong == "raises":
            raise ERROR
        return "bye"

    stage, client = drained(play, handle_drain=handle_drain)
    told(transport, client, 1011)
    reason = terminated(stage.newest)
    assert isinstance(reason, Crash)
    assert (reason.exception is ERROR) == (wrong == "raises")
    (line,) = errors(caplog)
    assert "crashed" in line
    of_callback = r"tests/contract/test_contract_drain\.py:\d+ in handle_drain"
    place = f" at {of_callback}$" if wrong == "raises" else transport.place(of_callback)
    assert re.search(place, line)


def test_it_runs_once_behind_the_message_at_hand_and_before_terminate(
    play: Any, transport: Any
) -> None:
    go_on, calls = Event(), []

    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        calls.append(payload)
        if payload == "block":
            self.push("blocked")
            assert go_on.wait(DEADLINE)
            return Reply("done")
        return Reply(payload)

    stage = play(scripted(handle_in=handle_in, handle_drain=lambda self: calls.append("drain")))
    client = stage.connect()
    client.send("block")
    assert client.recv() == "blocked"
    socket = stage.newest
    if TAKES_ON in transport.can:
        client.send("never handled")
    stage.listen(client)
    gevent.spawn(stage.served.drain)
    eventually(lambda: socket.actor_inbox.signals)
    socket.actor_ref.exit(RESTART)  # a second drain is no second farewell
    go_on.set()
    assert client.recv() == "done"
    told(transport, client)
    assert terminated(socket) == RESTART
    assert calls == ["block", "drain"]


def test_without_one_the_end_is_as_before(play: Any, transport: Any) -> None:
    stage, client = drained(play)
    told(transport, client)
    assert terminated(stage.newest) == RESTART


@pytest.mark.parametrize("reason", [Shutdown(), Shutdown("timeout"), NORMAL, KILLED])
def test_it_does_not_run_at_other_ends(play: Any, reason: Any) -> None:
    calls: list[str] = []
    stage = play(scripted(handle_drain=lambda self: calls.append("drain")))
    client = stage.connect()
    client.send("on")
    assert client.recv() == "on"
    stage.newest.actor_ref.exit(reason)
    assert terminated(stage.newest) == reason
    assert calls == []
