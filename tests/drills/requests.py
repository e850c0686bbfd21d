"""Clients that send requests all the time on connections that they keep, as proxies do."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final, Self

from supervision.drills.connection import HTTP, pump
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import Stage
from supervision.drills.wire import request

PAUSE: Final = 0.005
"""Seconds between two requests of one client."""


class Requests:
    """``clients`` threads, each with one connection at a time. ``seen`` counts what came of it."""

    def __init__(self, stage: Stage, server: DrillServer, clients: int = 16) -> None:
        self.seen: Counter[str] = Counter()
        self._stage = stage
        self._address = server.address
        self._over = threading.Event()
        self._news = threading.Condition()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self) -> None:
        line = HTTP(self._address)
        post = request("/ledger/longpoll", method="POST", body=b"nobody's")
        while not self._over.wait(PAUSE):
            pump([line], 0.0)
            if line.end is not None:  # noticed before anything was sent: nothing is lost
                line = HTTP(self._address)
            answer = line.ask(post, PATIENCE)
            with self._news:
                self.seen[str(answer.status) if answer else f"no answer, {line.end}"] += 1
                self._news.notify_all()
            if answer is None or answer.headers.get("connection") == "close":
                line.close()
        line.close()

    def wait(self, count: int) -> None:
        """Wait until so many more were sent."""
        wanted = self.seen.total() + count
        with self._news:
            if not self._news.wait_for(lambda: self.seen.total() >= wanted, PATIENCE):
                raise TimeoutError(f"the requests stand still: {dict(self.seen)}")

    def judge(self) -> None:
        """Check that each was answered."""
        total = self.seen.total()
        lost = {saw: count for saw, count in self.seen.items() if saw != "200"}
        self._stage.measure("requests", total)
        self._stage.expect(not lost, f"of {total} requests none is lost: {lost}")
