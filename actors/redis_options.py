"""Where the Redis is that links several machines (pure; see docs/machines.md).

It stands here, not beside the adapter, as the command reads it without gevent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from actors.errors import ConfigError
from actors.options import Options, boolean, build, did_you_mean, option

PORT: Final = 6379

FORM: Final = (
    "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], rediss://... for TLS,"
    " or unix://[[USER]:PASSWORD@]/PATH[?db=DB]"
)

HIDDEN: Final = "***"
"""What is shown in place of a password (``--print-config``), and so is none."""

TLS_OPTIONS: Final = (
    "ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile",
)  # fmt: skip
"""What the query of a ``rediss://`` may hold: the names that redis-py has for them."""

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class TLS(NamedTuple):
    """How a server's certificate is judged, and which one is shown; paths of PEM files.

    ``verify=False`` (``ssl_cert_reqs=none``) takes any certificate.
    """

    ca_certs: str | None
    certfile: str | None
    keyfile: str | None
    verify: bool
    check_hostname: bool


class Address(NamedTuple):
    """A Redis: at ``host`` and ``port``, or at the Unix socket ``path``."""

    host: str
    port: int
    path: str
    user: str
    password: str
    db: int
    tls: TLS | None

    @property
    def shown(self) -> str:
        """What a log may say of it."""
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'redis' if self.tls is None else 'rediss'}://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"<Address {self.shown}>"


def address(url: str) -> Address:
    """Return what ``url`` says; ``ValueError`` tells what is wrong with it, and nothing of it."""
    split, port = _split(url)
    query = _query(split)
    db = query.pop("db", "")
    if split.scheme == "unix":
        if split.hostname or split.path in {"", "/"}:
            raise ValueError("a Unix socket has an absolute path, behind three slashes")
        host, path = "", unquote(split.path)
    else:
        if not split.hostname:
            raise ValueError("no host")
        host, path = unquote(split.hostname), ""
        db = split.path[1:] or db
    if db and not (db.isascii() and db.isdecimal() and len(db) < 10):
        raise ValueError("a database is a number")
    tls = _tls(query) if split.scheme == "rediss" else None
    for name in query:
        if name in TLS_OPTIONS:
            raise ValueError(f"{name} is for rediss://")
        raise ValueError(f"unknown option {name!r:.80}{did_you_mean(name, ['db', *TLS_OPTIONS])}")
    user, password = unquote(split.username or ""), unquote(split.password or "")
    if user and not password:
        raise ValueError("a user without a password")
    if password == HIDDEN:
        raise ValueError(f"the password is {HIDDEN!r}, which is printed in place of one")
    return Address(host, port, path, user, password, int(db or 0), tls)


def _split(url: str) -> tuple[SplitResult, int]:
    if any(each <= " " or each == "\x7f" for each in url):
        raise ValueError("white space, or a control character")
    if "#" in url:
        raise ValueError("a '#': in a password it is %23")
    try:
        split = urlsplit(url)
        port = split.port or PORT
    except ValueError:
        raise ValueError("a host or port that is none") from None
    if split.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("another scheme")
    return split, port


def _query(split: SplitResult) -> dict[str, str]:
    try:
        pairs = parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query))
    except ValueError:
        raise ValueError("a query that is none") from None
    query = dict(pairs)
    if len(query) < len(pairs):
        raise ValueError("an option that is given twice")
    return query


def _tls(query: dict[str, str]) -> TLS:
    """Take what is of TLS out of ``query``."""
    reqs = query.pop("ssl_cert_reqs", "required")
    check = query.pop("ssl_check_hostname", "true").lower()
    if reqs not in {"required", "none"}:
        raise ValueError("ssl_cert_reqs is 'required' or 'none'")
    if check not in {"true", "false"}:
        raise ValueError("ssl_check_hostname is 'true' or 'false'")
    ca_certs, certfile, keyfile = (
        query.pop(name, None) for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
    )
    if keyfile and not certfile:
        raise ValueError("ssl_keyfile without ssl_certfile")
    verify = reqs == "required"
    return TLS(ca_certs, certfile, keyfile, verify, verify and check == "true")


def _url(value: Any) -> str | None:
    if not isinstance(value, str):
        return FORM
    try:
        address(value)
    except ValueError as error:
        return f"{FORM}: {error}"
    return None


def _namespace(value: Any) -> str | None:
    ok = isinstance(value, str) and _NAMESPACE.fullmatch(value)
    return None if ok else "1 to 64 letters, digits, '_', '.' or '-'"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions(Options):
    """What ``Endpoint(redis=RedisOptions(...))`` takes.

    ``url`` is redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], rediss://... for TLS, whose query may
    have ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile`` (paths of PEM files),
    ``ssl_check_hostname=false`` and ``ssl_cert_reqs=none``, or unix://[[USER]:PASSWORD@]/PATH.
    A value that is not acceptable is a :class:`~actors.errors.ConfigError`, which does not show the
    URL.
    """

    url: str = option(f"redis://127.0.0.1:{PORT}", "where the Redis is", check=_url, secret=True)
    namespace: str = option(
        "roost", "what its channels and keys begin with: one for each application", check=_namespace
    )
    required: bool = option(
        False, "do not start without it, instead of serving this machine alone", check=boolean
    )

    @property
    def address(self) -> Address:
        """The URL, read."""
        return address(self.url)


def redis_options(value: Any) -> RedisOptions | None:
    """Return the options that an endpoint was given: those, a URL, a mapping of them, or none.

    :class:`~actors.errors.ConfigError` names what is wrong.
    """
    if isinstance(value, str):
        value = {"url": value}
    if isinstance(value, Mapping):
        return build(RedisOptions, value, "redis")
    if value is None or isinstance(value, RedisOptions):
        return value
    raise ConfigError(f"redis: a {type(value).__name__}: must be RedisOptions(...), or a URL")
