"""The client's side of a replay: HTTP and WebSocket over a plain socket, right or wrong."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

Address = tuple[str, int]
Headers = list[tuple[str, str]]

MASK = bytes.fromhex("11223344")
OPCODES = {"cont": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}
PATIENCE = 10.0
"""Seconds that whatever must come may take; a server on a busy machine is slow."""

HANDSHAKE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the server; ``rsv`` is the three bits as a number, RSV1 highest."""

    opcode: int
    payload: bytes
    rsv: int = 0
    fin: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response; names of headers are in lower case."""

    status: int
    headers: Headers
    body: bytes


class Eof(Exception):
    """The server closed the connection before what was waited for was complete."""


class Nothing(Exception):
    """Nothing came for as long as it was waited for."""


class Wire:
    """One connection to ``address``."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection(address, PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send, as far as the server still listens."""
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what it answered is still to be read

    def answer(self, *, head_only: bool = False) -> Answer:
        """Read one response, whose length is given or which ends with the connection."""
        deadline = time.monotonic() + PATIENCE
        while b"\r\n\r\n" not in self._buffer:
            self._more(deadline)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = [(name.lower(), value.strip()) for name, _, value in pairs]
        status, fields = int(first.split()[1]), dict(headers)
        if head_only or status in {101, 204, 304}:
            return Answer(status, headers, b"")
        if "content-length" in fields:
            return Answer(status, headers, self._take(int(fields["content-length"]), deadline))
        return Answer(status, headers, self._rest(deadline))

    def frame(self) -> Frame:
        """Read one frame, which must not be masked (RFC 6455 §5.1)."""
        deadline = time.monotonic() + PATIENCE
        first, second = self._take(2, deadline)
        assert second < 128, "a masked frame"
        length = second
        if length > 125:
            size = {126: 2, 127: 8}[length]
            length = int.from_bytes(self._take(size, deadline), "big")
        payload = self._take(length, deadline)
        return Frame(first & 15, payload, rsv=(first >> 4) & 7, fin=first > 127)

    def silence(self, seconds: float) -> bytes | None:
        """Wait; return what came, ``b""`` for the end of the connection, ``None`` for nothing."""
        if self._buffer:
            return self._buffer
        try:
            self._more(time.monotonic() + seconds)
        except Nothing:
            return None
        except Eof:
            return b""
        return self._buffer

    def end(self) -> bytes:
        """Read until the server closes; return what came before that."""
        return self._rest(time.monotonic() + PATIENCE)

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

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            self._more(deadline)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _rest(self, deadline: float) -> bytes:
        try:
            while True:
                self._more(deadline)
        except Eof:
            rest, self._buffer = self._buffer, b""
            return rest

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
    lines = [f"{method} {recorded['target']} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in (*headers, *given)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def frame(step: dict[str, Any], payload: bytes) -> bytes:
    """Return a recorded ``send`` as bytes, whatever is wrong with it."""
    opcode = step["opcode"]
    number = OPCODES[opcode] if isinstance(opcode, str) else opcode
    first = step.get("fin", 1) << 7 | step.get("rsv", 0) << 4 | number
    masked = step.get("masked", True)
    length = len(payload)
    size = step.get("length_encoding") or (7 if length < 126 else 16 if length < 65536 else 64)
    second = length if size == 7 else {16: 126, 64: 127}[size]
    head = bytes([first, masked << 7 | second])
    if size > 7:
        head += length.to_bytes(size // 8, "big")
    if not masked:
        return head + payload
    pattern = MASK * (length // 4 + 1)
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(pattern[:length], "big")
    return head + MASK + mixed.to_bytes(length, "big")
