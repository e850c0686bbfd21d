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

from actors import pubsub, schedule  # noqa: E402
from actors.endpoint.command import applying, memory, output  # noqa: E402
from actors.endpoint.command.certificate import server_context  # noqa: E402
from actors.endpoint.command.fresh import import_fresh  # noqa: E402
from actors.endpoint.command.loading import load  # noqa: E402
from actors.endpoint.command.logs import Logs  # noqa: E402
from actors.endpoint.command.stacks import dump_stacks  # noqa: E402
from actors.endpoint.command.wakeup import wake_on_signals  # noqa: E402
from actors.endpoint.serving import machines, proxies, tree  # noqa: E402
from actors.endpoint.serving.counting import Counting  # noqa: E402
from actors.endpoint.serving.machines import Links  # noqa: E402
from actors.endpoint.serving.once import Once, names_of, seat  # noqa: E402
from actors.endpoint.serving.server import Server  # noqa: E402
from actors.errors import ConfigError  # noqa: E402
from actors.logs.context import ContextFilter  # noqa: E402
from actors.logs.told import tell_events, tell_requests  # noqa: E402
from actors.pubsub.bus import Bus  # noqa: E402
from actors.pubsub.front import Attached  # noqa: E402
from supervision.processes.directory import Tenant  # noqa: E402
from supervision.processes.load import LOAD, LoadShare  # noqa: E402
from supervision.processes.once_file import OnceFile  # noqa: E402
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

APPOINTED: Final = ["appoint"]
"""The same, of one whose application has something that exists once."""

UNDERSTANDS: Final = ["stand_back", "peers_map", "leaving"]
"""What a master may say to this worker that one of an earlier release would not understand."""

logger = logging.getLogger("roost.worker")


