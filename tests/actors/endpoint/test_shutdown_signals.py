"""How a served process ends: SIGINT and SIGTERM, whatever its connections are doing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.command import Command, run

STUBBORN = "tests.actors.endpoint.stubborn_app:endpoint"
GRACE = 2.0
"""Seconds that the application above gives a shutdown."""

RESTART = 1012


@pytest.fixture
def command():
    with Command(STUBBORN) as served:
        yield served


@pytest.fixture
def connect(command):
    """Return a function that connects to a socket of the application."""
    clients = []

    def connected(path, query=""):
        client = raw.Client(command.address)
        clients.append(client)
        if path is not None:
            client.send(raw.upgrade(f"{path}/websocket?{query}"))
        return client

    yield connected
    for client in clients:
        client.close()


class Clock:
    """Sends a signal; ``elapsed`` is the time since."""

    def __init__(self, command, number):
        self.began = time.monotonic()
        command.signal(number)

    @property
    def elapsed(self):
        return time.monotonic() - self.began


def close_politely(client):
    """Read the server's Close frame and answer it, as a browser does."""
    frame = client.frame()
    assert frame.opcode == raw.CLOSE
    client.send(raw.close_frame(frame.code))
    assert client.read_to_end() == b""
    return frame.code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_closes_every_connection_with_1012_and_ends_at_once(command, connect, number):
    clients = [connect("/blocked") for _ in range(5)]
    assert [client.answer().status for client in clients] == [101] * 5
    clock = Clock(command, number)
    assert [close_politely(client) for client in clients] == [RESTART] * 5
    assert command.ended() == 0
    assert clock.elapsed < GRACE / 2
    ends = [line for line in command.lines if line.startswith("terminated")]
    assert ends == ["terminated Shutdown(detail='restart')"] * 5
    command.wait_for(f"{signal.Signals(number).name}: stopping, within 2 s")


def test_server_without_connections_ends_at_once(command):
    clock = Clock(command, signal.SIGTERM)
    assert command.ended() == 0
    assert clock.elapsed < GRACE / 2


def test_listening_socket_is_closed_first(command, connect):
    client = connect("/blocked")
    assert client.answer().status == 101
    command.signal(signal.SIGTERM)
    assert client.frame().code == RESTART
    with pytest.raises(ConnectionRefusedError):
        raw.Client(command.address)


def test_client_that_is_being_connected_is_accepted_and_told(command, connect):
    client = connect("/connect", query="for=0.3")
    command.wait_for("connecting")
    command.signal(signal.SIGTERM)
    assert client.answer().status == 101
    assert close_politely(client) == RESTART
    assert command.ended() == 0
    command.wait_for(r"terminated Shutdown\(detail='restart'\)")


def test_client_whose_connect_never_answers_is_told_503(command, connect):
    client = connect("/connect")
    command.wait_for("connecting")
    clock = Clock(command, signal.SIGTERM)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (503, "close")
    assert command.ended() == 0
    assert clock.elapsed < GRACE + 1


def test_client_of_a_blocked_socket_is_told_1012(command, connect):
    client = connect("/blocked")
    assert client.answer().status == 101
    client.send(raw.frame(raw.TEXT, "sleep"))
    command.wait_for("blocked")
    clock = Clock(command, signal.SIGTERM)
    assert close_politely(client) == RESTART
    assert command.ended() == 0
    assert clock.elapsed < GRACE + 1
    command.wait_for(r"terminated Killed\(\)")


def test_client_that_ignores_the_close_frame_does_not_hold_up_the_end(command, connect):
    client = connect("/blocked")
    assert client.answer().status == 101
    clock = Clock(command, signal.SIGTERM)
    assert client.frame().code == RESTART
    assert client.read_to_end() == b""
    assert command.ended() == 0
    assert clock.elapsed < GRACE + 1


@pytest.mark.parametrize("sent", [b"", b"GET /blocked/websocket HTTP/1.1\r\nHost:"])
def test_handshake_that_is_half_open_does_not_hold_up_the_end(command, connect, sent):
    client = connect(None)
    client.send(sent)
    other = connect("/blocked")
    assert other.answer().status == 101
    clock = Clock(command, signal.SIGTERM)
    assert close_politely(other) == RESTART
    client.read_to_end()
    assert command.ended() == 0
    assert clock.elapsed < GRACE + 1


def test_terminate_may_take_its_time(command, connect):
    client = connect("/terminate")
    assert client.answer().status == 101
    command.signal(signal.SIGTERM)
    assert close_politely(client) == RESTART
    assert command.ended() == 0
    assert "terminated Shutdown(detail='restart')" in command.lines
    command.wait_for("ended, exit status 0$")


