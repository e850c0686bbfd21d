"""The command's options; nothing here imports more than it takes to read them."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from actors import __version__
from actors.endpoint.command import output
from actors.errors import ConfigError
from actors.options import did_you_mean
from actors.redis_options import RedisOptions
from supervision.processes import MAX_WORKERS
from transports.tcp.trust import TrustedProxies

LEVELS = ("debug", "info", "warning", "error")
FORWARDED = ("x-forwarded", "proxy-protocol")


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
    """Return the command's options."""
    made = Parser(
        prog="python -m actors.endpoint",
        description="Serve an endpoint.",
        epilog="'broadcast' instead of an application publishes to a server that runs:"
        " see 'broadcast --help'.",
        allow_abbrev=False,
    )
    made.add_argument(
        "application",
        nargs="?",
        metavar="module:endpoint",
        help="where the Endpoint is; left out: a demo",
    )
    made.add_argument(
        "--bind",
        action="append",
        metavar="HOST:PORT|unix:PATH",
        type=_address,
        help="listen there (default: 127.0.0.1:4000); port 0 is any free one; may be given several"
        " times",
    )
    made.add_argument(
        "--bind-mode",
        metavar="MODE",
        type=_mode,
        help="the mode of Unix sockets (default: 0600, which is for our own user alone; with"
        " --bind-group 0660)",
    )
    made.add_argument("--bind-group", metavar="GROUP", help="the group of Unix sockets")
    made.add_argument(
        "--publish", metavar="PATH", help="let programs of this machine publish on a Unix socket"
    )
    made.add_argument(
        "--publish-mode",
        metavar="MODE",
        type=_mode,
        help="the socket's mode (default: 0600, which is for our own user alone; with"
        " --publish-group 0660)",
    )
    made.add_argument("--publish-group", metavar="GROUP", help="the socket's group")
    made.add_argument(
        "--trusted-proxy",
        metavar="CIDR",
        action="append",
        type=_network,
        help="a proxy in front whose word about its clients counts, or 'unix' for all peers of Unix"
        " sockets; may be given several times",
    )
    made.add_argument(
        "--forwarded",
        metavar="MODE",
        type=_forwarded,
        help=f"how trusted proxies say who their clients are: {' or '.join(FORWARDED)}",
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
    made.add_argument("--log-file", metavar="PATH", help="log there; SIGUSR1 opens it anew")
    made.add_argument(
        "--workers",
        metavar="N",
        type=_workers,
        default=os.cpu_count() or 1,
        help="worker processes (default: one per core, %(default)s); 0: one process, no master",
    )
    made.add_argument(
        "--grace",
        metavar="SECONDS",
        type=seconds,
        help="the budget of a shutdown (default: the endpoint's, 25)",
    )
    made.add_argument(
        "--heartbeat-timeout",
        metavar="SECONDS",
        type=seconds,
        default=30.0,
        help="end a worker that gives no sign of life for so long (default: %(default)g)",
    )
    made.add_argument(
        "--boot-patience",
        metavar="SECONDS",
        type=seconds,
        default=60.0,
        help="go on for so long when no worker that has served can be replaced"
        " (default: %(default)g)",
    )
    made.add_argument(
        "--redis",
        metavar="URL",
        type=_redis,
        help="the Redis that links several machines; a password is seen in the list of processes:"
        " better give Endpoint(redis=...)",
    )
    made.add_argument(
        "--pid-file", metavar="PATH", help="write the process id there when clients are served"
    )
    made.add_argument("--version", action=Version, nargs=0, help="say which versions run, and end")
    made.add_argument("--check", action="store_true", help="load and validate, serve nothing")
    made.add_argument("--print-limits", action="store_true", help="list every limit, and end")
    return made


class Version(argparse.Action):
    """Print the versions and end the command."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        output.write(sys.stdout, versions())
        parser.exit()


def versions() -> str:
    """Return our version, those of what we run on, without importing that, and the build."""
    from importlib import metadata  # noqa: PLC0415 - costs 20 ms, and is hardly ever asked for

    from actors.speedups import BUILD  # noqa: PLC0415 - the compiled build imports orjson

    found = [f"{name} {metadata.version(name)}" for name in ("gevent", "pykka")]
    return f"roost {__version__} (Python {platform.python_version()}, {', '.join(found)}, {BUILD})"


def _address(text: str) -> tuple[str, int] | Path:
    if text.startswith("unix:") and text != "unix:":
        return Path(text.removeprefix("unix:"))
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    plain = host[1:-1] if bracketed else host
    ok = plain and bracketed == (":" in plain) and port.isascii() and port.isdecimal()
    if not ok or int(port) > 65535:
        wanted = "HOST:PORT, such as 127.0.0.1:4000 or [::1]:4000, or unix:PATH"
        raise argparse.ArgumentTypeError(f"{text!r}: must be {wanted}")
    return plain, int(port)


def _level(text: str) -> str:
    if text not in LEVELS:
        hint = did_you_mean(text, LEVELS)
        raise argparse.ArgumentTypeError(f"{text!r} is not a level{hint}")
    return text


def _network(text: str) -> str:
    try:
        TrustedProxies([text])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _forwarded(text: str) -> str:
    if text not in FORWARDED:
        hint = did_you_mean(text, FORWARDED)
        raise argparse.ArgumentTypeError(f"{text!r} is no such mode{hint}")
    return text


def _mode(text: str) -> int:
    if not re.fullmatch("0?[67][0-7][0-7]", text):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a mode such as 0600 or 0660")
    return int(text, 8)


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > MAX_WORKERS:
        wanted = f"a whole number up to {MAX_WORKERS}; 0 is one process without a master"
        raise argparse.ArgumentTypeError(f"{text!r}: must be {wanted}")
    return int(text)


def _redis(text: str) -> str:
    try:
        RedisOptions(url=text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("url: ")) from None
    return text


def seconds(text: str) -> float:
    """Return the seconds that an option says."""
    try:
        given = float(text)
    except ValueError:
        given = 0.0
    if not 0 < given < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of seconds above 0")
    return given


def written(host: str, port: int) -> str:
    """Return an address as a URL has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
