"""The endpoint's tree as data: its children in the order in which they start.

The order is the design (``Phoenix.Endpoint.Supervisor``), as they stop in reverse: pubsub, the
application's children (under a supervisor of their own), what exists once, what each class of
sockets asks for, the server, the drainers, the acceptor, the watchers. So clients come in last and
leave first; what drains is still served, and whatever a callback needs outlives its socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from actors.crash_text import crash
from actors.endpoint.mounts import Mounts, SocketMount
from actors.endpoint.options import EndpointOptions
from actors.endpoint.serving.budget import Budget, Drain
from actors.endpoint.serving.connections import Acceptor, Connections, Serving
from actors.endpoint.serving.once import alone
from actors.endpoint.serving.root import CHILDREN, DRAINERS, SERVER, Children
from actors.errors import ConfigError, SupervisionError
from actors.once_child import Once
from actors.options import build
from actors.schedule import DRAIN_PART, SERVER_PART
from supervision.drainer import Drainers
from supervision.draining import DrainOptions, capacity
from supervision.specs import ChildSpec, child_spec, child_specs

ACCEPTOR: Final = "acceptor"
PHOENIX: Final = "phoenix"


class Asked(NamedTuple):
    """A class of sockets, and what its ``child_spec`` and ``drainer_spec`` are given."""

    socket_class: type[Any]
    options: Mapping[str, Any]


def classes(endpoint: Mounts, grace: float) -> list[Asked]:
    """Return each mounted class once, the last declared first, with its last mount's options.

    Beside what the mount says these hold ``endpoint``, ``grace`` (seconds) and ``drainer``: its
    :class:`DrainOptions`, or ``None`` for ``drainer=False``.
    """
    found: dict[type[Any], Asked] = {}
    for mounted in reversed(endpoint.mounts):
        if mounted.socket_class not in found:
            options = {
                **mounted.options,
                "endpoint": endpoint,
                "grace": grace,
                "drainer": drain_options(mounted, grace),
            }
            found[mounted.socket_class] = Asked(mounted.socket_class, options)
    return list(found.values())


def drain_options(mounted: SocketMount, grace: float) -> DrainOptions | None:
    """Return how the connections of a mount are drained, ``None`` for not at all.

    A function is called now, at start; :class:`ConfigError` names one that fails.
    """
    where = f"socket {mounted.path!r}, drainer"
    given = mounted.drainer
    if callable(given):
        given = _call(given, f"{where}={getattr(given, '__qualname__', None) or repr(given)}")
    if given is False:
        return None
    if given is not True and not isinstance(given, Mapping):
        wanted = "must be True, False, a mapping of options or a function that answers one"
        raise ConfigError(f"{where}={given!r:.200}: {wanted}")
    options = build(DrainOptions, {} if given is True else given, where)
    return replace(options, shutdown=options.shutdown or DRAIN_PART * grace)


def once_specs(endpoint: Mounts) -> tuple[ChildSpec, ...]:
    """Return the specs of what exists once; :class:`ConfigError` says what is wrong with one."""
    given = [each for each in endpoint.options.children if isinstance(each, Once)]
    return _checked(_given(given, "Endpoint(children=...)"))


def children(
    endpoint: Mounts,
    connections: Connections,
    grace: float,
    pubsub: Iterable[ChildSpec] = (),
    once: ChildSpec | None = None,
) -> tuple[ChildSpec, ...]:
    """Return the specs in start order; nothing is started.

    ``pubsub`` is what must run before everything else. ``once`` stands for what exists once, where
    that does not simply run here. :class:`ConfigError` says what is wrong with a spec of the
    application's.
    """
    options = endpoint.options
    asked = classes(endpoint, grace)
    acceptor = ChildSpec(id=ACCEPTOR, start=Acceptor.start, args=(connections,), shutdown=None)
    seconds = server_seconds(options, grace)
    server = ChildSpec(
        id=SERVER, start=Serving.start, args=(connections, seconds), shutdown=seconds
    )
    drainers = _drainers(asked, grace)
    late = [acceptor, *drainers] if options.drain_order == PHOENIX else [*drainers, acceptor]
    return _checked(
        [
            *pubsub,
            *_children(options.children, once),
            *_specs(asked, "child_spec"),
            server,
            *late,
            *_watchers(options),
        ]
    )


def embedded(
    endpoint: Mounts,
    server: ChildSpec,
    grace: float,
    pubsub: Iterable[ChildSpec] = (),
    once: ChildSpec | None = None,
) -> tuple[ChildSpec, ...]:
    """Return the specs of a tree inside another server, which lets clients in by itself.

    ``server`` stands where ours would, and ends the connections that no drainer ended. ``pubsub``
    and ``once`` are as of :func:`children`.
    """
    options = endpoint.options
    asked = classes(endpoint, grace)
    return _checked(
        [
            *pubsub,
            *_children(options.children, once),
            *_specs(asked, "child_spec"),
            server,
            *_drainers(asked, grace),
            *_watchers(options),
        ]
    )


def server_seconds(options: EndpointOptions, grace: float) -> float:
    """Return the seconds that the server has for connections which no drainer ended."""
    return options.server_shutdown or SERVER_PART * grace


def budget(endpoint: Mounts, tree: tuple[ChildSpec, ...], grace: float) -> Budget:
    """Return the arithmetic of a shutdown of ``tree``."""
    by_id = {spec.id: spec for spec in tree}
    drainers = by_id[DRAINERS].args[0] if DRAINERS in by_id else ()
    ours = {SERVER, ACCEPTOR, DRAINERS}
    return Budget(
        grace=grace,
        server=by_id[SERVER].shutdown or 0.0,
        drains=[_drain(spec) for spec in drainers],
        others=[each.shutdown for spec in tree if spec.id not in ours for each in _below(spec)],
        max_connections=endpoint.options.max_connections,
    )


def _below(spec: ChildSpec) -> tuple[ChildSpec, ...]:
    below: tuple[ChildSpec, ...] = spec.args[0] if spec.id == CHILDREN else (spec,)
    return below


def _drain(spec: ChildSpec) -> Drain:
    seconds = spec.shutdown or 0.0
    match spec.args:
        case (type() as socket_class, DrainOptions() as options):
            most = capacity(options, seconds)
            return Drain(name=socket_class.__qualname__, seconds=seconds, capacity=most)
    return Drain(name=f"{spec.id!r:.200}", seconds=seconds)


def _children(given: Sequence[object], once: ChildSpec | None = None) -> list[ChildSpec]:
    """Return the supervisor of the application's children; none where there are none.

    It asks for as long as all of them together, as they stop one after the other. What exists once
    is among them where it simply runs in this process, else ``once`` follows: so it may use them.
    """
    where = "Endpoint(children=...)"
    kept = [each for each in given if once is None or not isinstance(each, Once)]
    specs = _checked(_given(kept, where))
    found = []
    here = [each for each in kept if isinstance(each, Once)]
    if here:
        found.append(alone(_given(here, where)))
    if specs:
        asked = [spec.shutdown for spec in specs]
        total = None if None in asked else sum(each or 0.0 for each in asked)
        start, args = Children.start, (specs,)
        supervisor = ChildSpec(
            id=CHILDREN, start=start, args=args, shutdown=total, type="supervisor"
        )
        found.append(supervisor)
    return found if once is None else [*found, once]


def _watchers(options: EndpointOptions) -> list[ChildSpec]:
    where = "Endpoint(watchers=...)"
    if any(isinstance(each, Once) for each in options.watchers):
        raise ConfigError(f"{where}: once(...) is for children=[...] alone")
    return _given(options.watchers, where)


def _drainers(asked: list[Asked], grace: float) -> list[ChildSpec]:
    """Return the supervisor of all drainers; none where no class has one.

    One that says no bound gets that of the others.
    """
    most = DRAIN_PART * grace
    specs = tuple(
        replace(spec, shutdown=most if spec.shutdown is None else spec.shutdown)
        for spec in _checked(_specs(asked, "drainer_spec"))
    )
    if not specs:
        return []
    longest = max(spec.shutdown or 0.0 for spec in specs)
    return [
        ChildSpec(
            id=DRAINERS, start=Drainers.start, args=(specs,), shutdown=longest, type="supervisor"
        )
    ]


def _specs(asked: list[Asked], method: str) -> list[ChildSpec]:
    """Return what each class asks for; ``None`` is nothing."""
    found = []
    for socket_class, options in asked:
        where = f"{socket_class.__qualname__}.{method}"
        answer = _call(getattr(socket_class, method), where, options)
        if answer is not None:
            found += _given([answer], where)
    return found


def _given(children: Iterable[object], where: str) -> list[ChildSpec]:
    return [_call(_spec, where, child) for child in children]


def _spec(given: object) -> ChildSpec:
    return given.spec() if isinstance(given, Once) else child_spec(given)


def _call(function: Callable[..., Any], where: str, *args: Any) -> Any:
    try:
        return function(*args)
    except (ConfigError, SupervisionError) as error:
        raise ConfigError(f"{where}: {error}") from error
    except Exception as error:  # the application's code may raise anything
        raise ConfigError(f"{where} failed: {crash(error)}") from error


def _checked(specs: list[ChildSpec]) -> tuple[ChildSpec, ...]:
    try:
        return tuple(child_specs(specs))
    except SupervisionError as error:
        raise ConfigError(f"two children of the endpoint have one id: {error}") from error
