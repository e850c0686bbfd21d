"""``python -m actors.endpoint.ops``: the ops process of a master, which alone should start it.

Arguments: the channel's descriptor, and that of the listening socket. What else there is to know
comes over the channel. It ends when the master says so, or is gone, and not by SIGTERM: service
managers send that to all processes of a service, and the end of the workers is to be watched.
"""

from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402 - nothing may be imported before the patch
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

from actors import schedule  # noqa: E402
from actors.endpoint.command import memory, output  # noqa: E402
from actors.endpoint.command.logs import Logs  # noqa: E402
from actors.endpoint.command.stacks import dump_stacks  # noqa: E402
from actors.endpoint.command.wakeup import wake_on_signals  # noqa: E402
from actors.endpoint.ops.answers import NO_CLIENT  # noqa: E402
from actors.endpoint.ops.endpoint import PART, OpsSettings, has_client, made  # noqa: E402
from actors.endpoint.ops.source import MasterSource  # noqa: E402
from actors.endpoint.serving.server import Server  # noqa: E402
from actors.errors import ConfigError  # noqa: E402
from actors.logs.context import ContextFilter  # noqa: E402
from actors.runtime.dispatcher import get_dispatcher  # noqa: E402
from supervision.processes.worker import (  # noqa: E402
    WorkerEnd,
    die_with_parent,
    leave_signals_to_master,
    leave_within,
)
from supervision.processes.writer import take_standard_error  # noqa: E402

logger = logging.getLogger("roost.ops")


class OpsProcess:
    """Answers as long as the master wants it to."""

    def __init__(self, end: WorkerEnd, options: dict[str, Any], listener: int) -> None:
        self._end = end
        self._timeout = options["heartbeat"]
        self._logs = Logs(
            options["log_level"], options["log_file"], options.get("log_format", "console"),
            context=ContextFilter(),
        )  # fmt: skip
        self._source = MasterSource(end.send, get_dispatcher().clock)
        sock = socket.socket(fileno=listener)
        sock.set_inheritable(False)
        self.server = Server(made(self._source, OpsSettings.said(options)), sock)

    def run(self) -> int:
        """Serve; return the exit status."""
        self._end.serve(self.server.dispatcher, self._timeout, self._heard, self._orphaned)
        wake_on_signals()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        memory.tune()
        return self.server.serve(self._ready, logging.DEBUG)

    def _ready(self) -> None:
        if not has_client():
            logger.warning("%s", NO_CLIENT)
        self._end.send("ready")

    def _orphaned(self) -> None:
        self.server.ask("orphaned", schedule.OPS_ENDS)

    def _heard(self, message: list[Any]) -> None:
        if self._source.heard(message):
            return
        match message:
            case ["stop", int() | float() as seconds]:
                self.server.ask("stop", PART * seconds)
            case ["stacks"]:
                dump_stacks(self._logs.say)
            case ["reopen"]:
                self._logs.reopen()
            case _:
                logger.warning("the master said what nobody understands: %.100r", message)


def main(arguments: list[str]) -> int:
    """Run the process; return the exit status."""
    output.open_closed_descriptors()
    take_standard_error()
    leave_signals_to_master()
    end = WorkerEnd(int(arguments[0]), large=True)
    if not die_with_parent():
        return 1
    try:
        return OpsProcess(end, end.configured(), int(arguments[1])).run()
    except ConnectionError:
        return 1
    except ConfigError as error:
        return output.refuse(error)
    finally:
        output.settle()


if __name__ == "__main__":
    status = 1
    try:
        status = main(sys.argv[1:])
    finally:
        leave_within(schedule.EXIT_AT_LEAST, status)
    sys.exit(status)
