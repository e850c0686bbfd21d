"""Every callback x every legal result: the frames, and whether and how the connection ends.

The tables say what a WebSocket shows, and the status of the POST where there is one; what that is
over another transport is the transport's to say (``received`` and ``ending``).
"""

from __future__ import annotations

from typing import Any

import pytest

from actors.messages import Opcode
from actors.reasons import CLOSED, KILLED, NORMAL, SHUTDOWN, Crash, Failure, Shutdown
from actors.results import Error, Ok, Push, Reply, Stop
from tests.contract.clients import LOST, Sent
from tests.contract.logged import still_echoes
from tests.contract.stage import scripted, terminated
from tests.contract.transports import (
    BINARY,
    CODES,
    FRAMES,
    each_callback,
    needs,
    skip_unless,
    without,
)

ERROR = ValueError("no")

MESSAGES = {
    "None": (lambda: None, []),
    "text": (lambda: Reply("text"), ["text"]),
    "bytes": (lambda: Reply(b"\x00\xff"), [b"\x00\xff"]),
    "empty text": (lambda: Reply(""), [""]),
    "empty bytes": (lambda: Reply(b""), [b""]),
    "not ASCII": (lambda: Reply("\u20ac\U0001f600"), ["\u20ac\U0001f600"]),
    "status ok": (lambda: Reply("x", status="ok"), ["x"]),
    "status error": (lambda: Reply("x", status="error"), ["x"]),
    "text as TEXT": (lambda: Reply("x", opcode=Opcode.TEXT), ["x"]),
    "text as BINARY": (lambda: Reply("\u20ac", opcode=Opcode.BINARY), [b"\xe2\x82\xac"]),
    "bytes as BINARY": (lambda: Reply(b"x", opcode=Opcode.BINARY), [b"x"]),
    "bytes as TEXT": (lambda: Reply(b"\xe2\x82\xac", opcode=Opcode.TEXT), ["\u20ac"]),
    "a plain 1 as opcode": (lambda: Reply(b"x", opcode=1), ["x"]),
    "bytearray": (lambda: Reply(bytearray(b"x")), [b"x"]),
    "memoryview": (lambda: Reply(memoryview(b"xyz")[1:]), [b"yz"]),
    "push text": (lambda: Push("x"), ["x"]),
    "push bytes": (lambda: Push(b"x"), [b"x"]),
    "push as BINARY": (lambda: Push("x", Opcode.BINARY), [b"x"]),
    "list": (lambda: [Reply("a"), Push(b"b"), Push("c")], ["a", b"b", "c"]),
    "empty list": (list, []),
    **{
        f"{size} bytes": (lambda size=size: Reply("x" * size), ["x" * size])
        for size in (125, 126, 127, 65_535, 65_536, 300_000)
    },
    "large list": (
        lambda: [Reply("a"), Push("b" * 70_000), Push("c")],
        ["a", "b" * 70_000, "c"],
    ),
    "ping": (lambda: Push("x", Opcode.PING), [Sent(Opcode.PING, b"x")]),
    "pong": (lambda: Reply(b"x", opcode=Opcode.PONG), [Sent(Opcode.PONG, b"x")]),
    "empty ping": (lambda: Push(b"", Opcode.PING), [Sent(Opcode.PING, b"")]),
    "ping of 125 bytes": (
        lambda: Push(b"x" * 125, Opcode.PING),
        [Sent(Opcode.PING, b"x" * 125)],
    ),
}
STOPS = {
    "Stop()": (Stop, [], 1000, 200, NORMAL),
    "SHUTDOWN": (lambda: Stop(SHUTDOWN), [], 1001, 200, SHUTDOWN),
    "restart": (lambda: Stop(Shutdown("restart")), [], 1012, 200, Shutdown("restart")),
    "draining": (lambda: Stop(Shutdown("draining")), [], 1012, 200, Shutdown("draining")),
    "slow_consumer": (
        lambda: Stop(Shutdown("slow_consumer")),
        [],
        1008,
        200,
        Shutdown("slow_consumer"),
    ),
    "own shutdown": (lambda: Stop(Shutdown("tea")), [], 1001, 200, Shutdown("tea")),
    "own word": (lambda: Stop("tired"), [], 1011, 200, Failure("tired")),
    "exception": (lambda: Stop(ERROR), [], 1011, 408, Crash(ERROR)),
    "CLOSED": (lambda: Stop(CLOSED), [], LOST, 200, CLOSED),
    "KILLED": (lambda: Stop(KILLED), [], LOST, 200, KILLED),
    "code": (lambda: Stop(code=4000), [], 4000, 200, NORMAL),
    "code and reason": (lambda: Stop("tired", code=3000), [], 3000, 200, Failure("tired")),
    "code and detail": (lambda: Stop(code=4999, detail="bye"), [], 4999, 200, NORMAL),
    "detail": (lambda: Stop(detail="x" * 123), [], 1000, 200, NORMAL),
    "push": (lambda: Stop(push=[Push("a"), Push(b"b")]), ["a", b"b"], 1000, 200, NORMAL),
    "push a ping": (
        lambda: Stop(push=[Push(b"x", Opcode.PING), Push("a")]),
        [Sent(Opcode.PING, b"x"), "a"],
        1000,
        200,
        NORMAL,
    ),
}


