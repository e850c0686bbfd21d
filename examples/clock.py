import time

from actors import ConnectInfo, Endpoint, Error, Ok, Push, Socket


class ClockSocket(Socket):
    """Tells the time, unasked: ws://127.0.0.1:4000/clock/websocket?every=0.5"""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        try:
            return Ok(max(0.05, float(info.params.get("every", "1"))))
        except (TypeError, ValueError):
            return Error("every: a number of seconds")

    def init(self, state: float) -> Ok:
        self.send_after(0, "tick")
        return Ok(state)

    def handle_info(self, message: object) -> Push | None:
        if message != "tick":
            return None
        self.send_after(self.state, "tick")
        return Push(time.strftime("%H:%M:%S"))


endpoint = Endpoint()
endpoint.socket("/clock", ClockSocket)
