"""The command: options, loading the application, serving until a signal.

Exit status: 0 after an orderly end, 2 for whatever the caller got wrong, 1 where a blocked process
had to be ended; see docs/operations.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from actors.endpoint import output
from actors.endpoint.ending import Ending, die_of_interrupts
from actors.endpoint.loading import load
from actors.errors import ConfigError
from actors.options import did_you_mean

if TYPE_CHECKING:
    import socket

    from actors.endpoint.definition import Endpoint

DEMO = "actors.endpoint.demo:endpoint"
LEVELS = ("debug", "info", "warning", "error")
RESERVE = 1.0
"""Seconds of the budget, at most, that are kept for the process's own end."""

logger = logging.getLogger("roost.endpoint")


class Parser(argparse.ArgumentParser):
    """Reports what is wrong as one line."""

    def parse_args(self, arguments: Sequence[str]) -> argparse.Namespace:  # type: ignore[override]
        """Parse, and say what an unknown option may have meant."""
        given, unknown = self.parse_known_args(arguments)
        if unknown:
            name = unknown[0].partition("=")[0]
            if not name.startswith("-"):
                raise ConfigError(f"one application is served, {name!r} is one too many")
            known = [o for action in self._actions for o in action.option_strings if o[:2] == "--"]
            raise ConfigError(f"unknown option {name!r}{did_you_mean(name, known)}")
        return given

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise ConfigError(message.removeprefix("argument "))


def parser() -> Parser:
    """Answer the command's options."""
    made = Parser(
        prog="python -m actors.endpoint", description="Serve an endpoint.", allow_abbrev=False
    )
    made.add_argument(
        "application",
        nargs="?",
        metavar="module:endpoint",
        help="where the Endpoint is; left out: a demo",
    )
    made.add_argument(
        "--bind",
        default="127.0.0.1:4000",
        metavar="HOST:PORT",
        type=_address,
        help="listen there (default: %(default)s); port 0 is any free one",
    )
    made.add_argument("--certfile", metavar="PEM", help="serve TLS with this certificate chain")
    made.add_argument("--keyfile", metavar="PEM", help="its key, if it is not in the same file")
    made.add_argument(
        "--log-level",
        metavar="LEVEL",
        type=_level,
        default="info",
        help=f"{', '.join(LEVELS)} (default: %(default)s); debug shows stacks",
    )
    made.add_argument("--check", action="store_true", help="load and validate, serve nothing")
    made.add_argument("--print-limits", action="store_true", help="list every limit, and end")
    return made


def main(arguments: Sequence[str]) -> int:
    """Run the command; answers the exit status."""
    output.open_closed_descriptors()
    die_of_interrupts()
    try:
        return _run(parser().parse_args(arguments))
    except ConfigError as error:
        output.write(sys.stderr, f"roost: {' '.join(str(error).split())}")
        return 2
    finally:
        output.settle()


def _run(given: argparse.Namespace) -> int:
    logging.basicConfig(
        level=given.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.raiseExceptions = False  # a full disk under the log is not the clients' trouble
    endpoint = load(given.application or DEMO)
    if given.print_limits:
        from actors.endpoint.limits import listed  # noqa: PLC0415 - imports every layer

        return _print("\n".join(listed(endpoint)))
    return _serve(endpoint, given)


def _print(text: str) -> int:
    error = output.write(sys.stdout, text)
    if error is not None and not isinstance(error, BrokenPipeError):
        raise ConfigError(f"standard output: {error.strerror}")
    return 0


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    plain = host[1:-1] if bracketed else host
    ok = plain and bracketed == (":" in plain) and port.isascii() and port.isdecimal()
    if not ok or int(port) > 65535:
        wanted = "HOST:PORT, such as 127.0.0.1:4000 or [::1]:4000"
        raise argparse.ArgumentTypeError(f"{text!r}: must be {wanted}")
    return plain, int(port)


def _level(text: str) -> str:
    if text not in LEVELS:
        hint = did_you_mean(text, LEVELS)
        raise argparse.ArgumentTypeError(f"{text!r} is not a level{hint}")
    return text


def _serve(endpoint: Endpoint, given: argparse.Namespace) -> int:
    from actors.endpoint import memory  # noqa: PLC0415 - heavy, and not for --print-limits
    from actors.endpoint.server import Server  # noqa: PLC0415
    from actors.endpoint.tls import server_context  # noqa: PLC0415

    tls = server_context(given.certfile, given.keyfile)
    sock = _bind(*given.bind, check=given.check)
    try:
        server = Server(endpoint, sock, tls=tls)
    except ConfigError:
        sock.close()
        raise
    if given.check:
        server.listener.stop()
        count = len(endpoint.mounts)
        return _print(f"ok: {count} {'socket' if count == 1 else 'sockets'} mounted")
    memory.tune()
    grace = endpoint.options.grace
    ending = Ending(grace)
    server.start()
    scheme, address = "https" if tls else "http", _written(*server.listener.address)
    logger.info("serving %s://%s, pid %d, %g s to stop", scheme, address, os.getpid(), grace)
    logger.info("%s: stopping, within %g s", ending.wait(), grace)
    server.stop(grace - min(RESERVE, grace / 10))
    ending.done()
    return 0


def _bind(host: str, port: int, *, check: bool) -> socket.socket:
    from transports.listener import bind  # noqa: PLC0415 - heavy, and not for --print-limits

    try:
        return bind(host, 0 if check else port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--bind {_written(host, port)}: {reason}") from None


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
