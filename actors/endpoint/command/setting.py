"""What a row of the table of settings is, and what its values may be.

Each value is text first, be it an argument's, a variable's or the file's, and ``parse`` makes of it
what the code is given. So all sources agree on what is acceptable, and say the same of what is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from actors.errors import ConfigError
from actors.options import did_you_mean
from actors.redis_options import HIDDEN, RedisOptions
from supervision.processes.bounds import MAX_WORKERS
from transports.tcp.trust import TrustedProxies

BOOLEANS: Final[Mapping[str, bool]] = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip
"""How a variable says it."""

PREFIX: Final = "ROOST_"
"""Variables begin so."""


# -- the types that a value may have in the file, and how each is written as text


def octal(number: int) -> str:
    """Return a mode as the file has it."""
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
MODE: Final = Kind("a mode such as 0o660", {str: str, int: octal})
FLAG: Final = Kind("true or false", {bool: _word})


# -- what the text must be


def boolean(text: str) -> bool:
    """Accept one of :data:`BOOLEANS`, in any case."""
    if text.lower() not in BOOLEANS:
        raise ValueError(f"{text!r}: must be one of {', '.join(BOOLEANS)}")
    return BOOLEANS[text.lower()]


def seconds(text: str) -> float:
    """Accept a number of seconds above 0."""
    given = _seconds(text)
    if not given:
        raise ValueError(f"{text!r}: must be a number of seconds above 0")
    return given


def seconds_or_none(text: str) -> float:
    """Accept a number of seconds, 0 too."""
    given = _seconds(text)
    if given is None:
        raise ValueError(f"{text!r}: must be a number of seconds, or 0")
    return given


def _seconds(text: str) -> float | None:
    try:
        given = float(text)
    except ValueError:
        return None
    return given if 0 <= given < float("inf") else None


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


def tcp_address(text: str) -> tuple[str, int]:
    """Accept ``HOST:PORT``."""
    found = address(text)
    if isinstance(found, Path):
        raise ValueError(f"{text!r}: must be HOST:PORT, such as 127.0.0.1:4001")  # noqa: TRY004
    return found


def written(host: str, port: int) -> str:
    """Return an address as a URL has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def place(value: tuple[str, int] | Path) -> str:
    """Return an address as :func:`address` accepts it."""
    return f"unix:{value}" if isinstance(value, Path) else written(*value)


def one_of(what: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    """Accept one of ``choices``; what is none ``is not WHAT``."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is {what}{did_you_mean(text, choices)}")
        return text

    return parse


def network(text: str) -> str:
    """Accept a network of trusted proxies, and ``unix``."""
    TrustedProxies([text])
    return text


def mode(text: str) -> int:
    """Accept the mode of a file that its owner can read and write."""
    if not re.fullmatch("0?[67][0-7][0-7]", text):
        raise ValueError(f"{text!r}: must be a mode such as 0600 or 0660")
    return int(text, 8)


def worker_count(text: str) -> int:
    """Accept a number of workers, 0 too."""
    ok = text.isascii() and text.isdecimal() and len(text) < 10
    if not ok or int(text) > MAX_WORKERS:
        wanted = f"a whole number up to {MAX_WORKERS}; 0 is one process without a master"
        raise ValueError(f"{text!r}: must be {wanted}")
    return int(text)


def min_ready(text: str) -> int:
    """Accept a number of workers, at least 1."""
    ok = text.isascii() and text.isdecimal() and len(text) < 10
    if not ok or not 1 <= int(text) <= MAX_WORKERS:
        raise ValueError(f"{text!r}: must be a whole number from 1 to {MAX_WORKERS}")
    return int(text)


def redis_url(text: str) -> str:
    """Accept the URL of a Redis."""
    try:
        RedisOptions(url=text)
    except ConfigError as error:
        raise ValueError(str(error).removeprefix("url: ")) from None
    return text


def without_password(url: str) -> str:
    """Return ``url`` with :data:`~actors.redis_options.HIDDEN` for its password."""
    split = urlsplit(url)
    user, at, host = split.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return split._replace(
        netloc=f"{name}{colon}{HIDDEN}{at}{host}" if colon else split.netloc
    ).geturl()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row.

    ``name`` is an identifier, ``table`` one of the tables of :mod:`.settings`. ``parse(text)``
    returns what the code is given; its ``ValueError`` says what is wrong with the text, which it
    shows unless the value is secret. ``kind`` is what the file may hold; a :data:`FLAG` is an
    option that takes no value. ``metavar`` stands for the value in the help. ``default`` is what
    the code is given where nobody says anything, ``shown`` that in words. ``help`` begins in lower
    case and has no full stop; the default is added to it.

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
