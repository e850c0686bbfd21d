"""The routes below ``/debug`` by which a replay looks into the fixture, as a WSGI application."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qs

from actors import signing
from tests.golden import journal
from tests.golden.sockets import longpolls, registry, to_json
from transports.longpoll import token
from transports.longpoll.session_table import SALT

MAX_AGE = 1_209_600
"""Seconds that a token is good for (Phoenix's two weeks)."""

JSON = [("content-type", "application/json; charset=utf-8")]


class DebugRoutes:
    """Answers ``/debug/<name>?key=...`` in JSON, all else with Phoenix's 404."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.endpoint: Any = None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        query = {name: values[-1] for name, values in _query(environ).items()}
        route = _ROUTES.get(environ["PATH_INFO"])
        status, answer = "404 Not Found", {"errors": {"detail": "Not Found"}}
        if route is not None:
            status, answer = "200 OK", route(self, query)
        body = to_json(answer).encode()
        start_response(status, [*JSON, ("content-length", str(len(body)))])
        return [body]

    def log(self, query: dict[str, str]) -> list[str]:
        """The journal of ``key``."""
        return list(journal.entries[query["key"]])

    def clear(self, query: dict[str, str]) -> str:
        """Forget the journal of ``key``."""
        journal.entries.pop(query["key"], None)
        return "ok"

    def tell(self, query: dict[str, str]) -> int:
        """Tell the control sockets of ``key`` the text ``msg``; how many there were."""
        refs = [ref for ref in registry[query["key"]] if ref.is_alive()]
        for ref in refs:
            ref.tell(query["msg"])
        return len(refs)

    def broadcast(self, query: dict[str, str]) -> str:
        """Send an event to a topic of channels."""
        payload = json.loads(query.get("payload", "{}"))
        self.endpoint.broadcast(query["topic"], query["event"], payload)
        return "ok"

    def lpcount(self, query: dict[str, str]) -> int:
        """How many long-poll sessions there are."""
        return len(longpolls)

    def token(self, query: dict[str, str]) -> dict[str, str] | None:
        """A token signed with our key that is no good, in the way that ``kind`` names."""
        now, worker = time.time(), _worker()
        dead = token.SessionToken(worker, "0", "lp:forged")
        match query["kind"]:
            case "deadpid":
                made = token.encode(self.secret, SALT, dead, now=now)
            case "foreign":
                foreign = token.SessionToken("other", "1", "lp:forged")
                made = token.encode(self.secret, SALT, foreign, now=now)
            case "expired":
                made = token.encode(self.secret, SALT, dead, now=now - MAX_AGE - 60)
            case "salt":
                made = token.encode(self.secret, "other", dead, now=now)
            case "shape":
                made = signing.sign(self.secret, SALT, {"not": "a session"}, now=now)
            case _:
                return None
        return {"token": made}

    def info(self, query: dict[str, str]) -> dict[str, Any]:
        """What runs here."""
        names = ("gevent", "pykka", "httptools", "msgpack")
        return {
            "python": sys.version.split()[0],
            "versions": {name: version(name) for name in names},
            "pid": os.getpid(),
            "mounts": len(self.endpoint.mounts),
        }


def _worker() -> str:
    """Return the name of this worker, which only sessions know."""
    return next((session.session_token.worker for session in longpolls.values()), "nobody")


def _query(environ: dict[str, Any]) -> dict[str, list[str]]:
    return parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)


_ROUTES: dict[str, Callable[[DebugRoutes, dict[str, str]], Any]] = {
    "/debug/log": DebugRoutes.log,
    "/debug/clear": DebugRoutes.clear,
    "/debug/tell": DebugRoutes.tell,
    "/debug/broadcast": DebugRoutes.broadcast,
    "/debug/info": DebugRoutes.info,
    "/debug/lpcount": DebugRoutes.lpcount,
    "/debug/token": DebugRoutes.token,
}
