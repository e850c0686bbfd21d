import os

from pykka import ActorDeadError

from actors import (
    Actor,
    Endpoint,
    Ok,
    Opcode,
    Push,
    Reply,
    Socket,
    once,
    once_number,
    pubsub,
    whereis,
)


class Ticker(Actor):
    """There is one, in one of the workers, which ticks for the clients of all."""

    def on_start(self) -> None:
        self.number = once_number()  # greater than that of each ticker before
        self.ticks = 0
        self.send_after(0.25, "tick")

    def on_receive(self, message: object) -> list[int]:
        if message == "tick":
            self.ticks += 1
            pubsub.broadcast("ticks", f"tick {self.ticks} of {os.getpid()}")
            self.send_after(0.25, "tick")
        return [self.number, self.ticks]  # to who asked


class TickSocket(Socket):
    def init(self, state: object) -> Ok:
        pubsub.subscribe(self, "ticks")
        return Ok(state)

    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Reply:
        try:
            number, ticks = whereis("Ticker").ask("how many?")
        except ActorDeadError:  # it is on its way from one worker to another
            return Reply("nobody counts")
        return Reply(f"ticker {number}: {ticks} so far")

    def handle_info(self, message: str) -> Push:
        return Push(message)


endpoint = Endpoint(children=[once(Ticker)])
endpoint.socket("/ticks", TickSocket)
