"""``python -m actors.endpoint.worker``: one worker of a master, which alone should start it.

Arguments: the channel's descriptor, and those of the listening sockets with commas between. What
to serve comes over the channel. Exit status: 0 after an orderly end, 1 after another one, 2 for an
application that cannot be served (said in one line on standard error).
"""

from gevent import monkey

monkey.patch_all()

import faulthandler  # noqa: E402 - nothing may be imported before the patch
import logging  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Final  # noqa: E402

import gevent  # noqa: E402
from gevent.event import Event  # noqa: E402

from actors import pubsub  # noqa: E402
from actors.crash_text import escaped  # noqa: E402
from actors.endpoint.command import memory, output  # noqa: E402
from actors.endpoint.command.certificate import server_context  # noqa: E402
from actors.endpoint.command.loading import load  # noqa: E402
from actors.endpoint.command.logs import Logs  # noqa: E402
from actors.endpoint.command.stacks import dump_stacks  # noqa: E402
from actors.endpoint.command.wakeup import wake_on_signals  # noqa: E402
from actors.endpoint.serving.budget import reserve  # noqa: E402
from actors.endpoint.serving.server import Server, StartCancelled  # noqa: E402
from actors.errors import ConfigError  # noqa: E402
from actors.pubsub.attached import Attached  # noqa: E402
from actors.pubsub.bus import Bus  # noqa: E402
from supervision.processes.directory import Tenant  # noqa: E402
from supervision.processes.load import LOAD, Load  # noqa: E402
from supervision.processes.worker import (  # noqa: E402
    WorkerEnd,
    die_with_parent,
    leave_signals_to_master,
    leave_within,
)
from supervision.processes.writer import own_description, take_standard_error  # noqa: E402
from supervision.specs import ChildSpec  # noqa: E402

LINKS: Final = 0.5
"""Seconds that a new worker waits until it hears the others, and they it."""

ORPHANED: Final = 1.5
"""Seconds that a worker has to drain when its master is gone."""

NOW: Final = 0.7
"""Seconds that it has when it is told to end at once."""

UNDERSTANDS: Final = ["stand_back", "peers_map"]
"""What a master may say to this worker that one of an earlier release would not understand."""

LEAVING: Final = 0.2
"""Seconds, at least, that exit handlers and threads of the application have after that."""

logger = logging.getLogger("roost.worker")


class Worker:
    """Serves what the master says until it says otherwise."""

    def __init__(self, end: WorkerEnd, options: dict[str, Any], listeners: list[int]) -> None:
        self._end = end
        self._options = options
        self._why = ""
        self._asked = Event()
        self._until = float("inf")
        self._stopping = False
        self._logs = Logs(options["log_level"], options["log_file"])
        endpoint = load(options["application"])
        tls = server_context(options["certfile"], options["keyfile"])
        sockets = [socket.socket(fileno=fd) for fd in listeners]
        for sock in sockets:
            sock.set_inheritable(False)
        directory = Path(options["bus"])
        self._bus = Bus(directory, options["name"], pubsub.server)
        attached = ChildSpec(id="bus", start=Attached.start, args=(pubsub.server, self._bus))
        self._server = Server(
            endpoint, sockets, tls=tls, cluster=self._bus, pubsub=[attached],
            boot_secret=options["secret"], grace=options["grace"],
            load=Load(directory / LOAD, options["number"]),
        )  # fmt: skip
        self._clock = self._server.dispatcher.clock

    @property
    def left(self) -> float:
        """Seconds until this process must have ended, once it was asked to."""
        return max(0.0, self._until - self._clock())

    def run(self) -> int:
        """Serve; return the exit status."""
        options = self._options
        self._end.serve(
            self._server.dispatcher,
            options["heartbeat"],
            self._heard,
            lambda: self._ask("orphaned", ORPHANED),
        )
        wake_on_signals()
        for number in (signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, self._signalled)
        self._bus.set_peers(options["peers"])
        self._end.send("bus")
        self._bus.wait_linked(LINKS)
        memory.tune()
        try:
            self._server.start()
        except StartCancelled:
            logger.debug("stopped before it served: %s", self._why)
            self._bus.close(self.left / 2)
            return 0
        self._end.send("ready", {**self._server.facts(), "understands": UNDERSTANDS})
        self._server.failed.rawlink(lambda _: self._asked.set())
        self._asked.wait()
        return self._stop()

    def _stop(self) -> int:
        self._end.send("stopping")
        if self._server.failed.ready():
            self._until = self._clock()
            logger.error("the endpoint gave up: %s", self._server.failed.value)
            return 1
        logger.debug("stopping: %s, within %.3g s", self._why, self.left)
        self._stopping = True
        if self._why == "stop_now":
            self._server.stop_now()
        budget = self.left
        self._server.stop(budget - reserve(budget))
        self._bus.close(self.left / 2)
        return 0

    def _ask(self, why: str, budget: float) -> None:
        """Have the worker end within ``budget`` seconds; of several wishes the first due counts."""
        until = self._clock() + budget
        if until >= self._until:
            return
        self._why, self._until = why, until
        if not self._stopping:
            self._asked.set()
            self._server.cancel_start()
        elif why == "stop_now":
            self._server.stop_now()
        else:
            gevent.spawn(self._server.stop, budget - reserve(budget))

    def _signalled(self, number: int, _frame: object) -> None:
        def ask() -> None:
            if number == signal.SIGQUIT:
                self._ask("stop_now", NOW)
            else:
                self._ask("stop", self._server.grace)

        self._server.dispatcher.call_from_thread(ask)

    def _heard(self, message: list[Any]) -> None:
        match message:
            case ["peers", list(names)] | ["peers", list(names), dict()]:
                self._bus.set_peers(names)
            case ["stop", int() | float() as budget]:
                self._ask("stop", budget)
            case ["stand_back", bool() as back]:
                self._server.connections.stand_back(back)
            case ["stop_now"]:
                self._ask("stop_now", NOW)
            case ["stacks"]:
                dump_stacks()
            case ["reopen"]:
                self._logs.reopen()
            case _:
                logger.warning("the master said what nobody understands: %.100r", message)


def main(arguments: list[str]) -> tuple[int, float]:
    """Run the worker; return the exit status, and the seconds that are left for the end."""
    output.open_closed_descriptors()
    # SIGABRT, by which the master ends a worker that hangs, prints stacks: from the signal's
    # handler, so not where that may block.
    faulthandler.enable(own_description(output.STDERR))
    take_standard_error()
    leave_signals_to_master()
    end = WorkerEnd(int(arguments[0]))
    if not die_with_parent():
        return 1, 0.0
    try:
        options = end.configured()
    except ConnectionError:
        return 1, 0.0
    end.tenant = Tenant(Path(options["bus"]))
    try:
        listeners = [int(fd) for fd in arguments[1].split(",") if fd]
        worker = Worker(end, options, listeners)
        return worker.run(), worker.left
    except ConfigError as error:
        output.write(sys.stderr, f"roost: {escaped(' '.join(str(error).split()))}")
        return 2, 0.0
    finally:
        end.leave()
        output.settle()


if __name__ == "__main__":
    status, left = 1, 0.0
    try:
        status, left = main(sys.argv[1:])
    finally:
        leave_within(max(left, LEAVING), status)
    sys.exit(status)
