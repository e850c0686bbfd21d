"""What a mount asks to know of each new connection: its ``connect_info`` option.

The option is a sequence of names and pairs:

- ``"peer_data"``: ``{"address": str, "port": int, "ssl_cert": bytes | None}``;
- ``"trace_context_headers"``: ``[(name, value), ...]`` of ``traceparent`` and ``tracestate``;
- ``"x_headers"``: the same of every header whose name begins with ``x-``;
- ``"uri"``: a :class:`~transports.opening.uri.URI` of the request;
- ``"user_agent"``: ``str | None``;
- ``"auth_token"``: ``str | None``, what phoenix.js 1.8 was given as ``authToken``;
- ``"cookies"``: ``dict[str, str]`` of the ``Cookie`` header; its text shows no values;
- ``("headers", ["authorization", ...])``: ``[(name, value), ...]`` of the headers that are named;
- ``("session", SessionOptions(...))``, or a function that answers those: ``dict | None``, see
  :mod:`transports.opening.cookie_session`;
- ``("session", FlaskSession(app))``, ``("session", DjangoSession())`` or another
  :class:`HostSession`: ``dict | None``, see :mod:`transports.opening.host_session`;
- any other ``(name, value)``: the value as it is.

Names of headers are in lower case and sorted; a header that came twice is joined with ``", "``.

Browsers send cookies with a request of *any* page. So a mount that asks for cookies, for headers or
for the session of a host refuses requests that do not show that a page of ours has made them
(:func:`needs_same_site`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from actors import signing
from actors.errors import ConfigError
from actors.options import did_you_mean
from transports.http.cookies import parse_cookies
from transports.http.request import Request
from transports.opening import cookie_session as session
from transports.opening.cookie_session import SessionOptions
from transports.opening.uri import URI

AUTH_TOKEN_HEADER = "x-phoenix-authtoken"
_TRACE = ("traceparent", "tracestate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the values come from: the request, and what its transport knows beside it.

    ``auth_token`` is the one among the subprotocols, ``ssl_cert`` the client's certificate (DER);
    ``secrets``, ``now`` (seconds since the epoch), ``clock_skew`` and ``on_ahead`` verify the
    session, see :func:`actors.signing.verify`.
    """

    request: Request
    now: float
    secrets: signing.Secrets = field(default=(), repr=False)
    clock_skew: float = signing.CLOCK_SKEW
    on_ahead: Callable[[float], object] | None = None
    check_csrf: bool = True
    auth_token: str | None = field(default=None, repr=False)
    ssl_cert: bytes | None = None


@runtime_checkable
class HostSession(Protocol):
    """Reads the session of the web framework that serves pages beside us."""

    def read(self, request: Request) -> dict[str, Any] | None:
        """Return its values, ``None`` where the client has no valid one; may block."""


Read = Callable[[Source], Any]
Fields = tuple[tuple[str, Read], ...]


def compile_fields(setting: object) -> Fields:
    """Return how to read each key of the option; ``ConfigError`` for a key that is none."""
    if not isinstance(setting, list | tuple):
        kind = type(setting).__name__  # not the value: it may hold secrets
        raise ConfigError(f"connect_info={kind}: must be a list, such as ['uri', 'x_headers']")
    return tuple(_field(entry) for entry in setting)


def needs_same_site(setting: object) -> bool:
    """Whether the option asks for what a browser sends by itself, whoever's page it shows.

    Those are cookies, headers and the sessions of hosts. Our own session has a CSRF token.
    """
    if not isinstance(setting, list | tuple):
        return False
    for entry in setting:
        match entry:
            case "cookies" | ("headers", _):
                return True
            case ("session", HostSession()):
                return True
    return False


def collect(fields: Fields, source: Source) -> dict[str, Any]:
    """Return the ``connect_info`` of one connection."""
    return {name: read(source) for name, read in fields}


def _field(entry: object) -> tuple[str, Read]:
    match entry:
        case str(name) if name in _READ:
            return name, _READ[name]
        case "session":
            raise ConfigError("connect_info: write ('session', SessionOptions(...))")
        case "headers":
            raise ConfigError("connect_info: write ('headers', ['authorization'])")
        case ("headers", names):
            return "headers", _named_headers(names)
        case ("session", options):
            return "session", _session(options)
        case (str(name), value):
            return name, lambda _: value
        case _:
            known = [*_READ, "headers", "session"]
            # Of what may hold values only the kind: one may be a secret.
            name = repr(entry) if isinstance(entry, str | int) else f"a {type(entry).__name__}"
            raise ConfigError(f"connect_info: unknown key {name}{did_you_mean(name, known)}")


def _session(options: object) -> Read:
    if isinstance(options, SessionOptions):
        return lambda source: _load(options, source)
    if isinstance(options, type):
        pass  # a class was named where one is to be made
    elif isinstance(options, HostSession):
        return lambda source: options.read(source.request)
    elif callable(options):
        return lambda source: _load(options(), source)
    raise ConfigError(
        f"connect_info: session={options!r:.200}: must be SessionOptions(...), FlaskSession(app),"
        " DjangoSession(), or a function to call"
    )


def _named_headers(names: object) -> Read:
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"connect_info: headers={names!r:.200}: must be a list of names of headers"
        )
    wanted = frozenset(name.lower() for name in names)
    return lambda source: _headers(source.request, wanted.__contains__)


def _load(options: SessionOptions, source: Source) -> dict[str, Any] | None:
    cookies = source.request.headers_named("cookie")
    found = session.read(
        options,
        source.secrets,
        cookies,
        now=source.now,
        skew=source.clock_skew,
        on_ahead=source.on_ahead,
    )
    if source.check_csrf:
        return session.checked(options, found, source.request.params.get(session.CSRF_PARAM))
    return found


def _peer_data(source: Source) -> dict[str, Any]:
    address, port = source.request.peer
    return {"address": address, "port": port, "ssl_cert": source.ssl_cert}


def _uri(source: Source) -> URI:
    request = source.request
    return URI(request.scheme, request.host, request.port, request.path, request.query_string)


def _auth_token(source: Source) -> str | None:
    if source.auth_token is not None:
        return source.auth_token
    return source.request.header(AUTH_TOKEN_HEADER)


def _headers(request: Request, wanted: Callable[[str], bool]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for name, value in request.headers:
        if wanted(name):
            found[name] = f"{found[name]}, {value}" if name in found else value
    return sorted(found.items())


_READ: dict[str, Read] = {
    "peer_data": _peer_data,
    "trace_context_headers": lambda source: _headers(source.request, _TRACE.__contains__),
    "x_headers": lambda source: _headers(source.request, lambda name: name.startswith("x-")),
    "uri": _uri,
    "user_agent": lambda source: source.request.header("user-agent"),
    "auth_token": _auth_token,
    "cookies": lambda source: parse_cookies(source.request.headers_named("cookie")),
}
