"""What an application needs of the endpoint around it, which is above and comes from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from transports.http.handling import Resource
from transports.http.options import HTTPOptions


class Options(Protocol):
    """What this needs of an endpoint's options, which say what they are."""

    @property
    def http(self) -> HTTPOptions: ...
    @property
    def max_connections(self) -> int | None: ...
    @property
    def max_connections_per_address(self) -> int | None: ...
    @property
    def grace(self) -> float: ...


class Sessions(Protocol):
    """The long-poll sessions of an endpoint."""

    def drain(self) -> object:
        """End all of them."""


class Routes(Protocol):
    """What an endpoint answers where, in this process."""

    @property
    def sessions(self) -> Sessions:
        """Return the sessions behind the mounts."""

    @property
    def mounted(self) -> Callable[[str], tuple[Resource, dict[str, str]] | None]:
        """Return the resource of a path and its path parameters."""


class Host(Protocol):
    """The endpoint's tree in this process: one for all its applications."""

    def routes(self) -> Routes:
        """Make the router of one application."""

    def enter(self, application: object, end: Callable[[float], bool]) -> bool:
        """Have the tree run, whose end calls ``end(seconds)``; ``False`` where it cannot now."""

    @property
    def linked(self) -> bool:
        """Return whether processes of this endpoint reach each other."""

    def several(self) -> None:
        """Learn that the server around it has several processes, which do not know each other."""

    def leave(self, application: object, budget: float) -> bool:
        """End the connections of an application, and the tree with the last one."""
