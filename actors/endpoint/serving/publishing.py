"""``Publishing``: an HTTP resource by which other programs broadcast (docs/publishing.md).

It is served in two places: on the Unix socket of ``--publish``, whose peers are known by their
user, and at the path of :meth:`~actors.endpoint.definition.Endpoint.publishing`, where a request
needs a key. A page of another site has no key, and what a browser asks before it sends one (a
preflight) is answered 405, so ``check_origin`` has nothing to add.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import gevent

from actors import pubsub, telemetry
from actors.endpoint.serving import publish_requests
from actors.errors import HTTPError
from actors.publish_message import MAX_BODY
from actors.runtime import get_dispatcher
from actors.serializers import strict_json
from transports.http.handling import log_refused
from transports.http.response import Response

if TYPE_CHECKING:
    from actors.endpoint.serving.publish_requests import Keys, Order
    from actors.pubsub.cluster import Cluster
    from transports.http.request import Headers, Request
    from transports.http.responder import Responder

EVENT: Final = "publish.request"

_JSON: Final[Headers] = (("content-type", "application/json; charset=utf-8"),)

_ALSO: Final[dict[int, Headers]] = {
    401: (("www-authenticate", "Bearer"),),
    405: (("allow", "POST"),),
}
"""Headers that a refusal needs (RFC 9110 §11.6.1, §15.5.6)."""


class Publishing:
    """Broadcasts what is posted. ``cluster`` links this process to the other workers.

    ``keys=None``: whoever reaches this may publish.
    """

    def __init__(self, cluster: Cluster | None, keys: Keys | None = None) -> None:
        self._cluster = cluster
        self._keys = keys

    def judge_unread(self, request: Request, http: Responder) -> Response | None:
        """Refuse by the head what need not be read."""
        try:
            self._check_head(request)
            length = request.header("content-length")
            if length is not None:
                _check_size(int(length))
        except HTTPError as error:
            return self._refuse(request, error)
        http.limit_body(MAX_BODY)
        return None

    def handle(self, request: Request, http: Responder) -> Response:  # noqa: ARG002 - a Handler
        """Broadcast all that the body asks for, or nothing."""
        try:
            self._check_head(request)
            _check_size(len(request.body))
            orders = publish_requests.orders(request.body)
        except HTTPError as error:
            return self._refuse(request, error)
        _broadcast(orders)
        _count(request, 200, len(orders))
        return _accepted(len(orders), 1 if self._cluster is None else 1 + len(self._cluster.peers))

    def _check_head(self, request: Request) -> None:
        if request.method != "POST":
            raise HTTPError(405, "POST what is to be published")
        if self._keys is not None and not self._keys.admit(request.headers_named("authorization")):
            raise HTTPError(401, "a key is wanted: Authorization: Bearer KEY")

    def _refuse(self, request: Request, error: HTTPError) -> Response:
        log_refused(error, request.peer[0], self)
        _count(request, error.status, 0)
        said = strict_json.encode({"error": error.message})
        return Response(error.status, said, (*_JSON, *_ALSO.get(error.status, ())))


def _check_size(size: int) -> None:
    if size > MAX_BODY:
        raise HTTPError(413, f"a body of {size} bytes: at most {MAX_BODY}")


@lru_cache
def _accepted(count: int, workers: int) -> Response:
    return Response(200, strict_json.encode({"accepted": count, "workers": workers}), _JSON)


def _broadcast(orders: list[Order]) -> None:
    dispatcher = get_dispatcher()
    for index, (topic, event, payload) in enumerate(orders):
        if index and dispatcher.slice_over():
            gevent.sleep(0)  # a hundred to a thousand clients each must not hold up all others
        pubsub.broadcast_event(topic, event, payload)  # as it was judged


def _count(request: Request, status: int, accepted: int) -> None:
    if telemetry.listens(EVENT):
        measured = {"count": accepted, "size": len(request.body), "status": status}
        telemetry.execute(EVENT, measured, {"path": request.path, "peer": request.peer[0]})
