"""``--publish PATH``: a Unix socket of all workers, as operators and other programs meet it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from actors.endpoint.serving.publish_requests import MAX_CONNECTIONS
from actors.errors import PublishError
from actors.publish import Publisher, Receipt
from actors.unix_files import listens
from tests.support.channels import ChannelClient
from tests.support.command import DEADLINE, ROOT, Command, run, unmeasured
from tests.support.descriptors import many_descriptors
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow  # of the Makefile's ELSEWHERE

APP = "tests.actors.endpoint.publish_app:endpoint"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="who is not root is one user alone")


@pytest.fixture
def path() -> Iterator[Path]:
    """A path that is short, and in a directory that other users may enter."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place) / "app.sock"


def serving(path: Path, *options: str, workers: int = 2) -> Command:
    return Command(APP, "--publish", str(path), *options, workers=workers)


@contextmanager
def in_each_worker(command: Command, topic: str = "room:1") -> Iterator[list[ChannelClient]]:
    """Give a client of each of the two workers."""
    command.wait_for("2 workers are ready")
    found: dict[int, ChannelClient] = {}
    until = time.monotonic() + DEADLINE
    with ExitStack() as stack:
        while len(found) < 2:
            assert time.monotonic() < until, "all connections go to one of 2 workers"
            client = ChannelClient(command.address, "/socket/websocket?user=ada")
            pid = client.join(topic)[1]["pid"]
            if found.setdefault(pid, client) is client:
                stack.enter_context(client)
            else:
                client.client.close()
        yield list(found.values())


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a process that knows nothing of gevent."""
    environ = unmeasured()
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True,
        timeout=DEADLINE, check=False,
    )  # fmt: skip


def publishing(path: Path, group: str | None = None) -> str:
    """Return a program that publishes; ``group``: as the user nobody of that group alone."""
    become = f"""
import grp, http.client, os, pwd
os.setgroups([])
os.setgid(grp.getgrnam({group!r}).gr_gid)
os.setuid(pwd.getpwnam("nobody").pw_uid)
"""
    return f"""
