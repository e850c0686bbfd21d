"""The ops port of a process without a master (``--workers 0``): a second listener of its own."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from actors.endpoint.ops.answers import NO_CLIENT
from actors.endpoint.ops.endpoint import PART, OpsSettings, has_client, made
from actors.endpoint.ops.health import Health
from actors.endpoint.ops.source import Snapshot
from actors.endpoint.serving.server import Server
from actors.schedule import OPS_ENDS
from supervision.processes import snapshot
from supervision.processes.usage import used

if TYPE_CHECKING:
    from supervision.processes.ending import Stage

SLOT: Final = 1

logger = logging.getLogger("roost.ops")


class OwnSource:
    """What ``stage()`` and ``until()`` say of this process: see :class:`.health.Health`.

    ``totals()`` returns what it has counted, where it counts.
    """

    def __init__(
        self,
        stage: Callable[[], Stage],
        until: Callable[[], float | None],
        totals: Callable[[], dict[str, Any] | None],
    ) -> None:
        self._stage = stage
        self._until = until
        self._totals = totals
        self._served = False
        self._since = time.monotonic()

    def health(self) -> Health:
        stage = self._stage()
        serves = stage == "serving"
        self._served = self._served or serves
        until = self._until()
        return Health(stage, self._served, int(serves), 0, 1, until, 0.0)

    def snapshot(self) -> Snapshot:
        health, usage = self.health(), used()
        age = time.monotonic() - self._since
        states = {"booting": "starting", "serving": "ready", "stopping": "stopping"}
        row = snapshot.worker(
            slot=SLOT,
            name=str(os.getpid()),
            pid=os.getpid(),
            state=states[health.state],
            age=age,
            beat_age=0.0,
            totals=self._totals(),
        )
        whole = snapshot.snapshot(
            at=time.time(),
            state=self._stage(),
            ready=health.ready,
            wanted=1,
            served=health.served,
            reloading=False,
            reload=None,
            workers=[row],
            retired={},
            restarts=0,
            missed=0,
            master={"pid": os.getpid(), **usage},
        )
        return Snapshot(whole, 0.0)

    def do(self, name: str, arguments: Mapping[str, Any]) -> str | None:
        if name != "drain":
            return "a process without a master (--workers 0) cannot be reloaded"
        if arguments:
            return "there are no workers (--workers 0): drain the service"
        os.kill(os.getpid(), signal.SIGTERM)  # as whoever else ends it
        return None


@contextmanager
def serving(sock: socket.socket, source: OwnSource, settings: OpsSettings) -> Iterator[None]:
    """Answer on ``sock`` from now on, and until all else has ended."""
    server = Server(made(source, settings), sock)
    if not has_client():
        logger.warning("%s", NO_CLIENT)
    server.start()
    try:
        yield
    finally:
        server.stop(PART * OPS_ENDS)
