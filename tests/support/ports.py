"""Ports for servers that cannot say which one they took."""

from __future__ import annotations

import random
import socket
from contextlib import suppress


def unused_port(host: str = "127.0.0.1") -> int:
    """Return a port that is free, and none that the kernel gives clients: they are many here."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((host, port))
            return port
