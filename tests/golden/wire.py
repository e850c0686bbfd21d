"""The client's side of a replay: HTTP and WebSocket over a plain socket, right or wrong."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from supervision.drills import wire
from supervision.drills.wire import NO_BODY, Answer, Frame, take_answer, take_frame

Address = tuple[str, int]

MASK = bytes.fromhex("11223344")
OPCODES = {"cont": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}
PATIENCE = 10.0
"""Seconds that whatever must come may take; a server on a busy machine is slow."""

HANDSHAKE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", wire.KEY),
    ("Sec-WebSocket-Version", "13"),
)


class Eof(Exception):
    """The server closed the connection before what was waited for was complete."""


class Nothing(Exception):
    """Nothing came for as long as it was waited for."""


class Wire:
    """One connection to ``address``."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection(address, PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        """Send, as far as the server still listens."""
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what it answered is still to be read

    def answer(self, *, head_only: bool = False) -> Answer:
        """Read one response, whose length is given or which ends with the connection."""
        got = self._next(lambda: take_answer(self._buffer, head_only=head_only))
        if head_only or got.status in NO_BODY or "content-length" in got.headers:
            return got
        return got._replace(body=self.end())

    def frame(self) -> Frame:
        """Read one frame."""
        return self._next(lambda: take_frame(self._buffer))

    def _next(self, take: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while (found := take()) is None:
            self._more(deadline)
        return found

    def silence(self, seconds: float) -> bytes | None:
        """Wait; return what came, ``b""`` for the end of the connection, ``None`` for nothing."""
        if self._buffer:
            return bytes(self._buffer)
        try:
            self._more(time.monotonic() + seconds)
        except Nothing:
            return None
        except Eof:
            return b""
        return bytes(self._buffer)

    def end(self) -> bytes:
        """Read until the server closes; return what came before that."""
        deadline = time.monotonic() + PATIENCE
        try:
            while True:
                self._more(deadline)
        except Eof:
            rest = bytes(self._buffer)
            self._buffer.clear()
            return rest

    def half_close(self) -> None:
        """Send no more."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _more(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Nothing
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(1 << 20)
        except TimeoutError:
            raise Nothing from None
        except ConnectionResetError:
            data = b""
        if not data:
            raise Eof
        self._buffer += data


def request(recorded: dict[str, Any], host: str, *, upgrade: bool = False) -> bytes:
    """Return a recorded request as bytes.

    The recording holds what was changed of the usual: ``headers`` replace the handshake's,
    ``missing`` ones are left out, as is Host with ``no_host``.
    """
    method, version = recorded.get("method", "GET"), recorded.get("version", "1.1")
    given = [tuple(pair) for pair in recorded.get("headers", [])]
    named = {name.lower() for name, _ in given}
    headers = [] if "host" in named or recorded.get("no_host") else [("Host", host)]
    if upgrade:
        left_out = named | {name.lower() for name in recorded.get("missing", [])}
        headers += [pair for pair in HANDSHAKE if pair[0].lower() not in left_out]
    lines = [f"{name}: {value}" for name, value in (*headers, *given)]
    return wire.request(recorded["target"], *lines, method=method, host=None, version=version)


def frame(step: dict[str, Any], payload: bytes) -> bytes:
    """Return a recorded ``send`` as bytes, whatever is wrong with it."""
    opcode = step["opcode"]
    return wire.frame(
        OPCODES[opcode] if isinstance(opcode, str) else opcode,
        payload,
        fin=bool(step.get("fin", 1)),
        rsv=step.get("rsv", 0),
        mask=MASK if step.get("masked", True) else None,
        length_bits=step.get("length_encoding"),
    )
