"""What an endpoint answers where: its mounts' transports behind one router."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

from actors import signing
from actors.endpoint.command.checking import misrouted
from actors.endpoint.mounts import transport_path
from actors.endpoint.serving.health_page import HealthPage
from actors.endpoint.serving.publishing import Publishing
from actors.endpoint.serving.reloader import CodeReloader
from actors.errors import ConfigError
from transports.http.handling import Resource, resource
from transports.http.router import Router
from transports.longpoll.options import LongPollOptions
from transports.longpoll.relay import Relay
from transports.longpoll.session_table import SessionTable
from transports.longpoll.transport import LongPollTransport
from transports.opening.mount import Defaults, TransportMount
from transports.websocket.options import WebSocketOptions
from transports.websocket.transport import WebSocketTransport
from transports.wsgi.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.endpoint.mounts import Mounts, SocketMount
    from actors.pubsub.cluster import Cluster
    from actors.socket import Socket
    from transports.opening.mount import CustomTransport
    from transports.opening.options import TransportOptions

SECRET_VARIABLE = "SECRET_KEY_BASE"
"""The environment's secrets, newest first, with white space between them."""

SECRET_OF_ONE_MACHINE = (
    "redis without secret_key_base: a long poll that lands on another machine loses its session"
)


class Routes:
    """The router of one endpoint in this process, and the long-poll sessions behind it.

    ``serves()`` says whether this process does, for the option ``health``.
    ``cluster`` links this process to others that serve the endpoint, those of other ``machines``
    too, and ``boot_secret`` is what those of one machine sign with where the application has no
    secret of its own.
    """

    def __init__(
        self,
        endpoint: Mounts,
        *,
        serves: Callable[[], bool] = lambda: True,
        cluster: Cluster | None = None,
        boot_secret: str | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.notes: list[str] = []
        """What whoever starts the endpoint should be told, once however many workers there are."""
        self.secrets = self._secrets(boot_secret)
        self.sessions = SessionTable(
            self.secrets,
            worker=None if cluster is None else cluster.worker,
            clock_skew=endpoint.options.clock_skew,
        )
        self.relay = None if cluster is None else Relay(cluster, self.sessions)
        self._router: Router[Resource] = Router()
        self.mounted = self._router.match
        fallback = endpoint.options.fallback
        self._fallback = None if fallback is None else resource(Gateway(fallback))
        options = endpoint.options
        self._defaults = Defaults(
            endpoint=endpoint,
            check_origin=options.check_origin,
            url_host=options.url_host,
            secrets=self.secrets,
            clock_skew=options.clock_skew,
            knows_clients=options.forwarded is not None,
            code_reloader=CodeReloader() if _reloads(endpoint) else None,
            reload_by_default=options.code_reloader,
        )
        if options.health is not None:
            self._router.add(options.health, resource(HealthPage(serves)))
        for path, page in endpoint.pages.items():
            self._router.add(path, Resource(page, route=path))
        for path, keys in endpoint.publishings.items():
            self._router.add(path, resource(Publishing(cluster, keys), path))
        for mounted in endpoint.mounts:
            self._mount(mounted)
        self.notes += misrouted(endpoint)

    def match(self, path: str) -> tuple[Resource, dict[str, str]] | None:
        """Return the resource of ``path`` and its path parameters: that of ``fallback`` for others.

        ``mounted(path)`` returns ``None`` for those, as this does where there is no fallback.
        """
        found = self.mounted(path)
        if found is None and self._fallback is not None:
            return self._fallback, {}
        return found

    def _secrets(self, boot_secret: str | None) -> tuple[str, ...]:
        """Return what signs tokens: the option, the environment's, else a secret of this boot."""
        given = tuple(os.environ.get(SECRET_VARIABLE, "").split())
        kept: Any = self.endpoint.options.secret_key_base  # a tuple by now
        found: tuple[str, ...] = kept or given
        if not all(signing.is_secret(secret) for secret in found):
            raise ConfigError(f"{SECRET_VARIABLE}: each secret must have at least 32 bytes")
        if found:
            return found
        if any("longpoll" in mounted.transports for mounted in self.endpoint.mounts):
            if self.endpoint.options.redis is not None:
                self.notes.append(SECRET_OF_ONE_MACHINE)
            self.notes.append(
                "no secret_key_base: made one for this boot, long-poll sessions end with it"
                f" (give Endpoint(secret_key_base=...) or {SECRET_VARIABLE})"
            )
        return (boot_secret or secrets.token_urlsafe(48),)

    def _mount(self, mounted: SocketMount) -> None:
        for name, options in mounted.transports.items():
            path = transport_path(mounted.path, options)
            transport = self._transport(name, path, mounted.socket_class, options)
            self._router.add(path, resource(transport, path))

    def _transport(
        self, name: str, path: str, socket_class: type[Socket], options: TransportOptions
    ) -> CustomTransport:
        defaults = self._defaults
        match name, options:
            case "longpoll", LongPollOptions():
                mount = TransportMount(path, socket_class, options, defaults)
                return LongPollTransport(mount, self.sessions, self.relay)
            case "websocket", WebSocketOptions():
                return WebSocketTransport(TransportMount(path, socket_class, options, defaults))
        factory = self.endpoint.transports[name].factory
        return factory(TransportMount(path, socket_class, options, defaults))


def _reloads(endpoint: Mounts) -> bool:
    mounted = (options for mount in endpoint.mounts for options in mount.transports.values())
    return endpoint.options.code_reloader or any(options.code_reloader for options in mounted)
