"""The socket classes of the recorded application that have no channels."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import gevent

from actors import ConnectInfo, Error, Ok, Opcode, Push, Reply, Socket, Stop
from actors.reasons import SHUTDOWN, Shutdown
from tests.golden import journal
from tests.golden.journal import Atom
from transports.http.response import Response
from transports.longpoll.session import LongPollSession

registry: defaultdict[str, set[Any]] = defaultdict(set)
"""The refs of the running control sockets, by their ``key`` parameter."""

longpolls: dict[str, Any] = {}
"""The long-poll sessions of running sockets, by the URN of their actor."""


def to_json(value: Any) -> str:
    """Return JSON as Jason writes it: without spaces, small maps sorted."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


class CountedSocket(Socket):
    """Is listed among the long-poll sessions, if it has one."""

    mailbox_bytes = 16 * 1024 * 1024

    def init(self, state: Any) -> Ok:
        if isinstance(self.transport, LongPollSession):
            longpolls[self.actor_urn] = self.transport
        return Ok(state)

    def terminate(self, reason: Any) -> None:
        longpolls.pop(self.actor_urn, None)


class EchoSocket(CountedSocket):
    """Sends back what comes; its state is what ``connect`` learned."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        return Ok(info)

    def handle_in(self, payload: Any, opcode: Opcode) -> Any:
        return Reply(payload, opcode=opcode)


class JournalledEchoSocket(EchoSocket):
    """The same, noting how it began and ended."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        journal.put(info.params.get("key"), Atom("connect"), Atom(info.transport))
        return Ok(info)

    def terminate(self, reason: Any) -> None:
        super().terminate(reason)
        journal.put(self.state.params.get("key"), Atom("terminate"), reason)


class ParamsSocket(JournalledEchoSocket):
    """Answers anything with what ``connect`` saw."""

    def handle_in(self, payload: Any, opcode: Opcode) -> Any:
        seen = {"params": self.state.params, "transport": self.state.transport}
        return Reply(to_json(seen))


class StrictSocket(EchoSocket):
    """Wants a token; answers ``info`` with its connect_info."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        match info.params.get("token"):
            case "ok":
                return Ok(info)
            case "custom":
                return Error("custom")
        return Error()

    def handle_in(self, payload: Any, opcode: Opcode) -> Any:
        if payload == "info":
            return Reply(to_json(_seen(self.state.connect_info)))
        return Reply(payload, opcode=opcode)


def on_error(request: Any, reason: object) -> Response:
    """Return the error that ``StrictSocket.connect`` gave a reason for."""
    return Response(429, f"Too many: {reason}".encode(), (("x-reason", str(reason)),))


def _seen(info: Any) -> dict[str, Any]:
    peer, uri = info["peer_data"], info["uri"]
    address = ", ".join(peer["address"].split("."))
    certificate = journal.inspect(peer["ssl_cert"])
    return {
        "keys": sorted(info),
        "peer": f"%{{address: {{{address}}}, ssl_cert: {certificate}}}",
        "x_headers": info["x_headers"],
        "trace": info["trace_context_headers"],
        "user_agent": info["user_agent"],
        "uri": {
            "authority": uri.host,
            "fragment": None,
            "host": uri.host,
            "path": uri.path,
            "query": uri.query,
            "scheme": uri.scheme,
            "userinfo": None,
        },
    }


class ControlSocket(CountedSocket):
    """Does what it is told, and notes every callback under the ``key`` parameter."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        fields = [Atom(name) for name in sorted(info.__dataclass_fields__)]
        key = info.params.get("key")
        journal.put(key, Atom("connect"), fields, Atom(info.transport), Atom("Peer.Endpoint"))
        return _CONNECT.get(info.params.get("connect"), _accept)(info)

    def init(self, state: Any) -> Ok:
        self.key, self.count = state.get("key"), 0
        journal.put(self.key, Atom("init"))
        if self.key is not None:
            registry[self.key].add(self.actor_ref)
        if state.get("init") == "raise":
            raise RuntimeError("init raised")
        if state.get("init") == "send":
            self.actor_ref.tell("push:from init")
        return super().init(state)

    def handle_in(self, payload: Any, opcode: Opcode) -> Any:
        option = journal.opcode_option(opcode.name.lower())
        journal.put(self.key, Atom("handle_in"), payload, option)
        self.count += 1
        return self._act(payload, opcode, Reply)

    def handle_control(self, payload: bytes | None, opcode: Opcode) -> Any:
        option = journal.opcode_option(opcode.name.lower())
        journal.put(self.key, Atom("handle_control"), payload, option)
        if payload == b"reply":
            return Reply(f"control {option!r}")
        return Stop() if payload == b"stop" else None

    def handle_info(self, message: Any) -> Any:
        journal.put(self.key, Atom("handle_info"), message)
        return self._act(message, None, Push)

    def terminate(self, reason: Any) -> None:
        super().terminate(reason)
        journal.put(self.key, Atom("terminate"), reason)
        if self.key is not None:
            registry[self.key].discard(self.actor_ref)
        if self.state.get("terminate") == "raise":
            raise RuntimeError("terminate raised")

    def _act(self, data: Any, opcode: Opcode | None, send: Any) -> Any:
        command = data if isinstance(data, str) else data.decode("utf-8", "replace")
        if command in _WORDS:
            return _WORDS[command](self, send)
        name, colon, argument = command.partition(":")
        if colon and name in _COMMANDS:
            return _COMMANDS[name](self, argument, send)
        return send(data, opcode=opcode)


