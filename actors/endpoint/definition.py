"""``Endpoint``: which sockets are mounted where. A description: it starts and binds nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from actors import contract
from actors.endpoint.mounts import Custom, Mounts, SocketMount, transport_path
from actors.endpoint.options import EndpointOptions
from actors.endpoint.serving.publish_requests import Keys
from actors.errors import ConfigError
from actors.options import build, did_you_mean, refuse_unknown
from supervision.draining import DrainOptions
from transports.http.router import check_path
from transports.longpoll.options import LongPollOptions
from transports.opening.options import TransportOptions
from transports.websocket.options import WebSocketOptions

if TYPE_CHECKING:
    from actors.endpoint.serving.embedded import Embedded
    from actors.endpoint.typed import (
        DrainMapping,
        EndpointKeywords,
        LongPollMapping,
        SharedKeywords,
        WebSocketMapping,
    )
    from actors.runtime.actor import Actor
    from actors.runtime.ref import Ref
    from actors.socket import Socket
    from transports.http.handling import Handler
    from transports.opening.mount import CustomTransport, TransportMount
    from transports.wsgi.application import WSGIApplication
    from transports.wsgi.gateway import Application

OptionsT = TypeVar("OptionsT", bound=TransportOptions)

BUILT_IN: Mapping[str, type[TransportOptions]] = {
    "websocket": WebSocketOptions,
    "longpoll": LongPollOptions,
}
SHARED = tuple(field.name for field in fields(TransportOptions) if field.name != "path")
"""The options that ``socket(...)`` itself takes for all transports of a mount."""

TAKEN = frozenset({*BUILT_IN, *SHARED, "drainer", "options", "path", "socket_class", "transports"})
"""What a transport of an application's own cannot be called: keywords of ``socket(...)``."""


