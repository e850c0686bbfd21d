"""Which channel a topic belongs to (``Phoenix.Socket.channel/3``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from actors.errors import ConfigError

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Route(Generic[C]):
    """A channel class, and ``assigns`` that its channels have over those of their socket."""

    channel: type[C]
    assigns: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.assigns, Mapping):
            raise ConfigError(f"Route(assigns={self.assigns!r:.80}): must be a mapping")


class Match(NamedTuple):
    """The route of a topic; ``subtopic`` is what ``*`` stands for, empty for a whole topic."""

    route: Route[Any]
    subtopic: str


class Routes:
    """The patterns of a socket class, in the order of their declaration: the first match wins.

    A pattern is a whole topic, or a prefix with ``*`` behind it.
    """

    __slots__ = ("_rows",)

    def __init__(self, channels: Mapping[str, Route[Any]]) -> None:
        patterns = list(channels)
        for position, pattern in enumerate(patterns):
            _check(pattern)
            for earlier in patterns[:position]:
                if earlier[-1] == "*" and pattern.startswith(earlier[:-1]):
                    raise ConfigError(
                        f"channels: {pattern!r:.80} is never reached, as {earlier!r:.80} before it"
                        " matches too: put it first"
                    )
        self._rows = list(channels.items())

    @property
    def assigns(self) -> bool:
        """Whether a route has assigns of its own."""
        return any(route.assigns for _, route in self._rows)

    def channel_classes(self) -> list[type[Any]]:
        """Return the classes that topics may get, each once."""
        return list(dict.fromkeys(route.channel for _, route in self._rows))

    def match(self, topic: str) -> Match | None:
        """Return the route of ``topic``, ``None`` where no pattern fits."""
        for pattern, route in self._rows:
            if pattern.endswith("*"):
                if topic.startswith(pattern[:-1]):
                    return Match(route, topic[len(pattern) - 1 :])
            elif topic == pattern:
                return Match(route, "")
        return None


def _check(pattern: object) -> None:
    if not isinstance(pattern, str) or not pattern:
        raise ConfigError(f"channels: {pattern!r:.80} is no topic; accepted: 'room:1', 'room:*'")
    if "*" in pattern[:-1]:
        raise ConfigError(f"channels: {pattern!r:.80}: * may only be the last character")
    if pattern.rstrip("*") == "phoenix":
        raise ConfigError(f"channels: {pattern!r:.80}: the topic is that of heartbeats")
