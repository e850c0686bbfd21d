"""What all HTTP connections of a process share the bounds of."""

from __future__ import annotations

from typing import NamedTuple, Self

from transports.http.bodies import Bodies
from transports.http.options import HTTPOptions
from transports.http.stalled import Stalled


class Shared(NamedTuple):
    """``bodies`` that are being received, and handlers ``stalled`` by clients that do not read."""

    bodies: Bodies
    stalled: Stalled

    @classmethod
    def of(cls, options: HTTPOptions) -> Self:
        """Return a new set, bounded as ``options`` say."""
        return cls(Bodies(options.max_bodies), Stalled(options.max_stalled))
