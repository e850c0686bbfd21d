"""The application that the clients of ``tests/phoenixjs`` talk to.

``/socket`` has both transports. Clients fall back to long polling at the other mounts: ``/refused``
has no WebSocket, at ``/stuck`` its handshake is not answered, and at ``/silent`` it opens and then
says nothing. The other paths are the browser's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import gevent
import gevent.event

from actors import (
    Channel,
    ChannelSocket,
    ConnectInfo,
    Endpoint,
    Error,
    Ok,
    Opcode,
    Presence,
    Reason,
    Socket,
    Stop,
    on,
)
from transports.http.response import Response

HERE = Path(__file__).parent
PACKAGES = Path(os.environ.get("NODE_PATH", "/nowhere"))

LONG = 60.0
"""Seconds that a callback blocks which is not meant to come back while its client looks."""


class Present(Presence):
    """Who is in a room. A client that is cut off comes back, even on a slow machine."""

    leave_delay = 30.0


class Named(Present):
    """The same, with a name beside the metas."""

    @classmethod
    def fetch(cls, topic: str, presences: Any) -> Any:
        return {key: {**value, "name": key.title()} for key, value in presences.items()}


class RoomChannel(Channel):
    """What a client does in a room is said by the event; how its join goes, by the payload.

    ``"as"`` in the payload is who it is there, for all who are told; ``"named"``: with a name.
    """

    joining: ClassVar[set[int]] = set()
    joined_by: ClassVar[dict[str, list[int]]] = {}

    def join(self, topic: str, payload: Any) -> Ok | Error:
        match payload.get("do"):
            case "refuse":
                return Error({"reason": "unauthorized"})
            case "crash":
                raise RuntimeError("a join that crashes on purpose")
            case "block":
                self.joining.add(id(self))
                try:
                    gevent.sleep(LONG)
                finally:
                    self.joining.discard(id(self))
        self.key = payload.get("as")
        self.presence = Named if payload.get("named") else Present
        return Ok({"room": self.subtopic, "got": payload, "pid": os.getpid()})

    def joined(self) -> None:
        self.push("welcome", {"room": self.subtopic})
        if self.key is not None:
            self.presence.track(self, self.key, {})
            self.presence.push_state(self)

    def terminate(self, reason: Reason) -> None:
        self.endpoint.broadcast(f"ends:{self.subtopic}", "ended", {"reason": str(reason)})

    @on("who")
    def who(self, payload: Any) -> Ok:
        about = {"pid": os.getpid(), "transport": self.transport, "vsn": self.vsn}
        return Ok({**about, "join_ref": self.join_ref, "token": self.assigns["token"]})

    @on("echo")
    def echo(self, payload: Any) -> Ok:
        return Ok(payload)

    @on("size")
    def size(self, payload: bytes) -> Ok:
        return Ok({"size": len(payload), "sum": sum(payload)})

    @on("fail")
    def fail(self, payload: Any) -> Error:
        return Error(payload)

    @on("silence")
    def silence(self, payload: Any) -> None: ...

    @on("later")
    def later(self, payload: Any) -> None:
        gevent.spawn(self.socket_ref().reply, Ok(payload))

    @on("push")
    def back(self, payload: Any) -> None:
        self.push("pushed", payload)

    @on("shout")
    def shout(self, payload: Any) -> Ok:
        self.broadcast("shout", payload)
        return Ok()

    @on("shout_from")
    def shout_from(self, payload: Any) -> Ok:
        self.broadcast_from("shout", payload)
        return Ok()

    @on("track")
    def track(self, payload: Any) -> Ok | Error:
        try:
            self.presence.track(self, payload["as"], payload["meta"])
        except ValueError as error:
            return Error(str(error))
        return Ok()

    @on("listed")
    def listed(self, payload: Any) -> Ok:
        return Ok(self.presence.list(self))

    @on("crash")
    def crash(self, payload: Any) -> None:
        raise RuntimeError("a handler that crashes on purpose")

    @on("stop")
    def stop(self, payload: Any) -> Stop:
        return Stop(reply=Ok(payload))

    @on("block")
    def block(self, payload: Any) -> Ok:
        """Wait for ``go`` on a channel of the same client beside this one."""
        gate = self.assigns["gates"].setdefault(payload["gate"], gevent.event.Event())
        gate.wait(LONG)
        return Ok({"open": gate.is_set()})

    @on("go")
    def go(self, payload: Any) -> Ok:
        self.assigns["gates"].setdefault(payload["gate"], gevent.event.Event()).set()
        return Ok()

    @on("blocked_joins")
    def blocked_joins(self, payload: Any) -> Ok:
        return Ok({"count": len(self.joining)})

    @on("disconnect")
    def disconnect(self, payload: Any) -> None:
        assert self.id is not None
        self.endpoint.disconnect(self.id)


class EndsChannel(Channel):
    """Hears why channels of the room of the same name ended."""


class UserSocket(ChannelSocket):
    channels: ClassVar = {"room:*": RoomChannel, "ends:*": EndsChannel}

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        if info.params.get("refuse"):
            return Error()
        token = info.connect_info.get("auth_token")
        return Ok({"name": info.params.get("name"), "token": token, "gates": {}})

    @classmethod
    def id(cls, assigns: Any) -> str | None:
        return assigns["name"] and f"user:{assigns['name']}"


class SilentSocket(Socket):
    """Takes what it is sent, and never answers."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        return Ok(None)

    def handle_in(self, payload: Any, opcode: Opcode) -> None: ...


class StuckSocket(SilentSocket):
    """Never lets anybody in, and never says no."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        gevent.sleep(LONG)
        return Ok(None)


endpoint = Endpoint(children=[Present, Named])
WITH_TOKEN: Any = {"auth_token": True, "connect_info": ["auth_token"]}
endpoint.socket("/socket", UserSocket, longpoll=True, **WITH_TOKEN)
endpoint.socket("/refused", UserSocket, websocket=False, longpoll=True, **WITH_TOKEN)
endpoint.socket("/stuck", StuckSocket)
endpoint.socket("/stuck", UserSocket, websocket=False, longpoll=True, **WITH_TOKEN)
endpoint.socket("/silent", SilentSocket)
endpoint.socket("/silent", UserSocket, websocket=False, longpoll=True, **WITH_TOKEN)


def file(path: Path, content_type: str) -> Any:
    """Return a handler that serves a file."""

    def handle(request: Any, http: Any) -> Response:
        return Response(200, path.read_bytes(), (("content-type", content_type),))

    return handle


endpoint.page("/", file(HERE / "page.html", "text/html; charset=utf-8"))
endpoint.page("/page.js", file(HERE / "page.js", "text/javascript; charset=utf-8"))
for package in sorted(PACKAGES.glob("phoenix-1.*")):
    script = package / "priv/static/phoenix.min.js"
    endpoint.page(f"/{package.name}.js", file(script, "text/javascript; charset=utf-8"))
