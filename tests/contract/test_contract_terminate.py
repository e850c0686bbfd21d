"""``terminate`` runs exactly once however a connection ends, and with the right reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.errors import ProtocolError
from actors.messages import Down
from actors.reasons import (
    CLOSED,
    KILLED,
    NORMAL,
    SHUTDOWN,
    Closed,
    Crash,
    Failure,
    Shutdown,
)
from actors.results import Ok, Push, Reply, Stop
from tests.actors.runtime.recorder import DEADLINE, eventually
from tests.contract.clients import LOST
from tests.contract.stage import Scripted, scripted, terminated
from tests.contract.transports import only_websocket
from tests.support import raw

pytestmark = only_websocket  # frames and close codes

ERROR = ValueError("no")


class Ending(Scripted):
    """Ends as it is told to; "block" parks it."""

    born: list[Any] = []  # noqa: RUF012 - tests make a subclass with a list of its own

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        if payload == "stop":
            return Stop()
        if payload == "crash":
            raise ERROR
        if payload == "leave":
            self.leave("tired")
        if payload == "block":
            self.push("blocked")
            Event().wait()
        return Reply(payload)


def ending() -> type[Any]:
    return type("Ending", (Ending,), {"born": []})


def kill(stage: Any, client: Any, socket: Any) -> None:
    socket.actor_ref.kill()


def overflow(stage: Any, client: Any, socket: Any) -> None:
    for number in range(socket.mailbox_messages + 1):
        socket.actor_ref.tell(number)


WAYS: dict[str, tuple[Callable[[Any, Any, Any], object], Any, int | None]] = {
    "client's close": (lambda _, client, __: client.leave(1000), Closed(1000), 1000),
    "client's own close": (
        lambda _, client, __: client.leave(4001, "bye"),
        Closed(4001, "bye"),
        4001,
    ),
    "client's empty close": (lambda _, client, __: client.leave(None), Closed(1005), None),
    "FIN": (lambda _, client, __: client.raw.end(), CLOSED, LOST),
    "RST": (lambda _, client, __: client.lose(), CLOSED, "gone"),
    "Stop": (lambda _, client, __: client.send("stop"), NORMAL, 1000),
    "crash": (lambda _, client, __: client.send("crash"), Crash(ERROR), 1011),
    "leave": (lambda _, client, __: client.send("leave"), Failure("tired"), 1011),
    "ref.exit": (lambda _, __, socket: socket.actor_ref.exit(), SHUTDOWN, 1001),
    "ref.stop": (lambda _, __, socket: socket.actor_ref.stop(block=False), NORMAL, 1000),
    "kill": (kill, KILLED, LOST),
    "overflow": (overflow, Shutdown("overflow"), 1008),
    "drain": (
        lambda stage, _, __: gevent.spawn(stage.served.drain),
        Shutdown("restart"),
        1012,
    ),
}


@pytest.mark.parametrize(("end", "reason", "code"), WAYS.values(), ids=WAYS)
def test_once_with_its_reason(play: Any, end: Any, reason: Any, code: Any) -> None:
    stage = play(ending())
    client = stage.connect()
    client.send("on")
    assert client.recv() == "on"
    socket = stage.newest
    end(stage, client, socket)
    if code != "gone":
        assert client.closed() == code
    assert terminated(socket) == reason
    socket.actor_ref.kill()
    socket.actor_ref.exit()
    gevent.idle()
    assert socket.ends == [reason]
    assert not stage.served.clients() or code == 1012


def test_once_after_what_breaks_the_protocol(play: Any, transport: Any) -> None:
    if transport.mount != "websocket":
        pytest.skip("bytes of WebSocket")
    stage = play(ending())
    client = stage.connect()
    client.raw.send(raw.frame(raw.TEXT, b"x", mask=None))
    assert client.closed() == 1002
    reason = terminated(stage.newest)
    assert isinstance(reason, Failure)
    assert isinstance(reason.detail, ProtocolError)


def test_once_after_idling(play: Any) -> None:
    stage = play(ending(), timeout=0.05)
    client = stage.connect()
    assert client.closed() == 1001
    assert terminated(stage.newest) == Shutdown("timeout")


def test_once_for_a_slow_consumer(play: Any, transport: Any) -> None:
    if transport.mount != "websocket":
        pytest.skip("a long-poll session has a buffer of its own")

    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        return [Push("x" * 100_000)] * 200

    stage = play(scripted(handle_in=handle_in), max_send_queue=100_000)
    client = stage.connect()
    client.send("go")
    assert terminated(stage.newest) == Shutdown("slow_consumer")


@pytest.mark.parametrize("way", ["kill", "RST", "FIN", "client's own close", "ref.exit", "drain"])
def test_once_while_a_callback_blocks(play: Any, way: str) -> None:
    end, reason, _ = WAYS[way]
    release = Event()

    class Blocking(ending()):  # type: ignore[misc]
        def handle_in(self, payload: Any, opcode: Any) -> Any:
            self.push("blocked")
            release.wait()

    stage = play(Blocking)
    client = stage.connect()
    client.send("go")
    assert client.recv() == "blocked"
    socket = stage.newest
    end(stage, client, socket)
    if way == "kill":  # alone it does not wait for the callback
        assert terminated(socket) == KILLED
    else:
        gevent.idle()
        assert socket.ends == []
    release.set()
    assert terminated(socket) == reason


def test_a_kill_while_terminate_blocks_does_not_run_it_again(play: Any) -> None:
    release, entered = Event(), Event()

    class Lingering(ending()):  # type: ignore[misc]
        def terminate(self, reason: Any) -> None:
            self.ends.append(reason)
            entered.set()
            release.wait()

    stage = play(Lingering)
    client = stage.connect()
    client.send("stop")
    assert client.closed() == 1000  # the client does not wait for it
    assert entered.wait(DEADLINE)
    stage.newest.actor_ref.kill()
    eventually(lambda: stage.newest.exit_reason == KILLED)
    gevent.idle()
    assert stage.newest.ends == [NORMAL]


def test_terminate_may_block_and_delays_no_other(play: Any) -> None:
    release = Event()

    class Lingering(ending()):  # type: ignore[misc]
        def terminate(self, reason: Any) -> None:
            release.wait()
            super().terminate(reason)

    stage = play(Lingering)
    clients = [stage.connect() for _ in range(20)]
    for client in clients:
        client.send("stop")
    assert [client.closed() for client in clients] == [1000] * 20
    neighbour = stage.neighbour()
    neighbour.send("alive")
    assert neighbour.recv() == "alive"
    release.set()
    for socket in stage.socket_class.born:
        assert terminated(socket) == NORMAL


def test_after_a_kill_terminate_may_block_too(play: Any) -> None:
    release = Event()

    class Lingering(ending()):  # type: ignore[misc]
        def terminate(self, reason: Any) -> None:
            release.wait()
            super().terminate(reason)

    stage = play(Lingering)
    client, neighbour = stage.connect(), stage.neighbour()
    stage.newest.actor_ref.kill()
    assert client.closed() is LOST
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
    client = stage.connect()
    eventually(lambda: sockets)
    sockets[0].actor_ref.kill()
    assert client.closed() is LOST
    assert sockets[0].exit_reason == KILLED
    gevent.idle()
    assert ends == []


def test_who_monitors_a_socket_is_told_its_reason(play: Any) -> None:
    from tests.actors.runtime.recorder import actor_of, wait_until_down, watched  # noqa: PLC0415

    stage = play(ending())
    client = stage.connect()
    watcher = watched(stage.newest.actor_ref)
    client.leave(4000, "bye")
    down = wait_until_down(watcher)
    assert (down.actor, down.reason) == (stage.newest.actor_ref, Closed(4000, "bye"))
    assert isinstance(actor_of(watcher).seen[0], Down)


def test_nothing_follows_the_close_frame(play: Any) -> None:
    class Talkative(ending()):  # type: ignore[misc]
        def terminate(self, reason: Any) -> None:
            for _ in range(3):
                self.push("and another thing")
            self.push("x" * 100_000)
            gevent.sleep(0)
            self.push("one more")
            super().terminate(reason)

    stage = play(Talkative)
    for word in ("stop", "crash", "leave"):
        client = stage.connect()
        client.send(word)
        assert client.closed() in (1000, 1011)
        assert stage.newest.ended.wait(DEADLINE)


def test_what_the_client_said_before_it_went_is_handled(play: Any) -> None:
    seen: list[Any] = []

    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        seen.append(payload)

    stage = play(scripted(handle_in=handle_in))
    client = stage.connect()
    for number in range(10):
        client.send(str(number))
    client.leave()
    assert client.closed() == 1000
    assert terminated(stage.newest) == Closed(1000)
    assert seen == [str(number) for number in range(10)]
