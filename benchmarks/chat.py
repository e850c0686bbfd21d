"""The channel for `wsload`'s Phoenix modes, and a raw echo beside it."""

from typing import ClassVar

from actors import Channel, ChannelSocket, Endpoint, Ok, Reply, Socket, on


class Room(Channel):
    @on("ping")
    def ping(self, payload: object) -> Ok:
        return Ok(payload)

    @on("shout")
    def shout(self, payload: object) -> Ok:
        self.broadcast("shout", payload)
        return Ok()


class UserSocket(ChannelSocket):
    channels: ClassVar = {"room:*": Room}
    max_channels = 100_000
    max_join_rate = 1e9


class Echo(Socket):
    def handle_in(self, payload, opcode):
        return Reply(payload, opcode=opcode)


endpoint = Endpoint()
endpoint.socket("/socket", UserSocket, longpoll=True)
endpoint.socket("/echo", Echo)
