"""What can be set from outside, as one table: everything that names a setting is made from it.

A row has one name, ``log_level`` say, everywhere: the option ``--log-level``, the variable
``ROOST_LOG_LEVEL``, the key ``log_level`` of the file's table ``[logs]``, the line of
``--print-config``, the row in docs/configuration.md, and ``given.log_level`` in the code. To add an
option is to add a row, and to run ``make docs``.

Each value is text first, be it an argument's, a variable's or the file's, and ``parse`` makes of it
what the code is given. So all sources agree on what is acceptable, and say the same of what is not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from actors.errors import ConfigError
from actors.options import did_you_mean
from actors.redis_options import RedisOptions
from supervision.processes.bounds import MAX_WORKERS
from transports.tcp.trust import TrustedProxies

LEVELS: Final = ("debug", "info", "warning", "error")
FORWARDED: Final = ("x-forwarded", "proxy-protocol")

TABLES: Final[Mapping[str, str]] = {
    "serve": "what is served, where, and by how many processes",
    "logs": "what is logged, and where",
}
"""The tables of the file that settings are in, and what they are about."""

BOOLEANS: Final[Mapping[str, bool]] = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip
"""How a variable says it."""

PREFIX: Final = "ROOST_"
"""Variables begin so."""


# -- the types that a value may have in the file, and how each is written as text


def _octal(number: int) -> str:
    return f"0{number:o}"


def _word(value: bool) -> str:  # noqa: FBT001 - as it is read
    return str(value).lower()


@dataclass(frozen=True, slots=True)
class Kind:
    """``words``: what the file may hold. ``texts``: by type, how a value is written as text."""

    words: str
    texts: Mapping[type, Callable[[Any], str]]

    def text(self, value: object) -> str:
        """Return a value of the file as text; ``ValueError``: it has another type."""
        write = self.texts.get(type(value))  # not isinstance: True is an int
        if write is None:
            raise ValueError(f"must be {self.words}")
        return write(value)


TEXT: Final = Kind("a string", {str: str})
WHOLE: Final = Kind("a whole number", {int: str})
NUMBER: Final = Kind("a number", {int: str, float: repr})
MODE: Final = Kind("a mode such as 0o660", {str: str, int: _octal})
FLAG: Final = Kind("true or false", {bool: _word})


# -- what the text must be


def boolean(text: str) -> bool:
    """Accept one of :data:`BOOLEANS`, in any case."""
    if text.lower() not in BOOLEANS:
        raise ValueError(f"{text!r}: must be one of {', '.join(BOOLEANS)}")
    return BOOLEANS[text.lower()]


def seconds(text: str) -> float:
    """Accept a number of seconds above 0."""
    try:
        given = float(text)
    except ValueError:
        given = 0.0
    if not 0 < given < float("inf"):
        raise ValueError(f"{text!r}: must be a number of seconds above 0")
    return given


def address(text: str) -> tuple[str, int] | Path:
    """Accept ``HOST:PORT``, and ``unix:PATH``."""
    if text.startswith("unix:") and text != "unix:":
        return Path(text.removeprefix("unix:"))
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    plain = host[1:-1] if bracketed else host
    ok = plain and bracketed == (":" in plain) and port.isascii() and port.isdecimal()
    if not ok or len(port) > 5 or int(port) > 65535:
        wanted = "HOST:PORT, such as 127.0.0.1:4000 or [::1]:4000, or unix:PATH"
        raise ValueError(f"{text!r}: must be {wanted}")
    return plain, int(port)


def written(host: str, port: int) -> str:
    """Return an address as a URL has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _place(value: tuple[str, int] | Path) -> str:
    return f"unix:{value}" if isinstance(value, Path) else written(*value)