def handle_in(client: Any, socket: Any) -> None:
    client.send("go")


def handle_control(client: Any, socket: Any) -> None:
    client.control(Opcode.PONG, b"go")


def handle_info(client: Any, socket: Any) -> None:
    socket.actor_ref.tell("go")


CALLBACKS = {f.__name__: f for f in (handle_in, handle_control, handle_info)}
"""How each callback is called."""


def ending(transport: Any, callback: str, code: int | None, post: int) -> Any:
    """Return what a client learns; where ``handle_in`` did not run there was no POST."""
    return transport.ending(code, post if callback == "handle_in" else None)


def skip_what_is_binary(transport: Any, result: Any) -> None:
    """Skip a case with a binary message over a transport that has none."""
    stopped = result.push if isinstance(result, Stop) else result
    for each in stopped if isinstance(stopped, list | tuple) else [stopped]:
        control = each is not None and each.opcode in (Opcode.PING, Opcode.PONG)
        if each is not None and not control and is_binary(each.payload, each.opcode):
            skip_unless(transport, BINARY)


def is_binary(payload: Any, opcode: Any) -> bool:
    return opcode == Opcode.BINARY or not isinstance(payload, str)


def expect(client: Any, transport: Any, frames: list[Any]) -> None:
    wanted = transport.received(frames)
    assert [client.recv() for _ in wanted] == wanted


def answering(callback: str, make: Any) -> Any:
    """Return a class whose ``callback`` answers ``make()`` to "go"."""

    def answer(self: Any, message: Any, opcode: Any = None) -> Any:
        return make() if message in ("go", b"go") else Reply(message)

    return scripted(**{callback: answer})


