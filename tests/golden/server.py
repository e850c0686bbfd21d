"""A server process of the fixture. Each entry of ``COMMANDS`` is one way to serve it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.golden.wire import Address

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = "tests.golden.fixture:endpoint"
BIND = ["--bind", "127.0.0.1:0"]

COMMANDS: Mapping[str, list[str]] = {
    "native": ["-m", "actors.endpoint", FIXTURE, *BIND, "--workers", "0"],
    "pywsgi": ["-m", "tests.golden.pywsgi_server"],
}
"""Arguments of Python. The process says ``http://HOST:PORT`` on standard error when it serves."""

_URL = re.compile(r"http://([\d.]+):(\d+)")


@contextmanager
def serving(kind: str) -> Iterator[Address]:
    """Run the fixture as ``COMMANDS[kind]`` says; return where, and end it afterwards."""
    process = subprocess.Popen(
        [sys.executable, *COMMANDS[kind]],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said: list[str] = []
    try:
        yield _address(process, said)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            process.stderr.close()
    assert status == 0, "".join(said[-20:])


def _address(process: subprocess.Popen[str], said: list[str]) -> Address:
    lines = process.stderr
    assert lines is not None
    for line in lines:
        said.append(line)
        found = _URL.search(line)
        if found:
            # Its log is read on, so that the process never waits for us.
            threading.Thread(target=lambda: said.extend(lines), daemon=True).start()
            return found[1], int(found[2])
    raise AssertionError("".join(said))
