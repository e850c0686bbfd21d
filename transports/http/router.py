"""Which mount serves a path, by Phoenix's rules.

A path is its segments: ``//`` and a trailing ``/`` make no difference. Segments are compared as
they were sent, so ``%65cho`` is not ``echo``, and a variable's value is not percent-decoded.
"""

from __future__ import annotations

import re
from typing import Generic, NamedTuple, TypeVar

from actors.errors import ConfigError

Handler = TypeVar("Handler")

_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,;=@%-]+")
_VARIABLE = re.compile(r":[A-Za-z_][A-Za-z0-9_]*")


class _Route(NamedTuple, Generic[Handler]):
    segments: list[str]
    handler: Handler
    number: int

    def match(self, segments: list[str]) -> dict[str, str] | None:
        if len(segments) != len(self.segments):
            return None
        params = {}
        for wanted, got in zip(self.segments, segments, strict=True):
            if wanted[0] != ":":
                if wanted != got:
                    return None
            elif wanted[1] != "_":
                params[wanted[1:]] = got
        return params


class Router(Generic[Handler]):
    """Maps paths to handlers; built at start, then only read.

    The newest declaration is asked first, because Phoenix accumulates an endpoint's sockets by
    prepending. All of that choice is in :meth:`add` (newest first) and in the comparison of
    numbers in :meth:`match`.
    """

    def __init__(self) -> None:
        self._count = 0
        self._literal: dict[str, _Route[Handler]] = {}
        self._variable: list[_Route[Handler]] = []

    def add(self, path: str, handler: Handler) -> None:
        """Declare ``path``, such as ``/rooms/:room/websocket``.

        ``:name`` matches one segment and becomes a path parameter, unless the name begins with
        ``_``. :class:`ConfigError`: the path does not begin with ``/``, a segment holds characters
        that a path cannot, or two variables share a name.
        """
        check_path(path)
        segments = _segments(path)
        self._count += 1
        route = _Route(segments, handler, self._count)
        if any(segment[0] == ":" for segment in segments):
            self._variable.insert(0, route)
        else:
            self._literal[_canonical(segments)] = route

    def match(self, path: str) -> tuple[Handler, dict[str, str]] | None:
        """Return the handler of ``path`` and its path parameters, or ``None``."""
        if not self._variable:
            literal = self._literal.get(path)  # as it was declared, as nearly every request's is
            if literal is not None:
                return literal.handler, {}
        segments = _segments(path)
        literal = self._literal.get(_canonical(segments))
        for route in self._variable:
            if literal is not None and literal.number > route.number:
                break
            params = route.match(segments)
            if params is not None:
                return route.handler, params
        return None if literal is None else (literal.handler, {})


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _canonical(segments: list[str]) -> str:
    return "/" + "/".join(segments)


def check_path(path: str) -> None:
    """Raise :class:`ConfigError` where :meth:`Router.add` would not take ``path``."""
    segments = _segments(path)
    if not path.startswith("/"):
        raise ConfigError(f"path {path!r}: must begin with '/'")
    for segment in segments:
        if not _LITERAL.fullmatch(segment) and not _VARIABLE.fullmatch(segment):
            msg = f"path {path!r}: segment {segment!r} must be plain characters or ':name'"
            raise ConfigError(msg)
    variables = [segment for segment in segments if segment[0] == ":"]
    if len(set(variables)) != len(variables):
        raise ConfigError(f"path {path!r}: two variables have the same name")
