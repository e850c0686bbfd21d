"""What an endpoint has, as data: routes, trees and checks are made of it, and know no endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from actors.endpoint.options import EndpointOptions
    from actors.endpoint.serving.publish_requests import Keys
    from actors.socket import Socket
    from transports.http.handling import Handler
    from transports.opening.mount import CustomTransport, TransportMount
    from transports.opening.options import TransportOptions


@dataclass(frozen=True, slots=True)
class SocketMount:
    """One socket class at one path; ``transports`` are the options of each transport it has.

    ``options`` are the application's own, for what its class asks to have in the tree.
    """

    path: str
    socket_class: type[Socket]
    transports: Mapping[str, TransportOptions]
    options: Mapping[str, Any]
    drainer: bool | Mapping[str, object] | Callable[[], object] = True


def transport_path(path: str, options: TransportOptions) -> str:
    """Return where a transport is served, of a socket that is mounted at ``path``."""
    return path.rstrip("/") + options.path


class Custom(NamedTuple):
    """A transport that the application brought along; the factory's mounts have its options."""

    factory: Callable[[TransportMount[Any]], CustomTransport]
    options_class: type[TransportOptions]


class Mounts:
    """All of it: ``mounts`` of sockets, ``pages`` by path, ``transports`` by name.

    ``publishings`` are the keys with which others may publish, by path.
    ``served_on`` are the addresses, (host, port) or (path, 0), that this process serves it on; none
    before it does, and inside another server.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self.options = options
        self.mounts: list[SocketMount] = []
        self.pages: dict[str, Handler] = {}
        self.publishings: dict[str, Keys] = {}
        self.transports: dict[str, Custom] = {}
        self.served_on: tuple[tuple[str, int], ...] = ()
