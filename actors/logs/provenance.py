"""Where a connection comes from, as its log lines say: kept for as long as it lives."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable


class Provenance(NamedTuple):
    """The path of its mount, the name of its transport, and the trace that its client began."""

    mount: str
    transport: str
    trace: tuple[tuple[str, str], ...] = ()

    def fields(self) -> dict[str, str]:
        """Return them by the names that log lines have."""
        return {"mount": self.mount, "transport": self.transport, **dict(self.trace)}


@runtime_checkable
class HasProvenance(Protocol):
    """A transport that knows where its connection comes from."""

    provenance: Provenance | None


def fields_of(transport: object) -> dict[str, str]:
    """Return the fields of whatever operates a socket; none where it does not know them."""
    if isinstance(transport, HasProvenance) and transport.provenance is not None:
        return transport.provenance.fields()
    return {}