@each_callback(CALLBACKS)
@pytest.mark.parametrize(("make", "frames"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_is_sent_and_the_connection_stays(
    play: Any, transport: Any, callback: str, make: Any, frames: list[Any]
) -> None:
    skip_what_is_binary(transport, make())
    stage = play(answering(callback, make))
    client = stage.connect()
    for _ in range(2):
        CALLBACKS[callback](client, stage.newest)
        expect(client, transport, frames)
        client.send("still here")
        assert client.recv() == "still here"


@each_callback(CALLBACKS)
@pytest.mark.parametrize(("make", "frames", "code", "post", "reason"), STOPS.values(), ids=STOPS)
def test_a_stop_ends_it_and_says_how(
    play: Any,
    transport: Any,
    callback: str,
    make: Any,
    frames: list[Any],
    code: int | None,
    post: int,
    reason: Any,
) -> None:
    skip_what_is_binary(transport, make())
    stage = play(answering(callback, make))
    client, neighbour = stage.connect(), stage.neighbour()
    CALLBACKS[callback](client, stage.newest)
    expect(client, transport, frames)
    assert client.closed() == ending(transport, callback, code, post)
    assert terminated(stage.newest) == reason
    still_echoes(neighbour)


@needs(CODES)
def test_a_detail_is_the_text_of_the_close_frame(play: Any) -> None:
    stage = play(answering("handle_in", lambda: Stop(code=4000, detail="b\u00fcy")))
    client = stage.connect()
    client.send("go")
    assert client.raw.frame().payload == b"\x0f\xa0b\xc3\xbcy"


@pytest.mark.parametrize("answer", [Ok("state"), Ok()], ids=repr)
def test_connect_accepts(play: Any, transport: Any, answer: Any) -> None:
    client = play(scripted(connect=lambda info: answer)).connect()
    assert client.status == transport.opened
    client.send("on")
    assert client.recv() == "on"


@pytest.mark.parametrize("answer", [Error(), Error("why"), Error({"why": 1})], ids=repr)
def test_connect_refuses(play: Any, answer: Any) -> None:
    stage = play(scripted(connect=lambda info: answer))
    assert stage.connect().status == 403
    assert stage.socket_class.born == []


def test_connect_learns_who_asks(play: Any, transport: Any) -> None:
    seen: list[Any] = []

    def connect(info: Any) -> Any:
        seen.append(info)
        return Ok()

    stage = play(scripted(connect=connect))
    stage.connect("?user=7")
    (info,) = seen
    assert info.transport == transport.mount
    assert info.params == {"user": "7"}


@pytest.mark.parametrize("state", ["given", None, [1]])
def test_the_state_goes_from_connect_through_init_to_the_callbacks(play: Any, state: Any) -> None:
    seen: list[Any] = []

    def init(self: Any, given: Any) -> Any:
        seen.append(given)
        return Ok({"was": given})

    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        seen.append(self.state)
        self.state = "changed"
        return Push(payload)

    stage = play(scripted(connect=lambda info: Ok(state), init=init, handle_in=handle_in))
    client = stage.connect()
    for _ in range(2):
        client.send("x")
        client.recv()
    assert seen == [state, {"was": state}, "changed"]
    assert seen[0] is state


@pytest.mark.parametrize(
    ("sent", "payload", "opcode"),
    [
        ("text", "text", Opcode.TEXT),
        ("\u20ac", "\u20ac", Opcode.TEXT),
        ("", "", Opcode.TEXT),
        (b"bytes\xff", b"bytes\xff", Opcode.BINARY),
        (b"", b"", Opcode.BINARY),
    ],
)
def test_handle_in_is_given_what_was_sent(
    play: Any, transport: Any, sent: Any, payload: Any, opcode: Opcode
) -> None:
    if is_binary(sent, opcode):
        skip_unless(transport, BINARY)
    seen: list[Any] = []

    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        seen.append((payload, opcode))
        return Push("seen")

    client = play(scripted(handle_in=handle_in)).connect()
    client.send(sent)
    client.recv()
    assert seen == [(payload, opcode)]


@needs(FRAMES)
@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
@pytest.mark.parametrize(("sent", "payload"), [(b"", None), (b"x", b"x")])
def test_handle_control_is_given_what_was_sent(
    play: Any, opcode: Opcode, sent: bytes, payload: bytes | None
) -> None:
    seen: list[Any] = []

    def handle_control(self: Any, payload: Any, opcode: Any) -> Any:
        seen.append((payload, opcode))
        return Push("seen")

    client = play(scripted(handle_control=handle_control)).connect()
    client.control(opcode, sent)
    if opcode is Opcode.PING:
        assert client.recv() == Sent(Opcode.PONG, sent)  # answered already
    assert client.recv() == "seen"
    assert seen == [(payload, opcode)]


@without(FRAMES)
def test_without_frames_handle_control_is_never_called(play: Any, transport: Any) -> None:
    seen: list[Any] = []

    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        return [Push(b"x", Opcode.PING), Reply(b"", opcode=Opcode.PONG), Push("seen")]

    stage = play(scripted(handle_in=handle_in, handle_control=lambda *given: seen.append(given)))
    client = stage.connect()
    binary = [b"", b"\x89\x00", b"\x8a\x00"] if BINARY in transport.can else []
    for sent in ("", "ping", *binary):
        client.send(sent)
        assert client.recv() == "seen"
    assert seen == []


@needs(FRAMES)
def test_without_handle_control_pings_are_answered_all_the_same(play: Any) -> None:
    client = play(scripted()).connect()
    client.control(Opcode.PING, b"x")
    client.control(Opcode.PONG, b"y")
    assert client.recv() == Sent(Opcode.PONG, b"x")
    client.send("on")
    assert client.recv() == "on"
