"""Replays one recorded case against a server, step by step.

What the recording does not say is said here by name: when requests that ran at the same time
began, and how long a client waited between two frames.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from tests.golden import comparing, wire
from tests.golden.comparing import Mismatch, Tokens
from tests.golden.recordings import CHANNEL_MOUNTS, Case, Step, as_bytes
from tests.golden.wire import Address, Eof, Nothing, Wire

APART = 0.3
"""Seconds between the beginnings of requests that ran at the same time."""

POST_FIRST = "lp poll while the handler is busy longer than pubsub_timeout_ms"
KEEPALIVE_GAP = 0.5
"""Seconds before each frame of the cases that keep a connection open by sending."""

JOURNAL_PATIENCE = 3.0
ODD_REQUESTS = {
    "7-byte writes": {"target": "/echo/websocket"},
    "query of 20000 bytes": {"target": f"/echo/websocket?q={'x' * 20_000}"},
    "header of 20000 bytes": {"target": "/echo/websocket", "headers": [("X-Long", "x" * 20_000)]},
}

OUTSIDE = {
    ("chan broadcast between v1 and v2 clients", 13): [("room:mix", "outside", {"x": 1})],
    ("chan other event on the socket id topic is ignored", 1): [("users_socket:u3", "other", {})],
    ("chan lp disconnect broadcast", 2): [("users_socket:ulp", "disconnect", {})],
}
"""What was broadcast before a step of a case, which its recording does not say."""

SIGNALLED = ("shutdown SIGTERM, the client answers the close frame", 4)
"""Before which step the server is told to end."""

_KEY = re.compile(r"([?&]key=)([^&]*)")


class Replay:
    """One run of one case. ``run`` keeps the journal of this run apart from any other's."""

    def __init__(self, address: Address, case: Case, steps: Sequence[Step], run: int) -> None:
        self._address = address
        self._host = f"{address[0]}:{address[1]}"
        self._case = case
        self._steps = steps
        self._suffix = f".{run}"
        self._tokens = Tokens()
        self._wires: dict[str, Wire] = {}
        self._open: list[Wire] = []
        self._key = ""
        self._index = 0
        self._inflater = comparing.inflater()

    def run(self) -> str | None:
        """Return what was not as recorded, at which step; ``None`` where everything was."""
        index = 0
        try:
            for group in self._groups():
                self._index = index
                self._tell_from_outside(index)
                if len(group) > 1:
                    self._at_once(group)
                else:
                    getattr(self, f"_{group[0]['op']}")(group[0])
                index += len(group)
        except Mismatch as mismatch:
            return f"step {index} ({self._steps[index]['op']}): {mismatch}"
        except Eof:
            return f"step {index} ({self._steps[index]['op']}): the connection was closed"
        except Nothing:
            return f"step {index} ({self._steps[index]['op']}): nothing came"
        finally:
            for connection in self._open:
                connection.close()
        return None

    def _tell_from_outside(self, index: int) -> None:
        """Do what the recording had somebody do just before this step."""
        if (self._case.name, index) == SIGNALLED:
            os.kill(self._debug("info")["pid"], signal.SIGTERM)
        for topic, event, payload in OUTSIDE.get((self._case.name, index), ()):
            self._debug("broadcast", topic=topic, event=event, payload=json.dumps(payload))

    def _groups(self) -> Iterator[list[Step]]:
        """Return the steps one by one, but requests that ran at the same time together."""
        for together, steps in groupby(self._steps, lambda s: s["op"] == "http" and "tag" in s):
            if together:
                yield list(steps)
            else:
                yield from ([step] for step in steps)

    # -- HTTP

    def _http(self, step: Step) -> None:
        request = step["request"]
        connection = self._ask(request)
        try:
            got = connection.answer(head_only=request["method"] == "HEAD")
        finally:
            connection.close()
        comparing.answer(step["response"], got, self._tokens)

    def _at_once(self, steps: list[Step]) -> None:
        if self._case.name == POST_FIRST:
            steps.reverse()
        with ThreadPoolExecutor(len(steps)) as pool:
            running = []
            for step in steps:
                running.append(pool.submit(self._http, step))
                time.sleep(APART)  # the recording's own pace
            for future in running:
                future.result()

    def _poll_sent_then_connection_closed(self, step: Step) -> None:
        target = f"{self._case.mount}/longpoll?token=<TOKEN1>"
        connection = self._ask({"method": "GET", "target": target})
        assert connection.silence(APART) is None
        connection.close()

    def _ask(self, request: dict[str, Any]) -> Wire:
        data = wire.request({**request, "target": self._target(request["target"])}, self._host)
        connection = Wire(self._address)
        connection.send(data + as_bytes(request.get("body", "")))
        return connection

    def _target(self, recorded: str) -> str:
        target = _KEY.sub(self._own_key, recorded)
        if self._case.mount in CHANNEL_MOUNTS:
            target += f"{'&' if '?' in target else '?'}run={self._suffix}"
        for placeholder in re.findall(r"<TOKEN\d+>", target):
            target = target.replace(placeholder, self._token(placeholder))
        return target

    def _own_key(self, found: re.Match[str]) -> str:
        self._key = found[2] + self._suffix
        return found[1] + self._key

    def _token(self, placeholder: str) -> str:
        """Return a token; one that no answer brought is forged, as the case's name says."""
        if placeholder not in self._tokens.newest:
            kind = self._case.name.removeprefix("lp forged token: ")
            if kind == "lp tampered token":
                token = self._tokens.newest["<TOKEN1>"]
                forged = token[:-1] + ("A" if token[-1] != "A" else "B")
            else:
                forged = self._debug("token", kind=kind)["token"]
            self._tokens.bind(placeholder, forged)
        return self._tokens.newest[placeholder]

    # -- WebSocket

    def _ws_open(self, step: Step) -> None:
        request = step["request"]
        odd = request if isinstance(request, str) else None
        request = self._handshake(ODD_REQUESTS[request] if odd else request)
        data = wire.request(request, self._host, upgrade=True)
        connection = Wire(self._address)
        self._open.append(connection)
        self._wires[step.get("tag", self._next_tag())] = connection
        size = 7 if odd == "7-byte writes" else len(data)
        for start in range(0, len(data), size):
            connection.send(data[start : start + size])
        got = connection.answer(head_only=request.get("method") == "HEAD")
        if "response" in step:
            comparing.answer(step["response"], got, self._tokens)
        elif got.status != step["status"]:
            raise Mismatch(step["status"], (got.status, got.body))

    def _next_tag(self) -> str:
        """Return the tag of the step behind this one: an upgrade may have none of its own."""
        tag: str = next((s.get("tag", "") for s in self._steps[self._index + 1 :]), "")
        return tag

    def _handshake(self, request: dict[str, Any]) -> dict[str, Any]:
        port = str(self._address[1])
        headers = [(n, v.replace("<PORT>", port)) for n, v in request.get("headers", [])]
        if self._case.name == "hs two keys":
            headers.insert(0, wire.HANDSHAKE[2])
        return {**request, "target": self._target(request["target"]), "headers": headers}

    def _send(self, step: Step) -> None:
        if self._case.name.startswith("idle "):
            time.sleep(KEEPALIVE_GAP)
        self._wire(step).send(wire.frame(step, comparing.payload(step)))

    def _send_raw(self, step: Step) -> None:
        self._wire(step).send(as_bytes(step["bytes"]))

    def _recv(self, step: Step) -> None:
        comparing.frame(step, self._wire(step).frame(), self._inflater)

    def _recv_nothing(self, step: Step) -> None:
        got = self._wire(step).silence(step["within_ms"] / 1000)
        if got is not None:
            raise Mismatch(f"nothing for {step['within_ms']} ms", got or "the end")

    def _recv_eof(self, step: Step) -> None:
        got = self._wire(step).end()
        if got:
            raise Mismatch("the end", got)

    def _client_eof(self, step: Step) -> None:
        self._wire(step).half_close()

    def _client_reset(self, step: Step) -> None:
        self._wire(step).reset()

    def _wire(self, step: Step) -> Wire:
        return self._wires[step.get("tag", "")]

    # -- the fixture's debug routes

    def _signal(self, step: Step) -> None:
        """The server was told before (:data:`SIGNALLED`); its starter sees how it ended."""

    def _sleep(self, step: Step) -> None:
        time.sleep(step["ms"] / 1000)

    def _tell(self, step: Step) -> None:
        told = self._debug("tell", key=self._key, msg=step["message"])
        if told != step["processes"]:
            raise Mismatch(step["processes"], told)

    def _broadcast(self, step: Step) -> None:
        payload = json.dumps(step.get("payload", {}))
        sent = {"topic": step["topic"], "event": step["event"], "payload": payload}
        if self._debug("broadcast", **sent) != step["result"]:
            raise Mismatch(step["result"], "another result")

    def _journal(self, step: Step) -> None:
        """Wait until the journal is as recorded; what a callback notes is not on the wire."""
        deadline = time.monotonic() + JOURNAL_PATIENCE
        while True:
            got = self._debug("log", key=step["key"] + self._suffix)
            if step["key"].startswith("lpb-"):  # noted of those: what came in, alone
                got = [entry for entry in got if entry.startswith("{:handle_in, ")]
            if comparing.journal(step["entries"], got):
                return
            if time.monotonic() > deadline:
                raise Mismatch(step["entries"], got)
            time.sleep(0.02)

    def _debug(self, route: str, **query: str) -> Any:
        connection = http.client.HTTPConnection(*self._address, timeout=wire.PATIENCE)
        try:
            connection.request("GET", f"/debug/{route}?{urlencode(query)}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()
