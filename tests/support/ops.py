"""A server with an ops port, and what that answers."""

from __future__ import annotations

import http.client
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.support.command import Command
from tests.support.waiting import DEADLINE

APP = "tests.actors.endpoint.workers_app:endpoint"
TOKEN = "a-token-of-32-visible-characters"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class OpsServer(Command):
    """``python -m actors.endpoint`` with ``--ops``; with a token unless ``token=None``.

    ``path`` is looked into for modules before all others.
    """

    def __init__(
        self,
        *arguments: str,
        app: str = APP,
        token: str | None = TOKEN,
        path: Path | None = None,
        **rest: Any,
    ) -> None:
        environ = {k: v for k, v in os.environ.items() if k != "ROOST_OPS_TOKEN"}
        if token is not None:
            environ["ROOST_OPS_TOKEN"] = token
        if path is not None:
            environ["PYTHONPATH"] = f"{path}:{environ.get('PYTHONPATH', '')}"
        given = [] if "--ops" in arguments else ["--ops", "127.0.0.1:0"]
        super().__init__(app, *given, *arguments, env=environ, **{"workers": 1, **rest})

    def __enter__(self) -> Self:
        super().__enter__()
        self.port = int(self.wait_for(r"health and metrics at http://\S+:(\d+)")[1])
        return self

    def ops_pid(self, count: int = 1) -> int:
        """Wait for the ``count``-th ops process to answer; return its pid."""
        return int(self.wait_for(r"the ops process \(pid (\d+)\) answers", count)[1])

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """Send one request on a connection of its own; an ``authorization`` is ``headers``'."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return asked(self.port, path, method, body, named)

    def view(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """Do so with the token."""
        return self.ask(path, method, body, authorization=f"Bearer {TOKEN}", **headers)

    def wait_until(self, path: str, status: int) -> Answer:
        """Ask until the answer has ``status``; return it.

        Who is asked may be replaced meanwhile, and leave the question without an answer.
        """
        until = time.monotonic() + DEADLINE
        found: Answer | Exception | None = None
        while time.monotonic() < until:
            try:
                found = self.ask(path)
            except (OSError, http.client.HTTPException) as error:
                found = error
            else:
                if found.status == status:
                    return found
            time.sleep(0.02)
        raise AssertionError(f"{path} is never {status}: {found}")

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return what ``/metrics`` shows, by name and labels."""
        return samples(self.ask("/metrics").body.decode())


def asked(
    port: int, path: str, method: str = "GET", body: bytes = b"", headers: Any = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request(method, path, body or None, headers or {})
        found = connection.getresponse()
        names = {name.lower(): value for name, value in found.getheaders()}
        return Answer(found.status, names, found.read())
    finally:
        connection.close()


def wait_gone(pid: int) -> None:
    """Wait until there is no such process any more, ours to be reaped or not."""
    until = time.monotonic() + DEADLINE
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < until, f"process {pid} is still there"
        time.sleep(0.01)


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