def one_of(what: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    """Accept one of ``choices``; what is none ``is not WHAT``."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is {what}{did_you_mean(text, choices)}")
        return text

    return parse


def _network(text: str) -> str:
    TrustedProxies([text])
    return text


def _mode(text: str) -> int:
    if not re.fullmatch("0?[67][0-7][0-7]", text):
        raise ValueError(f"{text!r}: must be a mode such as 0600 or 0660")
    return int(text, 8)


def _workers(text: str) -> int:
    ok = text.isascii() and text.isdecimal() and len(text) < 10
    if not ok or int(text) > MAX_WORKERS:
        wanted = f"a whole number up to {MAX_WORKERS}; 0 is one process without a master"
        raise ValueError(f"{text!r}: must be {wanted}")
    return int(text)


def _redis(text: str) -> str:
    try:
        RedisOptions(url=text)
    except ConfigError as error:
        raise ValueError(str(error).removeprefix("url: ")) from None
    return text


def without_password(url: str) -> str:
    """Return ``url`` with ``***`` for its password."""
    split = urlsplit(url)
    user, at, host = split.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return split._replace(netloc=f"{name}{colon}***{at}{host}" if colon else split.netloc).geturl()


# -- the table


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row.

    ``name`` is an identifier, ``table`` one of :data:`TABLES`. ``parse(text)`` returns what the
    code is given; its ``ValueError`` says what is wrong with the text, which it shows unless the
    value is secret. ``kind`` is what the file may hold; a :data:`FLAG` is an option that takes no
    value. ``metavar`` stands for the value in the help. ``default`` is what the code is given where
    nobody says anything, ``shown`` that in words. ``help`` begins in lower case and has no
    full stop; the default is added to it.

    ``scope`` says what a reload (SIGHUP) does with a changed value of the file: ``worker``, new
    workers get it; ``boot``, a warning names it, as it needs a restart. ``many``: it may be given
    several times, and the value is a list; a variable has commas between. ``mask`` returns what may
    be shown of a value that is secret. ``plain`` returns a value as the file has it.
    ``endpoint`` is the option of ``Endpoint(...)`` that says the same, so that ``[endpoint]`` of
    the file may, too. ``positional``: it is an argument, not an option.
    """

    name: str
    table: str
    help: str
    parse: Callable[[str], Any] = str
    kind: Kind = TEXT
    metavar: str = ""
    default: Any = None
    shown: str = ""
    scope: Literal["worker", "boot"] = "boot"
    many: bool = False
    mask: Callable[[Any], str] | None = None
    plain: Callable[[Any], Any] = lambda value: value
    endpoint: str | None = None
    positional: bool = False

    @property
    def option(self) -> str:
        """Its option, such as ``--log-level``; the application's name is an argument."""
        return self.metavar if self.positional else f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """Its variable in the environment, such as ``ROOST_LOG_LEVEL``."""
        return f"{PREFIX}{self.name.upper()}"


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        name="application",
        table="serve",
        metavar="module:endpoint",
        positional=True,
        help="where the Endpoint is",
        shown="a demo",
    ),
    Setting(
        name="bind",
        table="serve",
        metavar="HOST:PORT|unix:PATH",
        parse=address,
        plain=_place,
        many=True,
        help="listen there: [::1]:4000 for IPv6, port 0 for any free one, a path for a Unix socket",
        shown="127.0.0.1:4000",
    ),
    Setting(
        name="bind_mode",
        table="serve",
        metavar="MODE",
        parse=_mode,
        plain=_octal,
        kind=MODE,
        help="the mode of Unix sockets: who may connect",
        shown="0600; with a group 0660",
    ),
    Setting(
        name="bind_group",
        table="serve",
        metavar="GROUP",
        help="the group of Unix sockets, by name or number",
        shown="our own",
    ),
    Setting(
        name="publish",
        table="serve",
        metavar="PATH",
        help="let programs of this machine publish on a Unix socket",
        shown="none",
    ),
    Setting(
        name="publish_mode",
        table="serve",
        metavar="MODE",
        parse=_mode,
        plain=_octal,
        kind=MODE,
        help="the mode of its file: who may publish",
        shown="0600; with a group 0660",
    ),
    Setting(
        name="publish_group",
        table="serve",
        metavar="GROUP",
        help="the group of its file, by name or number",
        shown="our own",
    ),
    Setting(
        name="trusted_proxy",
        table="serve",
        metavar="CIDR",
        parse=_network,
        many=True,
        scope="worker",
        endpoint="trusted_proxies",
        help="a proxy in front whose word about its clients counts, or 'unix' for all peers of Unix"
        " sockets",
        shown="the endpoint's",
    ),
    Setting(
        name="forwarded",
        table="serve",
        metavar="MODE",
        parse=one_of("no such mode", FORWARDED),
        scope="worker",
        endpoint="forwarded",
        help=f"how trusted proxies say who their clients are: {' or '.join(FORWARDED)}",
        shown="the endpoint's",
    ),
    Setting(
        name="certfile",
        table="serve",
        metavar="PEM",
        scope="worker",
        help="serve TLS with this certificate chain",
        shown="none",
    ),
    Setting(
        name="keyfile",
        table="serve",
        metavar="PEM",
        scope="worker",
        help="its private key, without a passphrase",
        shown="the certificate's file",
    ),
    Setting(
        name="workers",
        table="serve",
        metavar="N",
        parse=_workers,
        kind=WHOLE,
        default=os.cpu_count() or 1,
        help="worker processes; 0 is one process without a master",
        shown="one per core",
    ),
    Setting(
        name="grace",
        table="serve",
        metavar="SECONDS",
        parse=seconds,
        kind=NUMBER,
        scope="worker",
        endpoint="grace",
        help="the budget of a shutdown",
        shown="the endpoint's, 25",
    ),
    Setting(
        name="heartbeat_timeout",
        table="serve",
        metavar="SECONDS",
        parse=seconds,
        kind=NUMBER,
        default=30.0,
        help="end a worker whose hub gave no sign of life for so long",
        shown="30",
    ),
    Setting(
        name="boot_patience",
        table="serve",
        metavar="SECONDS",
        parse=seconds,
        kind=NUMBER,
        default=60.0,
        help="go on for so long when no worker that has served can be replaced",
        shown="60",
    ),
    Setting(
        name="redis",
        table="serve",
        metavar="URL",
        parse=_redis,
        mask=without_password,
        scope="worker",
        endpoint="redis",
        help="the Redis that links several machines; as an option, its password is seen in the list"
        " of processes",
        shown="the endpoint's",
    ),
    Setting(
        name="pid_file",
        table="serve",
        metavar="PATH",
        help="write the process id there when clients are served",
        shown="none",
    ),
    Setting(
        name="log_level",
        table="logs",
        metavar="LEVEL",
        parse=one_of("not a level", LEVELS),
        default="info",
        scope="worker",
        help=f"{', '.join(LEVELS)}; debug shows stacks",
        shown="info",
    ),
    Setting(
        name="log_file",
        table="logs",
        metavar="PATH",
        help="log there; SIGUSR1 opens it anew after it was moved",
        shown="standard error",
    ),
)

BY_NAME: Final[Mapping[str, Setting]] = {each.name: each for each in SETTINGS}
