"""A signal that does not interrupt the loop's poll, as one that comes just before it, wakes it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.command import Command

# Another thread takes the signals, so the main one sleeps on: as if they had come before its poll.
APP = """
import signal
from gevent import monkey
from actors import Endpoint, Socket

nap = monkey.get_original("time", "sleep")
ENDS = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]

def take_signals():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
    while True:
        nap(3600)

signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
monkey.get_original("_thread", "start_new_thread")(take_signals, ())
endpoint = Endpoint()
endpoint.socket("/socket", Socket)
"""


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    (tmp_path / "sleeps.py").write_text(APP)
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_quiet_server_ends(apps: Path, number: int) -> None:
    with Command("sleeps:endpoint", cwd=apps) as served:
        served.signal(number)
        assert served.ended() == 0
