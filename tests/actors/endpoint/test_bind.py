"""``--bind``: Unix sockets, and several addresses."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from actors.unix_files import listens
from tests.support import certificate
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


@pytest.mark.parametrize("bound", ["max_connections", "max_connections_per_address"])
def test_limit_of_connections_is_that_of_each_worker(bound, tmp_path):
    settings = tmp_path / "roost.toml"
    settings.write_text(f"[endpoint]\n{bound} = 1\n", "utf-8")
    served = {}
    with ExitStack() as stack:
        command = stack.enter_context(Command(APP, "--config", str(settings), workers=2))
        command.wait_for("2 workers are ready")

        def come():
            """Have one more client come; it stays where it is served."""
            client = Client(command.address)
            try:
                by_websocket(client)
            except (AssertionError, OSError, EOFError):
                client.close()
                return
            stack.callback(client.close)
            assert served.setdefault(echoes(client, "pid"), client) is client

        def both():
            come()
            return len(served) == 2

        eventually(both)
        for _ in range(5):
            come()  # a third that is served would have the process of another


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


def test_one_that_somebody_has_removed_is_told_and_made_anew_by_a_new_master(path):
    with served("--bind", f"unix:{path}", workers=1) as server:
        server.wait_for("1 worker is ready")
        server.signal(signal.SIGHUP)
        server.wait_for("reload.stop")
        assert not any("was removed" in line for line in server.lines)
        path.unlink()
        server.signal(signal.SIGHUP)
        server.wait_for(rf"WARNING .*unix:{path}: its file was removed, so nobody can connect")
        server.wait_for(r"worker.ready .*-3 pid=")
        server.signal(signal.SIGUSR2)
        new = int(server.wait_for(r"started a new master, pid (\d+)")[1])
        server.wait_for(f"serving unix:{path}, pid {new}")
        with Client(path) as client:
            by_websocket(client)
            server.signal(signal.SIGTERM)
            assert server.process.wait(DEADLINE) == 0
            assert echoes(client, "pid")
        Client(path).close()
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


# -- sockets of a service manager


def activated(sock: socket.socket, *options: str, workers: int = 0) -> Program:
    """Serve on a socket that somebody else has opened, as systemd hands it over."""
    return Program(
        "-m", "supervision.drills.launch", "--listen", str(sock.fileno()), "--", sys.executable,
        "-m", "actors.endpoint", APP, *options, "--workers", str(workers),
        pass_fds=(sock.fileno(),),
    )  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
def test_unix_socket_of_a_service_manager_is_served_and_left_to_it(path, workers):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        for _ in range(2):
            # Who comes while nobody serves waits in the manager's socket.
            with Client(path) as early, activated(listening, workers=workers) as server:
                assert early.ask("/page").body == b"unix http"
                server.wait_for(f"serving unix:{path}, pid")
                with Client(path) as client:
                    assert by_websocket(client).startswith("unix 0 http://")
                server.signal(signal.SIGTERM)
                assert server.ended() == 0
            assert listens(path)


def test_reload_and_a_new_master_keep_what_a_service_manager_has_handed_over(path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        # The same place as an option: whose file it is says who made the socket.
        with activated(listening, "--bind", f"unix:{path}", workers=1) as server:
            server.wait_for("serving unix:")
            with Client(path) as client:
                by_websocket(client)
                server.signal(signal.SIGHUP)
                assert client.frame().code == 1012
            server.signal(signal.SIGUSR2)
            new = int(server.wait_for(r"started a new master, pid (\d+)")[1])
            server.wait_for(f"serving unix:{path}, pid {new}")
            server.signal(signal.SIGTERM)
            assert server.process.wait(DEADLINE) == 0
            with Client(path) as client:
                by_websocket(client)
            os.kill(new, signal.SIGTERM)
            server.wait_for(rf"\[{new}\] INFO roost.master: ended")
        assert listens(path)


def test_connection_of_a_service_manager_is_no_listening_socket():
    ours, theirs = socket.socketpair()
    with ours, theirs, activated(theirs) as server:
        server.wait_for(r"^roost: descriptor 3 is no listening .*\(of systemd: Accept=no\)$")
        assert server.ended() == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_tls_is_served_on_a_unix_socket(path, tmp_path, workers):
    pem = certificate.make(tmp_path)
    files = "--certfile", str(pem), "--keyfile", str(pem.with_suffix(".key"))
    with served("--bind", f"unix:{path}", *files, workers=workers) as server:
        server.wait_for(f"serving unix:{path}, pid")
        trusting = ssl.create_default_context(cafile=str(pem))
        for asked in (by_websocket, by_longpoll):
            with Client(path, tls=trusting) as client:
                assert asked(client).startswith("unix 0 https://")
        with Client(path) as plain:
            plain.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            plain.read_to_end()
        with Client(path, tls=trusting) as client:
            by_websocket(client)
            server.signal(signal.SIGTERM)
            assert client.frame().code == 1012
        assert server.ended() == 0
