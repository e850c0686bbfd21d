"""The release before, as this one meets it on the bus: what it wrote, and what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gevent
from gevent import socket
from gevent.event import Event

from actors.packets import FrameReader

HERE = Path(__file__).parent


def recorded() -> list[tuple[str, bytes]]:
    """Return the recorded frames with their names; the file says what they are."""
    lines = (HERE / "recorded" / "roost.bus.1.txt").read_text().splitlines()
    named = (line.split() for line in lines if not line.startswith("#"))
    return [(name, bytes.fromhex(data)) for name, data in named]


class Receiver:
    """Takes what a worker of the release before takes, and hangs up on a greeting that it doesn't.

    ``greetings`` are all that came, ``messages`` what came behind one that it knows.
    """

    def __init__(self, path: Path) -> None:
        self.greetings: list[Any] = []
        self.messages: list[Any] = []
        self.connections: list[Any] = []
        self.news = Event()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(8)
        self._greenlets = [gevent.spawn(self._accept)]

    def close(self) -> None:
        gevent.killall(self._greenlets)
        for each in (self._listening, *self.connections):
            each.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            self._greenlets.append(gevent.spawn(self._read, connection))

    def _read(self, connection: Any) -> None:
        reader, known = FrameReader(), False
        with connection:
            while data := connection.recv(65536):
                for message in reader.feed(data):
                    if known:
                        self.messages.append(message)
                    else:
                        self.greetings.append(message)
                        known = message[0] == "roost.bus.1" and len(message) == 3
                        if known:
                            self.connections.append(connection)
                    self.news.set()
                    if not known:
                        return
