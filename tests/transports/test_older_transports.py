"""A transport that was written for the names of 0.1 works, with a warning, for one release."""

from __future__ import annotations

from typing import Any

import pytest

from actors import CLOSED, Endpoint, Exit, Gone, Reply, Socket, Stop, as_reason
from tests.support import raw
from tests.support.server import serve
from transports import HTTPConnection, Mount, Request, Response, TransportOptions

pytestmark = pytest.mark.filterwarnings("always::DeprecationWarning")


class Operator:
    """Answers one request with what the socket made of its body."""

    actor: Socket

    def __init__(self, http: HTTPConnection) -> None:
        self.http = http
        self.out: list[str] = []
        self.calls: list[str] = []

    def deliver(self, result: Any) -> None:
        if isinstance(result, Stop):
            raise Exit(as_reason(result.reason))
        self.out.append(result.payload)

    def flush(self) -> None:
        self.calls.append("flush")

    def parked(self) -> None:
        self.calls.append("parked")

    def ended(self, reason: Any) -> None:
        self.calls.append("ended")
        self.http.respond(Response(200, "".join(self.out).encode()))


class Older:
    operators: list[Operator]

    def __init__(self, mount: Mount) -> None:
        self.mount = mount

    def handle(self, request: Request, http: HTTPConnection) -> Response | None:
        opened = self.mount.open(request, "older")
        answer = self.mount.connect(opened)
        operator = Operator(http)
        self.operators.append(operator)
        operator.actor = self.mount.start(operator, answer.value)  # type: ignore[union-attr]
        operator.actor.begin()  # type: ignore[attr-defined]
        operator.actor.receive([request.body.decode(), Gone(CLOSED)])  # type: ignore[attr-defined]
        return None


class Echo(Socket):
    def handle_in(self, payload: Any, opcode: Any) -> Reply:
        assert self.transport.calls is not None  # type: ignore[attr-defined]
        return Reply(payload)


def test_it_works_and_is_told_the_new_names() -> None:
    endpoint = Endpoint(check_origin=False)
    older = type("Mine", (Older,), {"operators": []})
    endpoint.transport("older", older, TransportOptions)
    endpoint.socket("/old", Echo, websocket=False, older=True)
    renamed = pytest.warns(DeprecationWarning, match="old names? go")
    with serve(endpoint) as served, raw.Client(served.address) as client, renamed as warned:
        answer = client.ask("/old/", method="POST", body=b"hello")
    assert answer.body == b"hello"
    said = [str(each.message).partition(" called ")[0] for each in warned]
    assert said == [
        "Operator.parked and Operator.ended are",
        "Socket.begin is",
        "Socket.receive is",
    ]
    (operator,) = older.operators
    assert operator.calls[-1] == "ended"
