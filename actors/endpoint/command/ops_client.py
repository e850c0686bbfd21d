"""What the verbs ``drain`` and ``reload`` ask of a server that runs: its ops port, by HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from actors.endpoint.command.arguments import Given
from actors.endpoint.command.ops_port import token
from actors.endpoint.command.setting import written
from actors.errors import ConfigError

TIMEOUT: Final = 10.0
"""Seconds for a request, and the answer to it."""

MAX_ANSWER: Final = 1024 * 1024
"""Bytes of an answer."""

OF_OURS: Final = frozenset({400, 401, 403, 404, 405, 421, 429})
"""Refusals that are for what we gave; of others the server says that it cannot."""

EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where others listen
"""Where a server is reached that listens everywhere."""


class Unreachable(Exception):
    """Nobody answers at the ops port; the text says where, and why."""


class Failed(Exception):
    """The server has answered that it cannot do it; the text says why."""


class OpsClient:
    """Asks the ops port at ``host`` and ``port``, as who has ``token``."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host = EVERYWHERE.get(host, host)
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    @classmethod
    def of(cls, given: Given, verb: str) -> OpsClient:
        """Return the client that the settings describe; ``ConfigError``: something is missing."""
        if given.ops is None:
            where = "--ops HOST:PORT, ROOST_OPS, or 'ops' in the file's table [ops]"
            raise ConfigError(f"{verb}: where is the server's ops port? {where}")
        host, port = given.ops
        if not port:
            raise ConfigError(f"{verb}: --ops {written(host, port)}: which port has it got?")
        key = token(given)
        if key is None:
            raise ConfigError(f"{verb}: needs the token: ROOST_OPS_TOKEN, or --ops-token-file PATH")
        return cls(host, port, key)

    def do(self, deed: str, arguments: Mapping[str, Any]) -> None:
        """Have something done."""
        body = json.dumps(arguments).encode() if arguments else None
        self._ask("POST", f"/deeds/{deed}", body)

    def drain(self) -> dict[str, Any]:
        """Return how the service is: ``state``, ``left``, ``seconds`` and ``workers``."""
        found = self._ask("GET", "/views/drain", None)
        workers = found.get("workers") if isinstance(found, dict) else None
        if not isinstance(workers, list) or not all(map(_is_worker, workers)):
            raise Failed(f"{self._where}: what answers there is no ops port of ours")
        return dict(found)

    @property
    def _where(self) -> str:
        return written(self._host, self._port)

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.connect()
            with _hung_up_after(TIMEOUT, connection.sock):
                status, text = self._answer(connection, method, path, body)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error or "no answer"
            raise Unreachable(f"{self._where}: {reason}") from None
        finally:
            connection.close()
        return self._said(status, text)

    def _answer(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None
    ) -> tuple[int, bytes]:
        headers = self._headers | ({} if body is None else {"Content-Type": "application/json"})
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_ANSWER)

    def _said(self, status: int, text: bytes) -> Any:
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            said = None
        if 200 <= status < 300:
            return said
        why = said.get("error") if isinstance(said, dict) else None
        words = f"{self._where}: {status} {why or 'without a reason'}"
        if status in OF_OURS:
            raise ConfigError(words)
        raise Failed(words)


def _is_worker(given: object) -> bool:
    """Return whether it is a row of the view: ``slot`` and ``pid`` are numbers."""
    return isinstance(given, dict) and all(
        isinstance(given.get(name), int) for name in ("slot", "pid")
    )


@contextmanager
def _hung_up_after(seconds: float, sock: socket.socket) -> Iterator[None]:
    """Hang up where the block takes so long, which is a ``TimeoutError`` then.

    The timeout of a socket is for each byte that comes.
    """
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        with suppress(OSError):  # the other side was faster
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError(f"no answer in {seconds:g} s")