class Worker:
    """Serves what the master says until it says otherwise."""

    def __init__(self, end: WorkerEnd, options: dict[str, Any], listeners: list[int]) -> None:
        self._end = end
        self._options = options
        self._logs = Logs(
            options["log_level"], options["log_file"], options.get("log_format", "console"),
            worker=options["number"], context=ContextFilter(),
        )  # fmt: skip
        tell_events()
        if options.get("access_log", False):
            tell_requests()
        watched = options.get("watched")  # which a master of an earlier release does not know
        if watched:
            import_fresh(watched)
        endpoint = load(options["application"], with_stack=bool(watched))
        applying.use(endpoint, options.get("overrides") or {}, str(options.get("config")))
        machines.use(endpoint, options.get("redis"))
        proxies.use(endpoint, options.get("trusted_proxies"), options.get("forwarded"))
        tls = server_context(options["certfile"], options["keyfile"])
        sockets = [socket.socket(fileno=fd) for fd in listeners]
        for sock in sockets:
            sock.set_inheritable(False)
        directory = Path(options["bus"])
        self._bus = Bus(directory, options["name"], pubsub.server)
        attached = ChildSpec(id="bus", start=Attached.start, args=(pubsub.server, self._bus))
        links = machines.linked(endpoint, self._bus, attached, later=options.get("serving", False))
        self._once = self._exists_once(tree.once_specs(endpoint), links, options.get("once"))
        self.server = Server(
            endpoint, sockets, tls=tls, cluster=links.cluster, pubsub=links.pubsub,
            boot_secret=options["secret"], grace=options["grace"],
            load=LoadShare(directory / LOAD, options["number"]),
            once=None if self._once is None else seat(self._once),
            workers=options.get("workers", 0),  # which a master of an earlier release does not say
        )  # fmt: skip

        self._counting: Counting | None = None
        if options.get("totals"):  # else nobody asks: no ops process, or a master of release 0.1
            self._counting = Counting(
                self.server.dispatcher, self.server.connections, endpoint, options["number"]
            )
        publish = options.get("publish")  # which a master of release 0.1 does not know
        if publish is not None:
            sock = socket.socket(fileno=publish)
            sock.set_inheritable(False)
            self.server.publish_on(sock, any_user=options["publish_any_user"])

    def _exists_once(
        self, specs: tuple[ChildSpec, ...], links: Links, path: str | None
    ) -> Once | None:
        """Return what exists once; a master of an earlier release says no ``path`` for its lock."""
        if not specs:
            return None
        if path is None:
            logger.warning(
                "%s exists once and does not run in this worker: its master is of an earlier"
                " release, and appoints none; SIGUSR2 starts a new one",
                ", ".join(names_of(specs)),
            )
        return Once(
            specs,
            None if path is None else links.lease() or OnceFile(Path(path)),
            links.cluster,
            on_runs=lambda number: self._end.send("runs", number),
            on_resigned=lambda gave_up: self._end.send("resigned", gave_up),
        )

    def run(self) -> int:
        """Serve; return the exit status."""
        options = self._options
        if self._counting is not None:
            self._counting.start()
        self._end.serve(
            self.server.dispatcher,
            options["heartbeat"],
            self._heard,
            self._orphaned,
            self._counting,
        )
        wake_on_signals()
        for number in (signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, self._signalled)
        self._bus.set_peers(options["peers"])
        self._end.send("bus")
        self._bus.wait_linked(LINKS)
        memory.tune()
        status = self.server.serve(self._ready, logging.DEBUG)
        if status == 0:
            self._bus.close(schedule.BUS_PART * self.server.left)
        if self._counting is not None:
            self._end.last_beat(self._counting, schedule.LAST_BEAT_PART * self.server.left)
        return status

    def _orphaned(self) -> None:
        self.server.connections.stop_publishing()  # the next master takes its path
        self._ask("orphaned", schedule.ORPHAN_DRAINS)

    def _ready(self) -> None:
        appointable = self._once is not None and self._once.appointable
        understands = [*UNDERSTANDS, *(APPOINTED if appointable else [])]
        self._end.send("ready", {**self.server.facts(), "understands": understands})
        if self._counting is not None:  # at once: the master then knows that it counts
            self._counting.sweep(lambda totals: self._end.send("beat", totals))

    def _ask(self, why: str, budget: float, *, at_once: bool = False) -> None:
        self._end.send("stopping")
        if self._once is not None:
            self._once.leave()  # first: another worker runs it while this one drains
        self.server.ask(why, budget, at_once=at_once)

    def _signalled(self, number: int, _frame: object) -> None:
        def ask() -> None:
            if number == signal.SIGQUIT:
                self._ask("stop_now", schedule.WORKER_AT_ONCE, at_once=True)
            else:
                self._ask("stop", self.server.grace)

        self.server.dispatcher.call_from_thread(ask)

    def _heard(self, message: list[Any]) -> None:
        match message:
            case ["peers", list(names)] | ["peers", list(names), dict()]:
                self._bus.set_peers(names)
            case ["stop", int() | float() as budget]:
                self._ask("stop", budget)
            case ["stand_back", bool() as back]:
                self.server.connections.stand_back(back)
            case ["leaving"]:
                self.server.leave()
            case ["appoint"] if self._once is not None:
                self._once.appoint()
            case ["resign"] if self._once is not None:
                self._once.resign()
            case ["stop_now"]:
                self._ask("stop_now", schedule.WORKER_AT_ONCE, at_once=True)
            case ["stacks"]:
                dump_stacks(self._logs.say)
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
        return worker.run(), worker.server.left
    except ConfigError as error:
        # No stop is under way: its exit handlers may take a while.
        return output.refuse(error), schedule.STOP_TO_KILL
    finally:
        end.leave()
        output.settle()


if __name__ == "__main__":
    status, left = 1, 0.0
    try:
        status, left = main(sys.argv[1:])
    finally:
        leave_within(max(left, schedule.EXIT_AT_LEAST), status)
    sys.exit(status)
