"""What an endpoint answers where, as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.endpoint.mounts import transport_path

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts


class Row(NamedTuple):
    """``kind``: the name of a transport, ``page``, ``publish``, ``health`` or ``fallback``."""

    path: str
    kind: str
    handler: str


def rows(endpoint: Mounts) -> list[Row]:
    """Return a row for each path; of two at one path the later."""
    found = {row.path: row for row in _declared(endpoint)}
    fallback = endpoint.options.fallback
    return [*found.values(), *([] if fallback is None else [Row("*", "fallback", named(fallback))])]


def _declared(endpoint: Mounts) -> Iterator[Row]:
    """Yield what is at which path, in the order in which the router is told."""
    for path, page in endpoint.pages.items():
        yield Row(path, "page", named(page))
    if endpoint.options.health is not None:
        yield Row(endpoint.options.health, "health", "200, or 503 from when a stop begins")
    for path in endpoint.publishings:
        yield Row(path, "publish", "POST, with a key")
    for mounted in endpoint.mounts:
        for transport, options in mounted.transports.items():
            path = transport_path(mounted.path, options)
            yield Row(path, transport, named(mounted.socket_class))


def named(thing: Any) -> str:
    """Return where a class or a function is; for another object where its class is."""
    code = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{code.__module__}.{code.__qualname__}"


def table(listed: Sequence[Row]) -> Iterator[str]:
    """Yield lines with columns of equal width."""
    every = [Row("PATH", "KIND", "HANDLER"), *listed]
    widths = [max(len(row[column]) for row in every) for column in (0, 1)]
    for row in every:
        yield f"{row.path:<{widths[0]}}  {row.kind:<{widths[1]}}  {row.handler}"
