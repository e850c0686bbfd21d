"""What a server's ``/metrics`` says, and clients that count the same from their side."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Final, Self

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import Stage
from supervision.drills.sums import fallen, rising

OPENED: Final = "roost_connections_opened_total"
CLOSED: Final = "roost_connections_closed_total"
BYTES_OUT: Final = 'roost_bytes_total{direction="out"}'
MISSED: Final = "roost_worker_beats_missed_total"

PAUSE: Final = 0.1
"""Seconds between two scrapes."""

PINGS: Final = 200
"""Pings of one client, after which it leaves."""


def scraped(address: tuple[str, int]) -> str:
    """Return the text of ``/metrics``; ``OSError`` where nobody answers."""
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"/metrics: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"/metrics is answered {answer.status}")
    return body


class CountingClient(WebSocket):
    """Notes when it was accepted, and what came after that: ``got`` is (seconds, bytes)."""

    def __init__(self, address: tuple[str, int], target: str) -> None:
        self.got: list[tuple[float, int]] = []
        self._kept = 0
        super().__init__(address, target, "counting")

    def received(self) -> None:
        if self.accepted:
            new = len(self.buffer) - self._kept
        else:
            new = len(bytes(self.buffer).partition(b"\r\n\r\n")[2])
        super().received()
        self._kept = len(self.buffer)
        if self.accepted and (new or not self.got):
            self.got.append((time.monotonic(), new))

    @property
    def cut(self) -> bool:
        """Whether it ended without a Close frame of the server."""
        return self.code is None


class CountingLoad:
    """Clients that ping, leave and come back, while ``/metrics`` is scraped all the time."""

    def __init__(self, stage: Stage, server: DrillServer, ops: tuple[str, int]) -> None:
        self.clients: list[CountingClient] = []
        self.scrapes = 0
        self.fell: list[str] = []
        self._stage, self._server, self._ops = stage, server, ops
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(4)]
        self._threads.append(threading.Thread(target=self._scrape, daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self) -> None:
        path = self._stage.target.websocket or ""
        while not self._over.is_set():
            client = CountingClient(self._server.address, path)
            with self._lock:
                self.clients.append(client)
            if client.opened(PATIENCE):
                for _ in range(PINGS):
                    if self._over.is_set() or not client.alive():
                        break
                if client.code is None and client.end is None:
                    client.leave(PATIENCE)
                else:
                    pump([client], PATIENCE)
            client.close()

    def _scrape(self) -> None:
        before: dict[str, float] = {}
        while not self._over.wait(PAUSE):
            try:
                now = rising(scraped(self._ops))
            except OSError as error:
                self.fell.append(f"no answer: {error}")
                continue
            self.fell += fallen(before, now)
            self.scrapes += 1
            before = now

    @property
    def pongs(self) -> int:
        """How many pings were answered so far."""
        with self._lock:
            return sum(client.pongs for client in self.clients)

    def wait(self, count: int) -> None:
        """Wait until so many more pings are answered."""
        wanted, until = self.pongs + count, time.monotonic() + PATIENCE
        while self.pongs < wanted:
            if time.monotonic() > until:
                raise TimeoutError(f"the load stands still at {self.pongs} pongs")
            time.sleep(0.01)

    def judge(self) -> None:
        """Check that no sum has ever fallen, and every scrape was answered."""
        self._stage.measure("scrapes", self._stage.measured.get("scrapes", 0) + self.scrapes)
        told = f": {'; '.join(self.fell[:3])}" if self.fell else ""
        self._stage.expect(not self.fell, f"no sum falls in {self.scrapes} scrapes{told}")


def counted(clients: Iterable[CountingClient]) -> Counter[str]:
    """Return what clients have seen, by the names of the server's sums."""
    accepted = [client for client in clients if client.accepted]
    size = sum(size for client in accepted for _, size in client.got)
    return Counter({OPENED: len(accepted), BYTES_OUT: size})


def at_risk(
    clients: Iterable[CountingClient], moments: Iterable[float], seconds: float
) -> Counter[str]:
    """Return what clients have seen up to ``seconds`` before one of the ``moments``."""
    found: Counter[str] = Counter()
    times = list(moments)
    for client in clients:
        for number, (at, size) in enumerate(client.got):
            if any(moment - seconds <= at <= moment + seconds for moment in times):
                found[OPENED] += number == 0
                found[BYTES_OUT] += size
    return found
