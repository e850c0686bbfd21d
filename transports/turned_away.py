"""Tells that a client was turned away: every server and transport does by this."""

from __future__ import annotations

from actors import telemetry


def turned_away(mount: str | None, cause: str, status: int | None) -> None:
    """Tell ``connection.refused``: ``cause`` is one of :data:`actors.events.CAUSES`.

    ``mount`` is its path, where that is known by then; ``status`` that of the answer, if one is.
    """
    if telemetry.listens("connection.refused"):
        about = {"mount": mount, "cause": cause, "status": status}
        telemetry.execute("connection.refused", {"count": 1}, about)
