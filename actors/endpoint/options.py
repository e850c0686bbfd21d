"""The options of an endpoint."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from actors import signing
from actors.options import (
    Options,
    boolean,
    bound,
    maybe,
    one_of,
    option,
    positive,
    positive_int,
    seconds,
)
from actors.redis_options import RedisOptions, redis_options
from actors.schedule import GRACE, LAST_POLL
from transports.http.options import HTTPOptions
from transports.opening.options import function
from transports.opening.origin import Setting
from transports.tcp.trust import TrustedProxies


def _secrets(value: Any) -> str | None:
    given = _tuple(value)
    ok = isinstance(given, tuple) and all(signing.is_secret(each) for each in given)
    return None if ok else "a str of at least 32 bytes, or a list of those, newest first"


def _tuple(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _skew(value: Any) -> str | None:
    ok = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    return None if ok else "a number of seconds, 0 or more"


def _http(value: Any) -> str | None:
    return None if isinstance(value, HTTPOptions) else "HTTPOptions(...)"


def _children(value: Any) -> str | None:
    ok = isinstance(value, list | tuple)
    return None if ok else "a list of children: actor classes, ChildSpec(...) or functions"


def _redis(value: Any) -> str | None:
    ok = value is None or isinstance(value, RedisOptions | str | Mapping)
    return None if ok else "RedisOptions(...), a mapping of its options, or a URL"


def _trusted(value: Any) -> str | None:
    wanted = "a list of networks such as ['10.0.0.0/8'], and 'unix' for Unix sockets"
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        return wanted
    try:
        TrustedProxies(value)
    except ValueError as error:
        return f"{wanted}; {error}"
    return None


def _parameters(value: Any) -> str | None:
    ok = isinstance(value, list | tuple) and all(map(_is_name, value))
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, names), *_ = value.items()
        ok = kind in {"only", "keep"} and isinstance(names, list | tuple)
        ok = ok and all(map(_is_name, names))
    return None if ok else "a list of words, {'only': words} or {'keep': names}"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _host(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a host name"


def _path(value: Any) -> str | None:
    ok = isinstance(value, str) and re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value) is not None
    return None if ok else "a path such as '/healthz', without variables"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions(Options):
    """What ``Endpoint(...)`` takes."""

    url_host: str | None = option(
        None, "the name that pages of ours are served under", check=maybe(_host)
    )
    check_origin: Setting = option(True, "which pages may connect, see transports.opening.origin")
    code_reloader: bool = option(False, "reload changed code", check=boolean)
    secret_key_base: str | list[str] | tuple[str, ...] = option(
        (),
        "what tokens are signed with: a secret, or several, newest first",
        check=_secrets,
        convert=_tuple,
        secret=True,
    )
    clock_skew: float = seconds(
        signing.CLOCK_SKEW, "a token signed so far ahead of this clock is valid", check=_skew
    )
    http: HTTPOptions = field(
        default_factory=HTTPOptions, metadata={"doc": "limits of HTTP", "check": _http}
    )
    max_connections: int | None = bound(
        None,
        "streams open at once in each worker, over all its addresses, else 503",
        "connections",
        check=maybe(positive_int),
    )
    max_connections_per_address: int | None = bound(
        None,
        "streams open at once from one client address in each worker, else 503",
        "connections",
        check=maybe(positive_int),
    )
    max_metric_series: int = bound(
        200,
        "of an application's own metrics in one process, more are dropped and counted",
        "series",
        check=positive_int,
    )
    trusted_proxies: Sequence[str] = option(
        (),
        "proxies in front, as networks (CIDR), and 'unix' for all peers of Unix sockets",
        check=_trusted,
        convert=tuple,
    )
    forwarded: Literal["x-forwarded", "proxy-protocol"] | None = option(
        None,
        "how those say who their clients are; of anybody else it is not believed",
        check=one_of("x-forwarded", "proxy-protocol", None),
    )
    forwarded_host: bool = option(
        False,
        "believe X-Forwarded-Host and -Port as well, of proxies that write both themselves",
        check=boolean,
    )
    fallback: Callable[..., Any] | None = option(
        None, "a WSGI application for what no mount takes, else 404", check=maybe(function)
    )
    health: str | None = option(
        None,
        "a path that answers 200 while this process serves, and 503 from the start of its stop on",
        check=maybe(_path),
    )
    children: Sequence[Any] = option(
        (), "children of the endpoint's own tree, started before the sockets", check=_children
    )
    watchers: Sequence[Any] = option(
        (), "the same, started when clients are let in and stopped first", check=_children
    )
    drain_order: Literal["stop_accepting", "phoenix"] = option(
        "stop_accepting",
        "stop accepting before the drain, or as Phoenix after it",
        check=one_of("stop_accepting", "phoenix"),
    )
    server_shutdown: float | None = seconds(
        None, "for connections that no drainer ended; None: 0.3 of grace", check=maybe(positive)
    )
    last_poll: float = seconds(LAST_POLL, "for a last poll of a drained long-poll session")
    redis: RedisOptions | str | Mapping[str, Any] | None = option(
        None,
        "the Redis that links several machines: RedisOptions(...), or its URL",
        check=_redis,
        convert=redis_options,
        secret=True,
    )
    filter_parameters: Sequence[str] | Mapping[str, Sequence[str]] = option(
        (),
        "what names of secrets contain, whose values no log shows: further words for the default"
        " ones, {'only': words} for these alone, or {'keep': names}: parameters of all other names",
        check=_parameters,
    )
    grace: float = seconds(GRACE, "seconds that a shutdown may take")
