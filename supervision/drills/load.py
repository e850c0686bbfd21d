"""Clients that come and go all the time, to see whether somebody is turned away."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Self

from supervision.drills.clients import WebSocket
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import Stage

FINE = frozenset({"left", "close 1012"})
"""What may become of a client: it leaves by itself, or the worker that it has met is retired."""


PAUSE = 0.01
"""Seconds between two clients of one thread."""


class TrafficLoad:
    """Connects, speaks and leaves, one client after the other, in ``threads`` threads."""

    def __init__(self, stage: Stage, server: DrillServer, threads: int = 2) -> None:
        self.seen: Counter[str] = Counter()
        self.slowest = 0.0
        self._stage = stage
        self._address = server.address
        self._news = threading.Condition()
        self._over = threading.Event()
        self._clients: list[WebSocket] = []
        self._threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let the clients that are there leave, and no more come."""
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, number: int) -> None:
        path = self._stage.target.websocket or ""
        count = 0
        while not self._over.wait(PAUSE):
            count += 1
            began = time.monotonic()
            client = WebSocket(self._address, path)
            opened = client.opened()
            took = time.monotonic() - began
            if opened:
                self._speak(client, f"load-{id(self)}-{number}-{count}")
            client.close()
            with self._news:
                self._clients.append(client)
                self.seen[client.saw if client.answers else f"{client.saw}, no answer"] += 1
                self.slowest = max(self.slowest, took)
                self._news.notify_all()

    def _speak(self, client: WebSocket, text: str) -> None:
        if not self._stage.is_served(client, text) and client.code is None and client.end is None:
            self.seen["no answer"] += 1
        client.leave()

    def wait(self, count: int) -> None:
        """Wait until so many more clients have come and gone."""
        wanted = sum(self.seen.values()) + count
        self._wait(lambda: sum(self.seen.values()) >= wanted)

    def _wait(self, done: Callable[[], bool]) -> None:
        with self._news:
            if not self._news.wait_for(done, PATIENCE):
                raise TimeoutError(f"the load stands still: {dict(self.seen)}")

    def judge(self) -> None:
        """Check that nobody was refused or reset."""
        total = sum(self.seen.values())
        self._stage.measure("clients under load", total)
        self._stage.measure("slowest handshake under load", self.slowest)
        strange = {saw: count for saw, count in self.seen.items() if saw not in FINE}
        for check in self._stage.accounted(self._clients):
            self._stage.expect(check.passed, f"under load: {check.text}")
        self._stage.expect(not strange, f"of {total} clients none is refused or reset: {strange}")
