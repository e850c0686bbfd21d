"""The recorded application's channels (``Peer.UserSocket`` and what is below it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gevent

from actors import (
    NORMAL,
    Channel,
    ChannelSocket,
    ConnectInfo,
    Error,
    Ok,
    Presence,
    Reason,
    Reply,
    Route,
    Shutdown,
    Stop,
    intercept,
    on,
)
from tests.golden import journal

AFTER_JOIN = object()


class RoomChannel(Channel):
    def join(self, topic: str, payload: Any) -> Any:
        match self.subtopic if topic.startswith("room:") else "":
            case "private":
                return Error({"reason": "unauthorized"})
            case "joincrash":
                raise RuntimeError("join crashed on purpose")
            case "joinbad":
                return "nonsense"
            case "joinexit":
                self.exit_self()
            case "reply":
                return Ok({"got": payload, "topic": topic})
            case "binreply":
                return Ok(b"joined")
            case "joinpush":
                self.push("too_early", {})
        self.assigns["join_payload"] = payload
        return Ok()

    def joined(self) -> None:
        if self.topic == "room:after":
            self.push("welcome", {"hello": "after_join"})

    @on("ping")
    def ping(self, payload: Any) -> Ok:
        return Ok(payload)

    @on("ping_bare")
    def ping_bare(self, payload: Any) -> Ok:
        return Ok()

    @on("ping_error")
    def ping_error(self, payload: Any) -> Error:
        return Error(payload)

    @on("ping_status")
    def ping_status(self, payload: Any) -> Reply:
        return Reply(payload, status="custom_status")

    @on("ping_bin")
    def ping_bin(self, payload: dict[str, Any]) -> Ok:
        return Ok(b"\xab" * payload["n"])

    @on("noreply")
    def noreply(self, payload: Any) -> None: ...

    @on("shout")
    def shout(self, payload: Any) -> None:
        self.broadcast("shout", payload)

    @on("shout_reply")
    def shout_reply(self, payload: Any) -> Ok:
        self.broadcast("shout", payload)
        return Ok()

    @on("shout_from")
    def shout_from(self, payload: Any) -> Ok:
        self.broadcast_from("shout", payload)
        return Ok()

    @on("shout_intercepted")
    def shout_intercepted(self, payload: Any) -> None:
        self.broadcast("intercepted", payload)

    @intercept("intercepted")
    def show(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, "seen_by": "handle_out"}

    @on("push")
    def pushes(self, payload: Any) -> None:
        self.push("pushed", payload)

    @on("push_bad")
    def push_bad(self, payload: Any) -> None:
        self.push("pushed", [1, 2])

    @on("async_reply")
    def async_reply(self, payload: Any) -> None:
        ref = self.socket_ref()
        gevent.spawn_later(0.05, ref.reply, Ok({"async": payload}))

    @on("whoami")
    def whoami(self, payload: Any) -> Ok:
        own = {name: value for name, value in self.assigns.items() if name != "run"}
        assigns = [f"{name}: {_term(value)}" for name, value in sorted(own.items())]
        serializers = {"1": "V1", "2": "V2"}
        return Ok(
            {
                "assigns": f"%{{{', '.join(assigns)}}}",
                "id": self.id,
                "join_ref": self.join_ref,
                "joined": True,
                "ref": self.socket_ref().ref,
                "serializer": f"Phoenix.Socket.{serializers[self.vsn[0]]}.JSONSerializer",
                "topic": self.topic,
                "transport": self.transport,
            }
        )

    @on("crash")
    def crash(self, payload: Any) -> None:
        raise RuntimeError("crash on purpose")

    @on("exit")
    def exits(self, payload: Any) -> None:
        self.exit_self("kaboom")

    @on("exit_normal")
    def exit_normal(self, payload: Any) -> None:
        self.exit_self()

    @on("kill")
    def kill(self, payload: Any) -> None:
        self.kill_now()

    @on("badreturn", "badreply")
    def badreturn(self, payload: Any) -> Any:
        return "nonsense"

    @on("stop")
    def stops(self, payload: Any) -> Stop:
        return Stop()

    @on("stop_shutdown")
    def stop_shutdown(self, payload: Any) -> Stop:
        return Stop(Shutdown())

    @on("stop_shutdown_tuple")
    def stop_shutdown_tuple(self, payload: Any) -> Stop:
        return Stop(Shutdown("x"))

    @on("stop_other")
    def stop_other(self, payload: Any) -> Stop:
        return Stop("other")

    @on("stop_reply")
    def stop_reply(self, payload: Any) -> Stop:
        return Stop(NORMAL, reply=Ok(payload))

    @on("stop_reply_other")
    def stop_reply_other(self, payload: Any) -> Stop:
        return Stop("other", reply=Error(payload))

    def terminate(self, reason: Reason) -> None:
        journal.put(self.topic + self.assigns["run"], journal.Atom("terminate"), reason)


class NoTermChannel(Channel): ...


class LobbyPresence(Presence):
    leave_delay = 0.0  # Phoenix has none


class LobbyChannel(Channel):
    def join(self, topic: str, payload: Any) -> Any:
        self.assigns["name"] = payload.get("name") or "anon"
        return Ok()

    def joined(self) -> None:
        LobbyPresence.track(self, self.assigns["name"], {"role": "user"})
        LobbyPresence.push_state(self)

    @on("update")
    def update(self, payload: dict[str, Any]) -> Ok:
        LobbyPresence.update(self, self.assigns["name"], payload)
        return Ok()

    @on("list")
    def list(self, payload: Any) -> Ok:
        return Ok(LobbyPresence.list(self))

    @on("untrack")
    def untrack(self, payload: Any) -> Ok:
        LobbyPresence.untrack(self, self.assigns["name"])
        return Ok()


class UserSocket(ChannelSocket):
    channels: Mapping[str, Any] = {
        "room:*": RoomChannel,
        "lobby:*": LobbyChannel,
        "noterm:*": NoTermChannel,
        "exact": RoomChannel,
        "withassigns:*": Route(RoomChannel, assigns={"extra": 1}),
    }
    max_join_rate = 1000.0

    @classmethod
    def connect(cls, info: ConnectInfo) -> Any:
        match info.params.get("token"):
            case "error":
                return Error()
            case "reason":
                return Error("why")
            case "invalid":
                return "nonsense"
        return Ok({"user": info.params.get("user"), "run": info.params.get("run", "")})

    @classmethod
    def id(cls, assigns: dict[str, Any]) -> Any:
        user = assigns["user"]
        if user is None:
            return None
        return 5 if user == "badid" else f"users_socket:{user}"


def _term(value: Any) -> str:
    if value == {}:
        return "%{}"
    return journal.inspect(value)
