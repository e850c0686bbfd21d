"""``Endpoint``: which sockets are mounted where. A description: it starts and binds nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from actors import contract
from actors.endpoint.options import EndpointOptions
from actors.errors import ConfigError
from actors.options import build, refuse_unknown
from supervision.draining import DrainOptions
from transports.longpoll.options import LongPollOptions
from transports.websocket.options import WebSocketOptions

if TYPE_CHECKING:
    from actors.endpoint.embedded import Embedded
    from actors.socket import Socket
    from transports.handshake import CustomTransport, Mount
    from transports.http.gateway import Application
    from transports.http.handling import Handler
    from transports.options import TransportOptions
    from transports.wsgi import WSGIApplication

logger = logging.getLogger("roost.endpoint")

BUILT_IN: Mapping[str, type[TransportOptions]] = {
    "websocket": WebSocketOptions,
    "longpoll": LongPollOptions,
}
ON_BY_DEFAULT = frozenset({"websocket"})


@dataclass(frozen=True, slots=True)
class Mounted:
    """One socket class at one path; ``transports`` are the options of each transport it has."""

    path: str
    socket_class: type[Socket]
    transports: Mapping[str, TransportOptions]
    options: Mapping[str, Any]
    drainer: bool | Mapping[str, Any] | Callable[[], Any] = True


class Custom(NamedTuple):
    """A transport that the application brought along."""

    factory: Callable[[Mount], CustomTransport]
    options_class: type[TransportOptions]


class Endpoint:
    """Lists sockets and their transports (Phoenix.Endpoint).

    ``options`` are those of :class:`~actors.endpoint.options.EndpointOptions`; an unknown one is a
    :class:`~actors.errors.ConfigError`, as is a value that is not acceptable.
    """

    def __init__(self, **options: Any) -> None:
        self.options = build(EndpointOptions, options, "Endpoint")
        self.mounts: list[Mounted] = []
        self.pages: dict[str, Handler] = {}
        self.transports: dict[str, Custom] = {}
        self._embedded: Embedded | None = None

    def page(self, path: str, handler: Handler) -> None:
        """Answer requests to ``path`` by ``handler(request, http)``, which may block."""
        self.pages[path] = handler

    def transport(
        self,
        name: str,
        factory: Callable[[Mount], CustomTransport],
        options_class: type[TransportOptions],
    ) -> None:
        """Let sockets be mounted over a transport of your own: ``socket(..., name=True)``.

        ``factory(mount)`` is called for each mount, whose ``options`` are of ``options_class``.
        See docs/writing-a-transport.md.
        """
        if name in BUILT_IN or not name.isidentifier():
            raise ConfigError(f"transport {name!r}: must be a new name, such as 'sse'")
        self.transports[name] = Custom(factory, options_class)

    def socket(
        self,
        path: str,
        socket_class: type[Socket],
        *,
        options: Mapping[str, Any] | None = None,
        drainer: bool | Mapping[str, Any] | Callable[[], Any] = True,
        **transports: bool | Mapping[str, Any],
    ) -> None:
        """Mount ``socket_class`` at ``path``, which may hold ``:variables``.

        ``websocket`` (default ``True``) and ``longpoll`` (default ``False``) are ``True``,
        ``False`` or a mapping of that transport's options, whose ``path`` is appended to the
        mount's; so are transports of your own. ``options`` are handed to ``child_spec`` and
        ``drainer_spec`` as they are.

        ``drainer`` says how connections of the class are drained at a shutdown: ``True``, a mapping
        of :class:`~supervision.draining.DrainOptions`, ``False`` (they are told 1001 when the
        server ends) or a function that answers one of those, called at the start. Where a class is
        mounted more than once, the mount that was declared last says it for all.
        """
        where = f"socket {path!r}"
        known = {**BUILT_IN, **{n: t.options_class for n, t in self.transports.items()}}
        refuse_unknown(transports, [*known, "drainer", "options"], where)
        _check_drainer(drainer, where)
        built: dict[str, TransportOptions] = {}
        for name, options_class in known.items():
            given = transports.get(name, name in ON_BY_DEFAULT)
            if given is False:
                continue
            if given is not True and not isinstance(given, Mapping):
                msg = f"{where}: {name}={given!r}: must be True, False or a mapping of options"
                raise ConfigError(msg)
            chosen = {} if given is True else given
            built[name] = build(options_class, chosen, f"{where}, {name}")
        _check_class(socket_class, where)
        self.mounts.append(Mounted(path, socket_class, built, dict(options or {}), drainer))

    def wsgi(self, application: Application | None = None) -> WSGIApplication:
        """Answer a WSGI application that serves the sockets inside an existing gevent server.

        Call it when everything is mounted. What no mount takes goes to ``application``, by default
        the endpoint's ``fallback``; without either it is 404. See :mod:`transports.wsgi`.
        """
        from actors.endpoint.embedded import Embedded  # noqa: PLC0415 - imports every transport
        from transports.wsgi import WSGIApplication  # noqa: PLC0415

        if self._embedded is None:
            self._embedded = Embedded(self)
        return WSGIApplication(self._embedded, self.options, application or self.options.fallback)

    def start(self) -> None:
        """Start what an endpoint inside another server has in its tree, in this process.

        That are ``children``, what each class's ``child_spec`` and ``drainer_spec`` ask for, and
        ``watchers``. Without this call the first request starts them. Call it behind
        :meth:`wsgi`, and where the server forks, in the fork (gunicorn: ``post_fork``). A second
        call does nothing.

        :class:`~actors.errors.ConfigError` names the child that did not start. ``RuntimeError``:
        there is no :meth:`wsgi` application; our own server starts its tree by itself.
        """
        if self._embedded is None:
            raise RuntimeError("Endpoint.start() is for an endpoint.wsgi(...) application")
        self._embedded.start()


def _check_drainer(drainer: object, where: str) -> None:
    if isinstance(drainer, Mapping):
        build(DrainOptions, drainer, f"{where}, drainer")
    elif not isinstance(drainer, bool) and not callable(drainer):
        wanted = "True, False, a mapping of options or a function"
        raise ConfigError(f"{where}: drainer={drainer!r:.200}: must be {wanted}")


def _check_class(socket_class: object, where: str) -> None:
    from actors.socket import Socket  # noqa: PLC0415 - imports the runtime, which needs gevent

    if not (isinstance(socket_class, type) and issubclass(socket_class, Socket)):
        raise ConfigError(f"{where}: {socket_class!r:.200} is not a subclass of Socket")
    try:
        contract.judge_complete(socket_class, ("transport", "state"))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
