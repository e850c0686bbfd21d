"""Replies that come later, binary messages, and pushes that nobody asked for."""

from collections.abc import Mapping
from typing import Any

import gevent

from actors import Channel, ChannelSocket, Endpoint, Error, Ok, Reply, SocketRef, Stop, on


class JobChannel(Channel):
    """One job: ``job:42``. The client is told every second how many seconds are left of it."""

    def joined(self) -> None:
        self.send_after(0.0, 3)

    def handle_info(self, message: int) -> Stop | None:
        self.push("left", {"seconds": message})
        if message == 0:
            return Stop()  # the client gets phx_close
        self.send_after(1.0, message - 1)
        return None

    @on("sum")
    def sum(self, payload: dict[str, Any]) -> None:
        gevent.spawn(work, self.socket_ref(), payload)  # the channel goes on meanwhile

    @on("reverse")
    def reverse(self, chunk: bytes) -> Ok:
        return Ok(chunk[::-1])  # bytes in, bytes out

    @on("state")
    def state(self, payload: dict[str, Any]) -> Reply:
        return Reply({"job": self.subtopic}, status="running")  # a status of our own


def work(ref: SocketRef, payload: Mapping[str, Any]) -> None:
    try:
        ref.reply(Ok({"sum": sum(payload["numbers"])}))
    except (KeyError, TypeError):
        ref.reply(Error("numbers wanted"))


class JobSocket(ChannelSocket):
    channels = {"job:*": JobChannel}


endpoint = Endpoint()
endpoint.socket("/socket", JobSocket)