def _accept(info: ConnectInfo) -> Ok:
    return Ok(info.params)


def _raise(error: BaseException) -> Any:
    raise error


def _kill(socket: ControlSocket) -> None:
    socket.actor_ref.kill()


def _sleep(seconds: float, answer: Any) -> Any:
    gevent.sleep(seconds)
    return answer


def _push(socket: ControlSocket, text: str, send: Any) -> Any:
    if send is Push:
        return Push(f"pushed {text}")
    socket.actor_ref.tell(f"push:{text}")
    return None


def _both(socket: ControlSocket, text: str, send: Any) -> Any:
    socket.actor_ref.tell(f"push:{text}")
    return Reply(f"reply {text}")


class Thrown(Exception):
    """What Elixir throws."""


_CONNECT: dict[str | None, Any] = {
    "error": lambda _: Error(),
    "reason": lambda _: Error("some_reason"),
    "raise": lambda _: _raise(RuntimeError("connect raised")),
    "throw": lambda _: _raise(Thrown("connect_threw")),
    "bad": lambda _: "not_a_valid_return",
}

_WORDS: dict[str, Any] = {
    "noreply": lambda *_: None,
    "count": lambda socket, send: send(str(socket.count)),
    "pid": lambda _, send: send("pid"),
    "list": lambda _, send: [send("a"), send(b"b"), send("c")],
    "iodata": lambda _, send: send("iodata"),
    "badutf8": lambda _, send: send(b"\xff\xfe", opcode=Opcode.TEXT),
    "stop:normal": lambda *_: Stop(),
    "stop:shutdown": lambda *_: Stop(SHUTDOWN),
    "stop:restart": lambda *_: Stop(Shutdown("restart")),
    "stop:disconnected": lambda *_: Stop(Shutdown("disconnected")),
    "stop:other": lambda *_: Stop("other_reason"),
    "stop:code": lambda *_: Stop(code=4001),
    "stop:detail": lambda *_: Stop(code=4002, detail="because"),
    "stop:msg": lambda *_: Stop(code=4003, push=[Push("bye")]),
    "stop:othercode": lambda *_: Stop("other_reason", code=4004),
    "raise": lambda *_: _raise(RuntimeError("boom")),
    "throw": lambda *_: _raise(Thrown("thrown")),
    "exit:normal": lambda *_: _raise(SystemExit("normal")),
    "exit:shutdown": lambda *_: _raise(SystemExit("shutdown")),
    "exit:boom": lambda *_: _raise(SystemExit("boom")),
    "kill": lambda socket, _: _kill(socket),
    "badreturn": lambda *_: "bad_return",
}

_COMMANDS: dict[str, Any] = {
    "error": lambda _, text, send: send(text) if send is Push else Reply(text, status="error"),
    "status": lambda _, text, send: send(text) if send is Push else Reply(text, status="whatever"),
    "bin": lambda _, text, send: send(text.encode()),
    "ping": lambda _, text, send: send(text, opcode=Opcode.PING),
    "pong": lambda _, text, send: send(text, opcode=Opcode.PONG),
    "size": lambda _, text, send: send("x" * int(text)),
    "push": _push,
    "both": _both,
    "info": lambda socket, text, _: socket.actor_ref.tell(text),
    "sleep": lambda _, text, send: _sleep(int(text) / 1000, send(f"slept {text}")),
}
