"""``python -m actors.endpoint``: a master with workers, or one process that serves by itself.

The master must not import gevent, and whoever serves must patch the standard library before
anything else is imported; so the options are read first, by a parser that needs next to nothing.
"""

from __future__ import annotations

import signal
import sys


def _die_of_interrupts() -> None:
    """Let Ctrl-C end the process without a traceback while there is nothing to end orderly."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


_MASTERS = {signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU}
"""Signals that a master serves, and of which any other process dies or stops."""

if __name__ == "__main__":
    _die_of_interrupts()  # what is imported below takes a tenth of a second
    signal.pthread_sigmask(signal.SIG_BLOCK, _MASTERS)  # until it is known who is to have them

from actors.endpoint.command import output  # noqa: E402
from actors.endpoint.command.arguments import parser  # noqa: E402
from actors.errors import ConfigError  # noqa: E402
from actors.logs.escaping import escaped  # noqa: E402
from supervision.processes.writer import take_standard_error  # noqa: E402


def main(arguments: list[str]) -> int:
    """Run the command; return the exit status."""
    output.open_closed_descriptors()
    try:
        _need_linux(sys.platform)
        if arguments[:1] == ["broadcast"]:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _MASTERS)
            from actors.endpoint.command import broadcast  # noqa: PLC0415 - and nothing else

            return broadcast.run(arguments[1:])
        given = parser().parse_args(arguments)
        take_standard_error()
        if given.workers and not given.check and not given.print_limits:
            from actors.endpoint.command.master import serve  # noqa: PLC0415 - see above

            return serve(given, arguments)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _MASTERS)
        from gevent import monkey  # noqa: PLC0415

        monkey.patch_all()
        from actors.endpoint.command.single import run  # noqa: PLC0415

        return run(given)
    except ConfigError as error:
        output.write(sys.stderr, f"roost: {escaped(' '.join(str(error).split()))}")
        return 2
    finally:
        output.settle()


def _need_linux(platform: str) -> None:
    if platform != "linux":
        raise ConfigError(f"Roost runs on Linux only: it needs epoll, which {platform} lacks")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
