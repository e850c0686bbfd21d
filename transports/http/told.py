"""What a server tells of the requests that it answers: the event ``http.request``.

A request is timed from its head to the last byte of its answer, and only while somebody listens.
Nothing is told before it is done: a handler that blocks holds up nothing that is half done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actors import telemetry

if TYPE_CHECKING:
    from transports.http.handling import Resource
    from transports.http.request import Request

REQUEST: Final = "http.request"

ANY: Final = 1.0
"""A time, where no duration is measured."""


def begin(request: Request, found: tuple[Resource, Any] | None, now: float) -> None:
    """Note that the head of ``request`` is there at ``now``, and what it was ``found`` to be for.

    For whoever has asked whether :data:`REQUEST` is in ``telemetry.attached``; once is enough.
    """
    if not request.began:
        request.began = now
        request.route = None if found is None else found[0].route


def answered(request: Request | None, status: int | None, size: int, now: float) -> None:
    """Tell that ``request`` has its answer of ``size`` bytes, or never will: ``status=None``.

    Nothing where there is none, or nobody listened when it came.
    """
    if request is not None and request.began and telemetry.listens(REQUEST):
        duration = now - request.began
        about = {
            "route": request.route,
            "method": request.method,
            "path": request.path,
            "status": status,
            "peer": request.peer[0],
            "request": request,
        }
        telemetry.execute(REQUEST, {"duration": duration, "bytes": size}, about)


def unread(request: Request, found: tuple[Resource, Any] | None, status: int, size: int) -> None:
    """Tell that ``request`` was answered by its head: its body was not read."""
    if telemetry.listens(REQUEST):
        begin(request, found, ANY)
        answered(request, status, size, request.began)


def refused(status: int, size: int, address: str) -> None:
    """Tell that what came from ``address`` was no request."""
    if telemetry.listens(REQUEST):
        about = {
            "route": None,
            "method": None,
            "path": None,
            "status": status,
            "peer": address,
            "request": None,
        }
        telemetry.execute(REQUEST, {"duration": 0.0, "bytes": size}, about)
