"""``--pid-file`` in a directory where others may write."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from actors.endpoint.command.pidfile import PidFile
from actors.errors import ConfigError
from tests.support.command import Command, run

OWN = f"{os.getpid()}\n"


def test_file_has_the_id_while_it_is_ours_and_goes_at_the_end(tmp_path):
    path = tmp_path / "pid"
    with PidFile(str(path)) as file:
        assert list(tmp_path.iterdir()) == []
        file.write()
        assert path.read_text() == OWN
        assert list(tmp_path.iterdir()) == [path]
    assert list(tmp_path.iterdir()) == []


def test_file_of_a_successor_is_left_alone(tmp_path):
    path = tmp_path / "pid"
    with PidFile(str(path)) as file:
        file.write()
        path.write_text("1\n")
    assert path.read_text() == "1\n"


def test_links_that_lie_in_wait_lead_nowhere(tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "pid"
    victim.write_text("precious")
    for name in ("pid", f".pid.{os.getpid()}", ".pid"):
        (tmp_path / name).symlink_to(victim)
    with PidFile(str(path)) as file:
        file.write()
        assert not path.is_symlink()
        assert path.read_text() == OWN
    assert victim.read_text() == "precious"


def test_name_that_is_taken_after_all_is_not_followed(tmp_path, monkeypatch):
    victim, path = tmp_path / "victim", tmp_path / "pid"
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    (tmp_path / ".pid.guessed").symlink_to(victim)
    with pytest.raises(ConfigError, match=r"--pid-file .*: File exists"):
        PidFile(str(path)).write()
    assert not victim.exists()


@pytest.mark.parametrize("place", [".", "no/pid"])
def test_place_where_it_cannot_be_is_refused_early(tmp_path, place):
    with pytest.raises(ConfigError, match="--pid-file"), PidFile(str(tmp_path / place)):
        raise AssertionError("it was entered")


def test_what_is_no_file_is_left_where_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/null"):
        before = os.lstat(path)
        with (
            pytest.raises(ConfigError, match=r"--pid-file .*: is there, and is no file"),
            PidFile(path) as file,
        ):
            file.write()
        assert os.path.samestat(os.lstat(path), before)


@pytest.mark.parametrize(
    ("found", "after"), [("7\n", OWN), (None, OWN), ("8\n", "8\n"), (OWN, OWN)]
)
def test_file_of_a_successor_that_has_ended_is_taken_back(tmp_path, found, after):
    path = tmp_path / "pid"
    with PidFile(str(path)) as file:
        if found is not None:
            path.write_text(found)
        file.take_back(7)
        assert path.read_text() == after
        PidFile(None).take_back(7)


def test_file_that_cannot_be_taken_back_is_a_warning(tmp_path, caplog):
    path = tmp_path / "gone" / "pid"
    path.parent.mkdir()
    with PidFile(str(path)) as file:
        path.parent.rmdir()
        file.take_back(7)
    assert "--pid-file" in caplog.text


def test_new_master_that_is_ended_again_leaves_the_service_to_the_old_one(tmp_path):
    """The way back from SIGUSR2: the pid file is the old one's, and the manager hears no stop."""
    path = tmp_path / "pid"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        environ = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with Command("--pid-file", str(path), workers=1, env=environ) as server:
            server.wait_for("1 worker is ready")
            server.signal(signal.SIGUSR2)
            server.wait_for("1 worker is ready", 2)
            new = int(path.read_text())
            assert new != server.process.pid
            os.kill(new, signal.SIGTERM)
            server.wait_for(rf"the new master \(pid {new}\) ended with status 0")
            assert path.read_text() == f"{server.process.pid}\n"
            assert second(path).returncode == 2  # it is locked again
            assert not any(note.startswith("STOPPING=1") for note in notes(manager))
            server.signal(signal.SIGTERM)
            assert server.ended() == 0
            assert any(note.startswith("STOPPING=1") for note in notes(manager))
    assert not path.exists()


def second(path, *options):
    """Have another server use the file."""
    return run("--pid-file", str(path), "--bind", "127.0.0.1:0", "--workers", "1", *options)


@pytest.mark.parametrize("workers", [0, 1])
def test_the_file_of_a_server_that_runs_is_refused(tmp_path, workers):
    path = tmp_path / "pid"
    with Command("--pid-file", str(path), workers=workers) as server:
        for others in ("0", "1"):
            done = second(path, "--workers", others)
            said = f"--pid-file {str(path)!r}: another server has it, pid {server.process.pid}"
            assert (done.returncode, f"roost: {said}\n" in done.stderr) == (2, True)
        assert second(path, "--check").returncode == 0  # of the settings that it has
        assert path.read_text() == f"{server.process.pid}\n"
        server.process.kill()
        server.ended()
    with Command("--pid-file", str(path), workers=workers) as server:  # what was left is replaced
        assert path.read_text() == f"{server.process.pid}\n"
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
    assert not path.exists()


def test_one_that_follows_has_the_file_of_the_one_before_alone(tmp_path):
    path = tmp_path / "pid"
    with PidFile(str(path)) as file:
        file.write()
        PidFile(str(path), os.getpid()).__enter__()
        for predecessor in (None, os.getpid() + 1):
            with pytest.raises(ConfigError, match="another server has it"):
                PidFile(str(path), predecessor).__enter__()
        path.write_text("nonsense")
        with pytest.raises(ConfigError, match=r"another server has it$"):
            PidFile(str(path)).__enter__()


@pytest.mark.parametrize("number", [1, os.getpid(), os.getppid()])
def test_a_number_that_is_another_process_by_now_is_replaced(tmp_path, number):
    path = tmp_path / "pid"
    path.write_text(f"{number}\n")
    with PidFile(str(path)) as file:
        file.write()
        assert path.read_text() == OWN


def notes(manager):
    """Return what a service manager was told until now."""
    found = []
    manager.setblocking(False)
    try:
        while True:
            found.append(manager.recv(4096).decode())
    except BlockingIOError:
        return found
