import os

from actors import Actor, Endpoint, Ok, Push, Socket, pubsub


class Ticker(Actor):
    """Each worker has one, so with two workers each client hears two ticks at a time."""

    def on_start(self) -> None:
        self.send_after(0.25, "tick")

    def on_receive(self, message: object) -> None:
        pubsub.broadcast("ticks", f"tick of {os.getpid()}")
        self.send_after(0.25, "tick")


class TickSocket(Socket):
    def init(self, state: object) -> Ok:
        pubsub.subscribe(self, "ticks")
        return Ok(state)

    def handle_info(self, message: str) -> Push:
        return Push(message)


endpoint = Endpoint(children=[Ticker])
endpoint.socket("/ticks", TickSocket)
