"""A small site for tests of the HTTP layer: pages that record what reaches them."""

from __future__ import annotations

from typing import Any

from gevent.event import Event

from actors import Endpoint
from tests.support import raw
from tests.support.waiting import DEADLINE
from transports.http.options import HTTPOptions
from transports.http.response import Response


class Site:
    """``/echo`` answers the body, ``/canary`` only counts, ``/slow`` waits for ``release``.

    ``seen`` holds the requests in the order in which handlers got them. ``options`` are those of
    :class:`HTTPOptions`.
    """

    def __init__(self, **options: Any) -> None:
        self.seen: list[Any] = []
        self.entered = Event()
        self.release = Event()
        self.lost = Event()
        self.endpoint = Endpoint(http=HTTPOptions(**options))
        for path in ("/", "/echo"):
            self.endpoint.page(path, self._echo)
        self.endpoint.page("/canary", self._echo)
        self.endpoint.page("/slow", self._slow)

    @property
    def canaries(self) -> int:
        """How many requests reached ``/canary``."""
        return [request.path for request in self.seen].count("/canary")

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.seen]

    def _echo(self, request: Any, http: Any) -> Response:
        self.seen.append(request)
        return Response(200, request.body)

    def _slow(self, request: Any, http: Any) -> Response:
        self.seen.append(request)
        http.on_lost(self.lost.set)
        self.entered.set()
        assert self.release.wait(DEADLINE)
        return Response(200, b"slow")


def round_trip(address: tuple[str, int]) -> None:
    """Come back when the server has read all that clients had sent before this call."""
    with raw.Client(address) as other:
        other.ask("/nowhere")
        other.ask("/nowhere")  # the first may have been read in the same poll phase
