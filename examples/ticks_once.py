from actors import Actor, Endpoint, Ok, Opcode, Push, Reply, Socket, pubsub, whereis
from supervision import ChildSpec


class Ticker(Actor):
    """Each worker has one, which ticks for the clients of that worker."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 0

    def on_start(self) -> None:
        self.send_after(0.25, "tick")

    def on_receive(self, message: object) -> int:
        if message == "tick":
            self.ticks += 1
            pubsub.local_broadcast("ticks", f"tick {self.ticks}")
            self.send_after(0.25, "tick")
        return self.ticks  # to who asked


class TickSocket(Socket):
    def init(self, state: object) -> Ok:
        pubsub.subscribe(self, "ticks")
        return Ok(state)

    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Reply:
        ticker = whereis("ticker")
        if ticker is None:  # it has crashed, and is not there again yet
            return Reply("nobody counts")
        return Reply(f"{ticker.ask('how many?')} so far")

    def handle_info(self, message: str) -> Push:
        return Push(message)


endpoint = Endpoint(children=[ChildSpec(id="ticker", start=Ticker.start, name="ticker")])
endpoint.socket("/ticks", TickSocket)
