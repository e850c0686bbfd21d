"""``--bind``: Unix sockets, and several addresses."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from actors.unix_files import listens
from tests.support.command import Command, Program, run
from tests.support.raw import DEADLINE, Client
from tests.support.waiting import eventually
from tests.support.who import by_longpoll, by_websocket, echoes

APP = "tests.support.who:endpoint"


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        yield Path(place) / "app.sock"


def served(*options: str, workers: int = 0) -> Program:
    return Program("-m", "actors.endpoint", APP, *options, "--workers", str(workers))


@pytest.mark.parametrize("workers", [0, 2])
def test_unix_socket_is_served_and_removed_at_the_end(path, workers):
    with served("--bind", f"unix:{path}", workers=workers) as server:
        server.wait_for(f"serving unix:{path}, pid")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with Client(path) as one, Client(path) as two:
            assert by_websocket(one).startswith("unix 0 http://")
            assert by_longpoll(two).startswith("unix 0 http://")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        (("--bind-mode", "0666"), 0o666),
        (("--bind-group", str(os.getegid())), 0o660),
        (("--bind-mode", "0640", "--bind-group", str(os.getegid())), 0o640),
    ],
)
def test_mode_and_group_are_as_asked_for(path, options, mode):
    with served("--bind", f"unix:{path}", *options) as server:
        server.wait_for("serving unix:")
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert path.stat().st_gid == os.getegid()


@pytest.mark.parametrize("workers", [0, 2])
def test_several_addresses_are_served(path, workers):
    binds = "--bind", "127.0.0.1:0", "--bind", f"unix:{path}"
    with Command(APP, *binds, workers=workers) as command:
        urls = command.wait_for(r"serving (.*), pid")[1].split(", ")
        ports = [int(url.rpartition(":")[2]) for url in urls if url.startswith("http")]
        assert (len(ports), len(urls)) == (2, 3)
        for port in ports:
            with Client(("127.0.0.1", port)) as client:
                assert by_websocket(client).startswith("127.0.0.1 ")
        with Client(path) as client:
            assert by_websocket(client).startswith("unix ")


def test_limit_of_connections_is_one_for_all_addresses(path, tmp_path):
    (tmp_path / "few.py").write_text(
        "from tests.support.who import who\nendpoint = who(max_connections=3,"
        " max_connections_per_address=2)\n"
    )
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '.')}"}
    with ExitStack() as stack:
        binds = "--bind", "127.0.0.1:0", "--bind", f"unix:{path}"
        command = stack.enter_context(Command("few:endpoint", *binds, env=environ))
        urls = command.wait_for(r"serving (.*), pid")[1].split(", ")
        ports = [int(url.rpartition(":")[2]) for url in urls if url.startswith("http")]
        for port in ports:
            by_websocket(stack.enter_context(Client(("127.0.0.1", port))))
        assert stack.enter_context(Client(("127.0.0.1", ports[0]))).answer().status == 503
        one, two = stack.enter_context(Client(path)), stack.enter_context(Client(path))
        by_websocket(one)
        assert two.answer().status == 503


def test_reload_and_a_new_master_keep_the_unix_socket(path):
    with served("--bind", f"unix:{path}", workers=1) as server:
        server.wait_for("serving unix:")
        before = path.stat().st_ino
        with Client(path) as client:
            by_websocket(client)
            old = echoes(client, "pid")
            server.signal(signal.SIGHUP)
            client.read_to_end()
        with Client(path) as client:
            by_websocket(client)
            assert echoes(client, "pid") != old
        server.signal(signal.SIGUSR2)
        new = int(server.wait_for(r"started a new master, pid (\d+)")[1])
        server.wait_for(f"serving unix:{path}, pid {new}")
        server.signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0
        assert path.stat().st_ino == before
        with Client(path) as client:
            by_websocket(client)
        os.kill(new, signal.SIGTERM)
        eventually(lambda: not path.exists(), DEADLINE)


def test_socket_that_was_left_is_replaced_and_one_in_use_is_refused(path):
    with served("--bind", f"unix:{path}") as server:
        server.wait_for("serving unix:")
        done = run("--bind", f"unix:{path}", "--workers", "0")
        assert (done.returncode, "another process listens there" in done.stderr) == (2, True)
        assert run("--bind", f"unix:{path}", "--check").returncode == 0
        server.process.kill()
        server.ended()
    assert path.exists()
    assert not listens(path)
    with served("--bind", f"unix:{path}") as server:
        server.wait_for("serving unix:")
        Client(path).close()
