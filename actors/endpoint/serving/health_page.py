"""``Endpoint(health=...)``: whether this process serves, on the port that clients come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from transports.http.response import Response

if TYPE_CHECKING:
    from transports.http.request import Headers, Request
    from transports.http.responder import Responder

_JSON: Final[Headers] = (
    ("content-type", "application/json; charset=utf-8"),
    ("cache-control", "no-store"),
)

SERVES: Final = Response(200, b'{"ok":true}\n', _JSON)
SERVES_NOT: Final = Response(503, b'{"ok":false}\n', _JSON)
ACCEPTED: Final = Response(405, b"", (("allow", "GET, HEAD"),))


class HealthPage:
    """A resource: 200 as long as ``serves()``, and 503 from the first moment of a stop."""

    def __init__(self, serves: Callable[[], bool]) -> None:
        self._serves = serves

    def handle(self, request: Request, http: Responder) -> Response:  # noqa: ARG002 - a Handler
        """Answer; without a body to HEAD, as every resource."""
        if request.method not in ("GET", "HEAD"):
            return ACCEPTED
        return SERVES if self._serves() else SERVES_NOT
