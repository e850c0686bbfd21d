"""A master of new code beside an old one, on the same sockets (SIGUSR2)."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping, Sequence

from supervision.processes.ops_relay import VARIABLE as OPS_VARIABLE
from supervision.processes.sockets import OWN_VARIABLE, PUBLISH_VARIABLE
from supervision.processes.spawn import spawn

logger = logging.getLogger("roost.master")


class Successor:
    """At most one; ``arguments`` are those of ``python -m module``."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._module = module
        self._arguments = list(arguments)
        self.pid: int | None = None

    def start(
        self,
        listeners: Sequence[socket.socket],
        publish: socket.socket | None = None,
        ops: Sequence[socket.socket] = (),
    ) -> None:
        """Start it; it serves beside us until we are told to end.

        ``ops`` are the ops port and a channel, see :mod:`supervision.processes.ops_relay`.

        The watchdog of a service manager is for it too: it is the main process one day.
        """
        fds = [sock.fileno() for sock in listeners]
        environ = {**os.environ, OWN_VARIABLE: ",".join(map(str, fds))}
        environ.pop("WATCHDOG_PID", None)
        if publish is not None:
            fds.append(publish.fileno())
            environ[PUBLISH_VARIABLE] = str(publish.fileno())
        if ops:
            fds += [sock.fileno() for sock in ops]
            environ[OPS_VARIABLE] = ",".join(str(sock.fileno()) for sock in ops)
        try:
            self.pid = spawn(self._module, self._arguments, fds, environ=environ)
        except OSError as error:
            logger.error("the new master could not be started: %s", error.strerror)
            return
        logger.info("started a new master, pid %d", self.pid)

    def refused(self) -> bool:
        """Whether there is one already; then the log says so."""
        if self.pid is not None:
            logger.warning("there is a new master already, pid %d", self.pid)
        return self.pid is not None

    def ended(self, pid: int) -> bool:
        """Whether ``pid`` was the successor, which has ended; then there may be another."""
        if pid != self.pid:
            return False
        self.pid = None
        return True


def predecessor(environ: Mapping[str, str]) -> int | None:
    """Return the process id of the master that has started us to take its place, if one has.

    ``environ`` must still say which sockets it handed over.
    """
    return os.getppid() if OWN_VARIABLE in environ else None