class Endpoint(Mounts):
    """Lists sockets and their transports (Phoenix.Endpoint).

    ``options`` are those of :class:`~actors.endpoint.options.EndpointOptions`; an unknown one is a
    :class:`~actors.errors.ConfigError`, as is a value that is not acceptable.
    """

    def __init__(self, **options: Unpack[EndpointKeywords]) -> None:
        super().__init__(build(EndpointOptions, options, "Endpoint"))
        self._embedded: Embedded | None = None

    def page(self, path: str, handler: Handler) -> None:
        """Answer requests to ``path`` by ``handler(request, http)``, which may block."""
        self.pages[path] = handler

    def publishing(self, path: str, *, keys: str | Sequence[str]) -> None:
        """Let programs that have one of ``keys`` publish by a POST to ``path``.

        A key is at least 16 visible ASCII characters, and comes as ``Authorization: Bearer KEY``.
        Several are for the time in which one follows another. ``ConfigError`` for what is no key,
        and for a path that has been given before: its keys would count no more. See
        docs/publishing.md, and :class:`actors.publish.Publisher` for the other side.
        """
        where = f"publishing {path!r:.200}"
        if not isinstance(path, str):
            raise ConfigError(f"{where}: the path must be a str, such as '/api/broadcast'")
        if path in self.publishings:
            raise ConfigError(f"{where}: is mounted twice; give all keys at once")
        try:
            check_path(path)
            self.publishings[path] = Keys(keys)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None

    def transport(
        self,
        name: str,
        factory: Callable[[TransportMount[OptionsT]], CustomTransport],
        options_class: type[OptionsT],
    ) -> None:
        """Let sockets be mounted over a transport of your own, by its name.

        ``socket(..., transports={name: True})``, or a mapping of its options.
        ``factory(mount)`` is called for each :class:`~transports.TransportMount`, whose ``options``
        are of ``options_class``.
        See docs/writing-a-transport.md.
        """
        if name in TAKEN or not name.isidentifier():
            raise ConfigError(f"transport {name!r}: must be a new name, such as 'sse'")
        _check_transport(factory, options_class, f"transport {name!r}")
        self.transports[name] = Custom(factory, options_class)

    def socket(
        self,
        path: str,
        socket_class: type[Socket[Any]],
        *,
        websocket: bool | WebSocketMapping = True,
        longpoll: bool | LongPollMapping = False,
        transports: Mapping[str, bool | Mapping[str, Any]] | None = None,
        options: Mapping[str, Any] | None = None,
        drainer: bool | DrainMapping | Callable[[], bool | DrainMapping] = True,
        **shared: Unpack[SharedKeywords],
    ) -> None:
        """Mount ``socket_class`` at ``path``, which may hold ``:variables``.

        ``websocket`` and ``longpoll`` are ``True``, ``False`` or a mapping of that transport's
        options, whose ``path`` is appended to the mount's. ``transports`` says the same of
        transports of your own, by name; ``sse=True`` is short for ``transports={"sse": True}``.
        ``shared`` are options that all transports of this mount have (but for ``path``, those of
        :class:`~transports.opening.options.TransportOptions`); what a transport's own mapping says
        comes first.

        ``options`` are handed to ``child_spec`` and ``drainer_spec`` as they are.

        ``drainer`` says how connections of the class are drained at a shutdown: ``True``, a mapping
        of :class:`~supervision.draining.DrainOptions`, ``False`` (they are told 1001 when the
        server ends) or a function that returns one of those, called at the start. Where a class is
        mounted more than once, the mount that was declared last says it for all.
        """
        where = f"socket {path!r}"
        custom = {name: each.options_class for name, each in self.transports.items()}
        common = {name: value for name, value in shared.items() if name in SHARED}
        by_name = {name: value for name, value in shared.items() if name not in SHARED}
        named = dict(transports or {})
        _refuse_unknown(by_name, {**BUILT_IN, **custom}, where)
        _refuse_unregistered(named, list(custom), f"{where}, transports")
        _refuse_twice(by_name, named, where)
        _check_drainer(drainer, where)
        asked = {"websocket": websocket, "longpoll": longpoll, **by_name, **named}
        built = {
            name: build(options_class, {**common, **asked_options}, f"{where}, {name}")
            for name, options_class in {**BUILT_IN, **custom}.items()
            if (asked_options := _asked(asked.get(name, False), f"{where}: {name}")) is not None
        }
        _check_class(socket_class, where)
        _check_paths(path, built, where)
        self.mounts.append(SocketMount(path, socket_class, built, dict(options or {}), drainer))

    # -- channels

    def broadcast(self, topic: str, event: str, payload: object = None) -> None:
        """Send ``event`` to every client that has joined ``topic``, in all processes.

        From any thread of a process that serves. ``payload`` is an object of JSON (a mapping, a
        dataclass, a ``msgspec.Struct``, a pydantic model) or bytes; nothing is ``{}``. What
        subscribes the topic gets a :class:`~actors.messages.Broadcast`. ``TypeError`` for another
        payload, ``ValueError`` for one over 4 MiB, for an event that begins with ``phx_`` and for a
        topic with a lone surrogate.
        ``RuntimeError`` in a process that serves nothing: see docs/publishing.md.
        """
        _broadcast(topic, event, payload)

    def broadcast_from(
        self, actor: Actor | Ref[Any], topic: str, event: str, payload: object = None
    ) -> None:
        """Do as :meth:`broadcast`, without telling ``actor``: a channel, or its ref."""
        _broadcast(topic, event, payload, sender=actor)

    def local_broadcast(self, topic: str, event: str, payload: object = None) -> None:
        """Do as :meth:`broadcast`, in this process alone."""
        _broadcast(topic, event, payload, local=True)

    def local_broadcast_from(
        self, actor: Actor | Ref[Any], topic: str, event: str, payload: object = None
    ) -> None:
        """Do as :meth:`local_broadcast`, without telling ``actor``."""
        _broadcast(topic, event, payload, sender=actor, local=True)

    def subscribe(self, actor: Actor | Ref[Any], topic: str) -> None:
        """Have ``actor`` told a :class:`~actors.messages.Broadcast` of each event of ``topic``."""
        from actors import pubsub  # noqa: PLC0415 - imports gevent

        pubsub.subscribe(actor, topic)

    def unsubscribe(self, actor: Actor | Ref[Any], topic: str) -> None:
        """Stop; what is in the mailbox already still comes."""
        from actors import pubsub  # noqa: PLC0415 - imports gevent

        pubsub.unsubscribe(actor, topic)

    def disconnect(self, socket_id: str) -> None:
        """End the connections that ``id`` gave this name to, in all processes: Close 1001."""
        _broadcast(socket_id, "disconnect", None)

    def wsgi(self, application: Application | None = None) -> WSGIApplication:
        """Return a WSGI application that serves the sockets inside an existing gevent server.

        Call it when everything is mounted. What no mount takes goes to ``application``, by default
        the endpoint's ``fallback``; without either it is 404. See :mod:`transports.wsgi`.
        """
        from actors.endpoint.serving.embedded import Embedded  # noqa: PLC0415 - imports every transport
        from transports.wsgi.application import WSGIApplication  # noqa: PLC0415

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


