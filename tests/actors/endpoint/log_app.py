"""An application that logs from everywhere, and raises what it was sent wherever it is told to."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from typing import Any

import gevent

from actors import Channel, ChannelSocket, Endpoint, Ok, Presence, Reply, Socket, Stop, on
from transports.http.response import Response

log = logging.getLogger("app")


class Sentinels(ValueError):
    """An error about something that the client has sent."""


def crash(where: str, secret: Any) -> None:
    """Raise: what is raised names no secret by its name, or does, or shows all that there is."""
    log.info("going to fail in %s", where)
    raise KeyError(secret)


class Raw(Socket):
    """``?at=connect&api_key=...`` fails there; a message says where else, or what to log."""

    @classmethod
    def connect(cls, info: Any) -> Any:
        log.info("connecting with %s", info.params)
        if info.params.get("at") == "connect":
            crash("connect", info.params["api_key"])
        return Ok(dict(info.params))

    def init(self, state: Any) -> Any:
        log.info("beginning")
        if state.get("at") == "init":
            crash("init", state["api_key"])
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        secret = self.state.get("api_key", "nothing")
        match payload:
            case "handle_in":
                raise Sentinels(f"bad value {secret} in {self.state}")
            case "handle_info":
                self.actor_ref.tell("fail")
                return None
            case "terminate":
                return Stop("normal")
            case "elsewhere":
                return Reply(elsewhere())
            case "block":
                gevent.sleep(0.001)
        log.info("said\n%s", payload, extra={"worker": "forged", "state": self.state})
        return Reply(f"said {payload}")

    def handle_info(self, message: Any) -> None:
        crash("handle_info", self.state["api_key"])

    def terminate(self, reason: Any) -> None:
        log.info("ending for %s", reason)
        if self.state.get("at") == "terminate":
            crash("terminate", self.state["api_key"])

    def log_context(self) -> Any:
        return {"who": self.state.get("who"), "api_key": self.state.get("api_key")}


def elsewhere() -> str:
    """Say something in whatever else there is."""
    gevent.joinall([gevent.spawn(log.info, "spawned"), gevent.spawn(lambda: 1 / 0)])
    thread = threading.Thread(target=log.info, args=("thread",))
    thread.start()
    thread.join()
    warnings.warn("careful\nwith that", stacklevel=1)
    sys.stderr.write("printed\n")
    sys.stderr.write("begun and")
    sys.stderr.write(" ended\n")
    return "done"


class Here(Presence):
    @classmethod
    def fetch(cls, topic: str, presences: Any) -> Any:
        raise Sentinels(f"cannot fetch {presences}")


class Room(Channel):
    def join(self, topic: str, payload: Any) -> Any:
        log.info("joining")
        self.assigns["password"] = payload.get("password")
        if topic == "room:join":
            crash("join", payload["password"])
        if topic == "room:presence":
            Here.track(self, "me", {"password": payload["password"]})
        return Ok()

    @on("say")
    def say(self, payload: dict[str, Any]) -> Any:
        log.info("in a channel")
        return Ok(payload)

    @on("fail")
    def fail(self, payload: dict[str, Any]) -> Any:
        raise Sentinels(f"no: {payload} {self.assigns}")

    @on("name")
    def name(self, payload: dict[str, Any]) -> Any:
        crash("name", payload["password"])

    @on("later")
    def later(self, payload: dict[str, Any]) -> None:
        self.actor_ref.tell("fail")

    @on("stop")
    def stop(self, payload: dict[str, Any]) -> Any:
        return Stop("normal")

    def handle_info(self, message: Any) -> None:
        crash("channel handle_info", self.assigns["password"])

    def terminate(self, reason: Any) -> None:
        crash("channel terminate", self.assigns["password"])


class Rooms(ChannelSocket):
    channels = {"room:*": Room}


class Broken(logging.Handler):
    """A handler of the application's that raises; in one of its workers is one."""

    def handle(self, record: logging.LogRecord) -> bool:
        raise Sentinels("a handler of ours")


logging.getLogger("app").addHandler(Broken())
logging.getLogger("roost.runtime").addHandler(Broken())

endpoint = Endpoint(children=[Here], grace=3.0)
endpoint.socket("/raw", Raw, longpoll={"window": 2.0})
endpoint.socket("/rooms", Rooms, longpoll={"window": 2.0})


def page(request: Any, http: Any) -> Response:
    """Fail with a header, a cookie or a parameter; ``/page`` alone logs."""
    log.info("in a page")
    match request.params.get("at"):
        case "header":
            raise Sentinels(request.header("authorization"))
        case "cookie":
            raise Sentinels(f"with {request.headers}")
        case "key":
            crash("page", request.header("x-api-key"))
        case "query":
            raise Sentinels(f"asked for {request.target}")
    return Response(200, b"ok")


endpoint.page("/page", page)
