"""Putting what the file says of the application's options in place of what its code says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actors.endpoint.command.overrides import NESTED, Overrides
from actors.errors import ConfigError
from transports.longpoll.options import LongPollOptions

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts, SocketMount
    from transports.opening.options import TransportOptions


def use(endpoint: Mounts, given: Overrides, source: str) -> None:
    """Have ``endpoint``, and what it mounts, go by the options of the file ``source``.

    ``ConfigError``: they do not go together with what the code says.
    """
    own = dict(given.get("endpoint", {}))
    if own:
        for name in own.keys() & NESTED.keys():
            own[name] = replace(endpoint.options.http, **own[name])
        try:
            endpoint.options = replace(endpoint.options, **own)
        except ConfigError as error:
            raise ConfigError(f"{source}: [endpoint]: {error}") from None
    endpoint.mounts[:] = [_mounted(mount, given, source) for mount in endpoint.mounts]


def _mounted(mount: SocketMount, given: Overrides, source: str) -> SocketMount:
    transports: dict[str, TransportOptions] = {}
    for name, options in mount.transports.items():
        own = dict(given.get(name, {}))
        if isinstance(options, LongPollOptions) and options.max_base64 == options.max_body:
            own = {"max_base64": None, **own}  # it follows the other one
        try:
            transports[name] = replace(options, **own)
        except ConfigError as error:
            where = f"{source}: [{name}], at socket {mount.path!r}"
            raise ConfigError(f"{where}: {error}") from None
    return replace(mount, transports=transports)