def _broadcast(
    topic: str,
    event: str,
    payload: object,
    *,
    sender: Actor | Ref[Any] | None = None,
    local: bool = False,
) -> None:
    from actors import pubsub  # noqa: PLC0415 - imports gevent
    from actors.channels import broadcasting  # noqa: PLC0415

    excluded = None if sender is None else pubsub.number_of(sender)
    broadcasting.broadcast(topic, event, payload, excluded=excluded, local=local)


def _check_transport(factory: object, options_class: object, where: str) -> None:
    if not callable(factory):
        raise ConfigError(f"{where}: {factory!r:.200} is no class or function of a TransportMount")
    if isinstance(factory, type):
        handle = inspect.getattr_static(factory, "handle", None)
        if not callable(handle):
            raise ConfigError(f"{where}: {factory.__qualname__} needs handle(self, request, http)")
        if inspect.iscoroutinefunction(handle):
            raise ConfigError(f"{where}: {factory.__qualname__}.handle is 'async def': write 'def'")
    if not (isinstance(options_class, type) and issubclass(options_class, TransportOptions)):
        wanted = "a subclass of transports.TransportOptions"
        raise ConfigError(f"{where}: {options_class!r:.200} is not {wanted}")


def _asked(given: object, where: str) -> Mapping[str, Any] | None:
    """Return what a mount says of one transport; ``None`` where it does not have it."""
    if given is False:
        return None
    if given is True:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}={given!r:.200}: must be True, False or a mapping of options")
    return given


def _refuse_unknown(
    given: Iterable[str], transports: Mapping[str, type[TransportOptions]], where: str
) -> None:
    """Refuse what is no name of a transport, and say where an option of one belongs."""
    for name in given:
        for transport, options_class in transports.items():
            if name in {field.name for field in fields(options_class)}:
                raise ConfigError(
                    f"{where}: {name!r} is an option of a transport: {transport}={{{name!r}: ...}}"
                )
    own = [*SHARED, "drainer", "options", "transports"]
    refuse_unknown(given, [*transports, *own], where)


def _refuse_twice(one: Mapping[str, Any], other: Mapping[str, Any], where: str) -> None:
    for name in one:
        if name in other:
            raise ConfigError(f"{where}: {name} is given twice, also in transports")


def _check_drainer(drainer: object, where: str) -> None:
    if isinstance(drainer, Mapping):
        build(DrainOptions, drainer, f"{where}, drainer")
    elif not isinstance(drainer, bool) and not callable(drainer):
        wanted = "True, False, a mapping of options or a function"
        raise ConfigError(f"{where}: drainer={drainer!r:.200}: must be {wanted}")


def _refuse_unregistered(given: Iterable[str], registered: list[str], where: str) -> None:
    for name in given:
        if name in BUILT_IN:
            raise ConfigError(f"{where}: {name!r} is one of ours: {name}=...")
        if name not in registered:
            hint = did_you_mean(name, registered) if registered else ""
            declared = f"endpoint.transport({name!r}, ...) must come before"
            raise ConfigError(f"{where}: unknown transport {name!r}{hint}: {declared}")


def _check_paths(path: object, built: Mapping[str, TransportOptions], where: str) -> None:
    if not isinstance(path, str):
        raise ConfigError(f"{where}: the path must be a str, such as '/chat'")
    try:
        for options in built.values():
            check_path(transport_path(path, options))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _check_class(socket_class: object, where: str) -> None:
    from actors.socket import Socket  # noqa: PLC0415 - imports the runtime, which needs gevent

    if not (isinstance(socket_class, type) and issubclass(socket_class, Socket)):
        raise ConfigError(f"{where}: {socket_class!r:.200} is not a subclass of Socket")
    try:
        contract.judge_complete(socket_class, ("transport", "state"))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
