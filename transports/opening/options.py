"""The options that both transports take; each transport adds its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from actors.errors import ConfigError
from actors.options import Options, boolean, maybe, one_of, option
from actors.serializers.negotiation import Served, served
from transports.opening.connect_info import compile_fields, needs_same_site
from transports.opening.origin import OriginCheck, Setting


def path(value: Any) -> str | None:
    """Accept what looks like a path; :class:`transports.http.router.Router` looks closer."""
    ok = isinstance(value, str) and value.startswith("/")
    return None if ok else "a path such as '/websocket', or '/:room' with a variable"


def function(value: Any) -> str | None:
    """Accept what can be called."""
    return None if callable(value) else "a function"


def names(value: Any) -> str | None:
    """Accept a list or tuple of text."""
    ok = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
    return None if ok else "a list of str"


def _serializers(value: Any) -> str | None:
    if value is None:
        return None
    from actors.serializers.message import Serializer  # noqa: PLC0415 - imports orjson

    try:
        good = all(isinstance(each.serializer, Serializer) for each in served(value))
    except (ConfigError, TypeError, ValueError):
        good = False
    return None if good else "a list of (serializer, '~> 2.0.0'), or None for those of Phoenix"


def _served(value: Any) -> tuple[Served, ...] | None:
    return None if value is None else served(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions(Options):
    """What every mount may set; ``None`` leaves it to the endpoint.

    ``check_origin=False`` with ``check_csrf=False`` would let any page on the web act for a user
    who is logged in, and is refused.
    """

    path: str = option("/", "appended to the path of the mount", check=path)
    serializer: Sequence[tuple[Any, str]] | None = option(
        None,
        "which versions channels speak: pairs of a serializer and its requirement",
        check=_serializers,
        convert=_served,
    )
    transport_log: Literal[False, "debug", "info", "warning", "error"] = option(
        False,
        "level at which each opening request is logged",
        check=one_of(False, "debug", "info", "warning", "error"),
    )
    check_origin: Setting | None = option(
        None, "which pages may connect, see transports.opening.origin"
    )
    require_origin: bool = option(False, "refuse requests without an Origin", check=boolean)
    allowed_hosts: Sequence[str] | None = option(
        None, "names in the Host header that are ours", check=maybe(names)
    )
    check_csrf: bool = option(True, "hand the session over only with a CSRF token", check=boolean)
    code_reloader: bool | None = option(
        None, "reload changed code before each opening request", check=maybe(boolean)
    )
    connect_info: Sequence[str | tuple[str, object]] = option(
        (), "what connect learns, see transports.opening.connect_info"
    )
    auth_token: bool = option(False, "take the authToken of phoenix.js 1.8", check=boolean)

    def __post_init__(self) -> None:
        # A slotted dataclass is a second class, which super() without arguments does not know.
        Options.__post_init__(self)
        same_site = needs_same_site(self.connect_info)
        if self.check_origin is not None:
            OriginCheck(self.check_origin, same_site=same_site)
        if self.check_origin is False and not self.check_csrf:
            raise ConfigError("check_origin=False, check_csrf=False: must not both be False")
        asked = dict(compile_fields(self.connect_info))
        if "auth_token" in asked and not self.auth_token:
            raise ConfigError("connect_info: 'auth_token' needs the option auth_token=True")
