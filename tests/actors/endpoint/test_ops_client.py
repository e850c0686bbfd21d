"""What the verbs make of an ops port that does not answer as ours does."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest

from actors.endpoint.command import ops_client
from actors.endpoint.command.ops_client import OpsClient, Unreachable
from tests.support.waiting import DEADLINE

BEGUN = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@contextmanager
def dripping(begun):
    """Answer one client with ``begun``, and then with a byte every 50 ms until it hangs up."""
    over = threading.Event()

    def answer():
        with listener.accept()[0] as sock:
            sock.sendall(begun)
            try:
                while not over.wait(0.05):
                    sock.sendall(b"x")
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE)
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            over.set()
            thread.join(DEADLINE)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nx-", BEGUN])
def test_answer_that_comes_byte_by_byte_is_not_waited_for(begun, monkeypatch):
    monkeypatch.setattr(ops_client, "TIMEOUT", 0.5)
    with (
        dripping(begun) as (host, port),
        pytest.raises(Unreachable, match=f"^{host}:{port}: no answer in 0.5 s$"),
    ):
        OpsClient(host, port, "t" * 20).drain()
