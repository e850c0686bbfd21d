"""Sockets beside pages of Flask and of Django, with the same pages in both.

    python -m actors.endpoint tests.embedding.with_flask:endpoint
    gunicorn -k geventwebsocket.gunicorn.workers.GeventWebSocketWorker tests.embedding.with_flask

``PLACE`` is a directory: what a page waits for is a file there, as its test is another process.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from actors import ConnectInfo, Endpoint, HTTPOptions, Ok, Opcode, Reply, Socket
from tests.support.waiting import DEADLINE

PLACE = Path(os.environ.get("PLACE", os.curdir))
LARGE = PLACE / "large"
"""What ``/file`` answers with."""

MAX_BODY = 64 * 1024 * 1024
BLOCK = 65_536


class EchoSocket(Socket):
    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        return Ok(None)

    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Reply:
        return Reply(payload, opcode=opcode)


def beside(application: Callable[..., Any]) -> Endpoint:
    """Return an endpoint with sockets, and ``application`` for all else."""
    endpoint = Endpoint(
        fallback=application, http=HTTPOptions(max_body=MAX_BODY, body_timeout=DEADLINE)
    )
    endpoint.socket("/echo", EchoSocket, longpoll=True)
    return endpoint


def told(source: BinaryIO) -> dict[str, Any]:
    """Return what was read of ``source``, and by which process with how much memory."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(BLOCK):
        digest.update(block)
        size += len(block)
    return {"size": size, "digest": digest.hexdigest(), "pid": os.getpid()}


def gated(name: str) -> Iterator[bytes]:
    """Yield a part, and another when there is a file of that name."""
    yield f"first of {os.getpid()};".encode()
    until = time.monotonic() + DEADLINE
    while not (PLACE / name).exists() and time.monotonic() < until:
        time.sleep(0.005)
    yield b"last"


def endless(name: str) -> Iterator[bytes]:
    """Yield for ever; a file of that name says that the iterator was closed."""
    try:
        while True:
            yield b"x" * BLOCK
    finally:
        (PLACE / name).touch()