def test_thread_of_the_application_does_not_hold_up_the_end(command, connect):
    client = connect("/threaded")
    assert client.answer().status == 101
    client.send(raw.frame(raw.TEXT, "x"))
    assert client.frame().payload == b"started"
    clock = Clock(command, signal.SIGTERM)
    assert close_politely(client) == RESTART
    assert command.ended() == 0
    assert clock.elapsed < GRACE + 1


LEFT = """
import threading, time
from actors import Endpoint, Socket

threading.Thread(target=time.sleep, args=(3600,), name="left").start()
endpoint = Endpoint(grace=2.0)
endpoint.socket("/socket", Socket)
"""


def test_thread_that_is_left_when_the_budget_is_over_is_named(tmp_path):
    (tmp_path / "left_app.py").write_text(LEFT)
    with Command("left_app:endpoint", cwd=tmp_path) as served:
        served.signal(signal.SIGTERM)
        assert served.ended() == 0
        words = "roost: this process was held up at its end by threads of the application: left"
        assert served.lines[-1] == words


def test_process_that_is_stuck_ends_when_the_budget_is_over_with_status_1(command, connect):
    client = connect("/blocked")
    assert client.answer().status == 101
    client.send(raw.frame(raw.TEXT, "spin"))
    command.wait_for("blocked")
    clock = Clock(command, signal.SIGTERM)
    assert command.ended() == 1
    assert GRACE - 0.1 < clock.elapsed < GRACE + 1
    assert command.lines[-1] == "roost: the time for an orderly end is over"


def test_second_interrupt_ends_at_once(command, connect):
    client = connect("/blocked")
    assert client.answer().status == 101
    client.send(raw.frame(raw.TEXT, "sleep"))
    command.wait_for("blocked")
    clock = Clock(command, signal.SIGINT)
    command.wait_for("SIGINT: stopping")
    command.signal(signal.SIGINT)
    assert command.ended() == -signal.SIGINT
    assert clock.elapsed < GRACE / 2


def test_second_termination_changes_nothing(command, connect):
    client = connect("/blocked")
    assert client.answer().status == 101
    command.signal(signal.SIGTERM)
    assert client.frame().code == RESTART
    command.signal(signal.SIGTERM)
    client.send(raw.close_frame(RESTART))
    assert command.ended() == 0


LAST = """
import atexit, os
from actors import Endpoint, Socket

class Garbage:
    def __del__(self, write=os.write, read=os.read, fifo=os.open("fifo", os.O_RDWR)):
        write(2, b"the interpreter ends\\n")
        read(fifo, 1)

@atexit.register
def leave_garbage():
    garbage = Garbage()
    garbage.itself = garbage  # it is collected when the handlers of signals are gone

endpoint = Endpoint(grace=20.0)
endpoint.socket("/socket", Socket)
"""


def test_termination_of_an_interpreter_that_ends_changes_nothing(tmp_path):
    (tmp_path / "last_app.py").write_text(LAST)
    os.mkfifo(tmp_path / "fifo")
    with Command("last_app:endpoint", cwd=tmp_path) as served:
        served.signal(signal.SIGTERM)
        served.wait_for("the interpreter ends")
        served.signal(signal.SIGTERM)
        (tmp_path / "fifo").write_bytes(b"x")
        assert served.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_during_the_import_ends_without_a_traceback(tmp_path, number):
    (tmp_path / "app.py").write_text(
        f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(60)\n"
    )
    done = run("app:endpoint", "--workers", "0", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (-number, "")


def test_no_descriptor_of_a_client_is_left_to_a_child_process(command, connect):
    client = connect("/blocked")
    assert client.answer().status == 101
    process = Path(f"/proc/{command.process.pid}")
    inherited = []
    for info in (process / "fdinfo").iterdir():
        lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        if int(info.name) > 2 and not int(lines["flags"], 8) & os.O_CLOEXEC:
            inherited.append((process / "fd" / info.name).readlink())
    assert inherited == []


@pytest.mark.parametrize("option", ["--lame-duck", "--grace"])
def test_a_time_that_no_clock_reaches_is_one(option):
    with Command(STUBBORN, option, "1e300") as command:
        command.signal(signal.SIGTERM)
        command.signal(signal.SIGINT)
        assert command.ended() in {0, -signal.SIGINT}
        said = "\n".join(command.lines)
    assert "Error" not in said
    assert "Traceback" not in said
