"""What is wrong with an endpoint although it could be started: the command's ``--check``.

Nothing of the application's is called here: what an actor, a page or an error handler can be called
with is read from its signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pykka

from actors import contract
from actors.channels.socket import ChannelSocket
from actors.endpoint.mounts import transport_path
from actors.runtime.actor import Actor
from supervision.specs import ChildSpec, child_specs
from supervision.supervisor import Supervisor

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts

_START: Any = inspect.getattr_static(Actor, "start").__func__
"""It makes an instance with the arguments of the spec."""


def misrouted(endpoint: Mounts) -> Iterator[str]:
    """Yield what is wrong with the paths: none at all, one mounted twice, one without transport."""
    options = endpoint.options
    if not endpoint.mounts and not endpoint.pages and options.fallback is None:
        yield "no socket is mounted: endpoint.socket('/path', YourSocket)"
    seen: dict[str, str] = {}
    for path, name in _taken(endpoint):
        before = seen.get(_pattern(path))
        if before is not None:
            yield f"{path!r} is mounted twice, and the later counts: {before}, and {name}"
        seen[_pattern(path)] = name
    for mounted in endpoint.mounts:
        if not mounted.transports:
            name = f"{mounted.socket_class.__name__} at {mounted.path!r}"
            yield f"{name} has no transport: websocket=True or longpoll=True"


def _taken(endpoint: Mounts) -> Iterator[tuple[str, str]]:
    """Yield each path that something is mounted at, and what that is."""
    if endpoint.options.health is not None:
        yield endpoint.options.health, "health"
    for path in endpoint.pages:
        yield path, f"page {path!r}"
    for path in endpoint.publishings:
        yield path, f"publishing {path!r}"
    for mounted in endpoint.mounts:
        name = f"{mounted.socket_class.__name__} at {mounted.path!r}"
        for transport, given in mounted.transports.items():
            yield transport_path(mounted.path, given), f"{name}, {transport}"


def _pattern(path: str) -> str:
    """Return the path with a mark for each variable: of ``/:room`` and ``/:id`` one is in vain."""
    segments = [segment for segment in path.split("/") if segment]
    return "/".join(":" if segment[0] == ":" else segment for segment in segments)


def problems(endpoint: Mounts, children: Iterable[ChildSpec]) -> list[str]:
    """Return everything that is wrong, in words; ``children`` are those of the endpoint's tree."""
    return [
        *misrouted(endpoint),
        *_names(endpoint),
        *_functions(endpoint),
        *_children(children, {}),
    ]


def _names(endpoint: Mounts) -> Iterator[str]:
    """Yield which names of sockets and channels are probably misspelt."""
    for socket_class in dict.fromkeys(mounted.socket_class for mounted in endpoint.mounts):
        yield from contract.hints(socket_class)
        if issubclass(socket_class, ChannelSocket):
            for channel_class in socket_class.channel_classes():
                yield from contract.hints(channel_class)


def _functions(endpoint: Mounts) -> Iterator[str]:
    """Yield which functions that options were given cannot be called as they will be."""
    given: list[tuple[str, Any, tuple[str, ...]]] = [
        ("Endpoint(fallback=...)", endpoint.options.fallback, ("environ", "start_response")),
        *_origin_check("Endpoint", endpoint.options.check_origin),
    ]
    for path, page in endpoint.pages.items():
        given.append((f"page {path!r}", page, ("request", "http")))
    for mounted in endpoint.mounts:
        for transport, options in mounted.transports.items():
            where = f"socket {mounted.path!r}, {transport}"
            handler = getattr(options, "error_handler", None)
            given.append((f"{where}: error_handler", handler, ("request", "reason")))
            given += _origin_check(where, options.check_origin)
    for where, function, taken in given:
        wrong = None if function is None else contract.misfit(function, taken)
        if wrong is not None:
            yield f"{where} {wrong}"


def _origin_check(where: str, setting: Any) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    function, *more = setting if isinstance(setting, tuple) and setting else (setting,)
    if callable(function):
        taken = ("origin", *(f"argument{number}" for number in range(1, len(more) + 1)))
        yield f"{where}: check_origin", function, taken


def _children(specs: Iterable[ChildSpec], names: dict[str, Hashable]) -> Iterator[str]:
    """Yield what is wrong with children and those below; ``names``: whose each seen one is."""
    for spec in specs:
        if spec.name in names:
            other = f"child {names[spec.name]!r:.200}"
            yield f"child {spec.id!r:.200}: its name {spec.name!r:.200} is that of {other}"
        elif spec.name is not None:
            names[spec.name] = spec.id
        wrong = _child(spec)
        if wrong is not None:
            yield f"child {spec.id!r:.200}: {wrong}"
        elif _has_given_children(spec):
            try:
                below = child_specs(spec.args[0])
            except Exception as error:  # noqa: BLE001 - the application's functions may be called
                yield f"child {spec.id!r:.200}: {error}"
            else:
                yield from _children(below, names)


def _child(spec: ChildSpec) -> str | None:
    owner = getattr(spec.start, "__self__", None)
    taken = tuple(f"argument{number}" for number in range(1, len(spec.args) + 1))
    if isinstance(owner, type) and issubclass(owner, pykka.Actor):
        if not issubclass(owner, Actor):
            return "an actor of Pykka's own cannot be asked to end: derive it from actors.Actor"
        if getattr(spec.start, "__func__", None) is _START:
            return contract.unmakeable(owner, taken)
    wrong = contract.misfit(spec.start, taken)
    return None if wrong is None else f"its start {wrong}"


def _has_given_children(spec: ChildSpec) -> bool:
    """Whether the first argument of the spec is what the child will supervise."""
    owner = getattr(spec.start, "__self__", None)
    if not (isinstance(owner, type) and issubclass(owner, Supervisor) and spec.args):
        return False
    known = contract.is_ours(owner) or owner.__init__ is Supervisor.__init__
    return known and owner.init is Supervisor.init
