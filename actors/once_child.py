"""``once(child)``: a child of the endpoint that runs in one worker, and the number that it has.

Here is what applications use, as data; who runs it is :mod:`actors.endpoint.serving.once`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from actors.errors import ConfigError
from supervision.specs import ChildSpec, child_spec

_held: list[int] = []
"""The number under which this process runs what exists once; nothing where it does not."""


@dataclass(frozen=True, slots=True)
class Once:
    """What :func:`once` was given."""

    child: object
    name: str | None = None

    def spec(self) -> ChildSpec:
        """Return the child's spec, which has a name; :class:`ConfigError` where none is known.

        ``SupervisionError`` says what is wrong with the spec.
        """
        spec = child_spec(self.child)
        name = self.name or spec.name
        if name is None:
            known = spec.id.__qualname__ if isinstance(spec.id, type) else spec.id
            if not isinstance(known, str) or not known:
                raise ConfigError(f"once({spec.id!r:.200}): give it a name: once(..., name='x')")
            name = known
        return replace(spec, name=name)


def once(child: object, *, name: str | None = None) -> Once:
    """Return what ``Endpoint(children=[...])`` starts in one worker of all.

    ``child``: a ``ChildSpec``, a mapping with its fields, an actor class, or a function without
    arguments that returns one of those. ``name`` is what :func:`actors.whereis` finds it by, in
    every worker; the default is the name of the spec, else its id, else the name of the class.

    The master appoints the worker; a single process (``--workers 0``, one process of another
    server) simply runs it. When the worker ends, or at a reload, another is appointed: the child is
    started there when the one before has ended. One that crashes is started anew in the same
    worker, by the ordinary rules; where it crashes too often another worker is appointed.
    All such children of an endpoint run in the same worker.

    ``ConfigError``: the name is no str, or empty. What is wrong with the child is found when the
    endpoint starts, and by ``--check``.
    """
    if name is not None and (not isinstance(name, str) or not name):
        raise ConfigError(f"once(..., name={name!r:.200}): must be a str that is not empty")
    return Once(child, name)


def once_number() -> int:
    """Return the number under which this process runs what exists once (a fencing token).

    Whoever runs it later has a greater number. Read it in ``on_start`` and keep it: a resource that
    matters notes the greatest number that it has seen, and refuses smaller ones. It begins with the
    milliseconds of the clock, and is below 2**53 for a long time.

    ``RuntimeError``: nothing that exists once runs in this process.
    """
    if not _held:
        raise RuntimeError("once_number() is for children given to once(...), while they run")
    return _held[-1]


def hold(number: int | None) -> None:
    """Set the number of this process; ``None`` where it runs nothing of the kind any more."""
    _held[:] = [] if number is None else [number]