import sys
from actors.publish import Publisher
{become if group else ""}
print(*Publisher("unix:{path}").broadcast("room:1", "said", {{"by": "a job"}}))
assert "gevent" not in sys.modules
"""


class TestPublishing:
    def test_a_plain_process_reaches_the_clients_of_every_worker(self, path):
        with serving(path) as command, in_each_worker(command) as clients:
            done = python(publishing(path))
            assert (done.returncode, done.stdout) == (0, "1 2\n"), done.stderr
            assert [client.event("said") for client in clients] == [{"by": "a job"}] * 2

    def test_curl_reaches_the_clients_of_every_worker(self, path):
        body = json.dumps({"topic": "room:1", "event": "said", "payload": {"by": "curl"}})
        with serving(path) as command, in_each_worker(command) as clients:
            done = subprocess.run(
                ["curl", "-sS", "--unix-socket", str(path), "http://localhost/", "-d", body],
                capture_output=True, text=True, timeout=DEADLINE, check=True,
            )  # fmt: skip
            assert json.loads(done.stdout) == {"accepted": 1, "workers": 2}
            assert [client.event("said") for client in clients] == [{"by": "curl"}] * 2

    def test_disconnect_ends_the_connections_of_every_worker(self, path):
        with serving(path) as command, in_each_worker(command) as clients:
            with Publisher(f"unix:{path}") as publisher:
                publisher.disconnect("user:ada")
            for client in clients:
                with pytest.raises(EOFError, match="1001"):
                    client.event("never")

    def test_one_process_without_a_master_serves_it_too(self, path):
        with serving(path, workers=0) as command:
            with (
                ChannelClient(command.address, "/socket/websocket") as client,
                Publisher(f"unix:{path}") as publisher,
            ):
                client.join("room:1")
                assert publisher.broadcast("room:1", "said") == Receipt(1, 1)
                assert client.event("said") == {}
            command.signal(signal.SIGTERM)
            assert command.ended() == 0
        assert not path.exists()

    def test_another_path_than_the_root_is_404(self, path):
        with serving(path, workers=0):
            done = subprocess.run(
                ["curl", "-sS", "--unix-socket", str(path), "http://localhost/socket", "-d", "{}",
                 "-o", "/dev/null", "-w", "%{http_code}"],
                capture_output=True, text=True, timeout=DEADLINE, check=True,
            )  # fmt: skip
        assert done.stdout == "404"


class TestUsers:
    def test_it_is_for_our_own_user_alone(self, path):
        with serving(path, workers=0):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @as_root
    def test_another_user_is_closed_even_where_the_file_lets_him_in(self, path):
        with serving(path, workers=0) as command:
            path.chmod(0o666)
            done = python(publishing(path, "nogroup"))
            assert "is it another user's?" in done.stderr
            command.wait_for(rf"closed a connection of user \d+ to {path}")

    @as_root
    @pytest.mark.parametrize(
        ("options", "mode"),
        [(["--publish-group", "nogroup"], 0o660), (["--publish-mode", "0666"], 0o666)],
    )
    def test_the_users_of_a_group_or_all_may_be_let_in(self, path, options, mode):
        with serving(path, *options, workers=0):
            assert stat.S_IMODE(path.stat().st_mode) == mode
            done = python(publishing(path, "nogroup"))
            assert done.stdout == "1 1\n", done.stderr

    @as_root
    def test_a_group_lets_nobody_else_in(self, path):
        with serving(path, "--publish-group", "nogroup", workers=0):
            done = python(publishing(path, "daemon"))
            assert "no connection: Permission denied" in done.stderr


class TestPath:
    def refusal(self, path: Path, *options: str) -> str:
        """Return the one line that the command says, with its exit status 2."""
        lines = []
        for command in (["--workers", "0"], ["--workers", "1"], ["--check"]):
            done = run(APP, "--bind", "127.0.0.1:0", "--publish", str(path), *options, *command)
            assert (done.returncode, done.stdout) == (2, ""), done.stderr
            lines.append([line for line in done.stderr.splitlines() if line.startswith("roost:")])
        assert all(len(said) == 1 for said in lines)
        assert lines[0] == lines[1] == lines[2]
        return lines[0][0]

    def test_a_regular_file_is_refused_and_left(self, path):
        path.write_text("keep me")
        assert self.refusal(path) == f"roost: --publish '{path}': is there, and is no socket"
        assert path.read_text() == "keep me"

    def test_a_link_is_refused(self, path):
        path.symlink_to(path.with_name("elsewhere"))
        assert "is there, and is no socket" in self.refusal(path)

    def test_a_directory_is_refused(self, path):
        path.mkdir()
        assert "is there, and is no socket" in self.refusal(path)

    def test_a_directory_that_is_missing_is_named(self, path):
        inside = path / "app.sock"
        assert f"there is no directory '{path}'" in self.refusal(inside)

    def test_a_path_that_is_too_long_is_refused(self, path):
        long = path.with_name("x" * (108 - len(str(path.parent)) - 1))
        assert "a path of 108 bytes: at most 107" in self.refusal(long)

    @pytest.mark.parametrize("size", [106, 107])
    def test_a_path_up_to_its_limit_is_served(self, path, size):
        long = path.with_name("x" * (size - len(str(path.parent)) - 1))
        with serving(long, workers=0), Publisher(f"unix:{long}") as publisher:
            assert publisher.broadcast("room:1", "said") == Receipt(1, 1)

    def test_an_unknown_group_is_refused(self, path):
        said = self.refusal(path, "--publish-group", "no-such-group")
        assert said.endswith("there is no group 'no-such-group'")
        assert not path.exists()

    def test_a_socket_that_is_served_is_left_to_its_process(self, path):
        with serving(path, workers=0):
            for workers in ("0", "1"):
                done = run(
                    APP, "--bind", "127.0.0.1:0", "--publish", str(path), "--workers", workers
                )
                assert done.returncode == 2
                assert f"--publish '{path}': another process listens there" in done.stderr
            with Publisher(f"unix:{path}") as publisher:
                assert publisher.broadcast("room:1", "said") == Receipt(1, 1)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--publish", ""], "--publish: must be a path"),
            (["--publish-mode", "0660"], "--publish-mode is for --publish PATH"),
            (["--publish-group", "x"], "--publish-group is for --publish PATH"),
            (["--publish", "x", "--publish-mode", "066"], "must be a mode such as"),
            (["--publish", "x", "--publish-mode", "0477"], "must be a mode such as"),
        ],
    )
    @pytest.mark.parametrize("workers", ["0", "1"])
    def test_options_that_cannot_be_are_refused(self, options, said, workers):
        done = run(APP, "--bind", "127.0.0.1:0", "--workers", workers, *options)
        assert done.returncode == 2
        assert said in done.stderr


class TestLife:
    def test_it_is_removed_at_the_end(self, path):
        with serving(path) as command:
            command.signal(signal.SIGTERM)
            assert command.ended() == 0
        assert not path.exists()

    @pytest.mark.parametrize("workers", [0, 2])
    def test_what_a_killed_process_has_left_is_replaced(self, path, workers):
        with serving(path, workers=workers) as command:
            command.signal(signal.SIGKILL)
            command.ended()
        assert path.exists()
        eventually(lambda: not listens(path))  # its workers close it when they see that
        with serving(path, workers=workers), Publisher(f"unix:{path}") as publisher:
            assert publisher.broadcast("room:1", "said").accepted == 1

    def test_a_file_that_is_another_by_now_is_left(self, path):
        with serving(path, workers=0) as command:
            path.unlink()
            path.write_text("somebody else's")
            command.signal(signal.SIGTERM)
            assert command.ended() == 0
        assert path.read_text() == "somebody else's"

    def test_a_reload_serves_it_on(self, path):
        with serving(path) as command, Publisher(f"unix:{path}") as publisher:
            with in_each_worker(command) as clients:
                pids = [client.join("room:2")[1]["pid"] for client in clients]
            before = path.stat().st_ino
            command.signal(signal.SIGHUP)
            while any(Path(f"/proc/{pid}").exists() for pid in pids):
                assert publisher.broadcast("room:1", "said").accepted == 1
            with in_each_worker(command) as clients:
                publisher.broadcast("room:1", "said")
                assert [client.event("said") for client in clients] == [{}, {}]
        assert path.stat().st_ino == before

    def test_a_successor_serves_it_on_and_removes_it(self, path):
        with serving(path) as command, Publisher(f"unix:{path}") as publisher:
            command.wait_for("2 workers are ready")
            command.signal(signal.SIGUSR2)
            successor = int(command.wait_for(r"started a new master, pid (\d+)")[1])
            command.wait_for("2 workers are ready", 2)
            command.signal(signal.SIGTERM)
            command.process.wait(DEADLINE)
            assert path.exists()
            assert publisher.broadcast("room:1", "said") == Receipt(1, 2)
            os.kill(successor, signal.SIGTERM)
            command.wait_for("ended, exit status 0", 2)
            command.ended()
        assert not path.exists()

    def test_a_successor_makes_anew_what_somebody_has_removed(self, path):
        with serving(path) as command, Publisher(f"unix:{path}") as publisher:
            command.wait_for("2 workers are ready")
            path.unlink()
            command.signal(signal.SIGUSR2)
            successor = int(command.wait_for(r"started a new master, pid (\d+)")[1])
            command.wait_for("2 workers are ready", 2)
            command.signal(signal.SIGTERM)
            command.process.wait(DEADLINE)
            assert publisher.broadcast("room:1", "said") == Receipt(1, 2)
            os.kill(successor, signal.SIGTERM)
            command.wait_for("ended, exit status 0", 2)
        assert not path.exists()

    def test_a_successor_that_ends_leaves_it_to_the_one_before(self, path):
        with serving(path) as command, Publisher(f"unix:{path}") as publisher:
            command.wait_for("2 workers are ready")
            command.signal(signal.SIGUSR2)
            successor = int(command.wait_for(r"started a new master, pid (\d+)")[1])
            command.wait_for("2 workers are ready", 2)
            os.kill(successor, signal.SIGTERM)
            command.wait_for(rf"the new master \(pid {successor}\) ended with status 0")
            assert publisher.broadcast("room:1", "said") == Receipt(1, 2)
            command.signal(signal.SIGTERM)
            assert command.ended() == 0
        assert not path.exists()

    @pytest.mark.parametrize("workers", [0, 2])
    def test_clients_that_drain_are_still_told_and_then_nobody_is_there(self, path, workers):
        with (
            serving(path, workers=workers) as command,
            ChannelClient(command.address, "/socket/websocket") as client,
            Publisher(f"unix:{path}") as kept,
        ):
            client.join("room:slow")
            kept.broadcast("room:slow", "before")
            command.signal(signal.SIGTERM)
            assert client.event("draining") == {}
            with Publisher(f"unix:{path}") as new:
                assert new.broadcast("room:slow", "meanwhile").accepted == 1
            assert client.event("meanwhile") == {}
            assert kept.broadcast("releases", "release").accepted == 1
            with pytest.raises(EOFError, match="1012"):
                client.event("never")
            assert command.ended() == 0
            with pytest.raises(PublishError, match="nobody serves there"):
                kept.broadcast("room:slow", "after")
        assert not path.exists()

    @pytest.mark.parametrize("more", [-1, 0, 1])
    def test_connections_that_are_left_open_do_not_take_those_of_clients(self, path, more):
        with many_descriptors(), serving(path, workers=0) as command, ExitStack() as stack:
            for _ in range(MAX_CONNECTIONS + more):
                sock = stack.enter_context(socket.socket(socket.AF_UNIX))
                sock.settimeout(DEADLINE)
                sock.connect(str(path))
            sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]")
            status = 503 if more > 0 else 200
            assert sock.recv(1000).startswith(b"HTTP/1.1 %d " % status)
            with ChannelClient(command.address, "/socket/websocket") as client:
                assert client.join("room:1")[0] == "ok"

    def test_idle_publishers_do_not_hold_up_the_end(self, path):
        with serving(path, workers=0) as command, ExitStack() as stack:
            for _ in range(5):
                sock = stack.enter_context(socket.socket(socket.AF_UNIX))
                sock.connect(str(path))
            sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            command.signal(signal.SIGTERM)
            assert command.ended() == 0
