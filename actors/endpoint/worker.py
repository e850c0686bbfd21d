"""``python -m actors.endpoint.worker``: one worker of a master, which alone should start it.

Arguments: the channel's descriptor, and those of the listening sockets with commas between. What
to serve comes over the channel. Exit status: 0 after an orderly end, 1 after another one, 2 for an
application that cannot be served (said in one line on standard error).
"""

from gevent import monkey

monkey.patch_all()

import faulthandler  # noqa: E402 - nothing may be imported before the patch
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Final  # noqa: E402

from gevent.event import AsyncResult  # noqa: E402

from actors import pubsub  # noqa: E402
from actors.endpoint import memory, output  # noqa: E402
from actors.endpoint.budget import reserve  # noqa: E402
from actors.endpoint.loading import load  # noqa: E402
from actors.endpoint.logs import Logs  # noqa: E402
from actors.endpoint.server import Server  # noqa: E402
from actors.endpoint.stacks import dump_stacks  # noqa: E402
from actors.endpoint.tls import server_context  # noqa: E402
from actors.errors import ConfigError  # noqa: E402
from actors.pubsub.bus import Bus  # noqa: E402
from supervision.processes.worker import WorkerEnd, die_with_parent  # noqa: E402

LINKS: Final = 1.0
"""Seconds that a new worker waits until it hears the others, and they it."""

ORPHANED: Final = 1.5
"""Seconds that a worker has to drain when its master is gone."""

logger = logging.getLogger("roost.worker")


class Worker:
    """Serves what the master says until it says otherwise."""

    def __init__(self, end: WorkerEnd, options: dict[str, Any], listeners: list[int]) -> None:
        self._end = end
        self._options = options
        self._ended: AsyncResult[Any] = AsyncResult()
        self._logs = Logs(options["log_level"], options["log_file"])
        endpoint = load(options["application"])
        tls = server_context(options["certfile"], options["keyfile"])
        sockets = [socket.socket(fileno=fd) for fd in listeners]
        self._bus = Bus(Path(options["bus"]), options["name"], pubsub.server)
        self._server = Server(
            endpoint, sockets, tls=tls, bus=self._bus, boot_secret=options["secret"],
            grace=options["grace"],
        )  # fmt: skip

    def run(self) -> int:
        """Serve; answers the exit status."""
        options, dispatcher = self._options, self._server.dispatcher
        self._end.serve(
            dispatcher, options["heartbeat"], self._heard, lambda: self._ask("orphaned", ORPHANED)
        )
        for number in (signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, self._signalled)
        self._bus.set_peers(options["peers"])
        self._end.send("bus")
        self._bus.wait_up(LINKS)
        self._bus.wait_heard(LINKS)
        memory.tune()
        self._server.start()
        self._end.send("ready", self._server.facts())
        self._server.failed.rawlink(lambda _: self._ask("failed", 0.0))
        asked: Any = self._ended.get()
        why, budget = asked
        return self._stop(why, budget)

    def _stop(self, why: str, budget: float) -> int:
        logger.debug("stopping: %s", why)
        self._end.send("stopping")
        if why == "failed":
            logger.error("the endpoint gave up: %s", self._server.failed.value)
            return 1
        if why == "stop_now":
            self._server.stop_now()
            self._server.stop()
        else:
            self._server.stop(budget - reserve(budget))
        self._bus.close()
        return 0

    def _ask(self, why: str, budget: float) -> None:
        """Have the worker end; a request that cannot wait overtakes an orderly end."""
        if why == "stop_now" and self._ended.ready():
            self._server.stop_now()
        elif not self._ended.ready():
            self._ended.set((why, budget))

    def _signalled(self, number: int, _frame: object) -> None:
        grace = self._server.grace
        now = number == signal.SIGQUIT
        self._server.dispatcher.call_from_thread(
            lambda: self._ask("stop_now" if now else "stop", grace)
        )

    def _heard(self, message: list[Any]) -> None:
        match message:
            case ["peers", list(names)]:
                self._bus.set_peers(names)
            case ["stop", int() | float() as budget]:
                self._ask("stop", budget)
            case ["stop_now"]:
                self._ask("stop_now", 0.0)
            case ["stacks"]:
                dump_stacks()
            case ["reopen"]:
                self._logs.reopen()
            case _:
                logger.warning("the master said what nobody understands: %.100r", message)


def main(arguments: list[str]) -> int:
    """Run the worker; answers the exit status."""
    output.open_closed_descriptors()
    faulthandler.enable()  # SIGABRT, by which the master ends a worker that hangs, prints stacks
    for number in _IGNORED:  # a terminal sends them to all; the master says what to do
        signal.signal(number, signal.SIG_IGN)
    end = WorkerEnd(int(arguments[0]))
    if not die_with_parent():
        return 1
    try:
        options = end.configured()
        listeners = [int(fd) for fd in arguments[1].split(",") if fd]
        return Worker(end, options, listeners).run()
    except ConnectionError:
        return 1
    except ConfigError as error:
        output.write(sys.stderr, f"roost: {' '.join(str(error).split())}")
        return 2
    finally:
        output.settle()


_IGNORED: Final = (
    signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU,
    signal.SIGWINCH, signal.SIGPIPE,
)  # fmt: skip

if __name__ == "__main__":
    status = main(sys.argv[1:])
    # Whatever threads and greenlets of the application are left do not hold up the end.
    output.settle()
    os._exit(status)
