"""The Flask and Django examples as a person runs them: pywsgi, gunicorn and our own server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.longpoll import Poller
from tests.support.raw import CLOSE, TEXT, Client, Frame, close_frame, frame

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 20.0
WORKER = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"

PYWSGI = ["examples/flask_mount.py", "0"]


def gunicorn(name):
    return [
        *("-m", "gunicorn", "-k", WORKER, "-b", "127.0.0.1:0", "--no-control-socket"),
        f"examples.{name}",
    ]


def preloaded(name):
    return [*gunicorn(name), "--preload"]


def ours(name):
    served = f"examples.{name}:endpoint"
    return ["-m", "actors.endpoint", served, "--bind", "127.0.0.1:0", "--workers", "0"]


everywhere = pytest.mark.parametrize(
    ("command", "framework"),
    [
        pytest.param(PYWSGI, "Flask", id="pywsgi"),
        pytest.param(gunicorn("flask_mount"), "Flask", id="gunicorn"),
        pytest.param(preloaded("flask_mount"), "Flask", id="gunicorn-preload"),
        pytest.param(ours("flask_mount"), "Flask", id="ours"),
        pytest.param(gunicorn("django_mount"), "Django", id="django-gunicorn"),
        pytest.param(preloaded("django_mount"), "Django", id="django-gunicorn-preload"),
        pytest.param(ours("django_mount"), "Django", id="django-ours"),
    ],
)


class Running:
    """A server process; ``lines`` is all that it printed."""

    def __init__(self, command):
        self.lines = []
        self.address = None
        self._serving = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error::ResourceWarning"},
        )
        # It is read all the time: a pipe that fills up would stop the server.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            found = re.search(r"(?:serving|Listening at:) http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.address = ("127.0.0.1", int(found[1]))
                self._serving.set()
        self._serving.set()

    def wait_serving(self):
        self._serving.wait(DEADLINE)
        assert self.address, "".join(self.lines)

    def end(self):
        """Ask it to end; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._reader.join(DEADLINE)
            self.process.stdout.close()


@contextmanager
def running(command):
    server = Running(command)
    try:
        server.wait_serving()
        yield server
    finally:
        server.end()


@everywhere
def test_pages_and_both_transports_are_served_and_ended_in_order(command, framework):
    with running(command) as server, Client(server.address, deadline=DEADLINE) as client:
        page = client.ask("/")
        assert (page.status, f"<title>{framework}</title>".encode() in page.body) == (200, True)
        assert client.ask("/no-such-page").status == 404

        poller = Poller(server, "/echo/longpoll")
        assert poller.poll(on=client)["status"] == 410
        assert poller.post("polled", on=client) == {"status": 200}
        polled = poller.poll(on=client)
        assert (polled["status"], polled["messages"]) == (200, ["polled"])

        assert client.upgrade("/echo/websocket").status == 101
        client.send(frame(TEXT, "hello"))
        assert client.frame() == Frame(TEXT, b"hello")

        server.process.send_signal(signal.SIGTERM)
        last = client.frame()
        assert (last.opcode, last.code) == (CLOSE, 1012)
        client.send(close_frame(1012))
        client.read_to_end()
        assert server.end() == 0
    text = "".join(server.lines)
    assert "Traceback" not in text
    assert "rror" not in text
