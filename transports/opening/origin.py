"""Who may open a connection from a browser: ``check_origin`` and ``allowed_hosts``.

The five forms of ``check_origin``:

- ``True``: the origin's host equals the host of the endpoint's ``url`` (any host where that is
  ``None``); scheme and port do not matter;
- ``False``: anybody;
- a list of origins: ``"https://example.com"`` (a scheme implies its port), ``"//example.com"``
  (any scheme and port), ``"//example.com:81"``, ``"//*.example.com"`` (the domain and everything
  below it);
- ``"conn"``: scheme, host and port are those of this request;
- a callable, or a tuple of a callable and further arguments: called with the origin as a
  :class:`~transports.opening.uri.URI` before the arguments; true allows.

A request without an ``Origin`` header does not come from a page, and is allowed unless
``require_origin`` is set. It may come from one all the same: an ``<img>`` has no Origin, but brings
cookies. Where ``connect_info`` hands those on, a request without an Origin must say
``Sec-Fetch-Site: same-origin`` (Fetch Metadata), which pages cannot forge.

As in Phoenix, hosts are compared as they are written (browsers send lower case and punycode). Two
``Origin`` headers, and an origin without a host (``null``, ``file://``), match nothing; only a
callable can allow the latter.

An :class:`OriginCheck` belongs to one mount. Phoenix up to 1.8.9 kept one for each socket class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from actors.errors import ConfigError
from transports.http.request import Request
from transports.opening.uri import URI, parse

Setting = bool | str | Callable[[URI], object] | Sequence[Any]
_Allows = Callable[[URI, Request], object]

FORMS = "True, False, 'conn', a list of origins, a callable, or a tuple (callable, *arguments)"


class OriginCheck:
    """The ``check_origin`` of one mount, compiled once."""

    __slots__ = ("_allows", "_entries", "_require", "_same_site", "_setting", "judges_all")

    def __init__(
        self,
        setting: Setting,
        *,
        url_host: str | None = None,
        require_origin: bool = False,
        same_site: bool = False,
    ) -> None:
        """Compile ``setting``; a form that is not one of the five raises ``ConfigError``.

        ``same_site``: a request must show that a page of ours has made it. Then ``False``, which
        allows any page, is a ``ConfigError``.
        """
        if same_site and setting is False:
            raise ConfigError(
                "check_origin=False: any page on the web could act for a user who is logged in,"
                " as connect_info hands on cookies, headers or the session of a host"
            )
        self._setting = setting
        self._same_site = same_site
        self._allows = _compile(setting, url_host)
        self._require = require_origin
        self.judges_all = require_origin or same_site
        """Whether a request without an Origin may be refused, too."""
        self._entries = _entries(setting, url_host)

    def refusal(self, request: Request, mount: str) -> str | None:
        """Return ``None`` where ``request`` may connect, else what to log of the path ``mount``."""
        if request.header("origin") is None:
            if self._require:
                return _absent(mount)
            return None if not self._same_site or _is_same_origin(request) else _unproven(mount)
        if self._allows is None:
            return None
        origins = request.headers_named("origin")
        if len(origins) == 1:
            uri = parse(origins[0])
            if self._allows(uri, request):
                return None
            return self._refused(origins[0], uri, mount)
        return f"{mount}: refused a request with {len(origins)} Origin headers; browsers send one."

    def _refused(self, origin: str, uri: URI, mount: str) -> str:
        if uri.host:
            wanted = f"check_origin={[*self._entries, f'//{uri.host}']!r}"
        else:
            wanted = "check_origin=function, which gets the parsed origin"
        return (
            f"{mount}: refused the origin {origin[:200]!r}, which "
            f"check_origin={_shown(self._setting)} does not allow. If it is yours, give the mount "
            f"(or the endpoint) the option {wanted}."
        )


def _is_same_origin(request: Request) -> bool:
    return request.headers_named("sec-fetch-site") == ["same-origin"]


def _shown(setting: Setting) -> str:
    if isinstance(setting, tuple) and setting and callable(setting[0]):
        return f"({setting[0]!r}, ...)"  # its arguments may be secrets
    return repr(setting)


def host_allowed(allowed: Sequence[str] | None, host: str) -> bool:
    """Whether ``allowed_hosts`` holds the request's ``host`` (its name alone); ``None`` holds all.

    This is the answer to DNS rebinding: a page of the attacker's whose name resolves to us sends
    its own name. Entries are names, or ``"*.example.com"`` as in ``check_origin``.
    """
    if allowed is None:
        return True
    name = host.lower()
    return any(_host_matches(name, entry.lower()) for entry in allowed)


def _compile(setting: Setting, url_host: str | None) -> _Allows | None:
    if setting is False:
        return None
    if setting is True:
        return lambda uri, _: bool(uri.host) and url_host in (None, uri.host)
    if setting == "conn":
        return _same_as_request
    if callable(setting):
        return lambda uri, _: setting(uri)
    if isinstance(setting, tuple) and setting and callable(setting[0]):
        function, *arguments = setting
        return lambda uri, _: function(uri, *arguments)
    if isinstance(setting, list | tuple):
        return _listed([_parsed(entry) for entry in setting])
    raise ConfigError(f"check_origin={setting!r}: must be {FORMS}")


def _same_as_request(uri: URI, request: Request) -> bool:
    return bool(uri.host) and (uri.scheme, uri.host, uri.port) == (
        request.scheme,
        request.host,
        request.port,
    )


def _listed(entries: list[URI]) -> _Allows:
    def allows(uri: URI, _: Request) -> bool:
        return bool(uri.host) and any(_matches(uri, entry) for entry in entries)

    return allows


def _matches(uri: URI, entry: URI) -> bool:
    return (
        entry.scheme in (None, uri.scheme)
        and entry.port in (None, uri.port)
        and _host_matches(uri.host or "", entry.host or "")
    )


def _host_matches(host: str, entry: str) -> bool:
    if entry.startswith("*."):
        return host == entry[2:] or host.endswith(entry[1:])
    return host == entry


def _parsed(entry: object) -> URI:
    if not isinstance(entry, str):
        raise ConfigError(f"check_origin: {entry!r} must be a str such as '//example.com'")
    wildcard = "//*." in entry
    uri = parse(entry.replace("//*.", "//", 1))
    if not uri.host:
        raise ConfigError(
            f"check_origin: {entry!r} has no host that can be compared; write it as "
            "'//example.com', '//*.example.com' or 'https://example.com' (in punycode)"
        )
    if wildcard:
        return URI(uri.scheme, f"*.{uri.host}", uri.port)
    return uri


def _entries(setting: Setting, url_host: str | None) -> list[Any]:
    """Return the list that allows what ``setting`` does, as far as a list can, for the log."""
    if setting is True and url_host:
        return [f"//{url_host}"]
    if isinstance(setting, list | tuple) and not callable(next(iter(setting), None)):
        return list(setting)
    return []


def _unproven(mount: str) -> str:
    return (
        f"{mount}: refused a request with neither an Origin header nor Sec-Fetch-Site:"
        " same-origin. Its connect_info hands on cookies, headers or the session of a host, so"
        " requests must come from a page of yours; clients other than browsers send an Origin that"
        " check_origin allows."
    )


def _absent(mount: str) -> str:
    return (
        f"{mount}: refused a request without an Origin header. If clients other than browsers are "
        "to connect, give the mount the option require_origin=False."
    )
