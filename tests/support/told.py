"""What handlers of events were told, for tests: attached for a while, and detached at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from actors import telemetry
from actors.events import CATALOGUE
from tests.support.waiting import eventually


class Told(list[tuple[str, dict[str, Any], dict[str, Any]]]):
    """Each: the event, its measurements, and its metadata."""

    def of(self, event: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [(measured, about) for name, measured, about in self if name == event]

    def names(self) -> list[str]:
        return [name for name, _, _ in self]

    def wait(self, event: str, count: int = 1) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return what was told of ``event``, when that is ``count`` times."""
        eventually(lambda: len(self.of(event)) >= count)
        return self.of(event)


@contextmanager
def telling(*events: str) -> Iterator[Told]:
    """Hear ``events``: each must be told with the keys that the catalogue has."""
    told = Told()

    def hear(event: str, measurements: Any, metadata: Any) -> None:
        told.append((event, dict(measurements), dict(metadata)))

    for event in events:
        telemetry.attach(event, hear)
    try:
        yield told
    finally:
        for event in events:
            telemetry.detach(event, hear)
    for name, measured, about in told:
        assert measured.keys() == CATALOGUE[name].measurements.keys()
        assert about.keys() == CATALOGUE[name].metadata.keys()
