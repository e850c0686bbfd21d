from __future__ import annotations

from actors.testing import Sockets
from examples.echo import EchoSocket


def test_everything_comes_back(sockets: Sockets) -> None:
    client = sockets.connect(EchoSocket, params={"user": "ada"})
    client.send("hello")
    assert client.expect("hello") == "hello"
    client.send(b"\x00\xff")
    client.expect(bytes)
    client.expect_nothing()
    client.close()
    client.assert_closed()
