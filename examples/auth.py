import os
import sys

from actors import ConnectInfo, Endpoint, Error, Ok, Opcode, Reply, Socket, token

SECRET = os.environ.get("SECRET_KEY_BASE", "good for trying this example, and for nothing else")
SALT = "user socket"  # what these tokens are for: others are no use here
ONE_DAY = 86_400.0
PAGES = ["https://example.com", "//localhost", "//127.0.0.1"]


class UserSocket(Socket):
    """Knows who is connected: ws://127.0.0.1:4000/user/websocket?token=..."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        return token.verify(SECRET, SALT, info.params.get("token"), max_age=ONE_DAY)

    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Reply:
        return Reply(f"{self.state}: {payload!r}")


endpoint = Endpoint(check_origin=PAGES)
endpoint.socket("/user", UserSocket)

if __name__ == "__main__":  # python examples/auth.py alice
    print(token.sign(SECRET, SALT, sys.argv[1]))
