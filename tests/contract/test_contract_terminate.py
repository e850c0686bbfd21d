"""``terminate`` runs exactly once however a connection ends, and with the right reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.errors import ProtocolError
from actors.messages import Down
from actors.reasons import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    Crash,
    Failure,
    Shutdown,
)
from actors.results import Ok, Push, Reply, Stop
from tests.contract.clients import LOST
from tests.contract.stage import Scripted, scripted, terminated
from tests.contract.transports import (
    BUFFER,
    CODES,
    FRAMES,
    OPENS_FIRST,
    QUEUE,
    TIMEOUT,
    TRANSPORTS,
    Way,
    needs,
)
from tests.support import raw
from tests.support.recorder import actor_of, wait_until_down, watched
from tests.support.waiting import DEADLINE, eventually

ERROR = ValueError("no")


class Ending(Scripted):
    """Ends as it is told to; "block" parks it."""

    born: list[Any] = []

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        if payload == "stop":
            return Stop()
        if payload == "crash":
            raise ERROR
        if payload == "leave":
            self.exit_self("tired")
        if payload == "block":
            self.push("blocked")
            Event().wait()
        return Reply(payload)


def ending() -> type[Any]:
    return type("Ending", (Ending,), {"born": []})


def kill(stage: Any, client: Any, socket: Any) -> None:
    socket.actor_ref.kill()


def overflow(stage: Any, client: Any, socket: Any) -> None:
    socket.actor_ref.tell(bytes(socket.mailbox_bytes))


def drain(stage: Any, client: Any, socket: Any) -> None:
    stage.listen(client)
    gevent.spawn(stage.served.drain)


WAYS = {
    "Stop": Way(lambda _, client, __: client.send("stop"), NORMAL, 1000),
    "crash": Way(lambda _, client, __: client.send("crash"), Crash(ERROR), 1011, 408),
    "own leave": Way(lambda _, client, __: client.send("leave"), Failure("tired"), 1011),
    "ref.exit": Way(lambda _, __, socket: socket.actor_ref.exit(), SHUTDOWN, 1001),
    "ref.stop": Way(lambda _, __, socket: socket.actor_ref.stop(block=False), NORMAL, 1000),
    "kill": Way(kill, KILLED),
    "overflow": Way(overflow, Shutdown("overflow"), 1008),
    "drain": Way(drain, Shutdown("restart"), 1012),
}


def each_way(names: Iterable[str] | None = None) -> pytest.MarkDecorator:
    """Run a test over each transport with all the ways that it has, or with those of ``names``."""
    found = [
        pytest.param(transport, way, id=f"{transport}-{name}")
        for transport, kind in TRANSPORTS.items()
        for name, way in {**WAYS, **kind.ways}.items()
        if names is None or name in names
    ]
    return pytest.mark.parametrize(("transport", "way"), found, indirect=["transport"])


def options(transport: Any, way: Way) -> Any:
    """Have what takes the absence of polls not take long."""
    return transport.impatient if way.impatient else {}


@each_way()
def test_once_with_its_reason(play: Any, transport: Any, way: Way) -> None:
    stage = play(ending(), **options(transport, way))
    client = stage.connect()
    client.send("on")
    assert client.recv() == "on"
    socket = stage.newest
    way.end(stage, client, socket)
    if way.end is drain:
        assert client.closed() == transport.drained(way.post)
    elif not way.gone:
        assert client.closed() == transport.ending(way.code, way.post)
    assert terminated(socket) == way.reason
    socket.actor_ref.kill()
    socket.actor_ref.exit()
    gevent.idle()
    assert socket.ends == [way.reason]
    if way.code != 1012:
        eventually(lambda: not stage.served.clients())


@needs(FRAMES)
def test_once_after_what_breaks_the_protocol(play: Any) -> None:
    stage = play(ending())
    client = stage.connect()
    client.raw.send(raw.frame(raw.TEXT, b"x", mask=None))
    assert client.closed() == 1002
    reason = terminated(stage.newest)
    assert isinstance(reason, Failure)
    assert isinstance(reason.detail, ProtocolError)


@needs(TIMEOUT)
def test_once_after_idling(play: Any) -> None:
    stage = play(ending(), timeout=0.05)
    client = stage.connect()
    assert client.closed() == 1001
    assert terminated(stage.newest) == Shutdown("timeout")


@needs(QUEUE)
def test_once_for_a_slow_consumer(play: Any) -> None:
    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        return [Push("x" * 100_000)] * 200

    stage = play(scripted(handle_in=handle_in), max_send_queue=100_000)
    client = stage.connect()
    client.send("go")
    assert terminated(stage.newest) == Shutdown("slow_consumer")


@needs(BUFFER)
@pytest.mark.parametrize("limit", [{"max_buffer_messages": 2}, {"max_buffer_bytes": 200}], ids=str)
def test_once_for_a_buffer_that_overflows(play: Any, transport: Any, limit: Any) -> None:
    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        return [Push("x" * 100)] * 3

    stage = play(scripted(handle_in=handle_in), **limit)
    client = stage.connect()
    client.send("go")
    assert terminated(stage.newest) == Shutdown("overflow")
    assert [client.recv() for _ in range(2)] == ["x" * 100] * 2  # what came before it is kept
    assert client.closed() == transport.ending(1008, 200)


@each_way(["kill", "RST", "FIN", "client's own close", "ref.exit", "drain"])
def test_once_while_a_callback_blocks(play: Any, transport: Any, way: Way) -> None:
    release = Event()

    class Blocking(ending()):  # type: ignore[misc]
        def handle_in(self, payload: Any, opcode: Any) -> Any:
            self.push("blocked")
            release.wait()

    stage = play(Blocking, **options(transport, way))
    client = stage.connect()
    client.send("go")
    assert client.recv() == "blocked"
    socket = stage.newest
    way.end(stage, client, socket)
    if way.reason == KILLED:  # alone it does not wait for the callback
        assert terminated(socket) == KILLED
    else:
        gevent.idle()
        assert socket.ends == []
    release.set()
    assert terminated(socket) == way.reason


def test_a_kill_while_terminate_blocks_does_not_run_it_again(play: Any, transport: Any) -> None:
    release, entered = Event(), Event()

    class Lingering(ending()):  # type: ignore[misc]
        def terminate(self, reason: Any) -> None:
            self.ends.append(reason)
            entered.set()
            release.wait()

    stage = play(Lingering)
    client = stage.connect()
    client.send("stop")
    assert client.closed() == transport.ending(1000, 200)  # the client does not wait for it
    assert entered.wait(DEADLINE)
    stage.newest.actor_ref.kill()
    eventually(lambda: stage.newest.exit_reason == KILLED)
    gevent.idle()
    assert stage.newest.ends == [NORMAL]


def test_terminate_may_block_and_delays_no_other(play: Any, transport: Any) -> None:
    release = Event()

    class Lingering(ending()):  # type: ignore[misc]
        def terminate(self, reason: Any) -> None:
            release.wait()
            super().terminate(reason)

    stage = play(Lingering)
    clients = [stage.connect() for _ in range(20)]
    for client in clients:
        client.send("stop")
    assert [client.closed() for client in clients] == [transport.ending(1000, 200)] * 20
    neighbour = stage.neighbour()
    neighbour.send("alive")
    assert neighbour.recv() == "alive"
    release.set()
    for socket in stage.socket_class.born:
        assert terminated(socket) == NORMAL


def test_after_a_kill_terminate_may_block_too(play: Any, transport: Any) -> None:
    release = Event()

    class Lingering(ending()):  # type: ignore[misc]
        def terminate(self, reason: Any) -> None:
            release.wait()
            super().terminate(reason)

    stage = play(Lingering)
    client, neighbour = stage.connect(), stage.neighbour()
    stage.newest.actor_ref.kill()
    assert client.closed() == transport.ending(LOST, None)
    neighbour.send("alive")
    assert neighbour.recv() == "alive"
    release.set()
    assert terminated(stage.newest) == KILLED


def test_a_kill_while_init_blocks_runs_no_terminate(play: Any, transport: Any) -> None:
    sockets: list[Any] = []
    ends: list[Any] = []

    def init(self: Any, state: Any) -> Ok:
        sockets.append(self)
        Event().wait()
        return Ok(state)

    def terminate(self: Any, reason: Any) -> None:
        ends.append(reason)

    stage = play(scripted(init=init, terminate=terminate))
    opening = gevent.spawn(stage.connect)
    eventually(lambda: sockets)
    sockets[0].actor_ref.kill()
    client = opening.get(timeout=DEADLINE)
    if OPENS_FIRST in transport.can:
        assert client.closed() == transport.ending(LOST, None)
    else:
        assert client.status == 500
    assert sockets[0].exit_reason == KILLED
    gevent.idle()
    assert ends == []


def test_who_monitors_a_socket_is_told_its_reason(play: Any, transport: Any) -> None:
    stage = play(ending(), **transport.impatient)
    client = stage.connect()
    watcher = watched(stage.newest.actor_ref)
    client.leave()
    down = wait_until_down(watcher)
    assert (down.actor, down.reason) == (stage.newest.actor_ref, transport.left)
    assert isinstance(actor_of(watcher).seen[0], Down)


def test_nothing_follows_the_end(play: Any, transport: Any) -> None:
    class Talkative(ending()):  # type: ignore[misc]
        def terminate(self, reason: Any) -> None:
            for _ in range(3):
                self.push("and another thing")
            self.push("x" * 100_000)
            gevent.sleep(0)
            self.push("one more")
            super().terminate(reason)

    stage = play(Talkative)
    for word, code, post in (("stop", 1000, 200), ("crash", 1011, 408), ("leave", 1011, 200)):
        client = stage.connect()
        client.send(word)
        assert client.closed() == transport.ending(code, post)
        assert stage.newest.ended.wait(DEADLINE)


def test_what_the_client_said_before_it_went_is_handled(play: Any, transport: Any) -> None:
    seen: list[Any] = []

    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        seen.append(payload)

    stage = play(scripted(handle_in=handle_in), **transport.impatient)
    client = stage.connect()
    for number in range(10):
        client.send(str(number))
    client.leave()
    if CODES in transport.can:
        assert client.closed() == 1000
    assert terminated(stage.newest) == transport.left
    assert seen == [str(number) for number in range(10)]
