"""What the ops port answers, path by path."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from actors import telemetry
from actors.crash_log import capped
from actors.endpoint.ops import health
from actors.endpoint.ops.access import Asks
from transports.http.request import parse_host
from transports.http.response import Response

if TYPE_CHECKING:
    from actors.endpoint.ops.access import Access
    from actors.endpoint.ops.health import Health, Verdict
    from actors.endpoint.ops.source import Snapshot, Source
    from transports.http.handling import Handler
    from transports.http.request import Headers, Request
    from transports.http.responder import Responder

logger = logging.getLogger("roost.ops")

REFUSALS: Final = capped(logger)
"""What whoever reaches the port may cause: one line in a second for each status."""

DEED: Final = "ops.deed"

NO_CLIENT: Final = (
    "metrics need the package prometheus-client: pip install 'roost[ops]'; health works without it"
)

_JSON: Final[Headers] = (
    ("content-type", "application/json; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
)


class Answers:
    """``routes`` maps each path to what handles it.

    ``min_ready``: workers that must be ready for ``/readyz``. ``render(snapshot, accept)`` returns
    the metrics and their content type; ``None`` where that cannot be done here.
    """

    def __init__(
        self,
        source: Source,
        access: Access,
        min_ready: int,
        render: Callable[[Snapshot, str], tuple[bytes, str]] | None,
    ) -> None:
        self._source = source
        self._access = access
        self._min_ready = min_ready
        self._render = render
        probes: dict[str, Callable[[Health | None], Verdict]] = {
            "livez": health.live,
            "startupz": health.started,
            "readyz": lambda known: health.ready(known, self._min_ready),
        }
        self.routes: dict[str, Handler] = {"/metrics": _reads(self._metrics)}
        for name, judge in probes.items():
            for path in (f"/{name}", f"/{name.removesuffix('z')}"):
                self.routes[path] = _reads(self._probe(judge))
        self.routes["/views/drain"] = _reads(self._view(self._drain))
        for deed, fields in (("reload", ()), ("drain", ("worker",))):
            self.routes[f"/deeds/{deed}"] = _only(("POST",), self._deed(deed, fields))

    # -- whoever reaches the port

    def _probe(self, judge: Callable[[Health | None], Verdict]) -> Callable[[Request], Response]:
        def answer(_request: Request) -> Response:
            verdict = judge(self._source.health())
            said = {"ok": verdict.ok, "reasons": list(verdict.reasons)}
            return _json(200 if verdict.ok else 503, said)

        return answer

    def _metrics(self, request: Request) -> Response:
        if self._render is None:
            return _json(501, {"error": NO_CLIENT})
        found = self._source.snapshot()
        if found is None:
            return _json(503, {"error": "the master has sent no snapshot yet"})
        body, kind = self._render(found, ",".join(request.headers_named("accept")))
        return Response(200, body, (("content-type", kind), ("cache-control", "no-store")))

    # -- who has the token

    def _view(self, make: Callable[[], dict[str, Any]]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            self._admit(request, deed=False)
            return _json(200, make())

        return answer

    def _admit(self, request: Request, *, deed: bool) -> None:
        hosts = request.headers_named("host")
        name = request.host if len(hosts) == 1 and parse_host(hosts[0], request.scheme) else ""
        asks = Asks(
            host=name,
            site=f"{request.scheme}://{hosts[0] if hosts else ''}",
            origins=request.headers_named("origin"),
            authorization=request.headers_named("authorization"),
            address=request.peer[0],
        )
        refusal = self._access.judge(asks, time.monotonic(), deed=deed)
        if refusal is not None:
            words = "refused %s of %s: %s"
            REFUSALS.log(
                logging.INFO, refusal.status, words, request.path, asks.address, refusal.why
            )
            raise _Refused(refusal.status, refusal.why)

    def _drain(self) -> dict[str, Any]:
        known, found = self._source.health(), self._source.snapshot()
        whole: Mapping[str, Any] = {} if found is None else found.whole
        until = None if known is None else known.until
        return {
            "state": "booting" if known is None else known.state,
            "left": connections(whole),
            "seconds": None if until is None else round(max(0.0, until - time.monotonic()), 3),
            "workers": [
                {name: worker.get(name) for name in ("slot", "pid", "state")}
                for worker in whole.get("workers", ())
            ],
            **({"reload": whole["reload"]} if whole.get("reload") else {}),
        }

    # -- who may do something

    def _deed(self, name: str, fields: tuple[str, ...]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            self._admit(request, deed=True)
            arguments = _arguments(request.body, fields)
            target = f"worker {arguments['worker']}" if arguments else "the service"
            address = request.peer[0]
            logger.warning("%s asks: %s %s", address, name, target)
            if telemetry.listens(DEED):
                about = {"deed": name, "target": target, "address": address}
                telemetry.execute(DEED, {"count": 1}, about)
            try:
                error = self._source.do(name, arguments)
            except TimeoutError as timeout:
                raise _Refused(504, str(timeout)) from None
            if error is not None:
                raise _Refused(409, error)
            return _json(202, {"done": True})

        return answer


class _Refused(Exception):
    """``status`` and words, as JSON."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def _reads(answer: Callable[[Request], Response]) -> Handler:
    return _only(("GET", "HEAD"), answer)


def _only(methods: tuple[str, ...], answer: Callable[[Request], Response]) -> Handler:
    def handle(request: Request, http: Responder) -> Response:  # noqa: ARG001 - a Handler
        if request.method not in methods:
            allowed = ", ".join(methods)
            return _json(405, {"error": f"accepted: {allowed}"}, (("allow", allowed),))
        try:
            return answer(request)
        except _Refused as refused:
            also: dict[int, Headers] = {
                401: (("www-authenticate", "Bearer"),),
                429: (("retry-after", "60"),),
            }
            return _json(refused.status, {"error": str(refused)}, also.get(refused.status, ()))

    return handle


def _arguments(body: bytes, fields: tuple[str, ...]) -> dict[str, Any]:
    """Return what a deed is given; a refusal with 400 says what is wrong."""
    if not body.strip():
        return {}
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise _Refused(400, "the body is no JSON") from None
    if not isinstance(given, dict):
        raise _Refused(400, "the body must be an object")
    for name, value in given.items():
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise _Refused(400, f"unknown field {name!r:.80} (known: {known})")
        if type(value) is not int or not 1 <= value <= sys.maxsize:  # the channel's are no larger
            raise _Refused(400, f"{name}: must be the number of a slot, such as 1")
    return given


def connections(whole: Mapping[str, Any]) -> int | None:
    """Return how many connections are open, by the totals in a snapshot; ``None``: not known."""
    found = None
    for worker in whole.get("workers", ()):
        series = (worker.get("totals") or {}).get("series", {})
        if "connections" in series:
            found = (found or 0) + sum(int(value) for _, value in series["connections"])
    return found


def _json(status: int, said: Mapping[str, Any], headers: Headers = ()) -> Response:
    body = json.dumps(said, indent=1, ensure_ascii=True)
    return Response(status, f"{body}\n".encode(), (*_JSON, *headers))
