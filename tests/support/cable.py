"""The way to a server, which can be cut and mended: what a client's network does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Cable:
    """Carries bytes between clients of ``address``, its own, and a server.

    While it is cut, connections break: those that there are, and new ones at once.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.there = True
        self._answers = threading.Event()
        self._answers.set()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def cut(self) -> None:
        """Break what there is, and whatever comes."""
        self._answers.set()
        with self._lock:
            self.there = False
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def hold_answers(self) -> None:
        """Carry nothing more to the clients; what they send arrives."""
        self._answers.clear()

    def mend(self) -> None:
        """Carry again."""
        self._answers.set()
        self.there = True

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self.there:
                    client.close()
                    continue
                server = socket.create_connection(self.server)
                self._sockets |= {client, server}
            threads = [
                threading.Thread(target=self._carry, args=pair, daemon=True)
                for pair in ((client, server, False), (server, client, True))
            ]
            self._threads += threads
            for thread in threads:
                thread.start()

    def _carry(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if answers:
                    self._answers.wait()
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        # The thread of the other direction still uses both: it ends now, and the last one closes.
        with self._lock:
            if source not in self._sockets:
                source.close()
                target.close()
            self._sockets -= {source, target}
